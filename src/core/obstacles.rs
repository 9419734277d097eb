//! What a task has to wait for before it can end, of what is known of those who wait themselves.
//!
//! * One that runs ends when its function returns: so not before the thread that runs it, or the one
//!   that holds its claim, or has given it back, goes on. An async one is held up by its own wait, if
//!   that is all that it waits for; nothing on a loop's thread waits otherwise.
//! * One that is pending starts when fewer of its lane run than may, and then its runner takes it: a
//!   worker, if there is one that does not wait or one more may be made; a loop; the thread of a pump;
//!   the host, while fewer claims are out than may be. What is pending before it waits for nothing
//!   else than it does itself.
//! * One that was cancelled before it started ends on the thread that did it; a claim when somebody has
//!   taken it, or on the thread that frees the scheduler.
//!
//! Whatever is not known to be held up gets on. A task that times out, of kind async, is not looked
//! at as one that waits: it ends by itself.

use super::Core;
use super::knots::{Gate, Way};
use super::outlet::{CLAIMS, WORKERS};
use super::slab::NIL;
use super::waits::{Held, Known, Target};
use super::word;
use crate::kinds::State;
use std::sync::{Arc, Weak};

/// Who knows on which threads of the host claims are.
pub trait Holders: Send + Sync + std::fmt::Debug {
    /// Every claim that is out: its thread's number, its record, and its lane.
    fn each(&self, see: &mut dyn FnMut(u32, u32, u32));
    /// The thread that holds the claim in that slot, if it is this task's.
    fn holder(&self, slot: u32, index: u32, generation: u64) -> Option<u32>;
    /// A thread waits: others may have what it holds meanwhile. Whether that is anything.
    fn lend(&self, thread: u32) -> bool;
    /// It does not wait any more.
    fn take_back(&self, thread: u32);
    /// What was marked as stuck is counted as that, if it is lent.
    fn is_stuck(&self, slot: u32, index: u32, generation: u64);
}

impl Core {
    /// From now on that one knows who holds claims.
    pub fn set_holders(&self, holders: Weak<dyn Holders>) {
        let _ = self.holders.set(holders);
    }

    /// Who knows of claims, if there can be any.
    pub(super) fn holders(&self) -> Option<Arc<dyn Holders>> {
        self.holders.get().and_then(Weak::upgrade)
    }

    fn each_claim(&self, mut see: impl FnMut(u32, u32, u32)) {
        if let Some(holders) = self.holders() {
            holders.each(&mut see);
        }
    }

    /// What must be before this task ends.
    pub(super) fn way_to_end(&self, target: &Target, known: &Known) -> Way {
        let (index, record) = (target.index, self.records.at(target.index));
        let word = record.word.load();
        if word.generation() != target.generation || word.is_final() {
            return Way::new();
        }
        let held = |held| Gate { holders: known.holders(held).to_vec(), most: 1 };
        let lane = record.lane.load(crate::sync::atomic::Ordering::Relaxed);
        let mut way = Way::new();
        let started = word.state() == Some(State::Running) || word.is_handed();
        if started && word.has(word::CLAIMS) {
            let all = self.holders().filter(|_| !word.has_returned());
            let holder = all.and_then(|all| all.holder(record.slot(), index, target.generation));
            // One that was given back ends on the thread that did it.
            let given_back = Held::Task(self.address(), index);
            way.push(held(holder.map_or(given_back, Held::Thread)));
        } else if started && word.has(word::ASYNC) {
            // One that was told to stop ends where it is.
            if word.cause().is_none() {
                way.push(held(Held::Task(self.address(), index)));
            }
        } else if !word.is_startable() {
            way.push(held(Held::Task(self.address(), index)));
            if word.has(word::CLAIMS) {
                way.extend(self.claims_closer().map(|thread| held(Held::Thread(thread))));
            }
        } else {
            way.extend(self.ways_to_start(lane, self.outlet_of(record, word), word, known));
        }
        way
    }

    /// What must be before a task that is pending starts.
    fn ways_to_start(
        &self,
        lane: u32,
        outlet: u32,
        word: word::Snapshot,
        known: &Known,
    ) -> Vec<Gate> {
        let mut gates = Vec::new();
        let held = |held| Gate { holders: known.holders(held).to_vec(), most: 1 };
        if lane != NIL {
            let mut holders = known.lane_holders(self, lane);
            if outlet == CLAIMS {
                self.each_claim(|thread, index, its| {
                    if its == lane && !self.word(index).is_released() {
                        holders.extend(known.holders(Held::Thread(thread)));
                    }
                });
            }
            gates.push(Gate { holders, most: self.places_of(lane) });
        }
        match outlet {
            _ if word.has(word::ASYNC) => {}
            WORKERS => {
                gates.extend(known.places(self.address()));
            }
            CLAIMS => {
                // As of workers: see `Known::places`.
                let (most, mut replaced) = self.claim_limit().may_wait();
                let mut holders = Vec::new();
                self.each_claim(|thread, index, _| {
                    let (word, its) = (self.word(index), known.holders(Held::Thread(thread)));
                    // What is only to be finished has no place.
                    if word.state() != Some(State::Running) || its.is_empty() {
                        return;
                    }
                    match word.is_stuck() && replaced > 0 {
                        true => replaced -= 1,
                        false => holders.extend(its),
                    }
                });
                gates.push(Gate { holders, most });
            }
            pump => {
                let owner = self.pump_owner(pump);
                gates.extend(owner.map(|thread| held(Held::Thread(thread))));
            }
        }
        gates
    }
}
