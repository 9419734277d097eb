//! A handle of a lane: adds by it need not look the name up, and what it asks for holds while it is
//! open.

use crate::core::add::To;
use crate::core::handles::Wishes;
use crate::core::inlet::Item;
use crate::core::outlet::WORKERS;
use crate::hosts::claims::Handed;
use crate::kinds::Kind;
use crate::loops::Start;
use crate::scheduler::shared::Shared;
use crate::task::{Call, RawTask, Runner};
use crate::{Error, ErrorCode, Result, TaskId};
use std::sync::Arc;

/// What a lane is to be like. Zero and `None` are what it is already, or the default.
#[derive(Clone, Copy, Debug)]
pub struct LaneOptions<'a> {
    /// Its name, 1 to 255 bytes of UTF-8.
    pub name: &'a [u8],
    /// Its kind.
    pub kind: Kind,
    /// Who runs it.
    pub runner: Option<Runner<'a>>,
    /// How many of its tasks run at once, where that may be more than one.
    pub width: usize,
    /// How many of its tasks may be pending.
    pub capacity: usize,
}

/// See the module. It may outlive its scheduler; adds are refused then.
#[derive(Debug)]
pub struct Lane {
    shared: Arc<Shared>,
    index: u32,
    hash: u64,
    kind: Kind,
}

/// The most that `width` and `capacity` may be.
pub const MOST: usize = 1 << 31;

impl Lane {
    pub(crate) fn new(shared: &Arc<Shared>, options: &LaneOptions<'_>) -> Result<Lane> {
        shared.check()?;
        let outlet = shared.outlet_of(options.runner)?;
        let linear = options.kind == Kind::Linear;
        let invalid = |text: &'static str| Err(Error::new(ErrorCode::InvalidArgument, text));
        if !linear && outlet.is_some_and(|outlet| outlet != WORKERS) {
            return invalid("async tasks run on event loops; claims and pumps take linear ones");
        }
        if options.width > MOST || options.capacity > MOST {
            return invalid("width and capacity are at most 2147483648");
        }
        let outlet = if linear { outlet } else { None };
        let (width, capacity) = (options.width as u32, options.capacity as u32);
        let mut wishes = Wishes { kind: options.kind, outlet, width, capacity, stays: false };
        let (index, hash) = match shared.core.open_lane(options.name, &wishes) {
            Err(error) if error.code() == ErrorCode::InUse => {
                shared.core.free_name(To::Name(options.name), options.kind)?;
                wishes.stays = true;
                shared.core.open_lane(options.name, &wishes)?
            }
            other => other?,
        };
        Ok(Lane { shared: shared.clone(), index, hash, kind: options.kind })
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Where it is, and the hash of its name.
    pub(crate) fn place(&self) -> (u32, u64) {
        (self.index, self.hash)
    }

    /// Whether it belongs to a parent process.
    pub(crate) fn is_forked(&self) -> bool {
        !self.shared.is_of_this_process()
    }

    /// Adds a task, which names this lane.
    ///
    /// # Safety
    /// As for [`crate::Scheduler::submit_raw`].
    pub unsafe fn submit(&self, task: &RawTask<'_>) -> Result<TaskId> {
        self.shared.check()?;
        // SAFETY: the caller's promise.
        unsafe { self.shared.submit(task) }
    }

    /// The short way of [`Lane::submit`], as of [`crate::Scheduler::submit_raw`].
    ///
    /// # Safety
    /// As there.
    #[inline(always)]
    pub(crate) unsafe fn submit_plain(&self, call: Call) -> Option<TaskId> {
        self.shared.add_plain_to_lane(self, call)
    }

    /// Adds a task that the host runs, which names this lane; its claim, if it may start at once.
    ///
    /// # Safety
    /// As for [`crate::Scheduler::submit_raw`].
    pub unsafe fn submit_claim(&self, task: &RawTask<'_>) -> Result<(TaskId, Option<Handed>)> {
        self.shared.check()?;
        // SAFETY: the caller's promise.
        unsafe { self.shared.submit_claim(task) }
    }

    /// The kind of its tasks.
    pub fn kind(&self) -> Kind {
        self.kind
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        if !self.shared.is_of_this_process() {
            return;
        }
        let core = &self.shared.core;
        for _ in 0..core.close_lane(self.index) {
            match (self.kind, core.runs(self.index)) {
                (Kind::Async, _) => self.shared.loops.start(self.hash, Start::Place(self.index)),
                (_, outlet) => core.put_out(outlet, Item::lane(self.index)),
            }
        }
    }
}
