//! What the library says of its own accord: nothing, unless the host asks.
//!
//! One callback for the process. A line is said while the callback is held by a count, not by a
//! lock, so it may call back into the library, even to replace itself; its drop runs when the last
//! line under way is done.
//!
//! A forked child has the function of its parent, in a place of its own, since the parent's lock may
//! be held for ever. What goes with it is never dropped there: it is the parent's.

use crate::counted::CountedBox;
use crate::error::{ErrorCode, Result};
use crate::host::{self, DropFn, Inside, Owned};
use crate::memory;
use crate::platform::{self, annotate};
use crate::sync::Mutex;
use std::borrow::Cow;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering::*};

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

impl Callback {
    /// Gives the data back without dropping it.
    fn refuse(mut self) {
        std::mem::replace(&mut self.user_data, Owned::new(ptr::null_mut(), None)).into_parts();
    }
}

/// What comes before the drop of its data.
impl Drop for Callback {
    fn drop(&mut self) {
        annotate::acquire(self);
    }
}

static ON: AtomicBool = AtomicBool::new(false);

/// Where the callback of one process is.
struct Place {
    /// [`platform::forks`] of that process.
    forks: u32,
    callback: Mutex<Option<CountedBox<Callback>>>,
    /// The same, for a child that must not take the lock. What it points to lives on until it was
    /// changed.
    seen: AtomicPtr<()>,
}

impl Place {
    /// The place of a process that has come out of a fork, with what is in its parent's.
    fn after(parent: Option<&Place>) -> Place {
        let seen = parent.map_or(ptr::null_mut(), |parent| parent.seen.load(Acquire));
        let callback = NonNull::new(seen).map(|seen| {
            // SAFETY: made by `CountedBox::as_ptr`, and alive: whoever was about to drop it in the parent
            // is not here.
            let callback: CountedBox<Callback> = unsafe { CountedBox::owned_again(seen) };
            // One owner is never gone.
            std::mem::forget(callback.clone());
            callback
        });
        let forks = platform::forks();
        Place { forks, callback: Mutex::new(callback), seen: AtomicPtr::new(seen) }
    }
}

/// The place of this process, if there is memory for it. One that is left behind is never freed.
fn place() -> Option<&'static Place> {
    static PLACE: AtomicPtr<Place> = AtomicPtr::new(ptr::null_mut());
    loop {
        let seen = PLACE.load(Acquire);
        // SAFETY: null, or what was leaked below.
        let there = unsafe { seen.as_ref() };
        if let Some(place) = there
            && place.forks == platform::forks()
        {
            return Some(place);
        }
        let fresh = Box::into_raw(memory::boxed(Place::after(there)).ok()?);
        if PLACE.compare_exchange(seen, fresh, AcqRel, Relaxed).is_err() {
            // SAFETY: nobody else has seen it.
            drop(unsafe { Box::from_raw(fresh) });
        }
    }
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
    platform::settle_in()?;
    let place = place().ok_or(ErrorCode::OutOfMemory)?;
    // Taken over even without a function, and then dropped at once.
    let user_data = Owned::new(user_data, drop);
    annotate::look();
    let next = match log {
        None => None,
        Some(log) => match CountedBox::new(Callback { log, user_data }) {
            Ok(next) => Some(next),
            Err(refused) => {
                refused.refuse();
                return Err(ErrorCode::OutOfMemory.into());
            }
        },
    };
    next.iter().for_each(|next| annotate::release(&**next));
    let earlier = {
        let mut current = place.callback.lock();
        let seen = next.as_ref().map_or(ptr::null(), CountedBox::as_ptr);
        place.seen.store(seen.cast_mut(), Release);
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
pub fn line<T: Into<Cow<'static, str>>>(level: LogLevel, text: impl FnOnce() -> T) {
    if is_on() {
        say(level, text().into());
    }
}

#[cold]
fn say(level: LogLevel, text: Cow<'static, str>) {
    let Some(callback) = place().and_then(|place| place.callback.lock().clone()) else { return };
    // Without memory for it a line is lost.
    let Ok(text) = memory::for_c(text) else { return };
    let text = CStr::from_bytes_with_nul(&text).unwrap_or_default();
    let _inside = Inside::enter();
    annotate::acquire(&*callback);
    // SAFETY: the promise given to `set_callback`; the count keeps the data from being dropped.
    let call =
        || unsafe { (callback.log)(level as c_int, text.as_ptr(), callback.user_data.data()) };
    host::calls(call);
    annotate::release(&*callback);
}
