//! A box with a count of its owners: the last one drops what is in it.
//!
//! An `Arc` for the few places where that will not do: it ends the process where there is no memory
//! for one, and its last owner comes after the others by a fence, of which ThreadSanitizer knows
//! nothing. Here each owner leaves by one step that is ordered both ways.

use crate::memory;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering::*};

/// See the module.
pub struct CountedBox<T>(NonNull<Inner<T>>);

struct Inner<T> {
    owners: AtomicUsize,
    value: T,
}

// SAFETY: as of an `Arc`: every owner can reach the value, and any may drop it.
unsafe impl<T: Send + Sync> Send for CountedBox<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for CountedBox<T> {}

impl<T> CountedBox<T> {
    /// The first owner, or else the value, where there is no memory.
    pub fn new(value: T) -> Result<CountedBox<T>, T> {
        let inner = memory::boxed_or(Inner { owners: AtomicUsize::new(1), value });
        inner.map(|inner| CountedBox(NonNull::from(Box::leak(inner)))).map_err(|inner| inner.value)
    }

    /// Its address, for [`CountedBox::owned_again`].
    pub fn as_ptr(&self) -> *const () {
        self.0.as_ptr().cast()
    }

    /// Another owner of what is at that address.
    ///
    /// # Safety
    /// From [`CountedBox::as_ptr`] of one of this type, which has an owner meanwhile.
    pub unsafe fn owned_again(address: NonNull<()>) -> CountedBox<T> {
        // SAFETY: the caller's promise.
        unsafe { address.cast::<Inner<T>>().as_ref() }.owners.fetch_add(1, Relaxed);
        CountedBox(address.cast())
    }
}

impl<T> Clone for CountedBox<T> {
    fn clone(&self) -> CountedBox<T> {
        // SAFETY: this is an owner.
        unsafe { CountedBox::owned_again(self.0.cast()) }
    }
}

impl<T> Deref for CountedBox<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: there while it has an owner, and never written.
        unsafe { &self.0.as_ref().value }
    }
}

impl<T> Drop for CountedBox<T> {
    fn drop(&mut self) {
        // SAFETY: there while it has an owner; the last one, whom no other can follow, takes it down.
        unsafe {
            if self.0.as_ref().owners.fetch_sub(1, AcqRel) == 1 {
                drop(Box::from_raw(self.0.as_ptr()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_owner_drops_it_once() {
        struct Note<'a>(&'a AtomicUsize);
        impl Drop for Note<'_> {
            fn drop(&mut self) {
                self.0.fetch_add(1, Relaxed);
            }
        }
        let drops = AtomicUsize::new(0);
        let one = CountedBox::new(Note(&drops)).ok().unwrap();
        let others: Vec<_> = (0..8).map(|_| one.clone()).collect();
        std::thread::scope(|scope| {
            for other in others {
                scope.spawn(move || drop(other));
            }
        });
        assert_eq!(drops.load(Relaxed), 0);
        drop(one);
        assert_eq!(drops.load(Relaxed), 1);
    }
}
