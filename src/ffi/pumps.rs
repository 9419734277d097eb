//! Pumps
//!
//! A pump runs linear tasks on a thread of yours, and only while that is inside
//! ts_pump_run: the main thread of a game, once per frame. Tasks go there by
//! their options, by their lane, or by ts_scheduler_set_runner. Tasks of a name
//! keep their order; names take turns.
//!
//! Tasks that are pending in a pump count for maximum_queue_line, and none for
//! line_task_max. A pump belongs to the thread that runs it first. It may
//! outlive its scheduler: ts_pump_run then gives TS_ERROR_SHUTTING_DOWN. It is
//! still to be freed.

use super::arguments::{self, Out, null, seconds};
use super::errors::ts_error;
use super::guard::{guard, guard_or};
use super::schedulers::ts_scheduler;
use super::tasks::{ts_drop_fn, ts_pump};
use crate::error::Result;
use crate::host::{Bell, Owned};
use crate::hosts::pump::Pump;
use std::ffi::{c_int, c_void};
use std::mem::offset_of;
use std::ptr;
use std::sync::Arc;

/// Hears that there is something to do.
pub type ts_ready_fn = Option<unsafe extern "C" fn(user_data: *mut c_void)>;

/// What a pump is to be like. Start from TS_PUMP_OPTIONS_INIT.
#[repr(C)]
pub struct ts_pump_options {
    /// sizeof(ts_pump_options).
    pub size: usize,
    /// Called when there is something to run and was nothing before, on the
    /// thread that brought that about: it added the task, or ended or stopped
    /// the one before it, or is the library's own that looks after time-outs;
    /// and at the end of a ts_pump_run that leaves something. Or NULL.
    pub ready: ts_ready_fn,
    /// Handed to ready.
    pub user_data: *mut c_void,
    /// Frees user_data, when the pump is freed; NULL for nothing to free.
    pub drop: ts_drop_fn,
}

//#/// Options with the size set and all else at its default.
//##define TS_PUMP_OPTIONS_INIT { sizeof(ts_pump_options), NULL, NULL, NULL }

/// The size of the struct when it first came out: the smallest that a host can
/// have.
const OPTIONS_SMALLEST: usize = offset_of!(ts_pump_options, drop) + size_of::<ts_drop_fn>();
const _: () = assert!(size_of::<ts_pump_options>() == OPTIONS_SMALLEST);

/// Makes a pump. options may be NULL for none. Free it with ts_pump_free.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_OUT_OF_MEMORY; TS_ERROR_FORKED.
/// user_data is then still yours.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_pump_new(
    scheduler: *mut ts_scheduler,
    options: *const ts_pump_options,
    out_pump: *mut *mut ts_pump,
) -> ts_error {
    // SAFETY: the caller's pointers, as the header asks for them.
    guard(|| unsafe {
        let out_pump = Out::cleared(out_pump, ptr::null_mut(), "out_pump")?;
        let options = match options.is_null() {
            true => std::mem::zeroed(),
            false => {
                arguments::options(options, OPTIONS_SMALLEST, "options", "TS_PUMP_OPTIONS_INIT")?
            }
        };
        if options.ready.is_none() && (!options.user_data.is_null() || options.drop.is_some()) {
            return Err(arguments::invalid("user_data or drop is set, but ready is NULL"));
        }
        let scheduler = arguments::scheduler(scheduler)?;
        let owned = || Owned::new(options.user_data, options.drop);
        let bell = options.ready.map(|ready| Bell::new(ready, owned()));
        out_pump.set(Arc::into_raw(Arc::new(scheduler.pump(bell)?)).cast_mut().cast());
        Ok(())
    })
}

/// Frees a pump: cancels its pending tasks, and adds that would go to it by
/// their lane or by ts_scheduler_set_runner give TS_ERROR_SHUTTING_DOWN from
/// now on. Inside one of its own tasks that task
/// goes on, and the run ends after it. NULL does nothing.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_pump_free(pump: *mut ts_pump) {
    guard_or((), || {
        if !pump.is_null() {
            // SAFETY: made by `ts_pump_new` and freed only once, as the header asks.
            let pump = unsafe { Arc::from_raw(pump.cast::<Pump>()) };
            match pump.is_forked() {
                // The parent's: its locks may be held for ever.
                true => std::mem::forget(pump),
                false => pump.close(),
            }
        }
    })
}

/// The pump behind the pointer.
///
/// # Safety
/// NULL, or a pump that has not been freed.
unsafe fn pump<'a>(pump: *mut ts_pump) -> Result<&'a Pump> {
    // SAFETY: the caller's promise; a pump is what `ts_pump_new` made.
    unsafe { pump.cast::<Pump>().as_ref() }.ok_or_else(|| null("pump"))
}

/// Runs tasks on this thread until none is ready, max_tasks have run, or
/// budget_seconds are used up, which the last task may overrun. 0 max_tasks are
/// any number, 0 seconds any time, which TS_FOREVER is not. out_ran, which may
/// be NULL, is how many ran; that there was none is no error.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_WRONG_THREAD on another thread
/// than the first; TS_ERROR_WOULD_DEADLOCK inside one of its own tasks;
/// TS_ERROR_SHUTTING_DOWN when the scheduler was freed; TS_ERROR_FORKED.
///
/// Any thread, always the same. Blocks. From a task: yes, of another pump.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_pump_run(
    pump: *mut ts_pump,
    max_tasks: usize,
    budget_seconds: f64,
    out_ran: *mut usize,
) -> ts_error {
    // SAFETY: the caller's pointers, as the header asks for them.
    guard(|| unsafe {
        let budget = seconds(budget_seconds, "budget_seconds")?;
        // A task of it may free it.
        self::pump(pump)?;
        Arc::increment_strong_count(pump.cast::<Pump>());
        let pump = Arc::from_raw(pump.cast::<Pump>());
        let ran = pump.run(max_tasks, budget)?;
        if !out_ran.is_null() {
            out_ran.write(ran);
        }
        Ok(())
    })
}

/// A file descriptor that is readable while something can run, and when the
/// scheduler was freed, for epoll, poll or another loop. It belongs to the
/// pump: only poll it. When it is readable ts_pump_run may still find nothing.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_SYSTEM when none can be made;
/// TS_ERROR_SHUTTING_DOWN; TS_ERROR_FORKED.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_pump_fd(pump: *mut ts_pump, out_fd: *mut c_int) -> ts_error {
    // SAFETY: the caller's pointers, as the header asks for them.
    guard(|| unsafe {
        let out_fd = Out::cleared(out_fd, -1, "out_fd")?;
        out_fd.set(self::pump(pump)?.fd()?);
        Ok(())
    })
}
