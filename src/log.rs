//! What the library says of its own accord: nothing, unless the host asks.
//!
//! One callback for the process. A line is said while the callback is held by a count, not by a
//! lock, so it may call back into the library, even to replace itself; its drop runs when the last
//! line under way is done.

use crate::error::Result;
use crate::host::{DropFn, Inside, Owned};
use crate::platform::annotate;
use crate::sync::Mutex;
use std::ffi::{CString, c_char, c_int, c_void};
use std::sync::atomic::{AtomicBool, Ordering::*};
use std::sync::{Arc, OnceLock};

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

/// The host's function for log lines; the level is a [`LogLevel`] by its number.
pub type LogFn = unsafe extern "C" fn(level: c_int, text: *const c_char, user_data: *mut c_void);

struct Callback {
    log: LogFn,
    user_data: Owned,
}

// SAFETY: the host's promise is that the function and its data may be used on any thread.
unsafe impl Sync for Callback {}

impl Drop for Callback {
    fn drop(&mut self) {
        annotate::acquire(self);
    }
}

static ON: AtomicBool = AtomicBool::new(false);

fn current() -> &'static Mutex<Option<Arc<Callback>>> {
    static CURRENT: OnceLock<Mutex<Option<Arc<Callback>>>> = OnceLock::new();
    CURRENT.get_or_init(|| Mutex::new(None))
}

/// Sets or (with `None`) removes the process-wide log callback. The earlier one's drop runs when
/// no line is under way in it any more: before this returns, or on the thread of the last line.
///
/// # Safety
/// The function takes `user_data` and may be called on any thread; so may `drop`.
pub unsafe fn set_callback(
    log: Option<LogFn>,
    user_data: *mut c_void,
    drop: Option<DropFn>,
) -> Result<()> {
    // Taken over even without a function, and then dropped at once.
    let user_data = Owned::new(user_data, drop);
    annotate::look();
    let next = log.map(|log| Arc::new(Callback { log, user_data }));
    next.iter().for_each(|next| annotate::release(&**next));
    let earlier = {
        let mut current = current().lock();
        ON.store(next.is_some(), Relaxed);
        std::mem::replace(&mut *current, next)
    };
    std::mem::drop(earlier);
    Ok(())
}

/// Whether anybody listens.
#[inline]
pub fn is_on() -> bool {
    ON.load(Relaxed)
}

/// Says a line, if anybody listens.
#[inline]
pub fn line(level: LogLevel, text: impl FnOnce() -> String) {
    if is_on() {
        say(level, text());
    }
}

#[cold]
fn say(level: LogLevel, text: String) {
    let Some(callback) = current().lock().clone() else { return };
    let text = CString::new(text).unwrap_or_default();
    let _inside = Inside::enter();
    annotate::acquire(&*callback);
    // SAFETY: the promise given to `set_callback`; the count keeps the data from being dropped.
    unsafe { (callback.log)(level as c_int, text.as_ptr(), callback.user_data.data()) };
    annotate::release(&*callback);
}
