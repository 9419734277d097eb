//! Lanes that somebody holds a handle of.
//!
//! An open handle keeps its lane from being swept, and what it asked for in force: who runs the
//! lane, how many of it at once, how many pending. The first one sets that, if nothing is in the
//! lane; later ones ask for the same, or for nothing. When the last one is closed the scheduler's
//! own limits hold again, and who runs the lane is chosen anew as soon as it is empty.

use super::Core;
use super::add::To;
use super::inlet::Door;
use super::outlet::{CLAIMS, WORKERS};
use crate::host::{self, Holding};
use crate::kinds::{Kind, State};
use crate::sync::atomic::Ordering::*;
use crate::{Error, ErrorCode, Result};
use std::time::Duration;

/// What a handle asks for; 0 and none are what is there already.
#[derive(Clone, Copy, Debug)]
pub struct Wishes {
    pub kind: Kind,
    /// Who runs it.
    pub outlet: Option<u32>,
    /// Tasks at once.
    pub width: u32,
    /// Pending tasks.
    pub capacity: u32,
}

impl Core {
    /// Opens a handle of the lane of a name: the lane and its hash.
    pub fn open_lane(&self, name: &[u8], wishes: &Wishes) -> Result<(u32, u64)> {
        let hash = self.hash(name);
        let at = Core::inlet_of(hash);
        let mut door = self.inlets[at].lock();
        let lane = match door.find(hash, wishes.kind, name) {
            Some(lane) => lane,
            None => self.make_lane(&mut door, at, hash, wishes.kind, name)?,
        };
        let its = self.lanes.at(lane);
        let free = its.handles() == 0 && its.is_at_rest();
        let outlet = match wishes.outlet {
            Some(outlet) => outlet,
            None if free && wishes.kind == Kind::Linear => self.outlets.default(),
            None => its.outlet(),
        };
        if wishes.outlet.is_some() || free {
            self.check_outlet(outlet)?;
        }
        if wishes.width > 1 && wishes.kind == Kind::Linear && outlet != CLAIMS {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                "only async tasks and those that are run by claims run side by side",
            ));
        }
        if free {
            its.set_outlet(outlet);
            its.set_width(wishes.width);
            its.set_capacity(wishes.capacity);
        } else {
            let in_use = |what: &str| {
                let text = words!("the lane '{}' is in use, with another {what}", its.name());
                Err(Error::new(ErrorCode::InUse, text))
            };
            if outlet != its.outlet() {
                return in_use("runner");
            }
            if wishes.width != 0 && wishes.width as usize != its.width() {
                return in_use("width");
            }
            if wishes.capacity != 0 && wishes.capacity as usize != its.capacity() {
                return in_use("capacity");
            }
        }
        if outlet != WORKERS {
            self.use_outlets();
        }
        its.set_handles(its.handles() + 1);
        Ok((lane, hash))
    }

    /// Waits for a lane whose tasks have all ended to be let go of: who has waited for the last one
    /// may be here before the thread that ran it is done with the lane. True when it has been, false
    /// when some have not ended, or when that thread takes its time: it may be hearing of the end.
    #[cold]
    pub fn await_rest(&self, to: To<'_>, kind: Kind) -> bool {
        const LOOKS: u32 = 20;
        const NAP: Duration = Duration::from_micros(100);
        const NAPS: u32 = 2000;
        let inlet = &self.inlets[Core::inlet_of(self.hash_to(to))];
        self.let_go_of_hollow(to, kind);
        for look in 0..LOOKS + NAPS {
            let lane = {
                let door = inlet.lock();
                let Some(lane) = self.find_lane(&door, to, kind) else { return true };
                let its = self.lanes.at(lane);
                if its.is_at_rest() {
                    return true;
                }
                if its.handles() > 0 || !its.seems_empty() {
                    return false;
                }
                lane
            };
            match look {
                LOOKS if self.is_alive(lane) || self.is_ending_here(lane) => return false,
                ..LOOKS => std::thread::yield_now(),
                _ => std::thread::sleep(NAP),
            }
        }
        false
    }

    /// Lets go of a lane whose tasks were all cancelled, wherever its places are on their way.
    #[cold]
    pub fn let_go_of_hollow(&self, to: To<'_>, kind: Kind) {
        let lane = {
            let door = self.inlets[Core::inlet_of(self.hash_to(to))].lock();
            self.find_lane(&door, to, kind)
        };
        if let Some(lane) = lane {
            self.take_hollow_places(lane);
        }
    }

    fn find_lane(&self, door: &Door, to: To<'_>, kind: Kind) -> Option<u32> {
        match to {
            To::Nobody => None,
            To::Name(name) => door.find(self.hash_to(to), kind, name),
            To::Lane { index, .. } => Some(index),
        }
    }

    /// Whether any task of a lane has not ended.
    fn is_alive(&self, lane: u32) -> bool {
        self.each_record().any(|(_, record)| {
            let state = record.word.load().state();
            matches!(state, Some(State::Pending | State::Running))
                && record.lane.load(Relaxed) == lane
        })
    }

    /// Whether this very thread is ending a task of a lane.
    fn is_ending_here(&self, lane: u32) -> bool {
        let ours = |held: &Holding| held.core == self.address() && held.lane == lane;
        host::holdings().iter().any(ours)
    }

    /// Closes a handle of a lane; the places of its name that are free now, which the caller sends
    /// on their way.
    pub fn close_lane(&self, lane: u32) -> usize {
        let its = self.lanes.at(lane);
        let places = {
            let _door = self.inlets[its.inlet()].lock();
            its.set_handles(its.handles() - 1);
            if its.handles() > 0 {
                return 0;
            }
            its.set_width(0);
            its.set_capacity(0);
            if its.has_places() { self.free_places(its) } else { 0 }
        };
        // Who waits for room may have waited because of the capacity.
        self.bound.made_room();
        places
    }

    /// Who runs a lane of which a handle is open.
    pub fn runs(&self, lane: u32) -> u32 {
        self.lanes.at(lane).outlet()
    }

    /// Who would run a task of that name, as things are. For who has to be there before an add.
    pub fn would_run(&self, name: &[u8]) -> u32 {
        let hash = self.hash(name);
        let door = self.inlets[Core::inlet_of(hash)].lock();
        match door.find(hash, Kind::Linear, name).map(|lane| self.lanes.at(lane)) {
            Some(lane) if lane.handles() > 0 || !lane.is_at_rest() => lane.outlet(),
            _ => self.outlets.default(),
        }
    }
}
