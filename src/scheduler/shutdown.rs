//! How a scheduler comes to rest, for a while or for good.
//!
//! A shutdown may give up at a deadline. Then the scheduler stays closed: adds are refused, and what
//! still runs ends as it would have, until a later shutdown has seen the end of everything. So it can
//! be begun, looked at and begun again, by any number of threads; whichever comes to the end lets
//! tasks in again, if no other is under way.

use super::Scheduler;
use crate::canary::Canary;
use crate::clock;
use crate::error::{Error, ErrorCode, Result};
use crate::host;
use crate::log::{self, LogLevel};
use crate::task::TaskStatus;
use std::sync::Arc;

/// What is known of the shutdowns of a scheduler.
#[derive(Debug, Default)]
pub(super) struct Shutdowns {
    under_way: usize,
    /// How many came to the end.
    ended: u64,
}

/// What a shutdown that gave up has left.
#[derive(Clone, Debug)]
pub struct Remains {
    /// The tasks that still run, in the order of their adds.
    pub running: Vec<TaskStatus>,
    /// Tasks that are run by claims, were cancelled, and are only to be taken and finished.
    pub claims: usize,
    /// Threads of ours that are still there.
    pub threads: usize,
}

impl Scheduler {
    /// Cancels what is pending and waits for what runs; forced, also tells it to stop. No host
    /// code runs when this returns, until a later add, which starts afresh. Bans, statuses and
    /// settings stay.
    pub fn shutdown(&self, force: bool) -> Result<()> {
        self.shutdown_within(force, f64::INFINITY).map(drop)
    }

    /// As [`Scheduler::shutdown`], but gives up when this time is over: then what is left is told,
    /// and adds are refused until a later shutdown has come to the end. 0 seconds do not wait; infinity
    /// waits without bound.
    pub fn shutdown_within(&self, force: bool, seconds: f64) -> Result<Option<Remains>> {
        if seconds.is_nan() || seconds < 0.0 {
            let text = words!("a shutdown cannot last {seconds} seconds");
            return Err(Error::new(ErrorCode::InvalidArgument, text));
        }
        let would_deadlock = |text| Err(Error::new(ErrorCode::WouldDeadlock, text));
        if host::inside_host_code() {
            return would_deadlock(
                "a shutdown waits for the task or callback that it is called from",
            );
        }
        if seconds > 0.0 && self.shared.claims.holds_here() {
            return would_deadlock("a shutdown waits for the claims that this thread holds");
        }
        let deadline = if seconds == 0.0 { Some(0) } else { clock::deadline_in(seconds) };
        let before = {
            let mut shutdowns = self.shutdowns.lock();
            shutdowns.under_way += 1;
            shutdowns.ended
        };
        let mut ended = self.close_down(force, false, deadline);
        let mut shutdowns = self.shutdowns.lock();
        shutdowns.under_way -= 1;
        // Another one may have seen the end of everything meanwhile.
        ended |= shutdowns.ended != before;
        if ended {
            shutdowns.ended += 1;
        }
        let opens = shutdowns.under_way == 0 && ended;
        if opens {
            self.shared.core.reopen();
            // After the core, so that no refused add makes a thread.
            self.shared.loops.reopen();
            self.shared.pool.reopen();
        }
        drop(shutdowns);
        if opens {
            self.shared.loops.resume();
            self.shared.pool.resume();
        }
        if !ended {
            let (running, claims) = self.shared.core.remains();
            let threads = self.shared.threads();
            log::line(LogLevel::Warning, || {
                words!("The scheduler has not been shut down: {} tasks still run", running.len())
            });
            return Ok(Some(Remains { running, claims, threads }));
        }
        log::line(LogLevel::Info, || "All scheduler has been shut down.");
        Ok(None)
    }

    /// The steps of a shutdown; nothing comes in from the first on. False when the deadline passed
    /// before the last; each may be done again by another one, at the same time or later.
    ///
    /// 1. Adds are refused; every one before this has come in.
    /// 2. What is pending is cancelled, so from here on nothing starts.
    /// 3. Forced: what runs is told to stop.
    /// 4. Threads that have nothing to do leave, and the others when their tasks have ended; what is
    ///    left in queues are cancelled tasks, which they free.
    /// 5. What runs is waited for, and so are threads, which may be in the host's function for them.
    /// 6. The threads are joined, which takes no time any more.
    /// 7. Results that nobody took are dropped, and every other drop is waited for.
    ///
    /// For good: nobody takes claims any more, so those that are only to be ended are ended here.
    fn close_down(&self, force: bool, for_good: bool, deadline: Option<u64>) -> bool {
        let shared = &self.shared;
        shared.core.close();
        // Of a million tasks that have ended, none is looked at.
        let idle = shared.core.unfinished() == 0;
        if !idle {
            shared.core.cancel_everything();
        }
        if for_good {
            shared.claims.end_untaken();
        }
        if force && !idle {
            shared.core.stop_everything().into_iter().for_each(|task| shared.told(task));
        }
        if Canary::EarlyShutdown.sings() {
            return true;
        }
        shared.loops.leave();
        shared.pool.leave();
        if !shared.core.wait_everything(deadline) {
            return false;
        }
        shared.pool.leave_watchdog();
        if !shared.wait_threads(deadline) {
            return false;
        }
        let ending = self.ending.lock();
        shared.loops.join();
        shared.pool.join();
        shared.core.clear_ready();
        drop(ending);
        if !shared.core.drop_results(deadline) {
            return false;
        }
        // For good it all goes at once, unless a handle keeps it.
        if !for_good || Arc::strong_count(shared) > 1 {
            shared.core.trim();
        }
        true
    }

    /// Forced shutdown for good, then frees; inside a task nothing is freed, and the log says so.
    pub fn free(self: Box<Self>) {
        if !self.is_of_this_process() {
            // The parent's: its threads are not here, and its locks may be held for ever.
            std::mem::forget(self);
            return;
        }
        let waits_for_itself = match host::inside_host_code() {
            true => Some("from inside a task or callback"),
            false => self.shared.claims.holds_here().then_some("on a thread that holds a claim"),
        };
        if let Some(place) = waits_for_itself {
            log::line(LogLevel::Error, || {
                words!("ts_scheduler_free was called {place}: nothing was freed")
            });
            std::mem::forget(self);
        }
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        if !self.is_of_this_process() {
            return;
        }
        self.close_down(true, true, None);
        self.shared.retire();
    }
}
