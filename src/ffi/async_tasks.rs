//! Async tasks
//!
//! An async task is a function that is polled: called again and again, on the
//! thread of an event loop that it shares with many others, until it says that
//! it is done. It must never block. Before it returns TS_POLL_PENDING it arms
//! what will have it polled again: a sleep, a file descriptor, another task's
//! end, or a waker that it hands to somebody; any number of these at once.
//!
//! A stopped async task ends where it is, whether it cooperates or not: it is
//! not polled again, what it armed is disarmed, and drop is called on the
//! loop's thread. What its poll function needs between two calls lies in
//! user_data, and drop frees it.
//!
use super::arguments::{self, invalid, null, seconds};
use super::errors::ts_error;
use super::guard::{guard, guard_or};
use super::options::polled;
use super::schedulers::ts_scheduler;
use super::tasks::{ts_drop_fn, ts_poll_fn, ts_task_id, ts_token};
use crate::error::Result;
use crate::loops::drive;
use crate::loops::waker::TaskWaker;
use crate::token::Token;
use std::ffi::{c_char, c_int, c_void};
use std::mem::ManuallyDrop;
use std::sync::Arc;

/// Adds an async task; otherwise as ts_add_task.
///
/// At most maximum_event_loop_tasks tasks of a name run at once; up to
/// maximum_queue_async wait behind them. Tasks without a name have no limit.
///
/// Errors: as ts_add_task; TS_ERROR_QUEUE_FULL when maximum_queue_async tasks
/// of the name are pending.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_add_async_task(
    scheduler: *mut ts_scheduler,
    timeout_processing: bool,
    task_name: *const c_char,
    poll: ts_poll_fn,
    user_data: *mut c_void,
    drop: ts_drop_fn,
    out_id: *mut ts_task_id,
) -> ts_error {
    // SAFETY: the caller's pointers, as the header asks for them.
    guard(|| unsafe {
        let out_id = arguments::out_id(out_id)?;
        let name = arguments::optional_name(task_name, "the task name")?;
        let task = polled(timeout_processing, name, poll, user_data, drop)?;
        out_id.set(arguments::scheduler(scheduler)?.submit_raw(&task)?.into());
        Ok(())
    })
}

/// A sleep of an async task: TS_OK once the time has passed. The first call
/// starts it and gives TS_NOT_YET; the task will be polled when it is over.
/// Later calls give TS_NOT_YET and change nothing, whatever their seconds,
/// until one has given TS_OK; the next one then starts another sleep. 0
/// seconds give TS_OK at once.
///
/// Errors: TS_NOT_YET; TS_ERROR_INVALID_ARGUMENT; TS_ERROR_WRONG_KIND of a
/// linear task; TS_ERROR_WRONG_THREAD outside the task's poll function.
///
/// The task's thread, in its poll. Never blocks. From a task: yes, if async.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_async_sleep(token: *mut ts_token, seconds: f64) -> ts_error {
    guard(|| {
        let seconds = self::seconds(seconds, "seconds")?;
        // SAFETY: the caller's token, as the header asks for it.
        drive::sleep(unsafe { own_token(token)? }, seconds)
    })
}

/// Ends a sleep that has not given TS_OK; the next ts_async_sleep starts
/// another. Without one it does nothing.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_WRONG_KIND;
/// TS_ERROR_WRONG_THREAD.
///
/// The task's thread, in its poll. Never blocks. From a task: yes, if async.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_async_sleep_cancel(token: *mut ts_token) -> ts_error {
    // SAFETY: the caller's token, as the header asks for it.
    guard(|| drive::cancel_sleep(unsafe { own_token(token)? }))
}

/// A file descriptor is ready to be read. Errors and hang-ups count as ready.
pub const TS_READABLE: u32 = 1;
/// A file descriptor is ready to be written.
pub const TS_WRITABLE: u32 = 2;

