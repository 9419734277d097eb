//! How many async tasks of a name run at once.
//!
//! A lane of kind async has so many places. An add that finds one free takes it and hands its task
//! to the event loop at once; any other waits in the lane. Whoever ends a task that had a place
//! gives it to the next in the lane, or frees it. A task without a name needs no place. All of it
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
    /// Changes the limits of async lanes; the tasks that may start now, each with the hash of its
    /// name.
    pub fn set_async_limits(&self, limits: AsyncLimits) -> Vec<(u64, u32)> {
        self.async_width.store(limits.width, Relaxed);
        self.async_pending.store(limits.pending, Relaxed);
        let mut start = Vec::new();
        let mut dead = Vec::new();
        for inlet in &self.inlets {
            let door = inlet.lock();
            for entry in door.names.iter().filter(|entry| entry.kind == Kind::Async) {
                let lane = self.lanes.at(entry.lane);
                while lane.running() < limits.width {
                    match self.take_first(lane, &mut dead) {
                        Some(index) => start.push((entry.hash, index)),
                        None => break,
                    }
                    lane.set_running(lane.running() + 1);
                }
            }
        }
        self.unlink_all(dead);
        start
    }

    /// A task that had a place of this lane has ended, or was cancelled before it started (`dead`):
    /// the next one that may start, if there is any.
    pub fn pass_place_on(&self, lane: u32, dead_one: bool) -> Option<u32> {
        if lane == NIL {
            return None;
        }
        let its = self.lanes.at(lane);
        let mut dead = Vec::new();
        let next = {
            let _door = self.inlets[its.inlet()].lock();
            if dead_one {
                its.uncount_dead();
            }
            let next = match its.running() <= self.async_width.load(Relaxed) {
                true => self.take_first(its, &mut dead),
                false => None,
            };
            if next.is_none() {
                its.set_running(its.running() - 1);
                its.rest_if_empty();
            }
            next
        };
        self.unlink_all(dead);
        next
    }

    /// Takes the first live task out of an async lane. Under the inlet's lock.
    fn take_first(&self, lane: &Lane, dead: &mut Vec<u32>) -> Option<u32> {
        loop {
            let index = lane.pop(&self.records)?;
            if self.records.at(index).word.load().is_startable() {
                return Some(index);
            }
            lane.uncount_dead();
            dead.push(index);
        }
    }

    /// Starts a task that was handed to an event loop, and says which lane's place it has; when it
    /// was cancelled, only the lane.
    pub fn start_async(&self, index: u32, seat: &mut impl Seat) -> (u32, Option<Claim>) {
        let lane = self.records.at(index).lane.load(Relaxed);
        (lane, self.start(index, seat))
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
