//! Where a thread keeps count, and gathers freed records, while it works on tasks.
//!
//! A worker has a seat of its own, so that a task costs it no shared counter; everybody else
//! counts in the one for visitors. Sums over all seats and inlets are exact when nothing moves,
//! and err on the safe side when something does: what is taken off is read before what was added.

use super::Core;
use super::backlog::Backlog;
use super::history::{History, NOBODY, Order};
use super::inlet::{Door, Inlet};
use super::slab::Handful;
use crate::platform::barrier;
use crate::sync::MutexGuard;
use crate::sync::atomic::{AtomicU64, Ordering::*, fence};
use crossbeam_utils::CachePadded;
use std::sync::Arc;

/// What a worker noted longer ago (nanoseconds) may not be the last that ended.
const FRESH: u64 = 20_000_000;

/// How many tasks left the queue and how many ended, as far as one seat knows.
#[derive(Debug, Default)]
pub struct Counts {
    /// Started, or cancelled while pending.
    pub left: AtomicU64,
    /// Reached a final state.
    pub ended: AtomicU64,
}

/// Counts and gathers for the core; see the module.
pub trait Seat {
    /// A task left the queue. Ordered against the look at who waits for room that follows: see `Bound`.
    fn left(&mut self);
    /// A task reached its final state.
    fn ended(&mut self);
    /// Takes a record back.
    fn free(&mut self, core: &Core, index: u32);
    /// Notes an end that leaves nothing to drop, where that may be; else the task is to enter history.
    fn note_end(&mut self, _: &Core, _: u32) -> bool {
        false
    }
    /// Takes history's lock, for a task that is to enter.
    #[inline]
    fn lock_history<'a>(&self, core: &'a Core) -> MutexGuard<'a, Order> {
        core.lock_history()
    }
    /// By what history knows who ends tasks here.
    #[inline]
    fn worker(&self) -> u32 {
        NOBODY
    }
    /// A task has entered history: perhaps the next ones can be noted.
    fn begin_burst(&mut self, _: &History, _: &mut Order) {}
    /// The time, as fresh as the seat needs it.
    fn now(&mut self) -> u64 {
        crate::clock::coarse()
    }
}

/// The seat of one worker.
#[derive(Debug)]
pub struct WorkerSeat {
    counts: Arc<CachePadded<Counts>>,
    freed: Handful,
    last: u64,
    /// Its next task is at hand.
    more: bool,
    /// Where it notes ends, and whether it may.
    backlog: Option<Arc<Backlog>>,
    in_burst: bool,
}

impl WorkerSeat {
    /// A seat that counts there.
    pub fn new(counts: Arc<CachePadded<Counts>>) -> WorkerSeat {
        WorkerSeat {
            counts,
            freed: Handful::default(),
            last: 0,
            more: false,
            backlog: None,
            in_burst: false,
        }
    }

    /// Of one who may run many tasks in a row, with what it notes ends in.
    pub fn with_backlog(counts: Arc<CachePadded<Counts>>, backlog: Arc<Backlog>) -> WorkerSeat {
        WorkerSeat { backlog: Some(backlog), ..WorkerSeat::new(counts) }
    }

    /// Hands back the records gathered so far: before the worker parks or leaves.
    pub fn hand_back(&mut self, core: &Core) {
        core.records.put_back(std::mem::take(&mut self.freed));
    }

    /// Whether there will be a next task at hand when the one ends that is about to run. After it said
    /// yes, the worker runs one or calls [`WorkerSeat::end_burst`].
    #[inline]
    pub fn expect_more(&mut self, more: bool) {
        self.more = more;
    }

    /// No task is at hand: what was noted enters history.
    #[inline]
    pub fn end_burst(&mut self, core: &Core) {
        if self.in_burst {
            self.leave_burst(core);
        }
    }

    #[inline(never)]
    fn leave_burst(&mut self, core: &Core) {
        let evicted = {
            let mut order = self.lock_history(core);
            if let Some(backlog) = &self.backlog {
                core.history.end_burst(&mut order, backlog);
            }
            self.in_burst = false;
            order.take_evicted()
        };
        core.free_evicted(evicted, self);
    }

    /// No place is free: lets go of what would not stay anyway. False if there is still none.
    #[inline(never)]
    fn make_place(&mut self, core: &Core) -> bool {
        let Some(backlog) = self.backlog.clone() else { return false };
        if !self.is_fresh(core, &backlog) {
            return false;
        }
        let (made, evicted) = {
            let (made, mut order) = core.history.let_surplus_go(&backlog, core.places());
            (made, order.take_evicted())
        };
        core.free_evicted(evicted, self);
        made
    }

    /// Whether what it noted first was not long ago: others may have passed it since.
    fn is_fresh(&self, core: &Core, backlog: &Backlog) -> bool {
        let ended = backlog.first().map_or(self.last, |index| core.records.at(index).ended());
        self.last.saturating_sub(ended) < FRESH
    }

