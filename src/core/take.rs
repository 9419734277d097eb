//! How whoever runs tasks comes by them.
//!
//! [`Core::take_ready`] hands out what is ready, in batches; whoever takes a lane owns it, and asks
//! [`Core::next_of`] for its tasks one by one until the lane is empty.

use super::Core;
use super::inlet::{INLETS, Inlet, Item};
use super::record::Record;
use super::seat::Seat;
use super::slab::NIL;
use super::word;
use crate::host::TaskFn;
use crate::log;
use crate::platform::annotate;
use crate::sync::atomic::Ordering::*;
use std::ffi::c_void;
use std::sync::Arc;

/// A task that is to be run now by who holds this; it must be ended.
#[derive(Debug)]
pub struct Claim {
    /// The record.
    pub index: u32,
    /// Its word when it started.
    pub word: super::word::Snapshot,
    /// Who holds this tells the log of the start, and what is said of the task until then.
    pub tells: bool,
}

impl Core {
    /// Whether something seems to be ready. A hint: only [`Core::is_ready`] counts.
    #[inline]
    pub fn seems_ready(&self) -> bool {
        self.inlets.iter().any(|inlet| inlet.ready.load(Relaxed) > 0)
    }

    /// How much seems to be ready.
    pub fn ready_hint(&self) -> usize {
        self.inlets.iter().map(|inlet| inlet.ready.load(Relaxed)).sum()
    }

    /// Whether something is ready, for who has just told adders that it goes. Every lock is taken
    /// once, so an add whose task is not seen here comes later and sees what was told.
    pub fn is_ready(&self) -> bool {
        self.seems_ready() || self.inlets.iter().any(|inlet| !inlet.lock().ready.is_empty())
    }

    /// Takes everything that is ready away when only dead tasks are left.
    pub fn clear_ready(self: &Arc<Self>) {
        self.clear_outlets();
        let mut seat = self.visitor();
        let mut item = [Item::task(NIL)];
        while self.take_ready(0, &mut item) > 0 {
            let started = match item[0].split() {
                Err(task) => self.start(task, &mut seat),
                Ok(lane) => self.next_of(lane, &mut seat),
            };
            debug_assert!(started.is_none(), "a task was alive after a shutdown");
        }
    }

    /// Takes up to `out.len()` of what is ready, beginning with inlet `first`; how many. Whoever
    /// takes a lane owns it.
    pub fn take_ready(&self, first: usize, out: &mut [Item]) -> usize {
        for step in 0..INLETS {
            let inlet = &self.inlets[first.wrapping_add(step) % INLETS];
            if inlet.ready.load(Relaxed) == 0 {
                continue;
            }
            let mut door = inlet.lock();
            let count = door.ready.len().min(out.len());
            for (to, item) in out.iter_mut().zip(door.ready.drain(..count)) {
                *to = item;
            }
            inlet.ready.store(door.ready.len(), Relaxed);
            // What the adders wrote is on its way while others have the lock. The lanes are ours
            // already: who adds to one finds it announced.
            drop(door);
            let mut lanes = false;
            for item in &out[..count] {
                match item.split() {
                    Ok(lane) => {
                        self.lanes.prefetch(lane);
                        lanes = true;
                    }
                    Err(task) => self.records.prefetch(task),
                }
            }
            if lanes {
                self.adopt(inlet, &out[..count]);
            }
            if count > 0 {
                return count;
            }
        }
        0
    }

    /// The lanes among these items, which were taken from that inlet, have a new owner.
    fn adopt(&self, inlet: &Inlet, items: &[Item]) {
        let lanes = || items.iter().filter_map(|item| item.split().ok());
        {
            let _door = inlet.lock();
            lanes().for_each(|lane| self.lanes.at(lane).adopt());
        }
        for lane in lanes() {
            // None, when an owner gave it up just after its last task.
            let first = self.lanes.at(lane).taken().load(Relaxed);
            if first != NIL {
                self.records.prefetch(first);
            }
        }
    }

    /// What to call for a claim, which starts now.
    #[inline]
    pub fn begin(&self, claim: &Claim, now: u64) -> (TaskFn, *mut c_void) {
        let record = self.records.at(claim.index);
        // The clock may have been read before the task was added.
        record.set_started(now.max(record.added()));
        self.annotate_start(record);
        if claim.tells {
            self.say_rest(claim.index, &record.word);
        }
        record.call()
    }

