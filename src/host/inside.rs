//! What of the host's a thread is inside of, so that calls which would wait for their own caller can be
//! refused.
//!
//! Each is a cell of the thread's own: set on the way in and set back on the way out by the thread
//! itself, and without a destructor, so it can be asked to a thread's very end.

use crate::sync;
use crate::token::Token;
use std::cell::Cell;
use std::ptr;

thread_local! {
    /// How many calls of callbacks, but for tasks, this thread is inside of.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    /// The linear task that this thread is running.
    pub(super) static CURRENT: Cell<*const Token> = const { Cell::new(ptr::null()) };
    /// This thread is inside a poll function.
    pub(super) static POLLING: Cell<bool> = const { Cell::new(false) };
    /// This thread may be what every task waits for.
    static MUST_NOT_WAIT: Cell<bool> = const { Cell::new(false) };
}

/// The number of this thread: never 0, and no other thread's.
pub(crate) fn thread_number() -> u32 {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(1);
    thread_local! {
        static NUMBER: Cell<u32> = const { Cell::new(0) };
    }
    let own = NUMBER.try_with(Cell::get).unwrap_or(u32::MAX);
    if own != 0 {
        return own;
    }
    let own = NEXT.fetch_add(1, Ordering::Relaxed);
    let _ = NUMBER.try_with(|number| number.set(own));
    own
}

/// Marks that this thread is inside host code.
pub(crate) struct Inside;

impl Inside {
    pub(crate) fn enter() -> Inside {
        sync::assert_none_held();
        let _ = DEPTH.try_with(|depth| depth.set(depth.get() + 1));
        Inside
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = DEPTH.try_with(|depth| depth.set(depth.get() - 1));
    }
}

/// While it lives, nothing of the host's on this thread may wait for a task: that may need the thread.
pub(crate) struct MustNotWait(bool);

impl MustNotWait {
    pub(crate) fn enter() -> MustNotWait {
        MustNotWait(MUST_NOT_WAIT.try_with(|must_not| must_not.replace(true)).unwrap_or(true))
    }
}

impl Drop for MustNotWait {
    fn drop(&mut self) {
        let _ = MUST_NOT_WAIT.try_with(|must_not| must_not.set(self.0));
    }
}

/// Whether this thread is inside a poll function, which must not wait for anything.
pub(crate) fn is_polling() -> bool {
    POLLING.try_with(Cell::get).unwrap_or(false)
}

/// Whether what this thread is inside of must not wait for any task: a poll, what comes of its end,
/// or a thread's start and end.
pub(crate) fn must_not_wait() -> bool {
    is_polling() || MUST_NOT_WAIT.try_with(Cell::get).unwrap_or(false)
}

/// Whether this thread is inside a task, a drop or another callback.
pub fn inside_host_code() -> bool {
    !current_token().is_null() || DEPTH.try_with(|depth| depth.get() > 0).unwrap_or(false)
}

/// The token of the linear task that this thread is running, or null.
pub(crate) fn current_token() -> *const Token {
    CURRENT.try_with(Cell::get).unwrap_or(ptr::null())
}
