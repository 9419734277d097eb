//! What a child returns from, that was forked inside host code, is not gone on with: it unwinds to
//! where the host called us, or ends where a thread of ours would go on. The child touches nothing of
//! its parent's schedulers on that way.

use super::later;
use crate::platform;
use crate::platform::forks::{Forked, end_child};
use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

thread_local! {
    /// This thread unwinds, in a child, to where the host called us, or we it.
    static LEAVING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is on its way out of what its parent was doing: nothing is to be touched.
pub(crate) fn is_leaving() -> bool {
    LEAVING.try_with(Cell::get).unwrap_or(false)
}

/// Calls a function of the host's; does not return in a child that was forked inside it.
#[inline]
pub(crate) fn calls<T>(call: impl FnOnce() -> T) -> T {
    calls_for(call, |_| 0)
}

/// As [`calls`]; what it returned says the exit status of a child that ends.
#[inline]
pub(super) fn calls_for<T>(call: impl FnOnce() -> T, status: impl FnOnce(&T) -> i32) -> T {
    let before = platform::forks();
    let answer = call();
    if platform::forks() != before {
        leave(status(&answer));
    }
    answer
}

#[cold]
fn leave(status: i32) -> ! {
    let _ = LEAVING.try_with(|leaving| leaving.set(true));
    later::forget_all();
    resume_unwind(Box::new(Forked { status }))
}

/// The child has arrived where the host called us: whether that is what this unwinding was.
pub(crate) fn has_left(panic: &(dyn Any + Send)) -> Option<Forked> {
    let forked = panic.downcast_ref::<Forked>().copied()?;
    let _ = LEAVING.try_with(|leaving| leaving.set(false));
    Some(forked)
}

/// Runs what calls the host, on a thread of ours: a child that comes back there ends.
#[inline]
pub(crate) fn ends_child<T>(work: impl FnOnce() -> T) -> T {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(answer) => answer,
        Err(panic) => match has_left(&*panic) {
            Some(forked) => end_child(forked.status),
            None => resume_unwind(panic),
        },
    }
}

/// The exit status that says what a task's function returned: not 0 unless it was.
pub(super) fn status_of(code: i32) -> i32 {
    if code != 0 && code & 0xff == 0 { 1 } else { code & 0xff }
}
