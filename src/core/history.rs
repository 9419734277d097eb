//! The finished tasks that stay readable.
//!
//! The last `maximum_task_info_storage` of them, in the order in which they ended; older ones are
//! let go. While its lock is held no readable record can go away, which is what makes a status a
//! picture of one moment. A task enters before its final state is visible, or is noted before that
//! ([`super::bursts`]): so that who sees the end and takes the lock also sees the eviction that it
//! caused.
//!
//! What is evicted is freed without the lock, since that may call the host; until somebody does, it
//! hangs in a chain, by the records' links.

use super::backlog::Backlog;
use super::evicted::{Evicted, Places, let_go, remember_name};
use super::slab::NIL;
use super::word;
use crate::kinds::State;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use crate::sync::{Mutex, MutexGuard};
use crate::{ErrorCode, Result, memory};
use std::collections::VecDeque;
use std::sync::Arc;

/// Of whoever never is in a burst.
pub const NOBODY: u32 = (1 << 31) - 1;

/// See the module.
#[derive(Debug)]
pub struct History {
    pub(super) order: Mutex<Order>,
    pub(super) limit: AtomicUsize,
    /// Ends enter at once and are not noted. Written under the lock.
    strict: AtomicBool,
    /// How many workers are in a burst. Written under the lock.
    pub(super) active: AtomicUsize,
}

/// What the lock guards.
#[derive(Debug)]
pub struct Order {
    /// Oldest first.
    pub(super) entered: VecDeque<Entry>,
    /// By worker, of those in a burst: what they note.
    pub(super) bursts: Vec<Option<Arc<Backlog>>>,
    /// The first of those that were let go and are to be freed.
    garbage: u32,
    /// How many of those that entered have something to drop.
    pub(super) laden: usize,
    /// A worker in a burst has entered what it noted, while others may have older ends noted: so many of
    /// the last entries; and which worker, or [`NOBODY`].
    pub(super) unsure: usize,
    pub(super) since: u32,
}

/// A record, with what is to be known of it without a look at it: which worker ended it (bits 32–62),
/// whether it has something to drop (bit 63).
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry(u64);

impl Entry {
    pub(super) fn new(index: u32, worker: u32, laden: bool) -> Entry {
        Entry(u64::from(index) | u64::from(worker) << 32 | u64::from(laden) << 63)
    }

    pub(super) fn index(self) -> u32 {
        self.0 as u32
    }

    pub(super) fn worker(self) -> u32 {
        (self.0 >> 32) as u32 & NOBODY
    }

    pub(super) fn is_laden(self) -> bool {
        self.0 >> 63 != 0
    }
}

impl History {
    /// An empty one.
    pub fn new(limit: usize) -> Result<History> {
        let order = Order {
            entered: VecDeque::new(),
            bursts: Vec::new(),
            garbage: NIL,
            laden: 0,
            unsure: 0,
            since: NOBODY,
        };
        let history = History {
            order: Mutex::new(order),
            limit: AtomicUsize::new(0),
            strict: AtomicBool::new(true),
            active: AtomicUsize::new(0),
        };
        history.set_limit(limit)?;
        Ok(history)
    }

