//! How many linear tasks may be pending, in all.
//!
//! The count is never kept: it is the sum of what the inlets accepted less what the seats saw
//! leave. An inlet is given a budget of adds that it may let in without a new sum; near the limit
//! every add is counted one by one.
//!
//! The hand-off of room: who leaves counts (SeqCst) and then looks for waiters (SeqCst); who waits
//! says so (SeqCst) and then counts (SeqCst). One of the two sees the other.

use super::Core;
use super::inlet::INLETS;
use crate::clock;
use crate::sync::atomic::{AtomicUsize, Ordering::*};
use crate::sync::{Condvar, Mutex};

/// See the module.
#[derive(Debug)]
pub struct Bound {
    /// 0 for none.
    limit: AtomicUsize,
    /// Who holds it is the only one that hands out budgets.
    counting: Mutex<()>,
    room: Mutex<()>,
    freed: Condvar,
    waiters: AtomicUsize,
}

impl Bound {
    /// A bound of so many; 0 for none.
    pub fn new(limit: usize) -> Bound {
        Bound {
            limit: AtomicUsize::new(limit),
            counting: Mutex::new(()),
            room: Mutex::new(()),
            freed: Condvar::new(),
            waiters: AtomicUsize::new(0),
        }
    }

    /// The limit; 0 for none.
    #[inline]
    pub fn limit(&self) -> usize {
        self.limit.load(Relaxed)
    }

    /// Tells who waits for room, after room was made.
    #[inline]
    pub fn made_room(&self) {
        if self.waiters.load(SeqCst) > 0 {
            self.tell();
        }
    }

    #[cold]
    fn tell(&self) {
        drop(self.room.lock());
        self.freed.notify_all();
    }
}

impl Core {
    /// Changes the bound.
    pub fn set_bound(&self, limit: usize) {
        let _counting = self.bound.counting.lock();
        self.bound.limit.store(limit, SeqCst);
        for inlet in &self.inlets {
            inlet.lock().budget = 0;
        }
        self.bound.tell();
    }

    /// Gives the inlet a budget if there is room.
    #[cold]
    pub fn count_room(&self, inlet: usize) -> bool {
        let _counting = self.bound.counting.lock();
        let limit = self.bound.limit();
        if limit == 0 {
            return true;
        }
        let mut granted = 0;
        for inlet in &self.inlets {
            granted += inlet.lock().budget;
        }
        let mut pending = self.pending() as u64;
        if pending + granted >= limit as u64 {
            for inlet in &self.inlets {
                inlet.lock().budget = 0;
            }
            granted = 0;
            pending = self.pending() as u64;
        }
        let room = (limit as u64).saturating_sub(pending + granted);
        if room == 0 {
            return false;
        }
        self.inlets[inlet].lock().budget += (room / (4 * INLETS as u64)).max(1);
        true
    }

    /// Waits until there may be room, at most until `deadline`; false when that has passed.
    pub fn wait_for_room(&self, deadline: Option<u64>) -> bool {
        self.bound.waiters.fetch_add(1, SeqCst);
        let mut guard = self.bound.room.lock();
        let mut in_time = true;
        while self.bound.limit() != 0 && self.pending() >= self.bound.limit() && !self.is_closed() {
            guard = match deadline {
                None => self.bound.freed.wait(guard),
                Some(deadline) => match clock::until(deadline) {
                    Some(left) => self.bound.freed.wait_for(guard, left),
                    None => {
                        in_time = false;
                        break;
                    }
                },
            };
        }
        drop(guard);
        self.bound.waiters.fetch_sub(1, SeqCst);
        in_time
    }

    /// Lets who waits for room look again.
    pub fn wake_room_waiters(&self) {
        self.bound.tell();
    }
}
