//! The one place that calls the host's code.
//!
//! Every callback is a triple: function, `user_data`, `drop`. What always holds here:
//!
//! * no lock of ours is held while host code runs;
//! * a drop caused by a drop is queued on its thread and runs when the outer one has returned, so
//!   that a long chain of tasks that own each other needs no stack;
//! * a thread knows when it is inside host code, so that calls which would wait for their own
//!   caller can be refused.

use crate::token::Token;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ffi::c_void;
use std::ptr;

/// A linear task's function: 0 = completed, any other number = failed with that code.
pub type TaskFn = unsafe extern "C" fn(token: *mut Token, user_data: *mut c_void) -> i32;
/// An async task's function: what it returns is one of `TS_POLL_PENDING`, `_READY` and `_FAILED`.
pub type PollFn = unsafe extern "C" fn(token: *mut Token, user_data: *mut c_void) -> i32;
/// The host's destructor for `user_data` or a result.
pub type DropFn = unsafe extern "C" fn(user_data: *mut c_void);

/// A pointer of the host's with the destructor that it wants called once.
#[derive(Debug)]
pub struct Owned {
    data: *mut c_void,
    drop: Option<DropFn>,
}

// SAFETY: the host gave the pointer to be used and dropped on any thread; that is the contract of
// `user_data` and of results.
unsafe impl Send for Owned {}

impl Owned {
    /// Takes the pointer over.
    pub fn new(data: *mut c_void, drop: Option<DropFn>) -> Owned {
        Owned { data, drop }
    }

    /// The pointer.
    pub fn data(&self) -> *mut c_void {
        self.data
    }

    /// Gives the pointer back without dropping it.
    pub fn into_parts(self) -> (*mut c_void, Option<DropFn>) {
        let parts = (self.data, self.drop);
        std::mem::forget(self);
        parts
    }
}

impl Drop for Owned {
    /// Calls the host's destructor, here and now; see [`after_drops`] for the order of nested ones.
    fn drop(&mut self) {
        if let Some(drop) = self.drop {
            let _inside = Inside::enter();
            // SAFETY: taken over with the promise that this destructor takes this pointer, and
            // called at most once since `self` ends here.
            unsafe { drop(self.data) };
        }
    }
}

thread_local! {
    /// How many calls into host code this thread is inside of.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    /// The linear task that this thread is running.
    static CURRENT: Cell<*mut Token> = const { Cell::new(ptr::null_mut()) };
    /// What waits until the drop that this thread is in has returned.
    static LATER: RefCell<Later> = const { RefCell::new(Later { dropping: false, queue: VecDeque::new() }) };
}

struct Later {
    dropping: bool,
    queue: VecDeque<Box<dyn FnOnce()>>,
}

/// Marks that this thread is inside host code.
struct Inside;

impl Inside {
    fn enter() -> Inside {
        DEPTH.with(|depth| depth.set(depth.get() + 1));
        Inside
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        DEPTH.with(|depth| depth.set(depth.get() - 1));
    }
}

/// Whether this thread is inside a task, a drop or another callback.
pub fn inside_host_code() -> bool {
    DEPTH.try_with(|depth| depth.get() > 0).unwrap_or(false)
}

/// The token of the linear task that this thread is running, or null.
pub(crate) fn current_token() -> *mut Token {
    CURRENT.try_with(Cell::get).unwrap_or(ptr::null_mut())
}

/// Calls a linear task's function.
///
/// # Safety
/// `function` takes `data`, and `token` is good until it returns.
pub(crate) unsafe fn call_task(function: TaskFn, token: &mut Token, data: *mut c_void) -> i32 {
    let _inside = Inside::enter();
    let token: *mut Token = token;
    let outer = CURRENT.with(|current| current.replace(token));
    // SAFETY: the caller's promise.
    let code = unsafe { function(token, data) };
    CURRENT.with(|current| current.set(outer));
    code
}

/// Runs `ending` (which drops something of the host's) now, or, inside another drop of this
/// thread, when that one has returned.
pub(crate) fn after_drops(ending: impl FnOnce() + 'static) {
    // A thread so near its end that it has lost its queue drops at once.
    let nested = LATER.try_with(|later| {
        let mut later = later.borrow_mut();
        std::mem::replace(&mut later.dropping, true)
    });
    if nested == Ok(true) {
        LATER.with(|later| later.borrow_mut().queue.push_back(Box::new(ending)));
        return;
    }
    ending();
    loop {
        let next = LATER.try_with(|later| {
            let mut later = later.borrow_mut();
            let next = later.queue.pop_front();
            later.dropping = next.is_some();
            next
        });
        match next {
            Ok(Some(ending)) => ending(),
            _ => return,
        }
    }
}
