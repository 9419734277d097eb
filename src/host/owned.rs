//! A pointer of the host's that we own.

use super::DropFn;
use super::forked::{calls, is_leaving};
use super::inside::Inside;
use super::later::{self, Later, is_dropping};
use std::ffi::c_void;

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

    /// A second one of the same, which must not be: see [`crate::canary`].
    #[doc(hidden)]
    pub fn again(&self) -> Owned {
        Owned { data: self.data, drop: self.drop }
    }

    /// Calls the destructor, whatever this thread is inside of.
    pub(super) fn drop_now(mut self) {
        if let Some(drop) = self.drop.take() {
            self.call(drop);
        }
    }

    /// Drops what a task used, before its end can be seen: here and now, also inside another
    /// destructor, where a claim may be finished and a pump be run.
    pub(crate) fn drop_before_end(self) {
        match is_dropping() && !is_leaving() {
            true => self.drop_now(),
            false => drop(self),
        }
    }

    /// The last step of its life.
    fn call(&self, drop: DropFn) {
        let _inside = Inside::enter();
        // SAFETY: taken over with the promise that this destructor takes this pointer, and called at
        // most once since `self` ends with it.
        calls(|| unsafe { drop(self.data) });
    }

    /// Gives the pointer back without dropping it.
    pub fn into_parts(self) -> (*mut c_void, Option<DropFn>) {
        let parts = (self.data, self.drop);
        std::mem::forget(self);
        parts
    }
}

impl Drop for Owned {
    /// Calls the host's destructor: here and now, or, when this happens inside another destructor
    /// on this thread, as soon as that one has returned.
    fn drop(&mut self) {
        let Some(drop) = self.drop else { return };
        if is_leaving() {
            // The parent drops it.
            return;
        }
        if is_dropping() {
            let owned = Owned { data: self.data, drop: self.drop.take() };
            return later::put_off(Later::Drop(owned));
        }
        later::dropping(|| self.call(drop));
    }
}
