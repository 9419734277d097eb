//! A running async task on its loop, and what it has armed.

use super::waker::TaskWaker;
use crate::core::take::Claim;
use crate::wheel;
use crate::{ErrorCode, Result, TaskId};
use std::os::fd::RawFd;
use std::sync::Arc;

/// No fiber.
pub const NIL: u32 = u32::MAX;

/// Where a fiber's sleep stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sleep {
    /// Not asked for.
    None,
    /// This timer of the wheel is set.
    Armed(u32),
    /// The time has passed, and was not reported yet.
    Due,
}

/// See the module.
#[derive(Debug)]
pub struct Fiber {
    /// The right to run the task; none once it has ended, or in a free place.
    pub claim: Option<Claim>,
    /// The lane whose place it has.
    pub lane: u32,
    /// Where its sleep stands.
    pub sleep: Sleep,
    /// The timer of its time-out, or [`wheel::NIL`].
    pub limit: u32,
    /// When it times out (nanoseconds), if it does.
    pub limit_at: u64,
    /// In the ready queue.
    pub queued: bool,
    /// It was told that it waits for nothing.
    pub reported: bool,
    /// It was polled again because its wait would be for ever.
    pub knotted: bool,
    /// Handed out, in any number of copies.
    pub waker: Option<Arc<TaskWaker>>,
    /// What few have.
    pub more: Option<Box<More>>,
}

/// What few fibers have.
#[derive(Debug, Default)]
pub struct More {
    /// File descriptors that it waits for.
    pub fds: Vec<RawFd>,
    /// Tasks that it waits for.
    pub tasks: Vec<TaskId>,
    /// Its wait for them is known to those who wait, by this number.
    pub waiter: Option<usize>,
}

/// A loop may have a million, and walks along them.
const _: () = assert!(size_of::<Fiber>() <= 64);

impl Fiber {
    /// A task that starts.
    pub fn new(claim: Claim, lane: u32) -> Fiber {
        Fiber {
            claim: Some(claim),
            lane,
            sleep: Sleep::None,
            limit: wheel::NIL,
            limit_at: 0,
            queued: false,
            reported: false,
            knotted: false,
            waker: None,
            more: None,
        }
    }

    /// Those who wait no longer know of its wait: by which number they did.
    #[inline]
    pub fn take_waiter(&mut self) -> Option<usize> {
        self.more.as_mut()?.waiter.take()
    }

    /// The tasks that it waits for, if it waits for nothing else.
    pub fn waits_for(&self) -> Option<&[TaskId]> {
        let tasks = &self.more.as_ref()?.tasks;
        let others = self.queued
            || self.sleep != Sleep::None
            || self.limit_at != 0
            || self.more.as_ref().is_some_and(|more| !more.fds.is_empty());
        let only = !tasks.is_empty() && !others && self.waker.as_ref()?.is_back();
        only.then_some(tasks)
    }

    /// Whether something may wake it.
    pub fn is_armed(&self) -> bool {
        self.queued
            || self.sleep != Sleep::None
            || self.waker.as_ref().is_some_and(|waker| Arc::strong_count(waker) > 1)
            || self.more.as_ref().is_some_and(|more| !more.fds.is_empty() || !more.tasks.is_empty())
    }
}

/// The fibers of a loop; places are used again.
#[derive(Debug, Default)]
pub struct Fibers {
    places: Vec<Fiber>,
    free: Vec<u32>,
}

impl Fibers {
    /// Makes sure that one more has a place, and can give it back; how many places there are then.
    pub fn make_room(&mut self) -> Result<usize> {
        let no_memory = |_| ErrorCode::OutOfMemory;
        if !self.free.is_empty() {
            return Ok(self.places.len());
        }
        self.places.try_reserve(1).map_err(no_memory)?;
        self.free.try_reserve(self.places.capacity()).map_err(no_memory)?;
        Ok(self.places.len() + 1)
    }

    /// How many places there are, free ones included.
    pub fn places(&self) -> u32 {
        self.places.len() as u32
    }

    /// Puts one in.
    pub fn insert(&mut self, fiber: Fiber) -> u32 {
        match self.free.pop() {
            Some(place) => {
                self.places[place as usize] = fiber;
                place
            }
            None => {
                self.places.push(fiber);
                (self.places.len() - 1) as u32
            }
        }
    }

    /// The one there, if it has not ended.
    pub fn get(&mut self, place: u32) -> Option<&mut Fiber> {
        self.places.get_mut(place as usize).filter(|fiber| fiber.claim.is_some())
    }

    /// The one there, whose turn in the ready queue has come; of one that has ended meanwhile the
    /// place is free only now.
    pub fn take_turn(&mut self, place: u32) -> Option<&mut Fiber> {
        let fiber = self.places.get_mut(place as usize)?;
        fiber.queued = false;
        if fiber.claim.is_none() {
            self.remove(place);
            return None;
        }
        self.get(place)
    }

    /// Gives a place free whose claim was taken.
    pub fn remove(&mut self, place: u32) {
        self.free.push(place);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Gives memory of many back when there is none.
    pub fn trim(&mut self) {
        const FEW: usize = 64;
        if self.len() > 0 {
            return;
        }
        self.places.clear();
        self.free.clear();
        if self.places.capacity() > FEW {
            // A few stay, for when there is no memory.
            let mut smaller = Fibers::default();
            let room =
                smaller.places.try_reserve_exact(FEW).and(smaller.free.try_reserve_exact(FEW));
            if room.is_ok() {
                *self = smaller;
            }
        }
    }
}
