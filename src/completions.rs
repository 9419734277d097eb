//! Where the ends of tasks are kept until the host takes them, in batches, from a loop of its own.

use crate::core::report::Ends;
use crate::mailbox::News;
use crate::scheduler::shared::Shared;
use crate::task::Completion;
use crate::{Error, ErrorCode, Result, clock, host};
use std::os::fd::RawFd;
use std::sync::Arc;

/// See the module. It may outlive its scheduler.
#[derive(Debug)]
pub struct Completions {
    shared: Arc<Shared>,
    ends: Arc<Ends>,
}

impl Completions {
    pub(crate) fn new(shared: &Arc<Shared>) -> Result<Completions> {
        shared.check()?;
        let ends = Arc::new(Ends::new());
        shared.watch_ends(&ends)?;
        Ok(Completions { shared: shared.clone(), ends })
    }

    pub(crate) fn ends(&self) -> &Arc<Ends> {
        &self.ends
    }

    /// Whether it is this scheduler's.
    pub(crate) fn is_of(&self, shared: &Shared) -> bool {
        std::ptr::eq(&raw const *self.shared, shared)
    }

    /// Whether it belongs to a parent process.
    pub(crate) fn is_forked(&self) -> bool {
        !self.shared.is_of_this_process()
    }

    /// Takes up to `most` ends, in the order in which they came, and waits for the first one that
    /// long: how many. 0 seconds only ask (`NotYet`).
    pub fn take(
        &self,
        most: usize,
        seconds: f64,
        mut each: impl FnMut(Completion),
    ) -> Result<usize> {
        if !self.shared.is_of_this_process() {
            return Err(ErrorCode::Forked.into());
        }
        if seconds > 0.0 && host::inside_host_code() {
            let text = "a task that waits for ends may be what they wait for";
            return Err(Error::new(ErrorCode::WouldDeadlock, text));
        }
        let deadline = if seconds == 0.0 { Some(0) } else { clock::deadline_in(seconds) };
        // A drop that this brings about may free the queue.
        let (shared, ends) = (self.shared.clone(), self.ends.clone());
        loop {
            let count = shared.core.take_ends(&ends, most, &mut each);
            if count > 0 {
                return Ok(count);
            }
            match ends.mailbox.wait(deadline) {
                News::Items | News::Alarm => {}
                News::TimeOver if seconds == 0.0 => return Err(ErrorCode::NotYet.into()),
                News::TimeOver => return Err(ErrorCode::TimedOut.into()),
                News::Closed => return Err(ErrorCode::ShuttingDown.into()),
            }
        }
    }

    /// A descriptor that is readable while there is an end to take.
    pub fn fd(&self) -> Result<RawFd> {
        if !self.shared.is_of_this_process() {
            return Err(ErrorCode::Forked.into());
        }
        self.ends.mailbox.fd(false)
    }
}

impl Drop for Completions {
    /// Ends that are to come are reported nowhere, and those that are there are forgotten.
    fn drop(&mut self) {
        if self.shared.is_of_this_process() {
            self.ends.close();
            self.shared.core.forget_ends(&self.ends);
        }
    }
}
