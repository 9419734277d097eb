//! Log
//!
//! The library prints nothing. What it has to say goes to a function of yours.

use super::errors::ts_error;
use super::guard::guard;
use super::tasks::ts_drop_fn;
use crate::log::{self, LogFn};
use std::ffi::{c_char, c_void};

/// How much a line of the log matters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ts_log_level {
    /// For who looks for a fault.
    TS_LOG_DEBUG = 1,
    /// The normal course.
    TS_LOG_INFO = 2,
    /// Something was refused, stopped or cancelled.
    TS_LOG_WARNING = 3,
    /// A task failed, or the system refused something.
    TS_LOG_ERROR = 4,
}

/// Takes one line of the log. text has no line end, and is valid until the
/// function returns.
pub type ts_log_fn =
    Option<unsafe extern "C" fn(level: ts_log_level, text: *const c_char, user_data: *mut c_void)>;

/// Sets the function that takes the log of every scheduler of the process, in
/// place of an earlier one. NULL sets none, and this user_data is then dropped
/// at once. The function is called on any thread, on several at once too; the
/// drop of an earlier one tells that it is not called any more. A forked child
/// has it too, and drops nothing of its parent's.
///
/// Errors: TS_ERROR_OUT_OF_MEMORY; user_data is then still yours.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_set_log_callback(
    log: ts_log_fn,
    user_data: *mut c_void,
    drop: ts_drop_fn,
) -> ts_error {
    // SAFETY: both levels are the same four numbers, asserted below; what the function and `drop`
    // may be called with is the caller's promise.
    guard(|| unsafe {
        let log = log.map(|log| {
            std::mem::transmute::<
                unsafe extern "C" fn(ts_log_level, *const c_char, *mut c_void),
                LogFn,
            >(log)
        });
        self::log::set_callback(log, user_data, drop)
    })
}

const _: () = assert!(
    ts_log_level::TS_LOG_DEBUG as i32 == log::LogLevel::Debug as i32
        && ts_log_level::TS_LOG_INFO as i32 == log::LogLevel::Info as i32
        && ts_log_level::TS_LOG_WARNING as i32 == log::LogLevel::Warning as i32
        && ts_log_level::TS_LOG_ERROR as i32 == log::LogLevel::Error as i32
        && size_of::<ts_log_level>() == size_of::<log::LogLevel>()
);
