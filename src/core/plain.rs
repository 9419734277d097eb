//! How most tasks come in: linear ones that ask for nothing, for our workers, into a lane that is
//! there or without a name.
//!
//! The same add as [`Core::add`], with all that is rare left out: whatever is not as usual makes it
//! answer none before anything is changed, and that add looks closer.

use super::Core;
use super::add::{AHEAD, To, own_inlet, stamp};
use super::inlet::{Door, Inlet};
use super::lane::Lane;
use super::outlet::WORKERS;
use super::slab::NIL;
use crate::TaskId;
use crate::kinds::Kind;
use crate::platform::annotate;
use crate::sync::MutexGuard;
use crate::sync::atomic::Ordering::*;
use crate::task::Call;
use std::ffi::c_void;

/// An inlet whose lock is held.
struct Opened<'a> {
    at: usize,
    inlet: &'a Inlet,
    door: MutexGuard<'a, Door>,
    /// When that was.
    now: u64,
}

impl Core {
    /// Adds such a task: its id, and whether something became ready by it. A name is of a length that
    /// names have.
    ///
    /// The caller mostly knows which of the three it is: inlined, nothing is left of the choice.
    #[inline(always)]
    pub(crate) fn add_plain(&self, to: To<'_>, call: Call) -> Option<(TaskId, bool)> {
        if self.default_outlet() != WORKERS {
            return None;
        }
        match to {
            To::Nobody => {
                let opened = self.open(own_inlet());
                self.add_here(opened, None, call)
            }
            To::Name(name) => self.add_by_name(name, call),
            To::Lane { index, hash } => {
                let opened = self.open(Core::inlet_of(hash));
                self.add_here(opened, Some((index, self.lanes.at(index))), call)
            }
        }
    }

    /// Once in the code, for the search to be inlined into it.
    #[inline(never)]
    fn add_by_name(&self, name: &[u8], call: Call) -> Option<(TaskId, bool)> {
        let hash = self.hash_of(name);
        let opened = self.open(Core::inlet_of(hash));
        let soon = |lane| self.lanes.prefetch(lane);
        let lane = opened.door.find_soon(hash, Kind::Linear, name, soon)?;
        self.add_here(opened, Some((lane, self.lanes.at(lane))), call)
    }

    #[inline(always)]
    fn open(&self, at: usize) -> Opened<'_> {
        let now = stamp();
        let inlet = &self.inlets[at];
        Opened { at, inlet, door: inlet.lock(), now }
    }

    #[inline(always)]
    fn add_here(
        &self,
        opened: Opened<'_>,
        lane: Option<(u32, &Lane)>,
        call: Call,
    ) -> Option<(TaskId, bool)> {
        let Opened { at, inlet, mut door, now } = opened;
        if let Some((_, lane)) = lane {
            // The new one will be linked to them.
            lane.each_to_tell(|task| self.records.prefetch(task));
        }
        if door.closed || lane.is_some_and(|(_, lane)| lane.is_special()) {
            return None;
        }
        let bounded = self.bound.limit() != 0;
        if bounded && door.budget == 0 || door.free.is_empty() || !door.margin.try_spend() {
            return None;
        }
        door.budget -= u64::from(bounded);
        let index = door.free.pop()?;
        if let Some(soon) = door.free.peek(AHEAD) {
            self.records.prefetch(soon);
        }
        let record = self.records.at(index);
        let generation = record.word.load().generation() + 1;
        let number = lane.map_or(NIL, |(number, _)| number);
        record.fill(call.function as *mut c_void, call.user_data, call.drop, number, now);
        annotate::release(record);
        record.link.store(if lane.is_none() { at as u32 } else { NIL }, Relaxed);
        record.word.open(generation, 0);
        inlet.added.store(inlet.added.load(Relaxed) + 1, Release);
        let ready = self.queue_up(inlet, &mut door, lane, index);
        drop(door);
        Some((self.id(index, generation), ready))
    }
}
