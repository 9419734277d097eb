//! Tasks that are Rust closures.

use super::Scheduler;
use crate::error::{ErrorCode, Result};
use crate::id::TaskId;
use crate::task::{Function, RawTask, TaskOptions};
use crate::token::Token;
use std::any::Any;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};

impl Scheduler {
    /// Adds a task that is a Rust closure. Its error is the task's message; a panic fails the task.
    pub fn submit<F>(&self, options: TaskOptions<'_>, function: F) -> Result<TaskId>
    where
        F: FnOnce(&Token) -> std::result::Result<(), String> + Send + 'static,
    {
        let boxed = Box::into_raw(Box::new(Some(function)));
        let task = RawTask {
            name: options.name.map(str::as_bytes),
            function: Function::Linear(call_closure::<F>),
            user_data: boxed.cast(),
            drop: Some(drop_closure::<F>),
            timeout_seconds: options.timeout_seconds,
            wait_seconds: options.wait_seconds,
            flags: options.flags,
            more: None,
        };
        // SAFETY: the functions take this pointer, and the closure may go to any thread.
        unsafe { self.submit_raw(&task).inspect_err(|_| drop(Box::from_raw(boxed))) }
    }
}

unsafe extern "C" fn call_closure<F>(token: *mut Token, data: *mut c_void) -> i32
where
    F: FnOnce(&Token) -> std::result::Result<(), String>,
{
    // SAFETY: `submit` handed in this pointer, and the task runs once.
    let (token, function) = unsafe { (&*token, (*data.cast::<Option<F>>()).take()) };
    let Some(function) = function else { return ErrorCode::Panic.number() };
    let (code, message) = match catch_unwind(AssertUnwindSafe(|| function(token))) {
        Ok(Ok(())) => return 0,
        Ok(Err(message)) => (1, message),
        Err(panic) => (ErrorCode::Panic.number(), words_of(panic)),
    };
    let _ = token.set_error(&message);
    code
}

/// What a panic says. Its payload stays: dropping it is code like any other, and could panic again.
fn words_of(panic: Box<dyn Any + Send>) -> String {
    let words = panic.downcast_ref::<&str>().map(|words| (*words).to_owned());
    let words = words.or_else(|| panic.downcast_ref::<String>().cloned());
    std::mem::forget(panic);
    words.unwrap_or_else(|| "the task panicked".to_owned())
}

unsafe extern "C" fn drop_closure<F>(data: *mut c_void) {
    // SAFETY: `submit` handed in this pointer, and a drop runs once.
    let closure = unsafe { Box::from_raw(data.cast::<Option<F>>()) };
    // What a closure holds that never ran may panic when it is dropped; nobody is to hear of that.
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(closure))) {
        std::mem::forget(panic);
    }
}
