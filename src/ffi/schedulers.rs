//! Schedulers
//!
//! A scheduler has its own names, queues, limits and threads. Wherever a
//! function takes a ts_scheduler *, NULL means the default one of the process,
//! which is made when it is first used and never freed. In a forked child it is
//! a new one.

use super::arguments::{Out, text};
use super::errors::ts_error;
use super::guard::{guard, guard_or};
use crate::memory;
use crate::scheduler::Scheduler;
use std::ffi::c_char;
use std::ptr;

/// The longest configuration text, in bytes.
pub(super) const CONFIG_MAX: usize = 1 << 20;

/// A scheduler.
pub struct ts_scheduler {
    _opaque: (),
}

/// Makes a scheduler. config_yaml changes the configuration it starts with,
/// for example "line_task_max: 4"; NULL or "" changes nothing. The keys stand
/// under "Configuration". Free the scheduler with ts_scheduler_free.
/// ts_scheduler_new_with, under "Threads", takes every option.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_CONFIG for an unknown key or a
/// value out of range; the message names the line. TS_ERROR_OUT_OF_MEMORY.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_scheduler_new(
    config_yaml: *const c_char,
    out: *mut *mut ts_scheduler,
) -> ts_error {
    guard(|| {
        // SAFETY: the caller's pointers, as the header asks for them.
        unsafe {
            let out = Out::cleared(out, ptr::null_mut(), "out")?;
            let config = match config_yaml.is_null() {
                true => "",
                false => text(config_yaml, CONFIG_MAX, "config_yaml")?,
            };
            out.set(Box::into_raw(memory::boxed(Scheduler::new(config)?)?).cast());
        }
        Ok(())
    })
}

/// Shuts the scheduler down as ts_shutdown with force_cleanup does, and frees
/// it. NULL does nothing. No other thread may be using the scheduler, and one
/// that waits in ts_wait or ts_submit is: call ts_shutdown, which ends what it
/// waits for, join your threads, then free.
///
/// Inside a task or another callback, and on a thread that holds a claim of it,
/// nothing is freed, and the log says so: finish your claims first. Claims that
/// other threads hold are waited for, and only to be finished. Cancelled ones
/// that nobody has taken end here, with their drop: shut down first to take
/// them.
///
/// Any thread. Blocks until running tasks have returned. From a task: no.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_scheduler_free(scheduler: *mut ts_scheduler) {
    guard_or((), || {
        if !scheduler.is_null() {
            // SAFETY: made by `ts_scheduler_new` and freed only once, as the header asks.
            unsafe { Box::from_raw(scheduler.cast::<Scheduler>()) }.free();
        }
    })
}
