//! The running task's view of itself.

use crate::clock;
use crate::core::Core;
use crate::core::record::Outcome;
use crate::core::word;
use crate::error::{Error, ErrorCode, Result};
use crate::host::{self, DropFn, Owned};
use crate::id::TaskId;
use crate::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering::Relaxed};
use std::ffi::c_void;
use std::ptr;

/// Tells a running task whether to stop, and takes its result; valid inside the task's own call, or,
/// of a claim, until that is finished.
///
/// Made of atomics, since those of claims are used again.
#[derive(Debug, Default)]
pub struct Token {
    core: AtomicPtr<Core>,
    index: AtomicU32,
    /// Of a claim: any thread may use it.
    claimed: AtomicBool,
}

impl Token {
    #[inline]
    pub(crate) fn new(core: &Core, index: u32) -> Token {
        Token {
            core: AtomicPtr::new(ptr::from_ref(core).cast_mut()),
            index: AtomicU32::new(index),
            claimed: AtomicBool::new(false),
        }
    }

    /// From now on it is the token of this claim.
    pub(crate) fn set_claimed(&self, core: &Core, index: u32) {
        self.core.store(ptr::from_ref(core).cast_mut(), Relaxed);
        self.index.store(index, Relaxed);
        self.claimed.store(true, Relaxed);
    }

    #[inline]
    fn core(&self) -> &Core {
        // SAFETY: whoever runs the task keeps the core until the call has returned, or the claim is
        // finished.
        unsafe { &*self.core.load(Relaxed) }
    }

    #[inline]
    fn index(&self) -> u32 {
        self.index.load(Relaxed)
    }

    /// Whether the task was told to stop: some loads.
    #[inline]
    pub fn should_stop(&self) -> bool {
        let (core, index) = (self.core(), self.index());
        let stops = core.word(index).cause().is_some();
        if stops {
            core.annotate_stopped(index);
        }
        stops
    }

    /// Whether the task is of kind async.
    pub(crate) fn is_async(&self) -> bool {
        self.core().word(self.index()).has(word::ASYNC)
    }

    /// The task's id.
    pub fn id(&self) -> TaskId {
        self.core().id(self.index(), self.core().word(self.index()).generation())
    }

    /// Sleeps until the time has passed (`Ok`) or the task is told to stop (`Stopped`, at once).
    /// `WrongKind` in an async task.
    pub fn sleep(&self, seconds: f64) -> Result<()> {
        check_seconds(seconds)?;
        self.check_process()?;
        if self.is_async() {
            return Err(would_block());
        }
        self.check_thread()?;
        match self.core().sleep(self.index(), clock::deadline_in(seconds)) {
            true => Err(ErrorCode::Stopped.into()),
            false => Ok(()),
        }
    }

    /// Sets the result, dropping an earlier one. With `drop` the pointer is taken over, without
    /// it `size` bytes are copied.
    ///
    /// # Safety
    /// `data` points to `size` readable bytes, or is what `drop` takes.
    pub unsafe fn set_result(
        &self,
        data: *mut c_void,
        size: usize,
        drop: Option<DropFn>,
    ) -> Result<()> {
        self.check_thread()?;
        // SAFETY: the caller's promise.
        let outcome = unsafe { outcome(data, size, drop)? };
        self.core().set_result(self.index(), outcome).map_err(|(error, outcome)| {
            if drop.is_some() {
                // Still the host's.
                outcome.owned.into_parts();
            }
            error
        })
    }

    /// Sets the words that go with a failure.
    pub fn set_error(&self, message: &str) -> Result<()> {
        self.check_thread()?;
        self.core().set_error(self.index(), message)
    }

    /// In a child that was forked inside the task it is still the parent's.
    fn check_process(&self) -> Result<()> {
        match self.core().is_of_this_process() {
            true => Ok(()),
            false => Err(ErrorCode::Forked.into()),
        }
    }

    fn check_thread(&self) -> Result<()> {
        self.check_process()?;
        let claimed = self.claimed.load(Relaxed);
        if claimed
            || ptr::eq(host::current_token(), self)
            || crate::loops::drive::waker(self).is_ok()
        {
            return Ok(());
        }
        Err(Error::new(
            ErrorCode::WrongThread,
            "only the thread that runs the task may do that with its token",
        ))
    }
}

/// A result as the host gives it: taken over with `drop`, copied without.
///
/// # Safety
/// `data` points to `size` readable bytes, or is what `drop` takes.
pub(crate) unsafe fn outcome(
    data: *mut c_void,
    size: usize,
    drop: Option<DropFn>,
) -> Result<Outcome> {
    let owned = match drop {
        Some(_) => Owned::new(data, drop),
        // SAFETY: the caller's promise.
        None => unsafe { copy(data, size)? },
    };
    Ok(Outcome { owned, size })
}

/// A copy of the host's bytes in memory that `free` gives back.
///
/// # Safety
/// `data` points to `size` readable bytes.
unsafe fn copy(data: *mut c_void, size: usize) -> Result<Owned> {
    unsafe extern "C" fn release(data: *mut c_void) {
        // SAFETY: from `malloc` below.
        unsafe { libc::free(data) };
    }
    if size == 0 {
        return Ok(Owned::new(ptr::null_mut(), None));
    }
    // SAFETY: as many bytes as were asked for are written, from what the caller promised.
    unsafe {
        let own = libc::malloc(size);
        if own.is_null() {
            return Err(ErrorCode::OutOfMemory.into());
        }
        ptr::copy_nonoverlapping(data.cast::<u8>(), own.cast(), size);
        Ok(Owned::new(own, Some(release)))
    }
}

fn would_block() -> Error {
    let text = "an async task would hold up its loop: use ts_async_sleep";
    Error::new(ErrorCode::WrongKind, text)
}

/// Whether this many seconds can be slept.
pub(crate) fn check_seconds(seconds: f64) -> Result<()> {
    if seconds.is_finite() && seconds >= 0.0 {
        return Ok(());
    }
    Err(Error::new(
        ErrorCode::InvalidArgument,
        words!("{seconds} is not a time to sleep: seconds are finite and not negative"),
    ))
}

/// The token of the linear task that this thread is running.
pub fn current<'a>() -> Option<&'a Token> {
    // SAFETY: set while the task's call lasts, and this is inside of it.
    unsafe { host::current_token().as_ref() }
}

/// Sleeps as the running task, or plainly outside of one.
pub fn sleep(seconds: f64) -> Result<()> {
    match current() {
        Some(token) => token.sleep(seconds),
        None => {
            check_seconds(seconds)?;
            if host::is_polling() {
                return Err(would_block());
            }
            std::thread::sleep(clock::duration(seconds));
            Ok(())
        }
    }
}
