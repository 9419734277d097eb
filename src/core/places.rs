//! How many async tasks of a name run at once.
//!
//! A lane of kind async has so many places. An add that finds one free hands the place to the event
//! loop, and so do the end of a task, if others wait, and a limit that rises; the loop then takes
//! the first task out of the lane. So tasks start in the order of their adds, whoever is slow. A task without a name needs no place. All of it
//! is under the inlet's lock; the gate is only used to keep a lane that has tasks from being swept.

use super::Core;
use super::lane::Lane;
use super::seat::Seat;
use super::slab::NIL;
use super::take::Claim;
use crate::host::PollFn;
use crate::kinds::Kind;
use crate::sync::atomic::Ordering::*;
use std::ffi::c_void;

/// Limits of async lanes.
#[derive(Clone, Copy, Debug)]
pub struct AsyncLimits {
    /// How many of a name run at once.
    pub width: usize,
    /// How many of a name may be pending behind them; 0 for no limit.
    pub pending: usize,
}

impl Core {
    /// Changes the limits of async lanes; the lanes that got a place now, once for each, with the
    /// hash of their name.
    pub fn set_async_limits(&self, limits: AsyncLimits) -> Vec<(u64, u32)> {
        self.async_width.store(limits.width, Relaxed);
        self.async_pending.store(limits.pending, Relaxed);
        let mut places = Vec::new();
        for inlet in &self.inlets {
            let door = inlet.lock();
            for entry in door.names.iter().filter(|entry| entry.kind == Kind::Async) {
                let lane = self.lanes.at(entry.lane);
                let more = lane.hanging().saturating_sub(lane.coming());
                let free = limits.width.saturating_sub(lane.running()).min(more);
                lane.set_running(lane.running() + free);
                lane.set_coming(lane.coming() + free);
                places.extend(std::iter::repeat_n((entry.hash, entry.lane), free));
            }
        }
        places
    }

    /// A task that had a place of this lane has ended. True when the place is for the next one:
    /// then [`Core::take_place`] is to be called.
    pub fn pass_place_on(&self, lane: u32) -> bool {
        if lane == NIL {
            return false;
        }
        let its = self.lanes.at(lane);
        let _door = self.inlets[its.inlet()].lock();
        let next = its.hanging() > 0 && its.running() <= self.async_width.load(Relaxed);
        if next {
            its.set_coming(its.coming() + 1);
        } else {
            its.set_running(its.running() - 1);
            its.rest_if_empty();
        }
        next
    }

    /// Starts the first of those that wait in a lane, which has a place for it; without any the
    /// place is free again.
    pub fn take_place(&self, lane: u32, seat: &mut impl Seat) -> Option<Claim> {
        let its = self.lanes.at(lane);
        let mut garbage = Vec::new();
        let claim = {
            let _door = self.inlets[its.inlet()].lock();
            its.set_coming(its.coming() - 1);
            let claim = match its.running() <= self.async_width.load(Relaxed) {
                true => self.start_first(its, &mut garbage),
                false => None,
            };
            if claim.is_none() {
                its.set_running(its.running() - 1);
                its.rest_if_empty();
            }
            claim
        };
        garbage.into_iter().for_each(|index| self.bury(index, seat));
        claim
    }

    /// Starts the first live task of an async lane. Under the inlet's lock, so a cancel of all that
    /// hangs there misses none.
    fn start_first(&self, lane: &Lane, garbage: &mut Vec<u32>) -> Option<Claim> {
        loop {
            let index = lane.pop(&self.records)?;
            if let Some(claim) = self.try_start(index) {
                return Some(claim);
            }
            lane.uncount_dead();
            if self.records.at(index).word.unlink().is_garbage() {
                garbage.push(index);
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
