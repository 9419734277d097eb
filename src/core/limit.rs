//! How many claims are out: the gate of their outlet.
//!
//! Each is out by a right that was reserved here, and is passed on or given up when it is given back.
//! The hand-off: who gives one up at the limit has the gate looked at again, under the outlet's lock;
//! who puts something into the outlet looks at the gate under that lock too. So whichever comes
//! second finds the room, or what is there, and nobody sleeps beside both.

use crate::canary::Canary;
use crate::sync::atomic::{AtomicIsize, AtomicU64, AtomicUsize, Ordering::*};

/// Those whose thread waits for a task, and how many of them are stuck.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lent {
    pub all: usize,
    pub stuck: usize,
}

/// How many may be there: so many, one more for each that is lent, up to as many again, and one more for
/// each that is stuck, up to `replaced`; but not for one that is lent already.
pub fn allowed(most: usize, lent: Lent, stuck: usize, replaced: usize) -> usize {
    let places = lent.all.min(most);
    let not_lent = lent.all - places;
    let lent_and_stuck = lent.stuck.saturating_sub(not_lent);
    most + places + stuck.saturating_sub(lent_and_stuck).min(replaced)
}

/// See the module.
#[derive(Debug)]
pub struct ClaimLimit {
    out: AtomicUsize,
    most: AtomicUsize,
    /// Stuck ones, of which so many may be replaced. One that comes back between its mark and its count is
    /// taken off first.
    stuck: AtomicIsize,
    replaced: AtomicUsize,
    /// Those whose thread waits for a task; as many as may be out are lent to others meanwhile. All of them
    /// in the low half, those that are stuck in the high one.
    lent: AtomicU64,
}

impl ClaimLimit {
    /// None are out; one may be.
    pub fn new() -> ClaimLimit {
        let (out, most) = (AtomicUsize::new(0), AtomicUsize::new(1));
        let (stuck, replaced) = (AtomicIsize::new(0), AtomicUsize::new(0));
        ClaimLimit { out, most, stuck, replaced, lent: AtomicU64::new(0) }
    }

    /// How many may be out now.
    pub fn most(&self) -> usize {
        let stuck = self.stuck.load(SeqCst).max(0) as usize;
        let replaced = if stuck == 0 { 0 } else { self.replaced.load(SeqCst) };
        allowed(self.most.load(SeqCst), self.lent(), stuck, replaced)
    }

    /// How many may be held by threads that wait so that one more may be out, and how many that are stuck do
    /// not count for that.
    pub fn may_wait(&self) -> (usize, usize) {
        (2 * self.most.load(SeqCst), self.replaced.load(SeqCst))
    }

    fn lent(&self) -> Lent {
        let lent = self.lent.load(SeqCst);
        Lent { all: (lent & HALF) as usize, stuck: (lent >> HALF_BITS) as usize }
    }

    /// One that is out, and stuck or not, is held by a thread that waits. The gate is to be looked at
    /// again.
    pub fn lend(&self, stuck: bool) {
        self.lent.fetch_add(one_lent(stuck), SeqCst);
    }

    /// It does not wait any more. The gate is to be looked at again.
    pub fn take_back(&self, stuck: bool) {
        self.lent.fetch_sub(one_lent(stuck), SeqCst);
    }

    /// One that is lent is stuck, or was not after all. The gate is to be looked at again.
    pub fn lent_is_stuck(&self, is: bool) {
        match is {
            true => self.lent.fetch_add(ONE_STUCK, SeqCst),
            false => self.lent.fetch_sub(ONE_STUCK, SeqCst),
        };
    }

    /// Whether one more may be out.
    pub fn has_room(&self) -> bool {
        self.out.load(SeqCst) < self.most()
    }

    /// Whether more are out than may be: the limit was lowered, or a stuck one came back.
    pub fn is_exceeded(&self) -> bool {
        self.out.load(SeqCst) > self.most()
    }

    /// The right to have one more out, if that may be.
    pub fn reserve(&self) -> bool {
        let most = self.most();
        let mut out = self.out.load(SeqCst);
        while out < most {
            match self.out.compare_exchange_weak(out, out + 1, SeqCst, SeqCst) {
                Ok(_) => return true,
                Err(now) => out = now,
            }
        }
        false
    }

    /// Gives a right up; true when others may have waited for it: then the gate is to be looked at
    /// again.
    pub fn give_up(&self) -> bool {
        self.out.fetch_sub(1, SeqCst) >= self.most() && !Canary::HeldClaims.sings()
    }

    /// So many may be out, and so many more in place of stuck ones. The gate is to be looked at
    /// again.
    pub fn set(&self, most: usize, replaced: usize) {
        self.most.store(most, SeqCst);
        self.replaced.store(replaced, SeqCst);
    }

    /// One that is out is stuck. The gate is to be looked at again.
    pub fn count_stuck(&self) {
        self.stuck.fetch_add(1, SeqCst);
    }

    /// It was given back after all. The gate is to be looked at again.
    pub fn uncount_stuck(&self) {
        self.stuck.fetch_sub(1, SeqCst);
    }
}

const HALF_BITS: u32 = 32;
const HALF: u64 = (1 << HALF_BITS) - 1;
const ONE_STUCK: u64 = 1 << HALF_BITS;

fn one_lent(stuck: bool) -> u64 {
    1 + if stuck { ONE_STUCK } else { 0 }
}
