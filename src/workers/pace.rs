//! How long a worker's tasks take, looked at once in so many: a look at the clock costs as much as a
//! small task.

use crate::clock;

/// So many tasks are looked at together, or so much of time as brisk ones would take at most: many,
/// since a thread that has no processor for a while looks as if its tasks were long.
const TASKS: u64 = 512;
/// Tasks that take less on average are brisk: waking and feeding another worker costs more than it
/// brings.
pub const BRISK: u64 = 700;

/// See the module.
#[derive(Debug, Default)]
pub struct Pace {
    /// When it began to run what is counted now (nanoseconds), and how many had started by then.
    since: (u64, u64),
    /// What it has run before that: nanoseconds, and tasks.
    ran: (u64, u64),
    /// The look before found them long.
    doubt: bool,
}

impl Pace {
    /// The worker has something to run; so many have started so far.
    pub fn begin(&mut self, started: u64) {
        self.since = (clock::precise(), started);
    }

    /// The worker has run what it had: whether its tasks are brisk, when there were enough of them.
    pub fn look(&mut self, started: u64) -> Option<bool> {
        let now = clock::precise();
        let (time, tasks) = (now - self.since.0, started - self.since.1);
        self.since = (now, started);
        self.ran = (self.ran.0 + time, self.ran.1 + tasks);
        let (time, tasks) = self.ran;
        if tasks < TASKS && time < TASKS * BRISK {
            return None;
        }
        self.ran = (0, 0);
        let brisk = time < tasks * BRISK;
        // Long once may be an interruption.
        let sure = brisk || std::mem::replace(&mut self.doubt, true);
        self.doubt &= !brisk;
        sure.then_some(brisk)
    }
}
