//! What comes to an event loop: what may start, who is to be polled again or to stop, and timers.
//!
//! A task is started only when there is memory to run one more, so that none is lost on the way; until
//! then it stays in the loop's own queue.

use super::Local;
use crate::core::slab;
use crate::core::take::Claim;
use crate::core::view::RunningTask;
use crate::core::word;
use crate::loops::fiber::{Fiber, Sleep};
use crate::loops::{Inbox, Start};
use crate::mailbox::move_what_fits;
use crate::{clock, wheel};
use std::rc::Rc;

/// A timer that comes later than this (nanoseconds) means that nobody could run.
const MUCH_TOO_LATE: u64 = 250_000_000;

impl Local {
    pub(super) fn take_inbox(self: &Rc<Self>) {
        let (woken, stopped, all) = {
            let mut inbox = self.event_loop.inbox.lock();
            if inbox.is_empty() {
                return self.start_all();
            }
            // The room for what may start stays there.
            move_what_fits(&mut inbox.start, &mut self.starting.borrow_mut());
            let Inbox { woken, stopped, look_at_all, .. } = &mut *inbox;
            (std::mem::take(woken), std::mem::take(stopped), std::mem::take(look_at_all))
        };
        self.start_all();
        if all {
            self.look_at_all();
        }
        for waker in woken {
            waker.taken();
            let fiber = self.core.fiber(waker.index);
            let generation = waker.generation;
            if self.is_fiber_of(fiber, waker.index, |word| word.generation() == generation) {
                self.make_ready(fiber);
            }
        }
        for task in stopped {
            let fiber = self.core.fiber(task.index);
            let low = task.generation_low;
            if self.is_fiber_of(fiber, task.index, |word| word.generation() as u32 == low)
                && self.core.word(task.index).cause().is_some()
            {
                self.finish(fiber, 0);
            }
        }
    }

    /// Starts what may start, as long as there is memory for more tasks at once; the rest later.
    pub(super) fn start_all(&self) {
        while self.make_room() {
            let Some(start) = self.starting.borrow_mut().pop_front() else { return };
            self.start(start);
        }
    }

    /// Whether one more task can run: then it needs no memory for that.
    pub(super) fn make_room(&self) -> bool {
        let mut fibers = self.fibers.borrow_mut();
        let Ok(places) = fibers.make_room() else { return false };
        // Each is ready once, and has two timers.
        let (mut ready, mut wheel) = (self.ready.borrow_mut(), self.wheel.borrow_mut());
        let more = places.saturating_sub(ready.len());
        let mut limits = self.limits.borrow_mut();
        ready.try_reserve(more).is_ok()
            && wheel.make_room(2 * places).is_ok()
            && limits.try_reserve(places).is_ok()
    }

    /// Some news had no memory: each task is looked at that was woken, or told to stop.
    #[cold]
    fn look_at_all(self: &Rc<Self>) {
        let places = self.fibers.borrow().places();
        for place in 0..places {
            let stopped = {
                let mut fibers = self.fibers.borrow_mut();
                let Some(fiber) = fibers.get(place) else { continue };
                if let Some(waker) = &fiber.waker {
                    waker.taken();
                }
                let claim = fiber.claim.as_ref();
                claim.is_some_and(|claim| self.core.word(claim.index).cause().is_some())
            };
            match stopped {
                true => self.finish(place, 0),
                false => self.make_ready(place),
            }
        }
    }

    fn is_fiber_of(&self, fiber: u32, index: u32, same: impl Fn(word::Snapshot) -> bool) -> bool {
        let mut fibers = self.fibers.borrow_mut();
        let claim = fibers.get(fiber).and_then(|fiber| fiber.claim.as_ref());
        claim.is_some_and(|claim| claim.index == index && same(claim.word))
    }

    /// Starts a task, if it was not cancelled meanwhile.
    pub(super) fn start(&self, start: Start) {
        let (claim, lane) = {
            let seat = &mut *self.seat.borrow_mut();
            match start {
                Start::Task(index) => (self.core.start(index, seat), slab::NIL),
                Start::Place(lane) => (self.core.take_place(lane, seat), lane),
            }
        };
        if let Some(claim) = claim {
            self.begin(claim, lane);
        }
    }

    fn begin(&self, claim: Claim, lane: u32) {
        let limit = crate::run::limit(&self.core, &self.settings, &claim);
        self.core.begin(&claim, clock::coarse());
        let index = claim.index;
        let place = self.fibers.borrow_mut().insert(Fiber::new(claim, lane));
        self.core.set_fiber(index, place);
        if let Some(limit) = limit {
            let at = clock::precise().saturating_add(limit);
            let timer = self.wheel.borrow_mut().set(at, place << 1 | 1);
            let mut fibers = self.fibers.borrow_mut();
            if let Some(fiber) = fibers.get(place) {
                (fiber.limit, fiber.limit_at) = (timer, at);
            }
        }
        self.make_ready(place);
    }

    pub(super) fn make_ready(&self, place: u32) {
        if let Some(fiber) = self.fibers.borrow_mut().get(place)
            && !std::mem::replace(&mut fiber.queued, true)
        {
            self.ready.borrow_mut().push_back(place);
        }
    }

    /// Lets timers expire.
    pub(super) fn expire(self: &Rc<Self>) {
        let now = clock::precise();
        // There is room for the limit of each.
        let mut limits = self.limits.take();
        self.wheel.borrow_mut().advance(now, |key| match key & 1 {
            0 => {
                if let Some(fiber) = self.fibers.borrow_mut().get(key >> 1) {
                    fiber.sleep = Sleep::Due;
                }
                self.make_ready(key >> 1);
            }
            _ => limits.push(key >> 1),
        });
        for place in limits.drain(..) {
            self.time_out(place, now);
        }
        *self.limits.borrow_mut() = limits;
    }

    fn time_out(self: &Rc<Self>, place: u32, now: u64) {
        let task = {
            let mut fibers = self.fibers.borrow_mut();
            let Some(fiber) = fibers.get(place) else { return };
            fiber.limit = wheel::NIL;
            let Some(claim) = &fiber.claim else { return };
            // The watchdog may have stopped it during its last poll, and tells nobody here.
            let stopped = self.core.word(claim.index).cause().is_some();
            if !stopped && now.saturating_sub(fiber.limit_at) > MUCH_TOO_LATE {
                // Nobody could run meanwhile: the pause does not count.
                let asleep = self.busy.get().min(fiber.limit_at);
                fiber.limit_at = now + (now - asleep);
                fiber.limit = self.wheel.borrow_mut().set(fiber.limit_at, place << 1 | 1);
                return;
            }
            RunningTask::new(claim.index, claim.word.generation())
        };
        self.core.time_out(task);
        if self.core.word(task.index).cause().is_some() {
            self.finish(place, 0);
        }
    }
}
