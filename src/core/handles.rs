//! Lanes that somebody holds a handle of.
//!
//! An open handle keeps its lane from being swept, and what it asked for in force: who runs the
//! lane, how many of it at once, how many pending. The first one sets that, if nothing is in the
//! lane; later ones ask for the same, or for nothing. When the last one is closed the scheduler's
//! own limits hold again, and who runs the lane is chosen anew as soon as it is empty.

use super::Core;
use super::outlet::{CLAIMS, WORKERS};
use crate::kinds::Kind;
use crate::{Error, ErrorCode, Result};

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
    /// Who asks for no runner gets who is there, even if nothing in the lane seems to be alive.
    pub stays: bool,
}

impl Core {
    /// Opens a handle of the lane of a name: the lane and its hash. In use may be what only
    /// [`Core::free_name`] has to be asked for.
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
            None if wishes.kind == Kind::Async => its.outlet(),
            None if free => self.outlets.default(),
            None if its.handles() > 0 || wishes.stays || !self.seems_over(lane, its) => {
                its.outlet()
            }
            None => self.outlets.default(),
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
