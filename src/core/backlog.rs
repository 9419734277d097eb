//! What one worker and history leave to each other, so that they need not meet at every end.
//!
//! To enter history takes its lock. A worker that has its next task at hand notes an end here
//! instead, and takes the lock when no place is free. What another worker finds evicted of this one's
//! records is noted here too, as due: it is this one who has them in its cache.
//!
//! The invariant of the hand-off: who sees the final state of a task, and then has history's lock,
//! finds it noted or taken in. The worker notes it before the state is visible; what it noted is taken
//! under the lock alone, and it looks at that before it uses a place again.

use crate::canary::Canary;
use crate::sync::atomic::{AtomicU32, Ordering::*};

/// How many ends can be noted.
pub const PLACES: usize = if cfg!(any(ts_loom, ts_shuttle)) { 2 } else { 256 };
/// As long as several workers note some.
pub const SHARED: usize = if cfg!(any(ts_loom, ts_shuttle)) { 1 } else { 32 };
/// How many records can be due.
const DUE: usize = if cfg!(any(ts_loom, ts_shuttle)) { 2 } else { 32 };

/// See the module. The counts never stop growing; a count's place is its remainder.
#[derive(Debug)]
#[repr(align(128))]
pub struct Backlog {
    /// By which history knows the worker.
    pub worker: u32,
    /// By the worker.
    noted: AtomicU32,
    /// Under history's lock.
    taken: AtomicU32,
    places: [AtomicU32; PLACES],
    /// Under history's lock: what is due, and how many.
    due: [AtomicU32; DUE],
    due_count: AtomicU32,
}

impl Backlog {
    /// Of the worker of that number.
    pub fn new(worker: u32) -> Backlog {
        Backlog {
            worker,
            noted: AtomicU32::new(0),
            taken: AtomicU32::new(0),
            places: std::array::from_fn(|_| AtomicU32::new(0)),
            due: std::array::from_fn(|_| AtomicU32::new(0)),
            due_count: AtomicU32::new(0),
        }
    }

    /// Notes an end, before its state is visible; false when so many places are taken. By the worker.
    #[inline]
    pub fn note(&self, index: u32, places: usize) -> bool {
        let noted = self.noted.load(Relaxed);
        if noted.wrapping_sub(self.taken.load(Acquire)) as usize >= places {
            return false;
        }
        if Canary::LostNote.sings() {
            return true;
        }
        self.places[noted as usize % PLACES].store(index, Relaxed);
        self.noted.store(noted.wrapping_add(1), Release);
        true
    }

    /// How many are noted. Under history's lock; more may come.
    #[inline]
    pub fn len(&self) -> usize {
        self.noted.load(Acquire).wrapping_sub(self.taken.load(Relaxed)) as usize
    }

    /// The first. By the worker, or under history's lock.
    #[inline]
    pub fn first(&self) -> Option<u32> {
        let taken = self.taken.load(Acquire);
        let place = &self.places[taken as usize % PLACES];
        (taken != self.noted.load(Acquire)).then(|| place.load(Relaxed))
    }

    /// Takes the first in. Under history's lock.
    #[inline]
    pub fn take(&self) -> Option<u32> {
        let taken = self.taken.load(Relaxed);
        if taken == self.noted.load(Acquire) {
            return None;
        }
        let index = self.places[taken as usize % PLACES].load(Relaxed);
        self.taken.store(taken.wrapping_add(1), Release);
        Some(index)
    }

    /// A record of this worker's is to be let go; false when no place is free. Under history's lock.
    #[inline]
    pub fn note_due(&self, index: u32) -> bool {
        let count = self.due_count.load(Relaxed);
        if count as usize == DUE {
            return false;
        }
        self.due[count as usize].store(index, Relaxed);
        self.due_count.store(count + 1, Relaxed);
        true
    }

    /// One of those. Under history's lock.
    #[inline]
    pub fn take_due(&self) -> Option<u32> {
        let left = self.due_count.load(Relaxed).checked_sub(1)?;
        self.due_count.store(left, Relaxed);
        Some(self.due[left as usize].load(Relaxed))
    }
}
