//! What history and workers in a burst do for each other.
//!
//! Two workers in bursts would fight for history's lock and for each other's records. So a worker in a
//! burst notes its ends ([`super::backlog`]). When it takes the lock for them ([`History::lock_for`],
//! [`History::let_surplus_go`]) it lets only its own records go, and leaves those of another one in a
//! burst, as due, to that one. Whoever takes the lock otherwise ([`History::lock`]) first does for all
//! of them what is left to do: then what is here is what ended, as if nothing had been noted, but that
//! the order of what two workers ended at one time of the clock is not known ([`super::newest`]).
//!
//! Nothing is noted while a record in history has something to drop: that must not wait for a worker's
//! next end.

use super::backlog::{Backlog, PLACES, SHARED};
use super::evicted::{Places, remember_name};
use super::history::{Entry, History, NOBODY, Order};
use super::newest;
use crate::sync::MutexGuard;
use crate::sync::atomic::Ordering::*;
use std::sync::Arc;

impl History {
    /// As [`History::lock`], for a worker in a burst, and as far as its own records go.
    #[inline]
    pub fn lock_for(&self, backlog: &Backlog, places: Places<'_>) -> MutexGuard<'_, Order> {
        let mut order = self.order.lock();
        if order.is_own(backlog) {
            // It noted them just now: only what has something to drop can stand behind them.
            let is_last = order.laden == 0;
            let surplus = match is_last {
                true => backlog.len().saturating_sub(self.limit.load(Relaxed)),
                false => 0,
            };
            order.since = backlog.worker;
            self.take_over(&mut order, backlog, (surplus, is_last), backlog.worker, places);
        } else {
            self.catch_up_with_all(&mut order, places);
            order.since = backlog.worker;
        }
        order
    }

    /// A worker in a burst has no place left, and what it noted was not long ago. What would only enter to
    /// be evicted by its own later ends is let go, and with it all that entered, unless another worker
    /// has since entered what may be newer; the later ends stay noted. With the lock comes whether
    /// there is a place by that.
    #[inline]
    pub fn let_surplus_go(
        &self,
        backlog: &Backlog,
        places: Places<'_>,
    ) -> (bool, MutexGuard<'_, Order>) {
        let mut order = self.order.lock();
        let limit = self.limit.load(Relaxed);
        if limit > PLACES / 2 || order.laden > 0 {
            return (false, order);
        }
        while let Some(due) = backlog.take_due() {
            order.let_go(due, places);
        }
        let surplus = backlog.len().saturating_sub(limit);
        order.skip(backlog, surplus, places);
        if order.is_own(backlog) {
            // No more at once than ended, so that a lowered limit holds nobody up.
            for _ in 0..surplus.min(order.entered.len()) {
                self.evict_oldest(&mut order, backlog.worker, places);
            }
        }
        (surplus > 0, order)
    }

    /// Does what is left to do for one worker, on behalf of `worker`: so many of its first ends do not
    /// stay; `is_last`: what it noted belongs behind all that has entered. Under the lock.
    #[inline]
    fn take_over(
        &self,
        order: &mut Order,
        backlog: &Backlog,
        (surplus, is_last): (usize, bool),
        worker: u32,
        places: Places<'_>,
    ) {
        while let Some(due) = backlog.take_due() {
            order.let_go(due, places);
        }
        order.skip(backlog, surplus, places);
        while let Some(index) = backlog.take() {
            remember_name(places.lanes, places.records.at(index).lane.load(Relaxed));
            let entry = Entry::new(index, backlog.worker, false);
            if is_last {
                order.push(entry);
            } else {
                let at = order.place_of(index, places);
                order.entered.insert(at, entry);
            }
            self.evict_some(order, worker, places);
        }
    }

    /// How many ends a worker in a burst may note. Few where another one is in one too, and many may stay:
    /// which of their ends came later is then not known better than that.
    #[inline]
    pub fn note_places(&self) -> usize {
        let few = self.limit.load(Relaxed) > PLACES / 2 && self.active.load(Relaxed) > 1;
        if few { SHARED } else { PLACES }
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

    /// Does what is left to do for workers in a burst. Under the lock.
    #[inline]
    pub fn catch_up(&self, order: &mut Order, places: Places<'_>) {
        match self.has_bursts() {
            true => self.catch_up_with_all(order, places),
            // What entered comes before all that will be noted.
            false => (order.unsure, order.since) = (0, NOBODY),
        }
    }

    #[inline(never)]
    fn catch_up_with_all(&self, order: &mut Order, places: Places<'_>) {
        let limit = self.limit.load(Relaxed);
        // Those that something with a drop stands behind may have to make room for it, and where many
        // stay few are noted: then all go in.
        let some = order.laden == 0 && limit <= PLACES / 2;
        if some {
            let ended = |behind| order.ended(behind, places);
            let unsure = order.unsure.min(order.entered.len());
            newest::choose(&order.bursts, places.records, (ended, unsure), limit);
        }
        // They are not needed meanwhile: whatever is evicted here is let go at once.
        let bursts = std::mem::take(&mut order.bursts);
        for backlog in bursts.iter().flatten() {
            let surplus = if some { backlog.surplus() } else { 0 };
            self.take_over(order, backlog, (surplus, false), NOBODY, places);
        }
        order.bursts = bursts;
        (order.unsure, order.since) = (0, NOBODY);
    }
}

impl Order {
    /// Whether nobody has entered since who may be in a burst, or only that worker.
    #[inline]
    fn is_own(&self, backlog: &Backlog) -> bool {
        self.since == NOBODY || self.since == backlog.worker
    }

    /// When the one ended that has so many behind it.
    fn ended(&self, behind: usize, places: Places<'_>) -> u64 {
        let record = places.records.at(self.entered[self.entered.len() - 1 - behind].index());
        // One that has not ended yet is about to: its time is not known.
        if record.word.load().is_final() { record.ended() } else { u64::MAX }
    }

    /// Lets go of the first ends that were noted, which never enter.
    #[inline]
    fn skip(&mut self, backlog: &Backlog, surplus: usize, places: Places<'_>) {
        for _ in 0..surplus {
            let Some(index) = backlog.take() else { break };
            let record = places.records.at(index);
            match record.word.let_go().is_garbage() {
                true => self.hang_up(index, places),
                // Whoever still holds the record needs the name.
                false => remember_name(places.lanes, record.lane.load(Relaxed)),
            }
        }
    }

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
}
