//! Workers whose task waits for another one give their place to one more worker meanwhile.
//!
//! At most as many are lent as there are places (`line_task_max`), so that tasks that wait for tasks
//! that wait cannot have threads without end. What holds: *while a worker waits, one more may be there
//! than without it, or as many wait as there are places.* A task that was told to stop and is stuck
//! has no other substitute while it lends its place ([`crate::core::limit::allowed`]).
//!
//! The count changes under the lock of those who wait ([`crate::core::waits`]) and takes effect after
//! that, in [`super::idle`]. When the wait is over the task goes on at once; the worker that is then
//! too many leaves at its next look, as after a lowered limit. So for as long as a task of that one
//! takes, one more may run.

use super::Shared;
use crate::config::Key;
use crate::core::limit::Lent;
use crate::core::waits::Lender;
use crate::core::word;
use crate::kinds::State;
use crate::sync::Mutex;
use std::sync::Arc;

/// The tasks of workers that wait, by their records; those that are stuck with true.
#[derive(Debug, Default)]
pub struct Waiters(Mutex<Vec<(u32, bool)>>);

impl Waiters {
    /// A task waits from now on. Whether it is stuck is asked under the lock, so that it is seen
    /// here or by [`Waiters::found_stuck`].
    pub fn come(&self, task: u32, is_stuck: impl FnOnce() -> bool) {
        let mut waiters = self.0.lock();
        let stuck = is_stuck();
        waiters.push((task, stuck));
    }

    /// It goes on.
    pub fn leave(&self, task: u32) {
        let mut waiters = self.0.lock();
        if let Some(at) = waiters.iter().position(|(other, _)| *other == task) {
            waiters.swap_remove(at);
        }
    }

    /// A task was found to be stuck. Whether it still runs is asked under the lock: the record may be that
    /// of a later one, which waits now.
    pub fn found_stuck(&self, task: u32, runs: impl FnOnce() -> bool) {
        let mut waiters = self.0.lock();
        if runs() {
            waiters.iter_mut().for_each(|(other, stuck)| *stuck |= *other == task);
        }
    }

    /// How many there are.
    pub fn count(&self) -> Lent {
        let waiters = self.0.lock();
        Lent { all: waiters.len(), stuck: waiters.iter().filter(|(_, stuck)| *stuck).count() }
    }
}

impl Lender for Shared {
    fn core(&self) -> usize {
        self.core.address()
    }

    fn runs(&self, task: u32) -> bool {
        let word = self.core.word(task);
        word.state() == Some(State::Running) && !word.has(word::ASYNC | word::HOSTED)
    }

    fn waits(&self, task: u32) {
        self.waiters.come(task, || Shared::is_stuck(self, task));
    }

    fn goes_on(&self, task: u32) {
        self.waiters.leave(task);
    }

    fn apply(self: Arc<Self>) {
        self.resize();
    }

    fn is_stuck(&self, task: u32) -> bool {
        Shared::is_stuck(self, task)
    }

    fn may_wait(&self) -> (usize, usize) {
        (2 * self.settings.count(Key::LineTaskMax), self.settings.count(Key::StuckTaskMax))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiting_task_is_not_stuck_for_an_earlier_one_of_its_record() {
        let waiters = Waiters::default();
        waiters.come(7, || false);
        waiters.found_stuck(7, || false);
        assert_eq!(waiters.count().stuck, 0);
        waiters.found_stuck(7, || true);
        assert_eq!(waiters.count().stuck, 1);
    }
}