    /// Holds every readable record where it is, with all that has ended and nothing that is due.
    #[inline]
    pub fn lock(&self, places: Places<'_>) -> MutexGuard<'_, Order> {
        let mut order = self.order.lock();
        self.catch_up(&mut order, places);
        order
    }

    /// How many may stay. Takes the memory for all of them: a task needs none to enter.
    pub fn set_limit(&self, limit: usize) -> Result<()> {
        let mut order = self.order.lock();
        let more = (limit + 1).saturating_sub(order.entered.len());
        order.entered.try_reserve_exact(more).map_err(|_| ErrorCode::OutOfMemory)?;
        self.limit.store(limit, Relaxed);
        self.note_strict(&order);
        Ok(())
    }

    fn note_strict(&self, order: &Order) {
        self.strict.store(order.laden > 0 || self.limit.load(Relaxed) == 0, Relaxed);
    }

    /// Whether ends are to enter at once. Whoever comes after an end that left something to drop
    /// sees that it is so.
    #[inline]
    pub fn is_strict(&self) -> bool {
        self.strict.load(Relaxed)
    }

    /// A task is about to end, by that worker or somebody else. Under the lock.
    #[inline]
    pub fn enter(&self, order: &mut Order, index: u32, worker: u32, places: Places<'_>) {
        let record = places.records.at(index);
        let word = record.word.load();
        // One that was cancelled while pending did so then, and one whose lane was released: the lane
        // may have run empty since.
        if word.state() != Some(State::Pending) && !word.is_released() {
            remember_name(places.lanes, record.lane.load(Relaxed));
        }
        match word.has(word::KEEP | word::REPORTS) {
            true => _ = record.word.settle(),
            false => self.put(order, index, worker, places),
        }
    }

    /// Takes an ended task in. Under the lock.
    #[inline]
    pub fn put(&self, order: &mut Order, index: u32, worker: u32, places: Places<'_>) {
        let laden = !places.records.at(index).is_plain();
        order.push(Entry::new(index, worker, laden));
        if laden {
            order.laden += 1;
            self.note_strict(order);
        }
        self.evict_some(order, worker, places);
    }

    /// At most two go, so that a lowered limit is reached soon.
    #[inline]
    pub(super) fn evict_some(&self, order: &mut Order, worker: u32, places: Places<'_>) {
        for _ in 0..2 {
            if order.entered.len() <= self.limit.load(Relaxed) {
                break;
            }
            self.evict_oldest(order, worker, places);
        }
    }

    #[inline]
    pub(super) fn evict_oldest(&self, order: &mut Order, worker: u32, places: Places<'_>) {
        let Some(oldest) = order.entered.pop_front() else { return };
        if oldest.is_laden() {
            order.laden -= 1;
            self.note_strict(order);
        }
        let its = oldest.worker();
        // What it has to drop would wait until that worker comes by.
        if worker != NOBODY
            && its != worker
            && !oldest.is_laden()
            && let Some(Some(backlog)) = order.bursts.get(its as usize)
            && backlog.note_due(oldest.index())
        {
            return;
        }
        order.let_go(oldest.index(), places);
    }

    /// Takes one out again, wherever it stands. Under the lock.
    pub fn take_out(&self, order: &mut Order, index: u32) {
        if let Some(at) = order.entered.iter().position(|entry| entry.index() == index)
            && let Some(entry) = order.entered.remove(at)
            && entry.is_laden()
        {
            order.laden -= 1;
            self.note_strict(order);
        }
    }

    /// Takes out some of the oldest above the limit; false when all were. Under the lock.
    pub fn evict(&self, order: &mut Order, places: Places<'_>) -> bool {
        const SOME: usize = 32;
        for _ in 0..SOME {
            self.evict_some(order, NOBODY, places);
        }
        let limit = self.limit.load(Relaxed);
        let more = order.entered.len() > limit;
        if !more {
            memory::shrink(&mut order.entered, limit + 1);
        }
        more
    }
}

impl Order {
    #[inline]
    pub(super) fn push(&mut self, entry: Entry) {
        self.entered.push_back(entry);
        self.unsure += usize::from(self.since != NOBODY);
    }

    /// One that is no longer here is no longer readable.
    pub(super) fn let_go(&mut self, index: u32, places: Places<'_>) {
        // Whoever else still holds the record lets go of the name when it frees the record.
        if let_go(places, index) {
            self.hang_up(index, places);
        }
    }

    /// It is to be freed. Who still follows the links of its queue sees by the order that it left that.
    #[inline]
    pub(super) fn hang_up(&mut self, index: u32, places: Places<'_>) {
        places.records.at(index).link.store(self.garbage, Release);
        self.garbage = index;
    }

    /// What was evicted and nobody has freed yet.
    #[inline]
    pub fn take_evicted(&mut self) -> Evicted {
        Evicted::from(std::mem::replace(&mut self.garbage, NIL))
    }
}
