//! What the library says of its own accord: nothing, unless the host asks.

use crate::error::Result;
use crate::host::DropFn;
use std::ffi::{c_char, c_void};

/// How much a line matters.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// For who looks for a fault.
    Debug = 1,
    /// The normal course.
    Info = 2,
    /// Something was refused, stopped or cancelled.
    Warning = 3,
    /// A task failed, or the system refused.
    Error = 4,
}

/// The host's function for log lines.
pub type LogFn = unsafe extern "C" fn(level: LogLevel, text: *const c_char, user_data: *mut c_void);

/// Sets or (with `None`) removes the process-wide log callback.
///
/// # Safety
/// The function takes `user_data` and may be called on any thread; so may `drop`.
pub unsafe fn set_callback(log: Option<LogFn>, user_data: *mut c_void, drop: Option<DropFn>) -> Result<()> { let _ = (log, user_data, drop); todo!() }
