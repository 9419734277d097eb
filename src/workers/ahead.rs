//! What a worker has fetched into its cache before it comes to it.
//!
//! The tasks of a lane hang together by their records, with those of all other lanes between them,
//! so that each is a way to memory, and that takes longer than a short task. Only who has read one
//! knows where the next is. So while a worker runs a lane it walks along those that come next in its
//! batch, one step per task, along several in turns: by the next step what the last one asked for
//! has come.
//!
//! All of it is a hint: a thief may have taken such a lane, and what hung there may be something else by
//! now. Nothing is changed, and an index that leads nowhere is heard of.

use super::batch::Batch;
use crate::core::Core;
use crate::core::inlet::Item;
use crate::core::slab::NIL;

/// Along so many lanes at once.
const LANES: usize = 4;

/// See the module.
#[derive(Debug)]
pub struct Ahead {
    /// How far it has come along each.
    at: [u32; LANES],
    /// Whose turn it is: among lanes, and among steps.
    lane: usize,
    step: usize,
}

impl Ahead {
    /// Along none.
    pub fn new() -> Ahead {
        Ahead { at: [NIL; LANES], lane: 0, step: 0 }
    }

    /// The batch was filled: along the first ones.
    pub fn begin(&mut self, core: &Core, batch: &Batch) {
        self.lane = 0;
        self.at = std::array::from_fn(|behind| first(core, batch, behind));
    }

    /// The worker has taken the next lane out of the batch: its place is for one that comes later.
    #[inline]
    pub fn turn(&mut self, core: &Core, batch: &Batch) {
        self.at[self.lane] = first(core, batch, LANES - 1);
        self.lane = (self.lane + 1) % LANES;
    }

    /// A step along one of them.
    #[inline]
    pub fn step(&mut self, core: &Core) {
        self.step = (self.step + 1) % LANES;
        let at = &mut self.at[self.step];
        if *at != NIL {
            *at = core.fetch_behind(*at);
        }
    }
}

/// The first task of what lies so many behind the first in the batch.
#[inline]
fn first(core: &Core, batch: &Batch, behind: usize) -> u32 {
    batch.peek(behind).map_or(NIL, |item| core.first_of(Item::from_bits(item)))
}
