//! How an ended task is let go of.
//!
//! A record that nobody reads any more is freed without history's lock, since that may call the host;
//! until then it hangs in a chain, by the records' links. A lane is remembered for its name as long as a
//! record needs that.

use super::lane::Lane;
use super::record::Record;
use super::slab::{NIL, Slab};
use crate::canary::Canary;
use crate::sync::atomic::Ordering::*;

/// Where the records and lanes are that history speaks of.
#[derive(Clone, Copy, Debug)]
pub struct Places<'a> {
    pub records: &'a Slab<Record>,
    pub lanes: &'a Slab<Lane>,
}

/// Records that nobody reads any more, which whoever holds this drops and frees.
#[derive(Debug)]
pub struct Evicted(u32);

impl Evicted {
    /// None.
    pub const NONE: Evicted = Evicted(NIL);

    /// One more, which hangs in no queue any more. Who still follows the links of that sees by the order
    /// that it has left it.
    #[inline]
    pub fn push(&mut self, records: &Slab<Record>, index: u32) {
        records.at(index).link.store(self.0, Release);
        self.0 = index;
    }

    /// The next one.
    #[inline]
    pub fn next(&mut self, records: &Slab<Record>) -> Option<u32> {
        let index = self.0;
        if index == NIL {
            return None;
        }
        self.0 = records.at(index).link.load(Relaxed);
        Some(index)
    }
}

/// Makes a record unreadable; true when the caller is to free it. Under history's lock.
pub fn let_go(places: Places<'_>, index: u32) -> bool {
    let record = places.records.at(index);
    let garbage = record.word.let_go().is_garbage();
    if garbage {
        forget_name(places.lanes, record.lane.load(Relaxed));
    }
    garbage
}

/// Somebody needs the lane with its name. Under history's lock.
pub fn remember_name(lanes: &Slab<Lane>, lane: u32) {
    if lane != NIL {
        let remembered = lanes.at(lane).remembered();
        if Canary::FreedName.sings() {
            return;
        }
        remembered.store(remembered.load(Relaxed) + 1, Relaxed);
    }
}

/// Whoever remembered the name no longer needs it. Under history's lock.
pub fn forget_name(lanes: &Slab<Lane>, lane: u32) {
    if lane != NIL {
        let remembered = lanes.at(lane).remembered();
        if Canary::FreedName.sings() {
            return;
        }
        remembered.store(remembered.load(Relaxed) - 1, Relaxed);
    }
}
