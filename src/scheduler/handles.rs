//! What is made of a scheduler: lanes, pumps, completion queues; and its claims.

use super::Scheduler;
use crate::completions::Completions;
use crate::core::outlet::WORKERS;
use crate::error::Result;
use crate::host::Bell;
use crate::hosts::claims::{End, Handed};
use crate::hosts::pump::Pump;
use crate::id::TaskId;
use crate::kinds::State;
use crate::lane::{Lane, LaneOptions};
use crate::scheduler::shared::Shared;
use crate::task::{RawTask, Runner};
use std::os::fd::RawFd;
use std::sync::Arc;

impl Scheduler {
    /// Who runs linear tasks whose lane and owner say nothing: of names that are not in use, and
    /// tasks without a name, from now on.
    pub fn set_runner(&self, runner: Runner<'_>) -> Result<()> {
        let outlet = self.shared.outlet_of(Some(runner))?.unwrap_or(WORKERS);
        self.shared.core.set_default_outlet(outlet);
        Ok(())
    }

    /// A handle of a lane.
    pub fn lane(&self, options: &LaneOptions<'_>) -> Result<Lane> {
        Lane::new(&self.shared, options)
    }

    /// A pump; `ready` is rung when there is something to run and was nothing before. On failure its
    /// data is not dropped.
    pub fn pump(&self, ready: Option<Bell>) -> Result<Pump> {
        Pump::new(&self.shared, ready)
    }

    /// A completion queue.
    pub fn completions(&self) -> Result<Completions> {
        Completions::new(&self.shared)
    }

    /// Adds a task that the host runs, by its options, its lane or by default; its claim, if it may
    /// start at once.
    ///
    /// # Safety
    /// As for [`Scheduler::submit_raw`].
    pub unsafe fn submit_claim(&self, task: &RawTask<'_>) -> Result<(TaskId, Option<Handed>)> {
        // SAFETY: the caller's promise.
        unsafe { self.shared.submit_claim(task) }
    }

    /// Whether to run the task of a claim: `Stopped` if it is only to be finished.
    pub fn start_claim(&self, id: TaskId) -> Result<()> {
        self.shared.claims.start(id)
    }

    /// Who ends claims. A free on another thread waits for the last claim, not for the call that ends it.
    pub fn finisher(&self) -> Finisher {
        Finisher(self.shared.clone())
    }

    /// Takes up to `most` claims that became runnable otherwise, or are only to be finished, and
    /// waits for the first one that long: how many.
    pub fn take_claims(
        &self,
        most: usize,
        seconds: f64,
        each: impl FnMut(usize, Handed),
    ) -> Result<usize> {
        self.shared.claims.take(most, seconds, each)
    }

    /// A descriptor that is readable while [`Scheduler::take_claims`] has something to do.
    pub fn claims_fd(&self) -> Result<RawFd> {
        self.shared.claims.fd()
    }
}

/// See [`Scheduler::finisher`].
#[derive(Debug)]
pub struct Finisher(Arc<Shared>);

impl Finisher {
    /// Ends a claim: the final state of its task, and with `wants_next` the next claim, of its lane or
    /// else any.
    pub fn finish(
        &self,
        id: TaskId,
        end: End,
        wants_next: bool,
    ) -> Result<(State, Option<Handed>)> {
        self.0.claims.finish(id, end, wants_next)
    }
}
