//! Workers whose task waits for another one give their place to one more worker meanwhile.
//!
//! At most as many are lent as there are places (`line_task_max`), so that tasks that wait for tasks
//! that wait cannot have threads without end. What holds: *while a worker waits, one more may be there
//! than without it, or as many wait as there are places.* A task that was told to stop and is stuck
//! has been replaced already, and is not counted twice.
//!
//! The count changes under the lock of those who wait ([`crate::core::waits`]) and takes effect after
//! that, in [`super::idle`]. When the wait is over the task goes on at once; the worker that is then
//! too many leaves at its next look, as after a lowered limit. So for as long as a task of that one
//! takes, one more may run.

use super::Shared;
use crate::core::slab::NIL;
use crate::core::waits::Lender;
use crate::sync::Mutex;
use std::sync::Arc;

/// The tasks of workers that wait, by their records; those that are replaced otherwise with true.
#[derive(Debug, Default)]
pub struct Waiters(Mutex<Vec<(u32, bool)>>);

impl Waiters {
    /// A task waits from now on. Whether it is stuck is asked under the lock, so that it is seen
    /// here or by [`Waiters::replaced`].
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

    /// A task was found to be stuck, and is replaced for that. Whether it still runs is asked under the
    /// lock: the record may be that of a later one, which waits now.
    pub fn replaced(&self, task: u32, runs: impl FnOnce() -> bool) {
        let mut waiters = self.0.lock();
        if runs() {
            waiters.iter_mut().for_each(|(other, replaced)| *replaced |= *other == task);
        }
    }

    /// How many places might be lent.
    pub fn lent(&self) -> usize {
        self.0.lock().iter().filter(|(_, replaced)| !replaced).count()
    }
}

impl Lender for Shared {
    fn core(&self) -> usize {
        self.core.address()
    }

    fn waits(&self, task: u32) {
        self.waiters.come(task, || task != NIL && self.core.word(task).is_stuck());
    }

    fn goes_on(&self, task: u32) {
        self.waiters.leave(task);
    }

    fn apply(self: Arc<Self>) {
        self.resize();
    }

    fn most(&self) -> usize {
        Shared::most(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiting_task_is_not_replaced_for_an_earlier_one_of_its_record() {
        let waiters = Waiters::default();
        waiters.come(7, || false);
        waiters.replaced(7, || false);
        assert_eq!(waiters.lent(), 1);
        waiters.replaced(7, || true);
        assert_eq!(waiters.lent(), 0);
    }
}
