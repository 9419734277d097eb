//! What a worker knows of the others, and takes from them.
//!
//! Who finds enough elsewhere does not come to what lies in another one's batch, and that one may be
//! blocked by what it runs. So a worker looks now and then for such a *holder*, and takes from it
//! before anything else.

use super::batch::{BATCH, Batch};
use super::{Shared, Slot};
use crate::sync::atomic::Ordering::*;
use std::sync::Arc;

/// See the module.
#[derive(Debug)]
pub struct Peers {
    /// Whose they are.
    own: usize,
    /// Copies of all slots, as many as there were.
    slots: Vec<Arc<Slot>>,
    /// How many tasks each had started when a holder was looked for.
    seen: Vec<u64>,
    /// Which one was found.
    holder: Option<usize>,
    /// How many tasks the others had started when that was last asked.
    started: u64,
}

impl Peers {
    /// Of the worker of that number.
    pub fn new(own: usize) -> Peers {
        Peers { own, slots: Vec::new(), seen: Vec::new(), holder: None, started: 0 }
    }

    fn know(&mut self, shared: &Shared) {
        if self.slots.len() != shared.slot_count.load(Acquire) {
            let slots = shared.slots.lock();
            let more = slots.len() - self.slots.len();
            // Without memory it goes on with those that it knows.
            if self.slots.try_reserve(more).is_ok() && self.seen.try_reserve(more).is_ok() {
                self.slots.clone_from(&slots);
                self.seen.resize(slots.len(), 0);
            }
        }
    }

    /// Fills the empty batch from another one's.
    pub fn steal(&mut self, shared: &Shared, into: &Batch) -> bool {
        self.know(shared);
        let others = 1..self.slots.len();
        let number = |step| (self.own + step) % self.slots.len();
        others.map(number).any(|peer| self.steal_from(peer, into))
    }

    /// The same from a holder that was found or told of.
    pub fn steal_from_holder(&mut self, into: &Batch) -> bool {
        self.holder.take().is_some_and(|holder| self.steal_from(holder, into))
    }

    fn steal_from(&self, peer: usize, into: &Batch) -> bool {
        let mut stolen = [0; BATCH];
        let count = self.slots.get(peer).map_or(0, |peer| peer.batch.steal(&mut stolen));
        if count > 0 {
            into.fill(stolen[..count].iter().copied());
        }
        count > 0
    }

    /// Looks for one that has more in its batch and has begun nothing since the last look: whether a
    /// holder is known now.
    pub fn look_for_holder(&mut self, shared: &Shared) -> bool {
        self.know(shared);
        for (at, (peer, seen)) in self.slots.iter().zip(&mut self.seen).enumerate() {
            let started = peer.counts.left.load(Relaxed);
            let stands = std::mem::replace(seen, started) == started && peer.batch.len() > 0;
            if stands && at != self.own {
                self.holder = Some(at);
            }
        }
        self.holder.is_some()
    }

    /// The sentry has found one.
    pub fn note_holder(&mut self, shared: &Shared, holder: usize) {
        self.know(shared);
        self.holder = Some(holder);
    }

    /// Whether the others have started anything since the last time that this was asked. `own`: how many
    /// tasks this one has.
    pub fn get_on(&mut self, shared: &Shared, own: u64) -> bool {
        self.know(shared);
        let all: u64 = self.slots.iter().map(|peer| peer.counts.left.load(Relaxed)).sum();
        // Without memory it may not know itself.
        let started = all.wrapping_sub(own);
        std::mem::replace(&mut self.started, started) != started
    }
}
