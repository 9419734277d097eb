//! How many tasks of a name run at once, where that may be more than one or somebody else than our
//! workers runs them.
//!
//! Such a lane, one of kind async or one that is run through an outlet, has so many places. An add
//! that finds one free hands the place to who runs the lane, and so do the end of a task, if others
//! wait, and a limit that rises; who runs the lane then takes the first task out of it. So tasks
//! start in the order of their adds, whoever is slow. A task without a name needs no place. All of
//! it is under the inlet's lock; the gate is only used to keep a lane that has tasks from being
//! swept.

use super::Core;
use super::evicted::Evicted;
use super::inlet::Item;
use super::lane::Lane;
use super::seat::{HostSeat, Seat};
use super::slab::NIL;
use super::take::Claim;
use super::word;
use crate::canary::Canary;
use crate::host::PollFn;
use crate::kinds::Kind;
use crate::sync::atomic::Ordering::*;
use std::ffi::c_void;
use std::sync::Arc;

/// Limits of async lanes.
#[derive(Clone, Copy, Debug)]
pub struct AsyncLimits {
    /// How many of a name run at once.
    pub width: usize,
    /// How many of a name may be pending behind them; 0 for no limit.
    pub pending: usize,
}

impl Core {
    /// How many tasks of a lane may have a place. Under the inlet's lock.
    #[inline]
    pub(super) fn width_of(&self, lane: &Lane) -> usize {
        match (lane.width(), lane.kind()) {
            (0, Kind::Async) if Canary::WideLane.sings() => self.async_width.load(Relaxed) + 1,
            (0, Kind::Async) => self.async_width.load(Relaxed),
            (0, Kind::Linear) => 1,
            (width, _) => width,
        }
    }

    /// How many tasks of that lane, which has places or not, run side by side.
    pub(super) fn places_of(&self, lane: u32) -> usize {
        let its = self.lanes.at(lane);
        let _door = self.inlets[its.inlet()].lock();
        self.width_of(its)
    }

    /// Changes the limits of async lanes; the lanes that got a place now, once for each, with the
    /// hash of their name.
    pub fn set_async_limits(&self, limits: AsyncLimits) -> Vec<(u64, u32)> {
        self.async_width.store(limits.width, Relaxed);
        self.async_pending.store(limits.pending, Relaxed);
        let mut places = Vec::new();
        for inlet in &self.inlets {
            let door = inlet.lock();
            for entry in door.names.iter().filter(|entry| entry.kind == Kind::Async) {
                let free = self.free_places(self.lanes.at(entry.lane));
                places.extend(std::iter::repeat_n((entry.hash, entry.lane), free));
            }
        }
        self.bound.made_room();
        places
    }

    /// Sends places on their way to tasks that wait for them, as many as are free: how many. Under
    /// the inlet's lock.
    pub(super) fn free_places(&self, lane: &Lane) -> usize {
        let free = self.width_of(lane).saturating_sub(lane.running()).min(lane.waiting());
        lane.set_running(lane.running() + free);
        lane.set_coming(lane.coming() + free);
        free
    }

    /// A task that had a place of this lane has ended. True when the place is for the next one:
    /// then [`Core::take_place`] is to be called.
    pub fn pass_place_on(&self, lane: u32) -> bool {
        if lane == NIL {
            return false;
        }
        let its = self.lanes.at(lane);
        let mut garbage = Evicted::NONE;
        let next = {
            let _door = self.inlets[its.inlet()].lock();
            let next = its.waiting() > 0 && its.running() <= self.width_of(its);
            if next {
                its.set_coming(its.coming() + 1);
            } else {
                self.free_place(its, &mut garbage);
            }
            next
        };
        self.bury_all(garbage, &mut self.visitor());
        next
    }

    /// A place of a lane was on its way to who is no more: it is free, whatever hangs there.
    pub(super) fn free_lost_place(&self, lane: u32) {
        self.take_back_place(lane, |_| true);
    }

    /// A place of a lane seemed to be on its way to nobody, and was taken out of its outlet: it is free.
    /// False where a task has come since that look: it found no place free, so this one is still its.
    pub(super) fn drop_place(&self, lane: u32) -> bool {
        self.take_back_place(lane, |its| {
            its.alive() < its.coming() || its.running() > self.width_of(its)
        })
    }

    /// Frees a place that is on its way, if it `may`, which is asked under the inlet's lock.
    fn take_back_place(&self, lane: u32, may: impl FnOnce(&Lane) -> bool) -> bool {
        let its = self.lanes.at(lane);
        let mut garbage = Evicted::NONE;
        let free = {
            let _door = self.inlets[its.inlet()].lock();
            let free = may(its);
            if free {
                its.set_coming(its.coming() - 1);
                self.free_place(its, &mut garbage);
            }
            free
        };
        self.bury_all(garbage, &mut self.visitor());
        free
    }

