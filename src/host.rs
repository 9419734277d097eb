//! The one place that calls the host's code.
//!
//! Every callback is a triple: function, `user_data`, `drop`. What always holds here:
//!
//! * no lock of ours is held while host code runs;
//! * a drop caused by a drop is queued on its thread and runs when the outer one has returned, so
//!   that a long chain of tasks that own each other needs no stack; so is an end that comes about
//!   while the host is told of another ([`later`]);
//! * a thread knows when it is inside host code, so that calls which would wait for their own
//!   caller can be refused ([`inside`], `holdings`);
//! * what a child returns from, that was forked inside it, is not gone on with: the child must touch
//!   nothing of its parent's schedulers ([`forked`]).

use crate::platform::annotate;
use crate::sync;
use crate::task::Completion;
use crate::token::Token;
use std::ffi::{CStr, c_char, c_int, c_void};

mod forked;
mod holdings;
mod inside;
mod later;
mod own;
mod owned;

pub(crate) use forked::{calls, ends_child, has_left, is_leaving};
use forked::{calls_for, status_of};
pub(crate) use holdings::{Ending, Held, Holding, Nesting, holdings, holds_any};
pub use inside::inside_host_code;
pub(crate) use inside::{
    Inside, MustNotWait, current_token, is_polling, must_not_wait, thread_number,
};
pub(crate) use later::{
    after_put_off, end_later, is_dropping, is_telling, tell, tell_next, times_put_off,
};
pub use owned::Owned;

/// A linear task's function: 0 = completed, any other number = failed with that code.
pub type TaskFn = unsafe extern "C" fn(token: *mut Token, user_data: *mut c_void) -> i32;
/// An async task's function: what it returns is one of `TS_POLL_PENDING`, `_READY` and `_FAILED`.
pub type PollFn = unsafe extern "C" fn(token: *mut Token, user_data: *mut c_void) -> i32;
/// The host's destructor for `user_data` or a result.
pub type DropFn = unsafe extern "C" fn(user_data: *mut c_void);
/// What the host wants to do on each thread of ours; the event is a [`ThreadEvent`] by its number.
pub type ThreadFn = unsafe extern "C" fn(event: c_int, name: *const c_char, user_data: *mut c_void);

/// What has become of a thread.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThreadEvent {
    /// It has started, and has run nothing of the host's.
    Started = 1,
    /// It will run nothing of the host's any more.
    Stopping = 2,
}

/// Hears how a task ended.
pub type EndFn = unsafe extern "C" fn(end: *const Completion, user_data: *mut c_void);
/// Hears that there is something to do.
pub type ReadyFn = unsafe extern "C" fn(user_data: *mut c_void);

/// Calls a linear task's function.
///
/// # Safety
/// `function` takes `data`, and may be called on this thread.
#[inline]
pub(crate) unsafe fn call_task(function: TaskFn, token: &Token, data: *mut c_void) -> i32 {
    sync::assert_none_held();
    let token: *const Token = token;
    let outer = inside::CURRENT.with(|current| current.replace(token));
    let call = || {
        // SAFETY: the caller's promise; tokens change through atomics alone.
        let code = unsafe { function(token.cast_mut(), data) };
        inside::CURRENT.with(|current| current.set(outer));
        code
    };
    calls_for(call, |code| status_of(*code))
}

/// Calls an async task's function.
///
/// # Safety
/// `function` takes `data`, and may be called on this thread.
pub(crate) unsafe fn call_poll(function: PollFn, token: &Token, data: *mut c_void) -> i32 {
    let token: *const Token = token;
    let _inside = Inside::enter();
    let outer = inside::POLLING.with(|polling| polling.replace(true));
    // SAFETY: the caller's promise; tokens change through atomics alone.
    let call = || unsafe { function(token.cast_mut(), data) };
    // TS_POLL_FAILED is 2.
    let poll = calls_for(call, |poll| i32::from(*poll == 2));
    inside::POLLING.with(|polling| polling.set(outer));
    poll
}

/// Tells the host how a task ended.
///
/// # Safety
/// `function` takes `data`, and may be called on this thread.
pub(crate) unsafe fn call_end(function: EndFn, end: &Completion, data: *mut c_void) {
    let _inside = Inside::enter();
    // SAFETY: the caller's promise.
    calls(|| unsafe { function(end, data) });
}

/// A function of the host's that hears that there is something to do.
#[derive(Debug)]
pub struct Bell {
    function: ReadyFn,
    data: Owned,
}

// SAFETY: the host gave the function to be called with the pointer on any thread, several at once.
unsafe impl Sync for Bell {}

impl Bell {
    /// Takes both over.
    ///
    /// # Safety
    /// The function takes the data, on any thread.
    pub unsafe fn new(function: ReadyFn, data: Owned) -> Bell {
        Bell { function, data }
    }

    /// Calls it.
    pub(crate) fn ring(&self) {
        let _inside = Inside::enter();
        // SAFETY: the promise of whoever made it.
        calls(|| unsafe { (self.function)(self.data.data()) });
    }

    /// Gives the data back without dropping it.
    pub(crate) fn refuse(bell: Option<Bell>) {
        if let Some(bell) = bell {
            bell.data.into_parts();
        }
    }
}

/// The host's function for each thread, dropped with the last thread that may call it.
#[derive(Debug)]
pub struct ThreadHook {
    function: Option<ThreadFn>,
    user_data: Owned,
}

// SAFETY: the host's promise is that the function and its data may be used on any thread.
unsafe impl Sync for ThreadHook {}

impl ThreadHook {
    /// Takes `user_data` over, also where there is no function.
    ///
    /// # Safety
    /// The function takes `user_data` and may be called on any thread; so may `drop`.
    pub unsafe fn new(
        function: Option<ThreadFn>,
        user_data: *mut c_void,
        drop: Option<DropFn>,
    ) -> ThreadHook {
        ThreadHook { function, user_data: Owned::new(user_data, drop) }
    }

    /// Tells the host.
    pub(crate) fn call(&self, event: ThreadEvent, name: &CStr) {
        let Some(function) = self.function else { return };
        let _inside = Inside::enter();
        let _waits = MustNotWait::enter();
        // SAFETY: the promise given to `new`.
        calls(|| unsafe { function(event as c_int, name.as_ptr(), self.user_data.data()) });
        annotate::release(self);
    }
}

impl Drop for ThreadHook {
    fn drop(&mut self) {
        annotate::acquire(self);
    }
}
