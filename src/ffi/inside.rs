//! Inside a task
//!
//! What a task does with its token. Only the thread that runs the task may use
//! it, except with ts_should_stop. NULL means the token of the linear task that
//! the calling thread is running, so code deep inside a task need not be handed
//! its token.
//!
//! A task that works for long asks ts_should_stop from time to time, and
//! sleeps with ts_interruptible_sleep. One that does neither runs to its end,
//! whoever stops it.

use super::arguments::{beginning, invalid, seconds, token, token_or_current};
use super::errors::ts_error;
use super::guard::{guard, guard_or};
use super::tasks::{ts_drop_fn, ts_token};
use crate::error::Result;
use crate::token;
use std::ffi::{c_char, c_void};

/// The most of an error's words that a status holds, in bytes.
pub(super) const ERROR_MAX: usize = 255;

/// Whether the task was told to stop: then tidy up and return soon. Asking
/// costs next to nothing. With NULL outside any task: false.
///
/// Any thread, while the task's function runs. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_should_stop(token: *const ts_token) -> bool {
    // SAFETY: the caller's token, as the header asks for it.
    guard_or(false, || unsafe { token_or_current(token) }.is_some_and(|token| token.should_stop()))
}

/// Sleeps. Returns TS_OK when the time has passed, and TS_STOPPED at once when
/// the task is told to stop or was before. With NULL outside any task it is a
/// plain sleep.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_WRONG_KIND in an async task,
/// which may not block; TS_ERROR_WRONG_THREAD with another thread's token.
///
/// The task's thread, or any with NULL. Blocks. From a task: yes, if linear.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_interruptible_sleep(token: *mut ts_token, seconds: f64) -> ts_error {
    guard(|| {
        let seconds = self::seconds(seconds, "seconds")?;
        // SAFETY: the caller's token, as the header asks for it.
        match unsafe { token_or_current(token) } {
            Some(token) => token.sleep(seconds),
            None => token::sleep(seconds),
        }
    })
}

/// Sets the task's result, which ts_get_task_result hands out when the task
/// has completed. With drop, data itself is the result and is taken over; size
/// is handed on as it is. With drop NULL, size bytes are copied from data,
/// which may be NULL when there are none. A result that was set before is
/// dropped.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_WRONG_THREAD outside the task;
/// TS_ERROR_OUT_OF_MEMORY. Then data is still yours, and an earlier result
/// stays.
///
/// The task's thread. Never blocks. From a task: yes, there only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_set_result(
    token: *mut ts_token,
    data: *mut c_void,
    size: usize,
    drop: ts_drop_fn,
) -> ts_error {
    guard(|| {
        check_result(data, size, drop)?;
        // SAFETY: the caller's token and bytes, as the header asks for them.
        unsafe { self::token(token)?.set_result(data, size, drop) }
    })
}

/// Whether a result can be copied, if that is to be done.
pub(super) fn check_result(data: *mut c_void, size: usize, drop: ts_drop_fn) -> Result<()> {
    if drop.is_none() && data.is_null() && size > 0 {
        return Err(invalid(words!("data is NULL, but size asks for {size} bytes to be copied")));
    }
    if drop.is_none() && size > isize::MAX as usize {
        return Err(invalid(words!("size is {size}, more than there can be")));
    }
    Ok(())
}

/// Sets the words that the status shows when the task fails. Whether it fails,
/// its return value alone decides. The text is cut after 255 bytes.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_WRONG_THREAD outside the task.
///
/// The task's thread. Never blocks. From a task: yes, there only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_set_error(token: *mut ts_token, message: *const c_char) -> ts_error {
    // SAFETY: the caller's token and text, as the header asks for them.
    guard(|| unsafe { self::token(token)?.set_error(beginning(message, ERROR_MAX, "message")?) })
}
