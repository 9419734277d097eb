//! Whether somebody works a lane, in one word.
//!
//! A lane that holds tasks is in exactly one place: in a ready queue, or with the one who took it
//! from there and owns it until [`Gate::release`]. The invariant of the hand-off: a task that was
//! put in the lane is either seen by its owner before the owner leaves, or its adder is told to
//! make the lane ready. Adders put the task in (under the inlet's lock) and then announce it;
//! the owner leaves only by a step that fails when there was an announcement.

use crate::canary::Canary;
use crate::sync::atomic::{AtomicU32, Ordering::*};

const IDLE: u32 = 0;
const OWNED: u32 = 1;
const MORE: u32 = 2;

/// See the module.
#[derive(Debug)]
pub struct Gate(AtomicU32);

impl Gate {
    #[cfg(any(ts_loom, ts_shuttle))]
    /// An idle one.
    pub fn new() -> Gate {
        Gate(AtomicU32::new(IDLE))
    }

    /// Says that a task was put in; true when the lane is now to be made ready. Under the inlet's
    /// lock.
    #[inline]
    pub fn announce(&self) -> bool {
        // Only the inlet's lock leads away from MORE, and we hold it.
        self.0.load(Relaxed) != MORE && self.0.swap(MORE, AcqRel) == IDLE
    }

    /// Becomes, or stays, the owner and knows of all that was announced. Under the inlet's lock.
    #[inline]
    pub fn own(&self) {
        self.0.store(OWNED, Relaxed);
    }

    /// Goes back among what is ready, as if there were more. Under the inlet's lock.
    pub fn hold(&self) {
        self.0.store(MORE, Relaxed);
    }

    /// Nothing is in it and nobody works it. Under the inlet's lock; of an async lane.
    pub fn rest(&self) {
        self.0.store(IDLE, Relaxed);
    }

    /// The owner leaves, unless there is more; then it still owns the lane.
    #[inline]
    pub fn release(&self) -> bool {
        if Canary::LaneLeft.sings() {
            self.0.store(IDLE, Release);
            return true;
        }
        self.0.compare_exchange(OWNED, IDLE, AcqRel, Relaxed).is_ok()
    }

    /// Whether nobody owns it and nothing is in it. Under the inlet's lock.
    pub fn is_idle(&self) -> bool {
        self.0.load(Acquire) == IDLE
    }
}
