//! A name may go to others as soon as its last task has ended, though who ran that has yet to let go
//! of its lane.
//!
//! Between the step by which everybody sees an end and that, a thread may be anywhere: without a
//! processor, or in a drop of the host's, for as long as that takes; and of tasks that were all
//! cancelled something is left in a lane until its runner looks. To wait for him might take for ever,
//! and would be a wait where none is promised. So the name gets another lane, and the old one is left
//! to who is at it: he finds nothing alive in it and lets go of it, as ever. A lane that was left is
//! kept for history and for him, and then swept like any other.
//!
//! Alive is a task, too, whose `on_end` has not returned: the next of its name starts after that, and
//! who tells of the end holds the lane meanwhile.
//!
//! What holds: *a lane is left when nothing in it is alive, and nothing comes into it after that.* A
//! task comes into a lane under the inlet's lock, by the name, which then leads elsewhere, or by a
//! handle, of which there is none. So who is at it meets nobody: what he does to it does not reach the
//! lane that the name has now. All of it is under the inlet's lock.

use super::Core;
use super::add::To;
use super::inlet::{Door, Entry};
use super::lane::Lane;
use super::slab::NIL;
use super::word;
use crate::kinds::{Kind, State};
use crate::platform::annotate;
use crate::sync::atomic::Ordering::*;
use crate::{ErrorCode, Result};
use std::sync::Arc;

/// Fewer lanes that were left are not worth looking through.
const SWEEP_LEAST: usize = 64;

impl Core {
    /// Makes a name free for other runners and options, if none of its tasks is alive and no handle
    /// holds it: whether it is free now.
    #[cold]
    pub fn free_name(self: &Arc<Self>, to: To<'_>, kind: Kind) -> Result<bool> {
        let To::Name(name) = to else { return Ok(false) };
        let hash = self.hash(name);
        let inlet = &self.inlets[Core::inlet_of(hash)];
        let Some(lane) = inlet.lock().find(hash, kind, name) else { return Ok(true) };
        self.take_hollow_places(lane);
        // Looked at without the lock first, since it takes its time and mostly finds one.
        if self.is_alive(lane) {
            return Ok(false);
        }
        let mut door = inlet.lock();
        let Some(lane) = door.find(hash, kind, name) else { return Ok(true) };
        let its = self.lanes.at(lane);
        // Under it the number of those that are alive can only fall.
        if its.handles() > 0 || !its.is_at_rest() && self.is_alive(lane) {
            return Ok(false);
        }
        if !its.is_at_rest() {
            self.leave_lane(&mut door, lane, (hash, kind, name))?;
        }
        Ok(true)
    }

    /// The name gets another lane. Under the inlet's lock, with nothing alive in the old one.
    fn leave_lane(
        &self,
        door: &mut Door,
        lane: u32,
        (hash, kind, name): (u64, Kind, &[u8]),
    ) -> Result<()> {
        if door.left.len() >= door.sweep_left_at {
            self.sweep_left(door);
            door.sweep_left_at = SWEEP_LEAST.max(door.left.len() * 2);
        }
        door.left.try_reserve(1).map_err(|_| ErrorCode::OutOfMemory)?;
        // What its tasks did comes before what those of the new one do.
        annotate::acquire(self.lanes.at(lane));
        let at = self.lanes.at(lane).inlet();
        let (new, own) = self.open_place(door, at, hash, kind, name)?;
        let same = |entry: &Entry| entry.lane == lane;
        if let Some(entry) = door.names.find_mut(hash, same) {
            let old = std::mem::replace(entry, Entry { hash, lane: new, kind, name: own });
            door.left.push(old);
        }
        Ok(())
    }

    /// Frees the lanes that were left, as far as nobody needs them any more. Under the inlet's lock.
    pub(super) fn sweep_left(&self, door: &mut Door) {
        let mut history = self.lock_history();
        let Door { left, free_lanes, .. } = door;
        left.retain_mut(|entry| !self.sweep_one(entry, free_lanes, &mut history));
    }

    /// Whether everything that was in a lane seems to have ended, though it is not at rest: a hint,
    /// for who asks for nobody and comes to who runs it, if it is not so. Under the inlet's lock.
    pub(super) fn seems_over(&self, lane: u32, its: &Lane) -> bool {
        if !its.has_places() {
            return its.is_empty();
        }
        let last = its.last_started();
        its.alive() == 0 && (last == NIL || !self.is_alive_in(last, lane))
    }

    /// Whether any task of a lane is alive, but for those without which it goes on.
    fn is_alive(&self, lane: u32) -> bool {
        self.each_record().any(|(index, _)| self.is_alive_in(index, lane))
    }

    fn is_alive_in(&self, index: u32, lane: u32) -> bool {
        let record = self.records.at(index);
        let word = record.word.load();
        let is_alive = match word.state() {
            Some(State::Pending | State::Running) => true,
            // The next of its name comes after its on_end.
            Some(_) => {
                // It is read of this task while that bit keeps the record.
                let telling = word.has(word::REPORTS) && record.is_telling();
                let now = record.word.load();
                telling && now.has(word::REPORTS) && now.generation() == word.generation()
            }
            None => false,
        };
        is_alive && !word.is_released() && record.lane.load(Relaxed) == lane
    }
}