    /// Reads the clock, after a time without tasks.
    pub fn refresh(&mut self) {
        self.last = crate::clock::coarse();
    }

    /// How many tasks have started here.
    #[inline]
    pub fn started(&self) -> u64 {
        self.counts.left.load(Relaxed)
    }

    /// The last reading: when the task before ended.
    #[inline]
    pub fn last_time(&self) -> u64 {
        self.last
    }
}

impl Seat for WorkerSeat {
    #[inline]
    fn note_end(&mut self, core: &Core, index: u32) -> bool {
        if !self.in_burst || !self.more || core.history.is_strict() {
            return false;
        }
        let Some(backlog) = &self.backlog else { return false };
        backlog.note(index, core.history.note_places())
            || self.make_place(core) && self.note_end(core, index)
    }

    #[inline]
    fn lock_history<'a>(&self, core: &'a Core) -> MutexGuard<'a, Order> {
        match &self.backlog {
            Some(backlog) if self.in_burst && self.is_fresh(core, backlog) => {
                core.history.lock_for(backlog, core.places())
            }
            _ => core.lock_history(),
        }
    }

    #[inline]
    fn worker(&self) -> u32 {
        self.backlog.as_ref().map_or(NOBODY, |backlog| backlog.worker)
    }

    #[inline]
    fn begin_burst(&mut self, history: &History, order: &mut Order) {
        if self.more
            && !self.in_burst
            && let Some(backlog) = &self.backlog
        {
            self.in_burst = history.begin_burst(order, backlog);
        }
    }

    #[inline]
    fn now(&mut self) -> u64 {
        self.refresh();
        self.last
    }

    #[inline]
    fn left(&mut self) {
        self.counts.left.store(self.counts.left.load(Relaxed) + 1, Release);
        barrier::light();
    }

    #[inline]
    fn ended(&mut self) {
        self.counts.ended.store(self.counts.ended.load(Relaxed) + 1, Release);
    }

    #[inline]
    fn free(&mut self, core: &Core, index: u32) {
        if !core.vacate(index) {
            return;
        }
        self.freed.push(index);
        if self.freed.is_full() {
            self.hand_back(core);
        }
    }
}

/// The seat of a host's thread for one call: what it counts is added up, and what it frees gathered,
/// until the next lock that it takes anyway, or the end of the call.
#[derive(Debug, Default)]
pub struct HostSeat {
    left: u64,
    ended: u64,
    freed: [u32; 4],
    freed_count: usize,
    now: u64,
    /// Whoever waits for room was perhaps told before what left was counted.
    owes_room: bool,
}

impl HostSeat {
    /// Hands everything over to an inlet, as far as there is room. Under its lock.
    pub(super) fn settle(&mut self, inlet: &Inlet, door: &mut Door) {
        if self.left + self.ended > 0 {
            inlet.left.store(inlet.left.load(Relaxed) + self.left, Release);
            inlet.ended.store(inlet.ended.load(Relaxed) + self.ended, Release);
            (self.left, self.ended) = (0, 0);
        }
        while self.freed_count > 0 && !door.free.is_full() {
            self.freed_count -= 1;
            door.free.push(self.freed[self.freed_count]);
        }
    }

    /// Hands over what is left, at the end of the call.
    pub fn leave(&mut self, core: &Core) {
        if self.left > 0 {
            core.visitors.left.fetch_add(self.left, SeqCst);
        }
        if self.ended > 0 {
            core.visitors.ended.fetch_add(self.ended, Release);
        }
        if self.owes_room {
            // What an inlet was given is ordered against the look at who waits: see `Bound`.
            fence(SeqCst);
            core.bound.made_room();
        }
        for index in &self.freed[..self.freed_count] {
            core.records.put_back_one(*index);
        }
        *self = HostSeat::default();
    }
}

impl Seat for HostSeat {
    #[inline]
    fn now(&mut self) -> u64 {
        if self.now == 0 {
            self.now = crate::clock::coarse();
        }
        self.now
    }

    #[inline]
    fn left(&mut self) {
        self.left += 1;
        self.owes_room = true;
    }

    #[inline]
    fn ended(&mut self) {
        self.ended += 1;
    }

    #[inline]
    fn free(&mut self, core: &Core, index: u32) {
        if !core.vacate(index) {
            return;
        }
        if self.freed_count == self.freed.len() {
            return core.records.put_back_one(index);
        }
        self.freed[self.freed_count] = index;
        self.freed_count += 1;
    }
}

/// The seat of everybody else.
#[derive(Debug)]
pub struct Visitor<'a>(pub &'a Counts);

impl Seat for Visitor<'_> {
    fn left(&mut self) {
        self.0.left.fetch_add(1, SeqCst);
    }

    fn ended(&mut self) {
        self.0.ended.fetch_add(1, Release);
    }

    fn free(&mut self, core: &Core, index: u32) {
        if core.vacate(index) {
            core.records.put_back_one(index);
        }
    }
}
