//! A memory barrier on all threads of the process at once.
//!
//! Two threads that each say something and then look for what the other says need a barrier between
//! the two steps, or both may look too early. Where one of them does so a million times a second and the
//! other hardly ever, the rare one can have the barrier carried out on both: the frequent one then needs
//! only to keep its steps in order ([`light`]).

use std::sync::atomic::{AtomicBool, Ordering::*, compiler_fence, fence};

/// The system does that for us. Written before the first scheduler is there.
static THERE: AtomicBool = AtomicBool::new(false);

/// Asks the system for it, as has to be done before its first use.
pub fn ask() {
    if !THERE.load(Relaxed) && system::register() {
        THERE.store(true, Relaxed);
    }
}

/// The barrier of who does it often: between what it says and where it looks.
#[inline]
pub fn light() {
    match THERE.load(Relaxed) {
        true => compiler_fence(SeqCst),
        false => fence(SeqCst),
    }
}

/// The barrier of who does it rarely.
pub fn heavy() {
    fence(SeqCst);
    if THERE.load(Relaxed) && !system::bar() {
        // The system took it away, as a filter of system calls can: from now on each has its own.
        THERE.store(false, SeqCst);
    }
}

#[cfg(target_os = "linux")]
mod system {
    const PRIVATE_EXPEDITED: libc::c_int = 1 << 3;
    const REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;

    fn call(command: libc::c_int) -> bool {
        // SAFETY: touches no memory of ours.
        unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
    }

    pub fn register() -> bool {
        call(REGISTER_PRIVATE_EXPEDITED) && call(PRIVATE_EXPEDITED)
    }

    pub fn bar() -> bool {
        call(PRIVATE_EXPEDITED)
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    pub fn register() -> bool {
        false
    }

    pub fn bar() -> bool {
        true
    }
}
