//! Names, and the lanes that they are made into by their first use.
//!
//! A lane is made and swept under its inlet's lock. It is swept when it holds nothing, no handle keeps
//! it, the history remembers nobody of its name, and there are many ([`super::sweeps`]); a ban outlives
//! it. The name may have another one by then ([`super::leaving`]).

use super::Core;
use super::history::Order;
use super::inlet::{Door, Entry};
use super::slab::{Handful, NIL};
use crate::canary::Canary;
use crate::kinds::Kind;
use crate::platform::annotate;
use crate::sync::atomic::Ordering::*;
use crate::{Error, ErrorCode, Result};

/// The longest name, in bytes.
pub const LONGEST_NAME: usize = u8::MAX as usize;

/// Whether a name may be used: what is wrong with it, if anything.
pub fn check_name(name: &[u8]) -> Result<&str> {
    if name.is_empty() || name.len() > LONGEST_NAME {
        return Err(Error::new(
            ErrorCode::InvalidArgument,
            "a task name is 1 to 255 bytes long; NULL is no name",
        ));
    }
    std::str::from_utf8(name).map_err(|wrong| {
        Error::new(
            ErrorCode::InvalidArgument,
            words!("the task name is not UTF-8 at byte {}", wrong.valid_up_to()),
        )
    })
}

impl Core {
    /// Makes the lane of a name that has none.
    #[cold]
    pub(super) fn new_lane(
        &self,
        door: &mut Door,
        at: usize,
        hash: u64,
        kind: Kind,
        name: &[u8],
    ) -> Result<u32> {
        if door.is_banned(hash, kind, name) {
            return Err(self.banned(&String::from_utf8_lossy(name)));
        }
        self.make_lane(door, at, hash, kind, name)
    }

    /// As above, banned or not.
    #[cold]
    pub(super) fn make_lane(
        &self,
        door: &mut Door,
        at: usize,
        hash: u64,
        kind: Kind,
        name: &[u8],
    ) -> Result<u32> {
        if door.sweeps.come(hash, door.names.len()) {
            self.sweep(door);
        }
        let no_memory = |_| Error::from(ErrorCode::OutOfMemory);
        door.names.try_reserve(1, |entry| entry.hash).map_err(no_memory)?;
        let (lane, name) = self.open_place(door, at, hash, kind, name)?;
        door.names.insert_unique(hash, Entry { hash, lane, kind, name }, |entry| entry.hash);
        Ok(lane)
    }

    /// A lane for a name, and the bytes that it points into. Under the inlet's lock.
    pub(super) fn open_place(
        &self,
        door: &mut Door,
        at: usize,
        hash: u64,
        kind: Kind,
        name: &[u8],
    ) -> Result<(u32, Box<str>)> {
        let text = check_name(name)?;
        let mut own = String::new();
        own.try_reserve_exact(text.len()).map_err(|_| Error::from(ErrorCode::OutOfMemory))?;
        own.push_str(text);
        if door.free_lanes.is_empty() {
            door.free_lanes = self.lanes.refill()?;
        }
        let lane = door.free_lanes.pop().unwrap_or(NIL);
        if let Some(soon) = door.free_lanes.peek(1) {
            self.lanes.prefetch(soon);
        }
        let name = own.into_boxed_str();
        self.lanes.at(lane).open(at, kind, &name);
        // The last task of the name may have been in another lane.
        annotate::acquire(&self.inlets[at]);
        annotate::release(self.lanes.at(lane));
        self.lanes.at(lane).set_banned(door.is_banned(hash, kind, text.as_bytes()));
        Ok((lane, name))
    }

    pub(super) fn banned(&self, name: &str) -> Error {
        Error::new(ErrorCode::Banned, words!("the task name '{name}' is banned"))
    }

    /// Frees the lanes that hold nothing and that nobody remembers.
    pub(super) fn sweep(&self, door: &mut Door) {
        let mut history = self.lock_history();
        let Door { names, sweeps, free_lanes, .. } = door;
        names.retain(|entry| {
            let idle = self.sweep_one(entry, free_lanes, &mut history);
            if idle {
                sweeps.forget(entry.hash);
            }
            !idle
        });
        sweeps.left(names.len());
    }

    /// Frees a lane, if it holds nothing and nobody remembers it: whether it did. Under the inlet's lock
    /// and history's.
    pub(super) fn sweep_one(
        &self,
        entry: &mut Entry,
        free_lanes: &mut Handful,
        history: &mut Order,
    ) -> bool {
        let lane = self.lanes.at(entry.lane);
        let mut idle = lane.is_at_rest() && lane.handles() == 0;
        if idle {
            // An end that its worker noted before it left the lane.
            self.history.catch_up(history, self.places());
            idle = lane.remembered().load(Relaxed) == 0;
        }
        if idle {
            annotate::acquire(lane);
            annotate::release(&self.inlets[lane.inlet()]);
            lane.close();
            if Canary::LeakedName.sings() {
                std::mem::forget(std::mem::take(&mut entry.name));
            }
            if free_lanes.is_full() {
                self.lanes.put_back(std::mem::take(free_lanes));
            }
            free_lanes.push(entry.lane);
        }
        idle
    }
}
