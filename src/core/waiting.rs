//! The waiting rooms of a scheduler. A record has one [`Room`], by its index, and shares it with
//! others.

use super::Core;
use super::room::{Guests, Room, Waited};
use super::word::Snapshot;
use crate::sync::MutexGuard;

/// How many rooms a scheduler has.
const ROOMS: usize = 64;

/// See the module.
#[derive(Debug)]
pub struct Rooms(Box<[Room]>);

impl Rooms {
    /// Empty ones.
    pub fn new() -> Rooms {
        Rooms((0..ROOMS).map(|_| Room::default()).collect())
    }

    fn of(&self, index: u32) -> &Room {
        &self.0[index as usize % ROOMS]
    }

    /// Guards the extra of a task that has not ended.
    pub fn lock(&self, index: u32) -> MutexGuard<'_, Guests> {
        self.of(index).lock()
    }

    /// Tells everybody who is there for this record. After the step that they wait for.
    pub fn tell(&self, index: u32) {
        self.of(index).tell();
    }
}

impl Core {
    /// Waits for the end of the task of this generation, until the deadline, and lets `look` see
    /// the record while it is still kept. None when there is no such task.
    pub fn wait_end<R>(
        &self,
        index: u32,
        generation: u64,
        deadline: Option<u64>,
        look: impl FnOnce(Snapshot, Waited) -> R,
    ) -> Option<R> {
        let word = &self.records.get(index)?.word;
        let room = self.rooms.of(index);
        let (out, garbage) = room.wait_end(word, index, generation, deadline, look)?;
        if garbage {
            self.bury(index, &mut self.visitor());
        }
        Some(out)
    }

    /// Sleeps as the running task, until the deadline; true when it was told to stop.
    pub fn sleep(&self, index: u32, deadline: Option<u64>) -> bool {
        let word = &self.records.at(index).word;
        let (told, garbage) = self.rooms.of(index).sleep(word, index, deadline);
        if garbage {
            self.bury(index, &mut self.visitor());
        }
        told
    }
}
