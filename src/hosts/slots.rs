//! A slot for each claim that is out: its token, who holds it, and its timers.
//!
//! A slot is used again as soon as its claim is finished, so whoever finds one by a number that the
//! host might have made up compares index and generation ([`Slots::is`]).

use crate::Result;
use crate::core::Core;
use crate::core::slab::{Handful, NIL, Place, Slab};
use crate::core::view::RunningTask;
use crate::core::waits;
use crate::host;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::*};
use crate::token::Token;

/// Lent, and not stuck.
const LENT: u8 = 1;
/// Lent, and stuck.
const LENT_STUCK: u8 = 2;

/// See the module.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct Slot {
    /// What the host sees of it.
    pub token: Token,
    /// The record, and which task of it; 0 while no claim is out.
    index: AtomicU32,
    generation: AtomicU64,
    /// The thread that was given the claim, or started it.
    holder: AtomicU32,
    /// The lane, for who waits.
    lane: AtomicU32,
    /// Its holder waits, and it is counted as lent: as [`LENT`], or as [`LENT_STUCK`].
    lent: AtomicU8,
    /// The timers of its time-out, and of when it is stuck, each plus one; 0 for none. Under the
    /// deadlines' lock.
    pub timers: [AtomicU32; 2],
    /// When it times out (nanoseconds). Under the deadlines' lock.
    pub due: AtomicU64,
    /// It was put off once. Under the deadlines' lock.
    pub put_off: AtomicBool,
}

// SAFETY: made of atomics; null pointers and zero numbers are good values.
unsafe impl Place for Slot {
    fn generation(&self) -> u64 {
        0
    }

    fn set_generation(&self, _: u64) {}
}

impl Slot {
    /// The task whose claim this is; generation 0 for none.
    pub fn task(&self) -> (u32, u64) {
        (self.index.load(Acquire), self.generation.load(Acquire))
    }

    /// As the others know it.
    pub fn running_task(&self) -> RunningTask {
        let (index, generation) = self.task();
        RunningTask::new(index, generation)
    }

    /// This thread holds the claim from now on.
    pub fn hold(&self) {
        waits::set_runs();
        self.holder.store(host::thread_number(), Relaxed);
    }

    /// It is counted as lent from now on, and as stuck or not; false if it is lent already.
    pub fn mark_lent(&self, stuck: bool) -> bool {
        let mark = if stuck { LENT_STUCK } else { LENT };
        self.lent.compare_exchange(0, mark, AcqRel, Relaxed).is_ok()
    }

    /// One that is counted as lent is counted as stuck from now on; false if it is not lent, or stuck
    /// already.
    pub fn mark_lent_stuck(&self) -> bool {
        self.lent.compare_exchange(LENT, LENT_STUCK, AcqRel, Relaxed).is_ok()
    }

    /// It is not to be counted as lent any more: whether it was, and as stuck or not.
    pub fn unmark_lent(&self) -> Option<bool> {
        let mark = self.lent.swap(0, AcqRel);
        (mark != 0).then_some(mark == LENT_STUCK)
    }

    /// The thread that holds it.
    pub fn holder(&self) -> u32 {
        self.holder.load(Relaxed)
    }
}

/// The slots of a scheduler.
#[derive(Debug)]
pub struct Slots {
    slots: Slab<Slot>,
    free: Mutex<Handful>,
}

impl Slots {
    /// None yet.
    pub fn new() -> Result<Slots> {
        Ok(Slots { slots: Slab::new()?, free: Mutex::new(Handful::default()) })
    }

    /// The slot of that number, one of ours.
    pub fn at(&self, slot: u32) -> &Slot {
        self.slots.at(slot)
    }

    /// Whether that is the slot of this task, whatever the number.
    pub fn is(&self, slot: u32, index: u32, generation: u64) -> bool {
        self.slots.get(slot).is_some_and(|slot| slot.task() == (index, generation))
    }

    /// A free one.
    pub fn take(&self) -> Result<u32> {
        let mut free = self.free.lock();
        if let Some(slot) = free.pop() {
            return Ok(slot);
        }
        *free = self.slots.refill()?;
        Ok(free.pop().unwrap_or(NIL))
    }

    /// It is free again.
    pub fn put_back(&self, slot: u32) {
        let mut free = self.free.lock();
        match free.is_full() {
            true => self.slots.put_back_one(slot),
            false => free.push(slot),
        }
    }

    /// A claim is about to be handed out to this thread.
    pub fn fill(&self, slot: u32, core: &Core, index: u32, generation: u64, lane: u32) {
        let its = self.at(slot);
        its.token.set_claimed(core, index);
        its.index.store(index, Relaxed);
        its.lane.store(lane, Relaxed);
        its.put_off.store(false, Relaxed);
        its.hold();
        its.generation.store(generation, Release);
    }

    /// The claim is finished.
    pub fn empty(&self, slot: u32) {
        self.at(slot).generation.store(0, Release);
    }

    fn each(&self) -> impl Iterator<Item = &Slot> {
        (1..self.slots.end()).filter_map(|number| self.slots.get(number))
    }

    /// Every claim that is out: the thread that holds it, its record, and its lane.
    pub fn each_out(&self, see: &mut dyn FnMut(u32, u32, u32)) {
        for slot in self.each().filter(|slot| slot.generation.load(Acquire) != 0) {
            see(slot.holder(), slot.index.load(Relaxed), slot.lane.load(Relaxed));
        }
    }

    /// Every slot that was last held by that thread.
    pub fn each_of(&self, thread: u32) -> impl Iterator<Item = &Slot> {
        self.each().filter(move |slot| slot.holder() == thread)
    }

    /// Whether this thread holds a claim.
    pub fn held_here(&self) -> bool {
        let (here, mut held) = (host::thread_number(), false);
        self.each_out(&mut |holder, _, _| held |= holder == here);
        held
    }
}
