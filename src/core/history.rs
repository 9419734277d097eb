//! The finished tasks that stay readable.
//!
//! The last `maximum_task_info_storage` of them, in the order in which they ended; older ones are
//! let go. While its lock is held no readable record can go away, which is what makes a status a
//! picture of one moment. A task enters before its final state is visible, or is noted before that
//! ([`super::backlog`]): so that who sees the end and takes the lock also sees the eviction that it
//! caused.
//!
//! Two workers in bursts would fight for the lock and for each other's records. So a worker in a burst
//! notes its ends; when it takes the lock for them ([`History::lock_for`]) it lets only its own records
//! go, and leaves those of another one in a burst, as due, to that one. Whoever takes the lock otherwise
//! ([`History::lock`]) first does for all of them what is left to do.
//!
//! What is evicted is freed without the lock, since that may call the host; until somebody does, it
//! hangs in a chain, by the records' links. Nothing is noted while a record here has something to drop:
//! that must not wait for a worker's next end.

use super::backlog::{Backlog, PLACES, SHARED};
use super::evicted::{Evicted, Places, let_go, remember_name};
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
    order: Mutex<Order>,
    limit: AtomicUsize,
    /// Ends enter at once and are not noted. Written under the lock.
    strict: AtomicBool,
    /// How many workers are in a burst. Written under the lock.
    active: AtomicUsize,
}

/// What the lock guards.
#[derive(Debug)]
pub struct Order {
    /// Oldest first.
    entered: VecDeque<Entry>,
    /// By worker, of those in a burst: what they note.
    bursts: Vec<Option<Arc<Backlog>>>,
    /// Those that were let go and are to be freed.
    garbage: Evicted,
    /// How many of those that entered have something to drop.
    laden: usize,
}

/// A record, with what is to be known of it without a look at it: which worker ended it (bits 32–62),
/// whether it has something to drop (bit 63).
#[derive(Clone, Copy, Debug)]
struct Entry(u64);

impl Entry {
    fn new(index: u32, worker: u32, laden: bool) -> Entry {
        Entry(u64::from(index) | u64::from(worker) << 32 | u64::from(laden) << 63)
    }

    fn index(self) -> u32 {
        self.0 as u32
    }

    fn worker(self) -> u32 {
        (self.0 >> 32) as u32 & NOBODY
    }

    fn is_laden(self) -> bool {
        self.0 >> 63 != 0
    }
}

