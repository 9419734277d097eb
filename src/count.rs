//! How many of something there are, for who waits until there is none.
//!
//! The hand-off: who waits looks at the count under its lock and lets go of that only by sleeping; who
//! is the last to go changes the count and tells under the lock. So who has waited may free the count:
//! who goes does not touch it any more when he has let go of the lock.

use crate::clock;
use crate::sync::{Condvar, Mutex};

/// See the module.
#[derive(Debug, Default)]
pub struct Count {
    count: Mutex<usize>,
    gone: Condvar,
}

impl Count {
    /// One more.
    pub fn come(&self) {
        *self.count.lock() += 1;
    }

    /// One less.
    pub fn go(&self) {
        let mut count = self.count.lock();
        *count -= 1;
        if *count == 0 {
            self.gone.notify_all();
        }
    }

    /// How many there are.
    pub fn now(&self) -> usize {
        *self.count.lock()
    }

    /// Waits until there is none; false when the deadline passed before.
    pub fn wait_none(&self, deadline: Option<u64>) -> bool {
        let mut count = self.count.lock();
        while *count > 0 {
            count = match deadline.map(clock::until) {
                None => self.gone.wait(count),
                Some(Some(left)) => self.gone.wait_for(count, left),
                Some(None) => return false,
            };
        }
        true
    }
}
