//! Telling a forked child from its parent.
//!
//! What always holds: no lock and no once of the process lies in the way of a child. A fork may find
//! any of them held by a thread that the child does not have. So what belongs to the process is
//! reached by atomics alone, and is made anew by the child where it needs a lock; what belongs to a
//! scheduler is not touched by a child that did not make it.

use crate::{ErrorCode, Result};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::*};

/// How often this process has come out of a fork since the library was first used: the same
/// number as before means the same process.
#[inline]
pub fn forks() -> u32 {
    FORKS.load(Relaxed)
}

static FORKS: AtomicU32 = AtomicU32::new(0);

/// From now on [`forks`] counts.
pub fn count_forks() -> Result<()> {
    static COUNTING: AtomicBool = AtomicBool::new(false);
    extern "C" fn in_child() {
        FORKS.fetch_add(1, Relaxed);
    }
    // Two threads may do so at once, and then a fork counts twice, which is as good.
    if !COUNTING.load(Acquire) {
        // SAFETY: the handler touches an atomic and nothing else.
        if unsafe { libc::pthread_atfork(None, None, Some(in_child)) } != 0 {
            return Err(ErrorCode::OutOfMemory.into());
        }
        COUNTING.store(true, Release);
    }
    Ok(())
}

/// A function of the host's has forked, and has returned in the child: it unwinds to the call that
/// the host made, which gives `Forked`, or to the root of our thread, which ends the child.
#[derive(Clone, Copy, Debug)]
pub struct Forked {
    /// The child's exit status, if it ends.
    pub status: i32,
}

/// Ends this process, which has no thread but this one, without anything of its parent's.
pub fn end_child(status: i32) -> ! {
    // SAFETY: no requirements.
    unsafe { libc::_exit(status) }
}
