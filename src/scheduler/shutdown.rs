//! How a scheduler comes to rest, for a while or for good.

use super::Scheduler;
use crate::error::{Error, ErrorCode, Result};
use crate::host;
use crate::log::{self, LogLevel};

impl Scheduler {
    /// Cancels what is pending and waits for what runs; forced, also tells it to stop. No host
    /// code runs when this returns, until a later add, which starts afresh. Bans, statuses and
    /// settings stay.
    pub fn shutdown(&self, force: bool) -> Result<()> {
        if host::inside_host_code() {
            return Err(Error::new(
                ErrorCode::WouldDeadlock,
                "a shutdown waits for the task or callback that it is called from",
            ));
        }
        if self.shared.claims.holds_here() {
            return Err(Error::new(
                ErrorCode::WouldDeadlock,
                "a shutdown waits for the claims that this thread holds",
            ));
        }
        *self.shutdowns.lock() += 1;
        self.close_down(force, false);
        let mut shutdowns = self.shutdowns.lock();
        *shutdowns -= 1;
        if *shutdowns == 0 {
            self.shared.core.reopen();
            // After the core, so that no refused add makes a thread.
            self.shared.loops.reopen();
            self.shared.pool.reopen();
        }
        drop(shutdowns);
        self.shared.loops.resume();
        self.shared.pool.resume();
        log::line(LogLevel::Info, || "All scheduler has been shut down.".to_owned());
        Ok(())
    }

    /// The steps of a shutdown; nothing comes in from the first on.
    ///
    /// 1. Adds are refused; every one before this has come in.
    /// 2. What is pending is cancelled, so from here on nothing starts.
    /// 3. Forced: what runs is told to stop.
    /// 4. What runs is waited for, and so is every drop.
    /// 5. The threads end; what is left in queues are cancelled tasks, which they free.
    /// 6. Results that nobody took are dropped.
    ///
    /// For good: nobody takes claims any more, so those that are only to be ended are ended here.
    fn close_down(&self, force: bool, for_good: bool) {
        self.shared.core.close();
        self.shared.core.cancel_everything();
        if for_good {
            self.shared.claims.end_untaken();
        }
        if force {
            self.shared.core.stop_everything().into_iter().for_each(|task| self.shared.told(task));
        }
        self.shared.core.wait_everything();
        let ending = self.ending.lock();
        self.shared.loops.stop();
        self.shared.pool.stop();
        self.shared.core.clear_ready();
        drop(ending);
        self.shared.core.drop_results();
        self.shared.core.trim();
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
                format!("ts_scheduler_free was called {place}: nothing was freed")
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
        self.close_down(true, true);
        self.shared.retire();
    }
}
