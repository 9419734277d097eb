//! Configuration
//!
//! Each scheduler has its own. Durations are in seconds.
//!
//! ```text
//! key                       default
//! line_task_max                  10  linear tasks at once, 1 to 4096
//! maximum_queue_line             30  pending linear tasks in all; 0: any
//! maximum_queue_async            30  pending async tasks per name; 0: any
//! maximum_event_loop_tasks        3  async tasks of a name that run at once
//! watch_dog_time                200  how long a task may run, if limited
//! event_loop_threads              1  event loops, until the next shutdown
//! maximum_task_info_storage      60  finished tasks that stay known
//! max_idle_time                  60  idle for so long: end the threads
//! stuck_grace                     5  told to stop for so long: stuck
//! status_check_interval         800  how often a stuck task is reported
//! stuck_task_max                 64  stuck tasks that get a substitute
//! interrupt_signal               50  breaks blocking calls; 0: none does
//! spin_microseconds              10  a worker looks on before it sleeps
//! thread_name                    ts  what names of threads begin with
//! thread_affinity                    processors for threads, as 0,2-3
//! thread_stack_size               0  bytes; 0: as the system gives
//! thread_nice                     0  -20 to 19; 0: of who starts them
//! ```
//!
//! What begins with thread_ concerns threads that start afterwards.

use super::arguments::{self, Out, text};
use super::errors::ts_error;
use super::guard::guard;
use super::information::new_string;
use super::schedulers::ts_scheduler;
use std::ffi::c_char;

/// The longest key, in bytes.
const KEY_MAX: usize = 255;
/// The longest value, in bytes.
const VALUE_MAX: usize = 65535;
/// The longest path, in bytes.
const PATH_MAX: usize = 4095;

/// Changes one key, at once. value is a number, written as in YAML, for example
/// "18"; or a text as it is, without quotes.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_CONFIG for an unknown key or a
/// value out of range. Nothing is then changed.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_update_config(
    scheduler: *mut ts_scheduler,
    key: *const c_char,
    value: *const c_char,
) -> ts_error {
    // SAFETY: the caller's pointers, as the header asks for them.
    guard(|| unsafe {
        let (key, value) = (text(key, KEY_MAX, "key")?, text(value, VALUE_MAX, "value")?);
        arguments::scheduler(scheduler)?.update_config(key, value)
    })
}

/// Changes the keys that a YAML file sets.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_CONFIG when the file cannot be
/// read, or for an unknown key or a value out of range; the message names the
/// line. Nothing is then changed.
///
/// Any thread. Blocks while the file is read. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_load_config(
    scheduler: *mut ts_scheduler,
    path: *const c_char,
) -> ts_error {
    // SAFETY: the caller's pointers, as the header asks for them.
    guard(|| unsafe {
        let path = text(path, PATH_MAX, "path")?;
        arguments::scheduler(scheduler)?.load_config(path)
    })
}

/// The value of a key, as text. Free it with ts_string_free.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_CONFIG for an unknown key;
/// TS_ERROR_OUT_OF_MEMORY.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_get_config(
    scheduler: *mut ts_scheduler,
    key: *const c_char,
    out_value: *mut *mut c_char,
) -> ts_error {
    // SAFETY: the caller's pointers, as the header asks for them.
    guard(|| unsafe {
        let out_value = Out::new(out_value, "out_value")?;
        let key = text(key, KEY_MAX, "key")?;
        out_value.set(new_string(&arguments::scheduler(scheduler)?.config(key)?)?);
        Ok(())
    })
}
