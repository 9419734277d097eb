//! Who holds claims, for who waits: a thread that waits lends what it holds.
//!
//! What holds: *a claim counts as lent while it is out, its thread waits, and it is not replaced as a
//! stuck one; once at most.*

use super::Claims;
use crate::core::obstacles::Holders;
use crate::hosts::slots::Slot;
use crate::kinds::State;

impl Claims {
    /// Others may have what that slot holds, while the thread that holds it waits. False when that is
    /// nothing, or was replaced already.
    ///
    /// It is counted, then marked, and then looked at once more. Who changes any of it does so and then
    /// takes the mark away: so either he finds that, or the change is seen here.
    fn lend_one(&self, slot: &Slot, thread: u32) -> bool {
        let task = slot.task();
        let lends = || {
            let word = self.core.word(task.0);
            let holds = task.1 != 0 && slot.task() == task && slot.holder() == thread;
            // What is only to be finished has no place that others could have.
            holds && word.state() == Some(State::Running) && !word.is_stuck()
        };
        if !lends() {
            return false;
        }
        self.core.claim_limit().lend(1);
        if !slot.mark_lent() {
            self.core.claim_limit().take_back(1);
            return false;
        }
        if lends() {
            return true;
        }
        self.take_one_back(slot);
        false
    }

    /// Whether it was lent.
    fn take_one_back(&self, slot: &Slot) -> bool {
        let lent = slot.unmark_lent();
        if lent {
            self.core.claim_limit().take_back(1);
        }
        lent
    }

    /// Its claim is held by another thread now, or finished, or replaced as a stuck one.
    pub(super) fn unlend(&self, slot: u32) {
        if self.take_one_back(self.slots.at(slot)) {
            self.core.claim_limit_changed();
        }
    }
}

impl Holders for Claims {
    fn lend(&self, thread: u32) -> bool {
        self.slots.each_of(thread).fold(false, |any, slot| self.lend_one(slot, thread) | any)
    }

    fn take_back(&self, thread: u32) {
        self.slots.each_of(thread).for_each(|slot| _ = self.take_one_back(slot));
    }

    fn replaced(&self, slot: u32, index: u32, generation: u64) {
        if self.slots.is(slot, index, generation) {
            self.unlend(slot);
        }
    }

    fn each(&self, see: &mut dyn FnMut(u32, u32, u32)) {
        self.slots.each_out(see);
    }

    fn holder(&self, slot: u32, index: u32, generation: u64) -> Option<u32> {
        self.slots.is(slot, index, generation).then(|| self.slots.at(slot).holder())
    }
}
