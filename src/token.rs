//! The running task's view of itself.

use crate::error::Result;
use std::ffi::c_void;
use crate::host::DropFn;

/// Tells a running task whether to stop, and takes its result; valid inside the task's own call.
#[derive(Debug)]
pub struct Token {}

impl Token {
    /// Whether the task was told to stop: one atomic load.
    #[inline]
    pub fn should_stop(&self) -> bool { todo!() }
    /// The task's id.
    pub fn id(&self) -> crate::TaskId { todo!() }
    /// Sleeps until the time has passed (`Ok`) or the task is told to stop (`Stopped`, at once).
    /// `WrongKind` in an async task.
    pub fn sleep(&self, seconds: f64) -> Result<()> { let _ = seconds; todo!() }
    /// Sets the result, dropping an earlier one. With `drop` the pointer is taken over, without
    /// it `size` bytes are copied.
    ///
    /// # Safety
    /// `data` points to `size` readable bytes, or is what `drop` takes.
    pub unsafe fn set_result(&self, data: *mut c_void, size: usize, drop: Option<DropFn>) -> Result<()> { let _ = (data, size, drop); todo!() }
    /// Sets the words that go with a failure.
    pub fn set_error(&self, message: &str) -> Result<()> { let _ = message; todo!() }
}

/// The token of the linear task that this thread is running.
pub fn current<'a>() -> Option<&'a Token> { todo!() }

/// Sleeps as the running task, or plainly outside of one.
pub fn sleep(seconds: f64) -> Result<()> { let _ = seconds; todo!() }
