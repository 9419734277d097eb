//! Completions
//!
//! A completion queue brings the ends of tasks to a loop of yours: tasks that
//! are submitted with it report there, in the order in which they end. Nothing
//! is lost however slow the reader is, and the memory for it is taken when the
//! task is submitted. A task's record stays until its completion was taken.
//!
//! A queue may outlive its scheduler: what is left can be taken, and after that
//! it gives TS_ERROR_SHUTTING_DOWN. It is still to be freed.

use super::arguments::{self, Out, null, seconds_or_forever};
use super::errors::ts_error;
use super::guard::{guard, guard_or};
use super::schedulers::ts_scheduler;
use super::tasks::{ts_completion, ts_completions};
use crate::completions::Completions;
use crate::error::Result;
use crate::memory;
use crate::task::Completion;
use std::ffi::c_int;
use std::ptr;

/// Makes a completion queue, for tasks of this scheduler. Free it with
/// ts_completions_free.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_OUT_OF_MEMORY; TS_ERROR_FORKED.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_completions_new(
    scheduler: *mut ts_scheduler,
    out_completions: *mut *mut ts_completions,
) -> ts_error {
    // SAFETY: the caller's pointers, as the header asks for them.
    guard(|| unsafe {
        let out = Out::cleared(out_completions, ptr::null_mut(), "out_completions")?;
        let queue = arguments::scheduler(scheduler)?.completions()?;
        out.set(Box::into_raw(memory::boxed(queue)?).cast());
        Ok(())
    })
}

/// Frees a completion queue. Its tasks go on; ends that were not taken are
/// forgotten, and later ones reported nowhere. No other thread may be using it.
/// NULL does nothing.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_completions_free(completions: *mut ts_completions) {
    guard_or((), || {
        if !completions.is_null() {
            // SAFETY: made by `ts_completions_new` and freed only once, as the header asks.
            let queue = unsafe { Box::from_raw(completions.cast::<Completions>()) };
            if queue.is_forked() {
                // The parent's: its locks may be held for ever.
                std::mem::forget(queue);
            }
        }
    })
}

/// The queue behind the pointer.
///
/// # Safety
/// NULL, or a queue that has not been freed.
unsafe fn queue<'a>(completions: *mut ts_completions) -> Result<&'a Completions> {
    // SAFETY: the caller's promise; a queue is what `ts_completions_new` made of a box.
    unsafe { completions.cast::<Completions>().as_ref() }.ok_or_else(|| null("completions"))
}

/// Takes up to capacity ends out of the queue and writes them into array, the
/// oldest first, and how many into out_count, at least one. Waits so long for
/// the first one; 0 seconds only ask, TS_FOREVER waits without bound. A task
/// whose claim this thread holds, or whose pump it runs, does not end
/// meanwhile.
///
/// Errors: TS_NOT_YET when 0 seconds found none; TS_ERROR_TIMED_OUT;
/// TS_ERROR_INVALID_ARGUMENT; TS_ERROR_SHUTTING_DOWN when the scheduler was
/// freed and none is left; TS_ERROR_WOULD_DEADLOCK when it would have to wait
/// inside a task; TS_ERROR_FORKED.
///
/// Any thread. Blocks up to the time. From a task: yes, with 0 only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_completions_take(
    completions: *mut ts_completions,
    array: *mut ts_completion,
    capacity: usize,
    seconds: f64,
    out_count: *mut usize,
) -> ts_error {
    // SAFETY: the caller's pointers, as the header asks for them.
    guard(|| unsafe {
        let out_count = Out::new(out_count, "out_count")?;
        arguments::room(array, capacity)?;
        let seconds = seconds_or_forever(seconds, "seconds")?;
        let queue = queue(completions)?;
        let mut at = 0;
        let count = queue.take(capacity, seconds, |end: Completion| {
            array.cast::<Completion>().add(at).write(end);
            at += 1;
        })?;
        out_count.set(count);
        Ok(())
    })
}

/// A file descriptor that is readable while there is something to take, and
/// when the scheduler was freed, for epoll, poll or another loop. It belongs to
/// the queue: only poll it.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_SYSTEM when none can be made;
/// TS_ERROR_FORKED.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_completions_fd(
    completions: *mut ts_completions,
    out_fd: *mut c_int,
) -> ts_error {
    // SAFETY: the caller's pointers, as the header asks for them.
    guard(|| unsafe {
        let out_fd = Out::cleared(out_fd, -1, "out_fd")?;
        out_fd.set(queue(completions)?.fd()?);
        Ok(())
    })
}