/// Waits for a file descriptor of a socket, pipe, eventfd and the like: TS_OK
/// when it is ready for some of events, which is TS_READABLE, TS_WRITABLE or
/// both, and then out_ready says for which. Otherwise TS_NOT_YET, and the task
/// will be polled when it is; then ask again. One task may wait to read a file
/// descriptor and one to write it. Keep it open while the task waits: until
/// TS_OK, or until drop.
///
/// Errors: TS_NOT_YET; TS_ERROR_INVALID_ARGUMENT for one that is not open, is
/// a regular file, or that another task waits for; TS_ERROR_WRONG_KIND;
/// TS_ERROR_WRONG_THREAD; TS_ERROR_SYSTEM.
///
/// The task's thread, in its poll. Never blocks. From a task: yes, if async.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_async_wait_fd(
    token: *mut ts_token,
    fd: c_int,
    events: u32,
    out_ready: *mut u32,
) -> ts_error {
    guard(|| {
        if events == 0 || events & !(TS_READABLE | TS_WRITABLE) != 0 {
            return Err(invalid(words!(
                "events is {events:#x}; it is TS_READABLE (1), TS_WRITABLE (2) or both"
            )));
        }
        if out_ready.is_null() {
            return Err(null("out_ready"));
        }
        // SAFETY: the caller's pointers, as the header asks for them.
        unsafe {
            let ready = drive::wait_fd(own_token(token)?, fd, events)?;
            out_ready.write(ready);
        }
        Ok(())
    })
}

/// Waits for the end of another task, of either kind: TS_OK when it has ended.
/// Otherwise TS_NOT_YET, and this task will be polled when it has.
///
/// Errors: TS_NOT_YET; TS_ERROR_INVALID_ARGUMENT; TS_ERROR_NOT_FOUND;
/// TS_ERROR_WOULD_DEADLOCK for the task itself, and for one that cannot end
/// before this one, as with ts_wait: that may turn out later, when the task is
/// polled again; TS_ERROR_WRONG_KIND; TS_ERROR_WRONG_THREAD.
///
/// The task's thread, in its poll. Never blocks. From a task: yes, if async.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_async_wait_task(token: *mut ts_token, id: ts_task_id) -> ts_error {
    // SAFETY: the caller's token, as the header asks for it.
    guard(|| drive::wait_task(unsafe { own_token(token)? }, id.into()))
}

/// Wakes one async task. It may outlive the task and the scheduler.
pub struct ts_waker {
    _opaque: (),
}

/// A waker of the task, to be handed to whoever will know when to poll it
/// again. Every one is to be freed with ts_waker_free.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_WRONG_KIND;
/// TS_ERROR_WRONG_THREAD.
///
/// The task's thread, in its poll. Never blocks. From a task: yes, if async.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_waker_clone(
    token: *mut ts_token,
    out_waker: *mut *mut ts_waker,
) -> ts_error {
    // SAFETY: the caller's pointers, as the header asks for them.
    guard(|| unsafe {
        if out_waker.is_null() {
            return Err(null("out_waker"));
        }
        out_waker.write(std::ptr::null_mut());
        let waker = drive::waker(own_token(token)?)?;
        waker.hand_out();
        out_waker.write(Arc::into_raw(waker).cast_mut().cast());
        Ok(())
    })
}

/// Has the waker's task polled again, any number of times. When the task has
/// ended it does nothing.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_SHUTTING_DOWN when the task's
/// scheduler was freed.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_waker_wake(waker: *const ts_waker) -> ts_error {
    guard(|| {
        if waker.is_null() {
            return Err(null("waker"));
        }
        // SAFETY: the caller's waker is what `ts_waker_clone` made of an `Arc`, which stays.
        let waker = unsafe { ManuallyDrop::new(Arc::from_raw(waker.cast::<TaskWaker>())) };
        waker.wake_task()
    })
}

/// Frees a waker. NULL is fine.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_waker_free(waker: *mut ts_waker) {
    guard_or((), || {
        if !waker.is_null() {
            // SAFETY: as above, and given back only once.
            let waker = unsafe { Arc::from_raw(waker.cast::<TaskWaker>()) };
            match waker.is_forked() {
                // The parent's: its locks may be held for ever.
                true => std::mem::forget(waker),
                false => waker.give_back(),
            }
        }
    })
}

/// The token, which has to be one.
///
/// # Safety
/// NULL, or the token of a task whose call has not returned.
unsafe fn own_token<'a>(token: *const ts_token) -> Result<&'a Token> {
    if token.is_null() {
        return Err(null("token"));
    }
    // SAFETY: the caller's promise; tasks are called with a pointer to a `Token`.
    Ok(unsafe { &*token.cast::<Token>() })
}