impl History {
    /// An empty one.
    pub fn new(limit: usize) -> Result<History> {
        let order = Order {
            entered: VecDeque::new(),
            bursts: Vec::new(),
            garbage: Evicted::NONE,
            laden: 0,
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

    /// The same for a worker in a burst, as far as its own records go.
    #[inline]
    pub fn lock_for(&self, backlog: &Backlog, places: Places<'_>) -> MutexGuard<'_, Order> {
        let mut order = self.order.lock();
        // It noted them just now: only what has something to drop can stand behind them.
        let is_last = order.laden == 0;
        self.take_over(&mut order, backlog, is_last, backlog.worker, places);
        order
    }

    /// A worker in a burst has no place left, and what it noted was not long ago. What would only enter to
    /// be evicted by its own later ends is let go, and with it all that entered, which is older; the
    /// later ends stay noted. With the lock comes whether there is a place by that.
    ///
    /// Not while another one is in a burst: what that has entered since may be newer.
    #[inline]
    pub fn let_surplus_go(
        &self,
        backlog: &Backlog,
        places: Places<'_>,
    ) -> (bool, MutexGuard<'_, Order>) {
        let mut order = self.order.lock();
        let alone = self.active.load(Relaxed) == 1;
        if !alone || self.limit.load(Relaxed) > PLACES / 2 || order.laden > 0 {
            return (false, order);
        }
        while let Some(due) = backlog.take_due() {
            order.let_go(due, places);
        }
        let surplus = self.skip_surplus(&mut order, backlog, places);
        // No more at once than ended, so that a lowered limit holds nobody up.
        for _ in 0..surplus.min(order.entered.len()) {
            self.evict_oldest(&mut order, backlog.worker, places);
        }
        (surplus > 0, order)
    }

    /// Lets go of what was noted and has so many later ends behind it that it would not stay: how many.
    /// Under the lock.
    fn skip_surplus(&self, order: &mut Order, backlog: &Backlog, places: Places<'_>) -> usize {
        let surplus = backlog.len().saturating_sub(self.limit.load(Relaxed));
        for _ in 0..surplus {
            let Some(index) = backlog.take() else { break };
            let record = places.records.at(index);
            match record.word.let_go().is_garbage() {
                true => order.hang_up(index, places),
                // Whoever still holds the record needs the name.
                false => remember_name(places.lanes, record.lane.load(Relaxed)),
            }
        }
        surplus
    }

    /// Does what is left to do for one worker, on behalf of `worker`; `is_last`: what it noted belongs
    /// behind all that has entered. Under the lock.
    #[inline]
    fn take_over(
        &self,
        order: &mut Order,
        backlog: &Backlog,
        is_last: bool,
        worker: u32,
        places: Places<'_>,
    ) {
        while let Some(due) = backlog.take_due() {
            order.let_go(due, places);
        }
        if order.laden == 0 {
            self.skip_surplus(order, backlog, places);
        }
        while let Some(index) = backlog.take() {
            remember_name(places.lanes, places.records.at(index).lane.load(Relaxed));
            let entry = Entry::new(index, backlog.worker, false);
            if is_last {
                order.entered.push_back(entry);
            } else {
                let at = order.place_of(index, places);
                order.entered.insert(at, entry);
            }
            self.evict_some(order, worker, places);
        }
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

    /// How many ends a worker in a burst may note. Few where another one is in one too: which of their ends
    /// came later is not known better than that.
    #[inline]
    pub fn note_places(&self) -> usize {
        if self.active.load(Relaxed) > 1 { SHARED } else { PLACES }
    }

    /// Whether some worker may owe something. Whoever sees the end of a task that was noted sees that it
    /// is so, until that was taken in.
    #[inline]
    pub fn has_bursts(&self) -> bool {
        self.active.load(Acquire) > 0
    }

    /// What a new worker notes its ends in. Without memory it is one that is never in a burst.
    pub fn new_backlog(&self) -> Arc<Backlog> {
        let mut order = self.order.lock();
        if order.bursts.try_reserve(1).is_err() {
            return Arc::new(Backlog::new(NOBODY));
        }
        order.bursts.push(None);
        Arc::new(Backlog::new(order.bursts.len() as u32 - 1))
    }

    /// A worker has its next task at hand: from now on it may note its ends there. False where that is
    /// not so.
    pub fn begin_burst(&self, order: &mut Order, backlog: &Arc<Backlog>) -> bool {
        if backlog.worker == NOBODY || self.is_strict() {
            return false;
        }
        order.bursts[backlog.worker as usize] = Some(backlog.clone());
        self.active.store(self.active.load(Relaxed) + 1, Relaxed);
        true
    }

    /// It has none; all that it noted was taken in, and nothing of it is due.
    pub fn end_burst(&self, order: &mut Order, backlog: &Backlog) {
        order.bursts[backlog.worker as usize] = None;
        // Who sees it sees what was evicted before.
        self.active.store(self.active.load(Relaxed) - 1, Release);
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
        let record = places.records.at(index);
        let laden = record.has_drop() || record.has_extra();
        order.entered.push_back(Entry::new(index, worker, laden));
        if laden {
            order.laden += 1;
            self.note_strict(order);
        }
        self.evict_some(order, worker, places);
    }

    /// Does what is left to do for workers in a burst. Under the lock.
    #[inline]
    pub fn catch_up(&self, order: &mut Order, places: Places<'_>) {
        if self.has_bursts() {
            self.catch_up_with_all(order, places);
        }
    }

    #[inline(never)]
    fn catch_up_with_all(&self, order: &mut Order, places: Places<'_>) {
        for at in 0..order.bursts.len() {
            if let Some(backlog) = order.bursts[at].clone() {
                self.take_over(order, &backlog, false, NOBODY, places);
            }
        }
    }

    /// At most two go, so that a lowered limit is reached soon.
    #[inline]
    fn evict_some(&self, order: &mut Order, worker: u32, places: Places<'_>) {
        for _ in 0..2 {
            if order.entered.len() <= self.limit.load(Relaxed) {
                break;
            }
            self.evict_oldest(order, worker, places);
        }
    }

    #[inline]
    fn evict_oldest(&self, order: &mut Order, worker: u32, places: Places<'_>) {
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
    /// Where one belongs that was noted, perhaps long ago: others have entered since. Nothing is noted
    /// after one with something to drop has entered, so it comes before all of those.
    #[inline(never)]
    fn place_of(&self, index: u32, places: Places<'_>) -> usize {
        let ended = places.records.at(index).ended();
        // One that has not ended yet is about to: its time is not known.
        let later = |entry: &Entry| {
            let record = places.records.at(entry.index());
            !record.word.load().is_final() || record.ended() > ended
        };
        // Mostly not far from the end; a walk along a long history would hold everybody up.
        const NEAR: usize = 64;
        let near = self.entered.iter().rev().take(NEAR).take_while(|entry| later(entry)).count();
        let at = match near {
            NEAR => self.entered.partition_point(|entry| !later(entry)),
            near => self.entered.len() - near,
        };
        match self.laden {
            0 => at,
            _ => self.entered.iter().take(at).position(|entry| entry.is_laden()).unwrap_or(at),
        }
    }

    /// One that is no longer here is no longer readable.
    fn let_go(&mut self, index: u32, places: Places<'_>) {
        // Whoever else still holds the record lets go of the name when it frees the record.
        if let_go(places, index) {
            self.hang_up(index, places);
        }
    }

    /// It is to be freed.
    #[inline]
    fn hang_up(&mut self, index: u32, places: Places<'_>) {
        self.garbage.push(places.records, index);
    }

    /// What was evicted and nobody has freed yet.
    #[inline]
    pub fn take_evicted(&mut self) -> Evicted {
        std::mem::replace(&mut self.garbage, Evicted::NONE)
    }
}
