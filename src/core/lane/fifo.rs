//! The tasks of a lane, one behind the other.
//!
//! They are linked through their records. New ones hang at `head … tail` under the inlet's lock; the
//! lane's owner takes all of them at once and works them off from `taken`, without the lock.
//!
//! Each is a way to memory, and only who has read one knows the next. So each also says which comes
//! [`LATER`] ones behind it, for the owner to fetch that while it runs those between. Only to what still
//! hangs here is that said: what has left is somebody else's.

use super::Lane;
use crate::canary::Canary;
use crate::core::evicted::Evicted;
use crate::core::record::Record;
use crate::core::slab::{NIL, Slab};
use crate::sync::atomic::{AtomicU32, Ordering::*};

/// How far a task looks along its lane.
pub(super) const LATER: usize = 3;

impl Lane {
    /// Hangs a task at the end. Under the inlet's lock.
    #[inline(always)]
    pub fn push(&self, records: &Slab<Record>, index: u32) {
        let tail = self.tail.load(Relaxed);
        if Canary::SwappedOrder.sings() && tail != NIL {
            records.at(index).link.store(self.head.load(Relaxed), Relaxed);
            self.head.store(index, Relaxed);
            self.len.store(self.len.load(Relaxed) + 1, Relaxed);
            return;
        }
        if tail == NIL {
            self.head.store(index, Relaxed);
        } else {
            records.at(tail).link.store(index, Relaxed);
        }
        self.tell_recent(records, tail, index);
        self.tail.store(index, Relaxed);
        self.len.store(self.len.load(Relaxed) + 1, Relaxed);
    }

    /// A task comes behind the last one. Under the inlet's lock.
    #[inline(always)]
    fn tell_recent(&self, records: &Slab<Record>, last: u32, index: u32) {
        let mut before = last;
        for recent in &self.recent {
            before = swap(recent, before);
        }
        if before != NIL {
            records.at(before).note_later(index);
        }
    }

    /// Calls with each that hears of the next one to come: the last, and one before it. Under the
    /// inlet's lock.
    #[inline(always)]
    pub fn each_to_tell(&self, each: impl Fn(u32)) {
        let tell = |task| {
            if task != NIL {
                each(task);
            }
        };
        tell(self.tail.load(Relaxed));
        tell(self.recent[LATER - 2].load(Relaxed));
    }

    /// What hung here may have left. Under the inlet's lock.
    #[inline]
    fn forget_recent(&self) {
        self.recent.iter().for_each(|recent| recent.store(NIL, Relaxed));
    }

    /// Takes all new tasks over to the owner, who has none left. Under the inlet's lock.
    #[inline]
    pub fn take_all(&self) {
        self.gate.own();
        self.owners.taken.store(self.head.load(Relaxed), Release);
        self.head.store(NIL, Relaxed);
        self.tail.store(NIL, Relaxed);
        self.forget_recent();
        self.len.store(0, Relaxed);
        self.dead.store(0, Relaxed);
    }

    /// The owner gives the lane up with what is left in `taken`; it goes back among what is
    /// ready. Under the inlet's lock.
    pub fn give_up(&self) {
        self.gate.hold();
    }

    /// A new owner takes the lane from what is ready: first comes what an earlier one left. Under
    /// the inlet's lock.
    #[inline]
    pub fn adopt(&self) {
        if self.owners.taken.load(Relaxed) == NIL {
            self.take_all();
        } else if self.head.load(Relaxed) == NIL {
            self.gate.own();
        }
    }

    /// The first of the new tasks. Under the inlet's lock.
    pub fn first(&self) -> u32 {
        self.head.load(Relaxed)
    }

    /// Counts a cancelled task that hangs here; true when the dead ones should be taken out. Under the
    /// inlet's lock.
    pub fn count_dead(&self, record: &Record) -> bool {
        record.word.count_dead();
        let dead = self.dead.load(Relaxed) + 1;
        self.dead.store(dead, Relaxed);
        dead > 64 && dead > self.len.load(Relaxed) / 2
    }

    /// A dead one has left; true when its record is garbage now. Under the inlet's lock, so that who
    /// counts the dead knows whether it still hangs here.
    pub fn unlink_dead(&self, record: &Record) -> bool {
        let word = record.word.unlink();
        if word.is_counted_dead() {
            self.dead.store(self.dead.load(Relaxed).saturating_sub(1), Relaxed);
        }
        word.is_garbage()
    }

