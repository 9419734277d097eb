//! Who works a lane: its gate, with what lanes and inlets do around it in the small.

use crate::checker;
use crate::checker::cell::UnsafeCell;
use crate::checker::sync::Mutex;
use crate::checker::thread;
use crate::core::gate::Gate;
use std::sync::Arc;

/// What an inlet's lock guards: the new tasks of its one lane, and how often that is ready.
#[derive(Default)]
struct Door {
    new: Vec<u32>,
    ready: usize,
}

/// What only the lane's owner touches; two who do are reported.
#[derive(Default)]
struct Owners {
    taken: Vec<u32>,
    ran: Vec<u32>,
}

struct Lane {
    gate: Gate,
    door: Mutex<Door>,
    owners: UnsafeCell<Owners>,
}

impl Lane {
    fn with(tasks: &[u32]) -> Arc<Lane> {
        let (door, owners) = (Mutex::new(Door::default()), UnsafeCell::new(Owners::default()));
        let lane = Arc::new(Lane { gate: Gate::new(), door, owners });
        tasks.iter().for_each(|task| lane.add(*task));
        lane
    }

    fn owned<R>(&self, work: impl FnOnce(&mut Owners) -> R) -> R {
        // SAFETY: the model checks that nobody else is at it.
        self.owners.with_mut(|owners| work(unsafe { &mut *owners }))
    }

    fn add(&self, task: u32) {
        let mut door = self.door.lock().unwrap();
        door.new.push(task);
        if self.gate.announce() {
            door.ready += 1;
        }
    }

    fn take_all(&self, door: &mut Door) {
        self.gate.own();
        self.owned(|owners| owners.taken.append(&mut door.new));
    }

    /// Takes the lane, if it is ready.
    fn take(&self) -> bool {
        let mut door = self.door.lock().unwrap();
        if door.ready == 0 {
            return false;
        }
        door.ready -= 1;
        if self.owned(|owners| owners.taken.is_empty()) {
            self.take_all(&mut door);
        } else if door.new.is_empty() {
            self.gate.own();
        }
        true
    }

    /// Runs the next task; false when there is none and the lane is no longer ours.
    fn run_next(&self) -> bool {
        loop {
            if self.owned(|owners| owners.taken.is_empty()) {
                if self.gate.release() {
                    return false;
                }
                self.take_all(&mut self.door.lock().unwrap());
                continue;
            }
            self.owned(|owners| {
                let task = owners.taken.remove(0);
                owners.ran.push(task);
            });
            return true;
        }
    }

    fn requeue(&self) {
        let mut door = self.door.lock().unwrap();
        self.gate.hold();
        door.ready += 1;
    }

    fn work(&self) {
        if self.take() {
            while self.run_next() {}
        }
    }

    /// Works off what is left, with nobody else there: then nothing is, and it is ready nowhere.
    fn ran(&self) -> Vec<u32> {
        self.work();
        assert!(self.gate.is_idle());
        let door = self.door.lock().unwrap();
        assert_eq!((door.ready, door.new.len()), (0, 0));
        self.owned(|owners| {
            assert!(owners.taken.is_empty());
            owners.ran.clone()
        })
    }
}

#[test]
fn lane_that_empties_loses_no_task() {
    checker::model(|| {
        let lane = Lane::with(&[1]);
        let its = lane.clone();
        let works = thread::spawn(move || its.work());
        lane.add(2);
        lane.add(3);
        works.join().unwrap();
        assert_eq!(lane.ran(), [1, 2, 3]);
    });
}

#[test]
fn emptied_lane_has_one_owner() {
    checker::model(|| {
        let lane = Lane::with(&[1]);
        let works = [lane.clone(), lane.clone()].map(|its| thread::spawn(move || its.work()));
        lane.add(2);
        works.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(lane.ran(), [1, 2]);
    });
}

#[test]
fn requeued_lane_has_one_owner() {
    checker::model(|| {
        let lane = Lane::with(&[1, 2]);
        let its = lane.clone();
        let gives_up = thread::spawn(move || {
            if its.take() && its.run_next() {
                its.requeue();
            }
        });
        let its = lane.clone();
        let works = thread::spawn(move || its.work());
        lane.add(3);
        gives_up.join().unwrap();
        works.join().unwrap();
        assert_eq!(lane.ran(), [1, 2, 3]);
    });
}

#[test]
fn swept_lane_has_no_owner() {
    checker::model(|| {
        let lane = Lane::with(&[1]);
        let its = lane.clone();
        let works = thread::spawn(move || its.work());
        {
            let door = lane.door.lock().unwrap();
            if lane.gate.is_idle() {
                assert!(door.new.is_empty());
                // Free to be used anew; an owner that is still at it is reported.
                lane.owned(|owners| assert!(owners.taken.is_empty()));
            }
        }
        works.join().unwrap();
        assert_eq!(lane.ran(), [1]);
    });
}

/// More threads than loom can try: whoever works, nothing is lost or swapped.
#[cfg(ts_shuttle)]
#[test]
fn three_add_and_three_work() {
    checker::model(|| {
        let lane = Lane::with(&[]);
        let adders = [10, 20, 30].map(|first| {
            let its = lane.clone();
            thread::spawn(move || (first..first + 3).for_each(|task| its.add(task)))
        });
        let workers = [(); 3].map(|()| {
            let its = lane.clone();
            thread::spawn(move || (0..3).for_each(|_| its.work()))
        });
        adders.into_iter().chain(workers).for_each(|thread| thread.join().unwrap());
        let ran = lane.ran();
        assert_eq!(ran.len(), 9);
        for first in [10, 20, 30] {
            let its: Vec<_> = ran.iter().filter(|task| **task / 10 == first / 10).collect();
            assert_eq!(its, [&first, &(first + 1), &(first + 2)]);
        }
    });
}
