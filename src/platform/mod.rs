//! What the operating system has to be asked for by hand.

pub mod signal;

use std::ffi::{CStr, c_void};
use std::mem::MaybeUninit;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

/// How often this process has come out of a fork since the library was first used: the same
/// number as before means the same process.
#[inline]
pub fn forks() -> u32 {
    FORKS.load(Ordering::Relaxed)
}

static FORKS: AtomicU32 = AtomicU32::new(0);

/// From now on [`forks`] counts.
pub fn count_forks() {
    static ONCE: Once = Once::new();
    extern "C" fn in_child() {
        FORKS.fetch_add(1, Ordering::Relaxed);
    }
    ONCE.call_once(|| {
        // SAFETY: the handler touches an atomic and nothing else.
        unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
    });
}

/// While this lives, its thread takes no signal, and threads that it makes never will.
#[derive(Debug)]
pub struct SignalsBlocked(libc::sigset_t);

impl SignalsBlocked {
    /// Blocks every signal of this thread.
    pub fn all() -> SignalsBlocked {
        let mut all = MaybeUninit::uninit();
        let mut before = MaybeUninit::uninit();
        // SAFETY: both sets are filled by the calls before they are used.
        unsafe {
            libc::sigfillset(all.as_mut_ptr());
            libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
            SignalsBlocked(before.assume_init())
        }
    }
}

impl Drop for SignalsBlocked {
    fn drop(&mut self) {
        // SAFETY: the set was filled by the call that blocked.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.0, std::ptr::null_mut()) };
    }
}

/// Tells a leak checker, where the host has one, that pointers in this mapping count: it looks
/// through what `malloc` gave, and records live elsewhere.
pub fn show_leak_checker(start: *const c_void, size: usize) {
    call_leak_checker(c"__lsan_register_root_region", start, size);
}

/// The mapping goes away.
pub fn hide_from_leak_checker(start: *const c_void, size: usize) {
    call_leak_checker(c"__lsan_unregister_root_region", start, size);
}

fn call_leak_checker(name: &CStr, start: *const c_void, size: usize) {
    // SAFETY: a name with its NUL; where LeakSanitizer is linked its function is found, and takes
    // these.
    unsafe {
        let function = libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr());
        if !function.is_null() {
            let function = std::mem::transmute::<
                *mut c_void,
                unsafe extern "C" fn(*const c_void, usize),
            >(function);
            function(start, size);
        }
    }
}

/// A point in time in the words of the local calendar: `2026-01-31 23:59:59`.
pub fn calendar(since_epoch: f64) -> String {
    let seconds = since_epoch as libc::time_t;
    let mut local = MaybeUninit::<libc::tm>::zeroed();
    // SAFETY: both pointers are good for the call; a `tm` of zeros is good too, should it fail.
    let local = unsafe {
        libc::localtime_r(&seconds, local.as_mut_ptr());
        local.assume_init()
    };
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
        local.tm_year + 1900,
        local.tm_mon + 1,
        local.tm_mday,
        local.tm_hour,
        local.tm_min,
        local.tm_sec
    )
}
