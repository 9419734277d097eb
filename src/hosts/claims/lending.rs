//! Who holds claims, for who waits: a thread that waits lends what it holds.
//!
//! What holds: *a claim counts as lent while it is out and its thread waits; once at most.* One that is
//! stuck counts as that beside: it has no other substitute while it is lent.

use super::Claims;
use crate::core::obstacles::Holders;
use crate::hosts::slots::Slot;
use crate::kinds::State;

impl Claims {
    /// Others may have what that slot holds, while the thread that holds it waits. False when that is
    /// nothing.
    ///
    /// It is counted, then marked, and then looked at once more. Who changes any of it does so and then
    /// takes the mark away, or changes it: so either he finds that, or the change is seen here.
    fn lend_one(&self, slot: &Slot, thread: u32) -> bool {
        let task = slot.task();
        if !self.lends(slot, task, thread) {
            return false;
        }
        let stuck = self.core.word(task.0).is_stuck();
        self.core.claim_limit().lend(stuck);
        if !slot.mark_lent(stuck) {
            self.core.claim_limit().take_back(stuck);
        } else if self.lends(slot, task, thread) {
            // Who marks it as stuck looks at the slot after that.
            if self.core.noted(task.0).is_stuck() {
                self.count_lent_stuck(slot);
            }
            return true;
        } else {
            self.take_one_back(slot);
        }
        // Who gave a claim up meanwhile may have seen more of them allowed, and told nobody.
        self.core.claim_limit_changed();
        false
    }

    /// Whether that slot has the claim of this task, the thread holds it, and others could have its
    /// place.
    fn lends(&self, slot: &Slot, task: (u32, u64), thread: u32) -> bool {
        let holds = task.1 != 0 && slot.task() == task && slot.holder() == thread;
        // What is only to be finished has no place that others could have.
        holds && self.core.word(task.0).state() == Some(State::Running)
    }

    /// What is lent there, if anything is, is stuck.
    fn count_lent_stuck(&self, slot: &Slot) {
        self.core.claim_limit().lent_is_stuck(true);
        if !slot.mark_lent_stuck() {
            self.core.claim_limit().lent_is_stuck(false);
        }
    }

    /// Whether it was lent.
    fn take_one_back(&self, slot: &Slot) -> bool {
        let lent = slot.unmark_lent();
        if let Some(stuck) = lent {
            self.core.claim_limit().take_back(stuck);
        }
        lent.is_some()
    }

    /// Its claim is held by another thread now, or finished.
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

    fn is_stuck(&self, slot: u32, index: u32, generation: u64) {
        if self.slots.is(slot, index, generation) {
            self.count_lent_stuck(self.slots.at(slot));
        }
    }

    fn each(&self, see: &mut dyn FnMut(u32, u32, u32)) {
        self.slots.each_out(see);
    }

    fn holder(&self, slot: u32, index: u32, generation: u64) -> Option<u32> {
        self.slots.is(slot, index, generation).then(|| self.slots.at(slot).holder())
    }
}
