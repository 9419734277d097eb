//! Whether a wake is on its way to the loop, so that it is not put into the inbox again.
//!
//! The hand-off: who wakes does so after what the poll is to see, and finds either that nothing is on
//! its way, and sends it, or that something is; the loop says that it has taken that out, and polls.
//! Both are one step that reads and writes. So a wake that was not sent comes before the loop's step,
//! which reads it, and the poll sees what came before the wake.

use crate::sync::atomic::{AtomicBool, Ordering::*};

/// See the module.
#[derive(Debug)]
pub struct Queued(AtomicBool);

impl Queued {
    /// Nothing is on its way.
    pub fn new() -> Queued {
        Queued(AtomicBool::new(false))
    }

    /// A wake: true when it is to be sent.
    pub fn is_first(&self) -> bool {
        !self.0.swap(true, AcqRel)
    }

    /// Whether one is on its way. By the loop, after what tells that it was sent.
    pub fn is_under_way(&self) -> bool {
        self.0.load(Acquire)
    }

    /// The loop has taken it out of the inbox: what comes from here on is sent anew.
    pub fn taken(&self) {
        // Not a store, which would not see who found one on its way.
        self.0.swap(false, AcqRel);
    }
}
