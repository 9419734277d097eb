//! How many linear tasks may be pending, in all.
//!
//! The count is never kept: it is the sum of what the inlets accepted less what the seats saw
//! leave. An inlet is given a budget of adds that it may let in without a new sum; near the limit
//! every add is counted one by one.
//!
//! The hand-off of room: who leaves counts and then looks for waiters; who waits says so and then tries
//! its add. Between the two steps lies a barrier on either side: of workers a light one, of who waits a
//! heavy one ([`barrier`]); others count by read-modify-writes in the one order of SeqCst. So one of the
//! two sees the other. Room in a lane of its own is made and looked at under the inlet's lock instead,
//! which orders the two as well. A waiter sleeps only while no room was made since before its last try.

use super::Core;
use super::inlet::INLETS;
use crate::clock;
use crate::platform::barrier;
use crate::sync::atomic::{AtomicUsize, Ordering::*};
use crate::sync::{Condvar, Mutex};
use crate::{ErrorCode, Result};

/// See the module.
#[derive(Debug)]
pub struct Bound {
    /// 0 for none.
    limit: AtomicUsize,
    /// Who holds it is the only one that hands out budgets.
    counting: Mutex<()>,
    /// How often room was made for somebody who waited.
    room: Mutex<u64>,
    freed: Condvar,
    waiters: AtomicUsize,
}

impl Bound {
    /// A bound of so many; 0 for none.
    pub fn new(limit: usize) -> Bound {
        barrier::ask();
        Bound {
            limit: AtomicUsize::new(limit),
            counting: Mutex::new(()),
            room: Mutex::new(0),
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

    /// Waits until room was made after it had been so often; false when the deadline passed before.
    fn wait(&self, before: u64, deadline: Option<u64>) -> bool {
        let mut room = self.room.lock();
        while *room == before {
            room = match deadline.map(clock::until) {
                None => self.freed.wait(room),
                Some(Some(left)) => self.freed.wait_for(room, left),
                Some(None) => return false,
            };
        }
        true
    }

    #[cold]
    fn tell(&self) {
        *self.room.lock() += 1;
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

    /// Tries an add until there is room for it, at most until `deadline`.
    pub fn when_room<R>(
        &self,
        deadline: Option<u64>,
        mut add: impl FnMut() -> Result<R>,
    ) -> Result<R> {
        self.bound.waiters.fetch_add(1, SeqCst);
        barrier::heavy();
        let out = loop {
            let before = *self.bound.room.lock();
            let full = match add() {
                Err(full) if full.code() == ErrorCode::QueueFull => full,
                other => break other,
            };
            if !self.bound.wait(before, deadline) {
                break Err(full);
            }
        };
        self.bound.waiters.fetch_sub(1, SeqCst);
        out
    }

    /// Lets who waits for room look again.
    pub fn wake_room_waiters(&self) {
        self.bound.tell();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::generations::task;
    use crate::core::inlet::Item;
    use crate::core::seat::Seat;
    use std::sync::Arc;
    use std::thread::{self, JoinHandle};

    /// A worker that has begun to count a start; before it goes on the bound is set, and somebody waits
    /// for the room that the start makes.
    struct Slow {
        core: Arc<Core>,
        waiter: Option<JoinHandle<Result<()>>>,
    }

    impl Seat for Slow {
        fn left(&mut self) {
            self.core.set_bound(1);
            let tries = Arc::new(AtomicUsize::new(0));
            let (core, its) = (self.core.clone(), tries.clone());
            let add = move || {
                let added = core.add(&mut task()).map(drop);
                its.fetch_add(1, SeqCst);
                added
            };
            let (core, deadline) = (self.core.clone(), clock::precise() + 20_000_000_000);
            self.waiter = Some(thread::spawn(move || core.when_room(Some(deadline), add)));
            while tries.load(SeqCst) == 0 {
                thread::yield_now();
            }
            self.core.visitor().left();
        }

        fn ended(&mut self) {
            self.core.visitor().ended();
        }

        fn free(&mut self, core: &Core, index: u32) {
            core.visitor().free(core, index);
        }
    }

    #[test]
    fn who_waits_hears_of_a_start_that_met_the_setting_of_the_bound() {
        let core = Arc::new(Core::new(0, 0).unwrap());
        core.add(&mut task()).unwrap();
        let mut item = [Item::task(0)];
        assert_eq!(core.take_ready(0, &mut item), 1);
        let mut seat = Slow { core: core.clone(), waiter: None };
        let claim = core.start(item[0].split().unwrap_err(), &mut seat).unwrap();
        seat.waiter.take().unwrap().join().unwrap().unwrap();
        assert!(core.end(claim, 0, &mut seat).is_final());
    }
}