    /// The task comes after its add, and after the one of its name before.
    #[inline(always)]
    pub(super) fn annotate_start(&self, record: &Record) {
        if annotate::is_on() {
            self.say_start(record);
        }
    }

    #[cold]
    #[inline(never)]
    fn say_start(&self, record: &Record) {
        annotate::acquire(record);
        let lane = record.lane.load(Relaxed);
        if lane != NIL {
            annotate::acquire(self.lanes.at(lane));
        }
    }

    /// The time-out of its own that a claimed task has (nanoseconds), if it has one. Before
    /// [`Core::begin`].
    #[inline]
    pub fn own_timeout(&self, claim: &Claim) -> Option<u64> {
        self.records.at(claim.index).timeout()
    }

    /// Starts a task without a name; none when it was cancelled.
    #[inline]
    pub fn start(&self, index: u32, seat: &mut impl Seat) -> Option<Claim> {
        let claim = self.try_start(index);
        match &claim {
            Some(claim) if claim.word.has(word::ASYNC) => {}
            Some(_) => self.leave_queue(seat),
            None => self.unlink(index, seat),
        }
        claim
    }

    /// Starts a task; one that was cancelled stays linked.
    #[inline]
    pub(super) fn try_start(&self, index: u32) -> Option<Claim> {
        let started = match log::is_on() {
            true => self.start_aloud(index),
            false => self.records.at(index).word.start().map(|word| (word, false)),
        };
        started.ok().map(|(word, tells)| Claim { index, word, tells })
    }

    /// Starts the next task of a lane that the caller owns; when there is none, the caller no
    /// longer owns it.
    #[inline]
    pub fn next_of(&self, lane: u32, seat: &mut impl Seat) -> Option<Claim> {
        let its = self.lanes.at(lane);
        loop {
            let index = its.taken().load(Relaxed);
            if index == NIL {
                if its.gate.release() {
                    return None;
                }
                let _door = self.inlets[its.inlet()].lock();
                its.take_all();
                continue;
            }
            let next = self.records.at(index).link.load(Relaxed);
            its.taken().store(next, Release);
            if next != NIL {
                // On its way from the adder's core while this one runs.
                self.records.prefetch(next);
                if let Some(later) = self.records.at(index).later() {
                    self.records.prefetch(later);
                }
            }
            if let Some(claim) = self.start(index, seat) {
                if its.is_counted() {
                    its.count_left();
                    self.bound.made_room();
                }
                return Some(claim);
            }
        }
    }

    /// Whether the owner of a lane has taken another task of it. Of [`NIL`], no.
    #[inline]
    pub fn has_taken(&self, lane: u32) -> bool {
        lane != NIL && self.lanes.at(lane).taken().load(Relaxed) != NIL
    }

    /// A lane whose task is stuck, and asked for that, goes on without it.
    pub(super) fn go_on(self: &Arc<Self>, lane: u32) {
        match self.lanes.at(lane).has_places() {
            true => self.send_place_on(lane),
            // The worker left what it had taken in the lane before it started the task.
            false => self.requeue(lane),
        }
    }

    /// Puts an owned lane, with what is left in it, behind everything else that is ready.
    pub fn requeue(&self, lane: u32) {
        let its = self.lanes.at(lane);
        let inlet = &self.inlets[its.inlet()];
        let mut door = inlet.lock();
        its.give_up();
        inlet.push_ready(&mut door, Item::lane(lane));
    }

    /// Puts back what was taken and not begun.
    pub fn put_back(&self, item: Item) {
        match item.split() {
            Ok(lane) => self.requeue(lane),
            Err(task) => {
                let inlet = &self.inlets[self.records.at(task).link.load(Relaxed) as usize];
                let mut door = inlet.lock();
                inlet.push_ready(&mut door, item);
            }
        }
    }

    #[inline]
    pub(super) fn leave_queue(&self, seat: &mut impl Seat) {
        // Whatever the bound is: it may have been set just now, and be waited for.
        seat.left();
        self.bound.made_room();
    }

    /// A cancelled task leaves its queue.
    #[cold]
    pub(super) fn unlink(&self, index: u32, seat: &mut impl Seat) {
        if self.records.at(index).word.unlink().is_garbage() {
            self.bury(index, seat);
        }
    }
}