    /// Under the inlet's lock; the garbage is to be buried after it.
    fn free_place(&self, its: &Lane, garbage: &mut Evicted) {
        its.set_running(its.running() - 1);
        self.settle_if_empty(its, garbage);
    }

    /// A lane in which nothing is alive comes to rest; of the dead that hang in it the garbage is to
    /// be buried by the caller, after the inlet's lock, under which this is.
    pub(super) fn settle_if_empty(&self, its: &Lane, garbage: &mut Evicted) {
        if its.running() == 0 && its.alive() == 0 {
            if its.first() != NIL {
                its.take_dead(&self.records, garbage);
            }
            its.rest_if_empty();
        }
    }

    /// A task that had a place of this lane has ended, or lost it: its outlet hears of the next one.
    pub fn send_place_on(self: &Arc<Self>, lane: u32) {
        if self.pass_place_on(lane) {
            self.put_out(self.lanes.at(lane).outlet(), Item::lane(lane));
        }
    }

    /// Starts the first of those that wait in a lane, which has a place for it; without any the
    /// place is free again.
    pub fn take_place(&self, lane: u32, seat: &mut impl Seat) -> Option<Claim> {
        self.next_in(lane, true, seat)
    }

    /// As [`Core::pass_place_on`] and [`Core::take_place`] in one: the next task of the lane.
    pub fn pass_on(&self, lane: u32, seat: &mut impl Seat) -> Option<Claim> {
        self.next_in(lane, false, seat)
    }

    fn next_in(&self, lane: u32, coming: bool, seat: &mut impl Seat) -> Option<Claim> {
        let its = self.lanes.at(lane);
        let mut garbage = Evicted::NONE;
        let claim = {
            let _door = self.inlets[its.inlet()].lock();
            self.next_under(its, coming, &mut garbage)
        };
        self.started_next(&claim, garbage, seat);
        claim
    }

    /// A claim of this lane was given back: the next task of the lane, as
    /// [`Core::pass_place_on`] and [`Core::take_place`] in one. With none its slot is free, and is
    /// given back if there is no room for it.
    pub fn hand_on(
        &self,
        lane: u32,
        slot: u32,
        seat: &mut HostSeat,
    ) -> std::result::Result<Claim, Option<u32>> {
        let its = self.lanes.at(lane);
        let mut garbage = Evicted::NONE;
        let mut left_over = Some(slot);
        let claim = {
            let inlet = &self.inlets[its.inlet()];
            let mut door = inlet.lock();
            let claim = self.next_under(its, false, &mut garbage);
            if claim.is_none() && !door.slots.is_full() {
                door.slots.push(slot);
                left_over = None;
            }
            seat.settle(inlet, &mut door);
            claim
        };
        self.started_next(&claim, garbage, seat);
        claim.ok_or(left_over)
    }

    /// Under the inlet's lock.
    fn next_under(&self, its: &Lane, coming: bool, garbage: &mut Evicted) -> Option<Claim> {
        if coming {
            its.set_coming(its.coming() - 1);
        }
        // Those that hang in front belong to places that are on their way.
        let ours = coming || its.waiting() > 0;
        let claim = match ours && its.running() <= self.width_of(its) {
            true => self.start_first(its, garbage),
            false => None,
        };
        if claim.is_none() {
            self.free_place(its, garbage);
        }
        claim
    }

    fn started_next(&self, claim: &Option<Claim>, garbage: Evicted, seat: &mut impl Seat) {
        self.bury_all(garbage, seat);
        if let Some(claim) = claim {
            if !claim.word.has(word::ASYNC) {
                self.leave_queue(seat);
            }
            // Its lane may have a bound of its own.
            self.bound.made_room();
        }
    }

    /// Starts the first live task of a lane with places. Under the inlet's lock, so a cancel of all
    /// that hangs there misses none.
    fn start_first(&self, lane: &Lane, garbage: &mut Evicted) -> Option<Claim> {
        loop {
            let index = lane.pop(&self.records)?;
            if let Some(claim) = self.try_start(index) {
                lane.set_last_started(index);
                return Some(claim);
            }
            if lane.unlink_dead(self.records.at(index)) {
                garbage.push(&self.records, index);
            }
        }
    }

    /// Notes which of its loop's fibers runs a task. By the loop.
    pub fn set_fiber(&self, index: u32, fiber: u32) {
        self.records.at(index).link.store(fiber, Relaxed);
    }

    /// The fiber of a task that was seen to run. By a loop, which checks that it is its own.
    pub fn fiber(&self, index: u32) -> u32 {
        self.records.at(index).link.load(Relaxed)
    }

    /// What to call, of a task that runs.
    pub fn callee(&self, index: u32) -> (PollFn, *mut c_void) {
        self.records.at(index).call()
    }
}
