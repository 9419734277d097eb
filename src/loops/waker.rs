//! What wakes one async task, from any thread, at any time.
//!
//! A waker names its task by record and generation, so waking one that has ended does nothing, for
//! ever. It is counted: it may outlive its task and its scheduler. While it is in its loop's inbox
//! it is not put there again.

use super::EventLoop;
use super::handed::Handed;
use super::queued::Queued;
use crate::platform::annotate;
use crate::{Error, ErrorCode, Result};
use std::sync::Arc;
use std::task::Wake;

/// See the module.
#[derive(Debug)]
pub struct TaskWaker {
    event_loop: Arc<EventLoop>,
    /// The task's record.
    pub(super) index: u32,
    pub(super) generation: u64,
    queued: Queued,
    /// How many the host has.
    handed: Handed,
}

impl TaskWaker {
    pub(super) fn new(event_loop: Arc<EventLoop>, index: u32, generation: u64) -> TaskWaker {
        TaskWaker { event_loop, index, generation, queued: Queued::new(), handed: Handed::new() }
    }

    /// Whether it belongs to a parent process.
    pub fn is_forked(&self) -> bool {
        self.event_loop.is_forked()
    }

    /// Has the task polled again; nothing when it has ended.
    pub fn wake_task(self: &Arc<Self>) -> Result<()> {
        if self.is_forked() {
            return Err(ErrorCode::Forked.into());
        }
        if self.event_loop.is_gone() {
            return Err(Error::new(
                ErrorCode::ShuttingDown,
                "the scheduler of this waker was freed",
            ));
        }
        annotate::release(&**self);
        if self.queued.is_first() {
            self.event_loop.send_wake(self);
        }
        Ok(())
    }

    /// The host has one more of it.
    pub fn hand_out(&self) {
        self.handed.hand_out();
    }

    /// The host gives one back.
    pub fn give_back(self: &Arc<Self>) {
        if self.handed.give_back() {
            let _ = self.wake_task();
        }
    }

    /// Whether only the end of what it waits for may wake it. If not for the host's wakers, it is
    /// polled again when those are back.
    pub(super) fn is_back(&self) -> bool {
        self.handed.are_back() && !self.queued.is_under_way()
    }

    /// The loop has taken it out of the inbox: what comes from here on is a new wake.
    pub(super) fn taken(&self) {
        self.queued.taken();
        annotate::acquire(self);
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        let _ = self.wake_task();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let _ = self.wake_task();
    }
}
