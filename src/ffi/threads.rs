//! Threads
//!
//! A scheduler has worker threads for linear tasks, a thread for each event
//! loop, and a watchdog while something can time out. They start when there
//! is something to do, and end after max_idle_time and in a shutdown. They
//! take no signals, but for the one that breaks a blocking call of a task with
//! TS_INTERRUPT_BLOCKING, while that task runs. The configuration, or
//! ts_scheduler_options, says their names, stacks, processors and nice level;
//! and a function of yours can be called on each, for a profiler or a virtual
//! machine that must know of threads.
//!
//! Names are ts-worker-0, ts-loop-0 and ts-watchdog, with another beginning if
//! you like. The system may cut them: Linux does at 15 bytes.
//!
//! A thread takes processors and nice level from the one that starts it, which
//! is yours when you add the first task, unless they are set. What the system
//! refuses (a negative nice level needs a privilege) the thread does without,
//! and the log says so.

use super::arguments::{self, Out, invalid, text};
use super::errors::ts_error;
use super::guard::guard;
use super::schedulers::{CONFIG_MAX, ts_scheduler};
use super::tasks::ts_drop_fn;
use crate::error::Result;
use crate::host::{ThreadEvent, ThreadFn};
use crate::scheduler::{Scheduler, SchedulerOptions};
use std::ffi::{c_char, c_void};
use std::mem::offset_of;
use std::ptr;

/// The longest text of an option, in bytes.
const TEXT_MAX: usize = 65535;

/// What has become of a thread.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ts_thread_event {
    /// It has started, and has called no other function of yours.
    TS_THREAD_STARTED = 1,
    /// It ends, and will call no other function of yours.
    TS_THREAD_STOPPING = 2,
}

/// Called on each thread of a scheduler: first of all your functions and last
/// of them, each once. name is the thread's, not cut, and valid until the
/// function returns. It may call what a task may call, and add tasks, but not
/// where it is a shutdown that ends the thread; a call that would wait gives
/// TS_ERROR_WOULD_DEADLOCK. It should return soon: the
/// thread's tasks, or all time-outs, wait for it.
pub type ts_thread_fn = Option<
    unsafe extern "C" fn(event: ts_thread_event, name: *const c_char, user_data: *mut c_void),
>;

const _: () = assert!(
    ts_thread_event::TS_THREAD_STARTED as i32 == ThreadEvent::Started as i32
        && ts_thread_event::TS_THREAD_STOPPING as i32 == ThreadEvent::Stopping as i32
        && size_of::<ts_thread_event>() == size_of::<ThreadEvent>()
);

/// A scheduler with every option. Start from TS_SCHEDULER_OPTIONS_INIT. The
/// fields that begin with thread_ take the place of the configuration's keys
/// of these names.
#[repr(C)]
pub struct ts_scheduler_options {
    /// sizeof(ts_scheduler_options).
    pub size: usize,
    /// As for ts_scheduler_new.
    pub config_yaml: *const c_char,
    /// Called on each thread, or NULL.
    pub on_thread: ts_thread_fn,
    /// Handed to the function.
    pub user_data: *mut c_void,
    /// Frees user_data when the scheduler is freed and its last thread has
    /// gone; NULL for nothing to free.
    pub drop: ts_drop_fn,
    /// What names of threads begin with, 1 to 11 bytes; or NULL.
    pub thread_name: *const c_char,
    /// The processors that threads may run on, such as "0,2-3"; or NULL. ""
    /// is those of the thread that starts them.
    pub thread_affinity: *const c_char,
    /// Bytes of stack of each thread for your functions, 16384 to 1 GiB; or 0.
    pub thread_stack_size: usize,
    /// Nice level of the threads, -20 to 19; or 0.
    pub thread_nice: i32,
    /// 0.
    pub reserved: u32,
}

//#/// Options with the size set and all else at its default.
//##define TS_SCHEDULER_OPTIONS_INIT                                              \
//#    { sizeof(ts_scheduler_options), NULL, NULL, NULL, NULL, NULL, NULL, 0, 0,  \
//#      0 }

/// The size of the struct when it first came out: the smallest that a host can have.
const OPTIONS_SMALLEST: usize = offset_of!(ts_scheduler_options, reserved) + size_of::<u32>();
const _: () = assert!(size_of::<ts_scheduler_options>() == OPTIONS_SMALLEST);
#[cfg(target_pointer_width = "64")]
const _: () = assert!(OPTIONS_SMALLEST == 72);

/// A text, or NULL for none.
///
/// # Safety
/// As for [`text`].
unsafe fn optional<'a>(place: *const c_char, max: usize, what: &str) -> Result<Option<&'a str>> {
    // SAFETY: the caller's promise.
    (!place.is_null()).then(|| unsafe { text(place, max, what) }).transpose()
}

/// Makes a scheduler as ts_scheduler_new does, with every option.
///
/// ```c
/// ts_scheduler_options options = TS_SCHEDULER_OPTIONS_INIT;
/// options.on_thread = tell_profiler;
/// options.thread_name = "mail";
/// options.thread_affinity = "0-3";
/// error = ts_scheduler_new_with(&options, &scheduler);
/// ```
///
/// Errors: TS_ERROR_INVALID_ARGUMENT, also for a processor that does not
/// exist, and for what threads of this system cannot have; TS_ERROR_CONFIG for
/// config_yaml; TS_ERROR_OUT_OF_MEMORY. user_data is then still yours.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_scheduler_new_with(
    options: *const ts_scheduler_options,
    out: *mut *mut ts_scheduler,
) -> ts_error {
    // SAFETY: the caller's pointers, as the header asks for them; zeroes are a value of every field
    // of the options. Both events are the same two numbers, asserted above, and what the function
    // and `drop` may be called with is the caller's promise.
    guard(|| unsafe {
        let out = Out::cleared(out, ptr::null_mut(), "out")?;
        let given =
            arguments::options(options, OPTIONS_SMALLEST, "options", "TS_SCHEDULER_OPTIONS_INIT")?;
        if given.reserved != 0 {
            return Err(invalid(words!("reserved is {}; it is 0", given.reserved)));
        }
        let scheduler = Scheduler::with_options(&SchedulerOptions {
            config_yaml: optional(given.config_yaml, CONFIG_MAX, "config_yaml")?.unwrap_or(""),
            on_thread: given.on_thread.map(|function| {
                std::mem::transmute::<
                    unsafe extern "C" fn(ts_thread_event, *const c_char, *mut c_void),
                    ThreadFn,
                >(function)
            }),
            user_data: given.user_data,
            drop: given.drop,
            thread_name: optional(given.thread_name, TEXT_MAX, "thread_name")?,
            thread_affinity: optional(given.thread_affinity, TEXT_MAX, "thread_affinity")?,
            thread_stack_size: given.thread_stack_size,
            thread_nice: given.thread_nice,
        })?;
        out.set(Box::into_raw(Box::new(scheduler)).cast());
        Ok(())
    })
}
