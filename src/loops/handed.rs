//! How many wakers of a task the host has.
//!
//! While it has one, it may wake the task, which so waits for more than for other tasks. The hand-off:
//! a loop whose task waits for others says so and then looks whether a waker is out; who gives one
//! back does that and then looks whether it was said. So the loop sees that none is out, or the last
//! one to come back has the task polled once more; if both do, that is a poll too many.

use crate::canary::Canary;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};

/// See the module.
#[derive(Debug)]
pub struct Handed {
    out: AtomicUsize,
    looked_for: AtomicBool,
}

impl Handed {
    /// None is out.
    pub fn new() -> Handed {
        Handed { out: AtomicUsize::new(0), looked_for: AtomicBool::new(false) }
    }

    /// The host has one more.
    pub fn hand_out(&self) {
        self.out.fetch_add(1, SeqCst);
    }

    /// The host gives one back; true when the task is to be polled, to look again.
    pub fn give_back(&self) -> bool {
        self.out.fetch_sub(1, SeqCst) == 1 && self.looked_for.swap(false, SeqCst)
    }

    /// Whether the host has none. If it has, the last one to come back will say so.
    pub fn are_back(&self) -> bool {
        self.looked_for.store(!Canary::ForgottenWaker.sings(), SeqCst);
        let back = self.out.load(SeqCst) == 0;
        if back {
            self.looked_for.store(false, SeqCst);
        }
        back
    }
}
