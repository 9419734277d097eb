//! How most tasks come in: linear ones that ask for nothing, for our workers, into a lane that is
//! there or without a name.
//!
//! The same add as [`Core::add`], with all that is rare left out: whatever is not as usual makes it
//! answer none before anything is changed, and that add looks closer.

use super::Core;
use super::add::{AHEAD, To, own_inlet, stamp};
use super::outlet::WORKERS;
use super::slab::NIL;
use crate::TaskId;
use crate::kinds::Kind;
use crate::platform::annotate;
use crate::sync::atomic::Ordering::*;
use crate::task::Call;
use std::ffi::c_void;

impl Core {
    /// Adds such a task: its id, and whether something became ready by it. A name is of a length that
    /// names have.
    #[inline]
    pub(crate) fn add_plain(&self, to: To<'_>, call: Call) -> Option<(TaskId, bool)> {
        if self.default_outlet() != WORKERS {
            return None;
        }
        let (hash, at) = match to {
            To::Nobody => (0, own_inlet()),
            To::Name(name) => {
                let hash = self.hash_of(name);
                (hash, Core::inlet_of(hash))
            }
            To::Lane { hash, .. } => (hash, Core::inlet_of(hash)),
        };
        let added = stamp();
        let inlet = &self.inlets[at];
        let mut door = inlet.lock();
        let lane = match to {
            To::Nobody => NIL,
            To::Name(name) => {
                door.find_soon(hash, Kind::Linear, name, |lane| self.lanes.prefetch(lane))?
            }
            To::Lane { index, .. } => index,
        };
        if lane != NIL {
            // The new one will be linked to them.
            self.lanes.at(lane).each_to_tell(|task| self.records.prefetch(task));
        }
        if door.closed || lane != NIL && self.lanes.at(lane).is_special() {
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
        record.fill(call.function as *mut c_void, call.user_data, call.drop, lane, added);
        annotate::release(record);
        record.link.store(if lane == NIL { at as u32 } else { NIL }, Relaxed);
        record.word.open(generation, 0);
        inlet.added.store(inlet.added.load(Relaxed) + 1, Release);
        let ready = self.queue_up(&mut door, at, lane, index);
        drop(door);
        Some((self.id(index, generation), ready))
    }
}
