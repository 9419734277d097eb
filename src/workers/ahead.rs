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

    /// The worker begins with a lane that it took out of this batch: its walk is over, and the one along
    /// what comes some lanes later begins.
    #[inline]
    pub fn turn(&mut self, core: &Core, batch: &Batch) {
        self.lane = (self.lane + 1) % LANES;
        let item = batch.peek(LANES - 1).map(Item::from_bits);
        self.at[self.lane] = item.map_or(NIL, |item| core.first_of(item));
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