    /// Takes the dead out of the new tasks and unlinks them; `garbage` gets those whose records
    /// are that now. Under the inlet's lock.
    pub fn take_dead(&self, records: &Slab<Record>, garbage: &mut Evicted) {
        let (mut last, mut len) = (NIL, 0);
        let mut index = self.head.load(Relaxed);
        self.head.store(NIL, Relaxed);
        while index != NIL {
            let record = records.at(index);
            let next = record.link.load(Relaxed);
            if record.word.load().is_startable() {
                if last == NIL {
                    self.head.store(index, Relaxed);
                } else {
                    records.at(last).link.store(index, Relaxed);
                }
                record.link.store(NIL, Relaxed);
                last = index;
                len += 1;
            } else if self.unlink_dead(record) {
                garbage.push(records, index);
            }
            index = next;
        }
        self.tail.store(last, Relaxed);
        self.forget_recent();
        self.len.store(len, Relaxed);
        if !self.has_places() {
            // Those that the owner took were counted too.
            self.dead.store(0, Relaxed);
        }
    }

    /// Of a lane with places: takes the first of those that wait. Under the inlet's lock.
    pub fn pop(&self, records: &Slab<Record>) -> Option<u32> {
        let index = self.head.load(Relaxed);
        if index == NIL {
            return None;
        }
        let next = records.at(index).link.load(Relaxed);
        self.head.store(next, Relaxed);
        if next == NIL {
            self.tail.store(NIL, Relaxed);
        }
        self.forget_recent();
        self.len.store(self.len.load(Relaxed) - 1, Relaxed);
        Some(index)
    }
}

/// Stores under the lock that guards it; what was there.
#[inline]
fn swap(place: &AtomicU32, new: u32) -> u32 {
    let old = place.load(Relaxed);
    place.store(new, Relaxed);
    old
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::word::Cause;
    use crate::kinds::Kind;
    use std::ptr;

    /// An empty lane, and places for its tasks.
    struct Stage {
        records: Slab<Record>,
        lanes: Slab<Lane>,
        lane: u32,
        tasks: Vec<u32>,
    }

    impl Stage {
        fn new() -> Stage {
            let (records, lanes) = (Slab::<Record>::new().unwrap(), Slab::<Lane>::new().unwrap());
            let lane = lanes.refill().unwrap().pop().unwrap();
            lanes.at(lane).open(0, Kind::Linear, "name");
            let mut free = records.refill().unwrap();
            let tasks: Vec<u32> = std::iter::from_fn(|| free.pop()).take(8).collect();
            let function = ptr::null_mut();
            for task in &tasks {
                let record = records.at(*task);
                record.fill(function, ptr::null_mut(), None, lane, 0);
                record.link.store(NIL, Relaxed);
                record.word.open(1, 0);
            }
            Stage { records, lanes, lane, tasks }
        }

        fn lane(&self) -> &Lane {
            self.lanes.at(self.lane)
        }

        fn push(&self, tasks: std::ops::Range<usize>) {
            self.tasks[tasks].iter().for_each(|task| self.lane().push(&self.records, *task));
        }

        /// By the places of tasks, which one each says comes later.
        fn later(&self) -> Vec<Option<usize>> {
            let place = |task| self.tasks.iter().position(|other| *other == task);
            let later = |task: &u32| self.records.at(*task).later().and_then(place);
            self.tasks.iter().map(later).collect()
        }
    }

    #[test]
    fn each_task_says_which_comes_three_behind_it() {
        let stage = Stage::new();
        stage.push(0..6);
        let later = [Some(3), Some(4), Some(5), None, None, None, None, None];
        assert_eq!(stage.later(), later);
        assert!(stage.tasks.iter().all(|task| stage.records.at(*task).started() == 0));
    }

    #[test]
    fn what_was_taken_hears_of_nothing_that_comes() {
        let stage = Stage::new();
        stage.push(0..3);
        stage.lane().take_all();
        stage.push(3..6);
        assert_eq!(stage.later(), [None; 8]);
        stage.push(6..7);
        assert_eq!(stage.later(), [None, None, None, Some(6), None, None, None, None]);
    }

    #[test]
    fn what_left_on_its_own_hears_of_nothing_that_comes() {
        let popped = Stage::new();
        popped.push(0..3);
        assert_eq!(popped.lane().pop(&popped.records), Some(popped.tasks[0]));
        popped.push(3..5);
        assert_eq!(popped.later(), [None; 8]);
        let stopped = Stage::new();
        stopped.push(0..3);
        stopped.records.at(stopped.tasks[0]).word.stop(1, Cause::Force);
        stopped.lane().take_dead(&stopped.records, &mut { Evicted::NONE });
        stopped.push(3..5);
        assert_eq!(stopped.later(), [None; 8]);
    }

    #[test]
    fn a_time_out_of_its_own_stays() {
        let stage = Stage::new();
        stage.records.at(stage.tasks[0]).set_timeout(7);
        stage.push(0..4);
        assert_eq!(stage.records.at(stage.tasks[0]).timeout(), Some(7));
        assert_eq!(stage.later(), [None; 8]);
    }
}
