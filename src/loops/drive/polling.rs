//! A task in its poll, and its end.
//!
//! No cell of the loop is borrowed while the host's function runs. A task that has ended is never polled
//! again, and nothing that it armed wakes it.

use super::Local;
use crate::core::Core;
use crate::core::seat::{Seat, WorkerSeat};
use crate::core::view::RunningTask;
use crate::core::waits;
use crate::host::{self, Held, Holding};
use crate::log::{self, LogLevel};
use crate::loops::Start;
use crate::loops::fds;
use crate::loops::fiber::{Fiber, NIL, Sleep};
use crate::token::Token;
use crate::{clock, wheel};
use std::cell::RefCell;
use std::rc::Rc;
use std::task::Waker;

/// What polls return, by their numbers in C.
const POLL_PENDING: i32 = 0;
const POLL_READY: i32 = 1;
const POLL_FAILED: i32 = 2;

impl Local {
    pub(super) fn poll(self: &Rc<Self>, place: u32) {
        let (index, generation, lane, limit_at) = {
            let mut fibers = self.fibers.borrow_mut();
            let Some(fiber) = fibers.take_turn(place) else { return };
            if let Some(waiter) = fiber.take_waiter() {
                waits::waits().withdraw(waiter);
            }
            let Some(claim) = &fiber.claim else { return };
            let generation = claim.word.generation();
            (claim.index, generation, fiber.lane, fiber.limit_at)
        };
        if self.core.word(index).cause().is_some() {
            return self.finish(place, 0);
        }
        let token = Token::new(&self.core, index);
        self.current.set((place, &token));
        let held = Held::enter(Holding { core: self.core.address(), index, lane });
        if limit_at != 0 {
            let left = limit_at.saturating_sub(clock::precise());
            self.pool.watch(&self.event_loop.timed, RunningTask::new(index, generation), left);
        }
        let (function, user_data) = self.core.callee(index);
        // SAFETY: the host's promise when it submitted the task.
        let poll = unsafe { host::call_poll(function, &token, user_data) };
        self.floats.settle();
        if limit_at != 0 {
            self.event_loop.timed.clear();
        }
        drop(held);
        self.current.set((NIL, std::ptr::null()));
        match poll {
            POLL_PENDING if self.core.word(index).cause().is_some() => self.finish(place, 0),
            POLL_PENDING => {
                self.publish(place, Holding { core: self.core.address(), index, lane });
                self.check_armed(place, index, generation);
            }
            POLL_READY => self.finish(place, 0),
            POLL_FAILED => self.finish(place, 1),
            other => {
                let text = words!("the poll function returned {other}; it is 0 to 2");
                let _ = self.core.set_error(index, &text);
                self.finish(place, 1);
            }
        }
    }

    /// A task that waits for others and for nothing else holds up who waits for it. If they wait for
    /// each other it is polled once more, to hear that when it asks again.
    fn publish(&self, place: u32, task: Holding) {
        let knotted = {
            let mut fibers = self.fibers.borrow_mut();
            let Some(fiber) = fibers.get(place) else { return };
            let Some(tasks) = fiber.waits_for() else { return };
            let waiter = self.core.publish_wait(task, tasks);
            if let Some(more) = &mut fiber.more {
                more.waiter = waiter;
            }
            waiter.is_none() && !std::mem::replace(&mut fiber.knotted, true)
        };
        if knotted {
            self.make_ready(place);
        }
    }

    /// A task that waits for nothing will not be polled again: that is told, once.
    fn check_armed(&self, place: u32, index: u32, generation: u64) {
        let silent = {
            let mut fibers = self.fibers.borrow_mut();
            let Some(fiber) = fibers.get(place) else { return };
            !fiber.is_armed() && !std::mem::replace(&mut fiber.reported, true)
        };
        if silent && log::is_on() {
            let id = self.core.id(index, generation);
            let name = self.core.status(id).map_or(String::new(), |status| status.name);
            log::line(LogLevel::Warning, || {
                words!(
                    "Io asyncio task | {id} | '{name}' returned pending with nothing armed to wake it"
                )
            });
        }
    }

    /// Ends a task: it is never polled again, all that it armed is disarmed, then it is dropped.
    pub(super) fn finish(self: &Rc<Self>, place: u32, code: i32) {
        let mut fiber = {
            let mut fibers = self.fibers.borrow_mut();
            let Some(fiber) = fibers.get(place) else { return };
            let Some(claim) = fiber.claim.take() else { return };
            let lane = fiber.lane;
            let mut ended = std::mem::replace(fiber, Fiber::new(claim, lane));
            // The place stays empty, and out of use while the ready queue names it.
            ended.claim = fiber.claim.take();
            fiber.queued = ended.queued;
            if let Some(waiter) = ended.take_waiter() {
                waits::waits().withdraw(waiter);
            }
            if !ended.queued {
                fibers.remove(place);
            }
            ended
        };
        let mut wheel = self.wheel.borrow_mut();
        if let Sleep::Armed(timer) = fiber.sleep {
            wheel.clear(timer);
        }
        if fiber.limit != wheel::NIL {
            wheel.clear(fiber.limit);
        }
        drop(wheel);
        if let Some(more) = fiber.more.take() {
            let all = fds::READABLE | fds::WRITABLE;
            more.fds.iter().for_each(|fd| self.fds.borrow_mut().disarm(*fd, all, place));
            if let Some(waker) = &fiber.waker {
                let waker = Waker::from(waker.clone());
                more.tasks.iter().for_each(|id| self.core.unlisten(*id, &waker));
            }
        }
        let Some(claim) = fiber.claim.take() else { return };
        let (index, lane) = (claim.index, fiber.lane);
        {
            let _held = Held::enter(Holding { core: self.core.address(), index, lane });
            self.core.end(claim, code, &mut SharedSeat(&self.seat));
        }
        if self.core.pass_place_on(lane) {
            // In its turn, and when there is memory.
            match self.make_room() {
                true => self.start(Start::Place(lane)),
                false => self.starting.borrow_mut().push_back(Start::Place(lane)),
            }
        }
    }
}

/// The loop's seat, borrowed only for each single step, since ending a task calls the host.
struct SharedSeat<'a>(&'a RefCell<WorkerSeat>);

impl Seat for SharedSeat<'_> {
    fn left(&mut self) {
        self.0.borrow_mut().left();
    }

    fn ended(&mut self) {
        self.0.borrow_mut().ended();
    }

    fn free(&mut self, core: &Core, index: u32) {
        self.0.borrow_mut().free(core, index);
    }

    fn now(&mut self) -> u64 {
        self.0.borrow_mut().now()
    }
}
