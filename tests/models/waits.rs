//! Tasks that wait for each other: who is refused, who hears of the end, what a waker that comes back
//! has to say; and who waits until there is none of something.

use crate::checker;
use crate::checker::sync::Mutex;
use crate::checker::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use crate::checker::thread;
use crate::core::knots::{self, Gate, Way};
use crate::core::room::Room;
use crate::core::word::Word;
use crate::count::Count;
use crate::kinds::State;
use crate::loops::handed::Handed;
use crate::loops::queued::Queued;
use std::sync::Arc;

const GENERATION: u64 = 1;

/// Tasks that run, each with its own room, and the list of those that wait: for whom.
struct Tasks {
    all: Vec<(Word, Room)>,
    waits: Mutex<Vec<Option<usize>>>,
}

impl Tasks {
    fn running(many: usize) -> Arc<Tasks> {
        let task = || {
            let word = Word::new();
            word.open_running(GENERATION, 0);
            (word, Room::default())
        };
        let all = (0..many).map(|_| task()).collect();
        Arc::new(Tasks { all, waits: Mutex::new(vec![None; many]) })
    }

    /// As `Core::way_to_end`, of what a thread runs.
    fn way(&self, target: usize, waits: &[Option<usize>], root: usize) -> Way {
        let waits = target == root || waits[target].is_some();
        match self.all[target].0.load().is_final() {
            true => Way::new(),
            false => vec![Gate { holders: waits.then_some(target).into_iter().collect(), most: 1 }],
        }
    }

    /// As `Waits::begin`, the wait in the room, and `Waits::end`: false when it was refused.
    fn wait(&self, task: usize, target: usize) -> bool {
        {
            let mut waits = self.waits.lock().unwrap();
            let way = self.way(target, &waits, task);
            let ways = |node: usize| waits[node].map(|its| self.way(its, &waits, task));
            if knots::is_knotted(task, &way, |node| ways(node).into_iter().collect()) {
                return false;
            }
            waits[task] = Some(target);
        }
        let (word, room) = &self.all[target];
        room.wait_end(word, target as u32, GENERATION, None, || (), |_, _| ());
        self.waits.lock().unwrap()[task] = None;
        true
    }

    fn end(&self, task: usize) {
        let (word, room) = &self.all[task];
        if word.finish_at_once(State::Completed).unwrap().is_waited() {
            room.tell(word, task as u32);
        }
    }
}

/// Each waits for the next one, and ends: how many were refused. A wait that nobody ends is a
/// deadlock, which is reported.
fn refused(many: usize, targets: &[usize]) -> usize {
    let tasks = Tasks::running(many);
    let waits = |tasks: &Tasks, task: usize, target: usize| {
        let refused = !tasks.wait(task, target);
        tasks.end(task);
        usize::from(refused)
    };
    let threads: Vec<_> = (1..targets.len())
        .map(|task| {
            let (tasks, target) = (tasks.clone(), targets[task]);
            thread::spawn(move || waits(&tasks, task, target))
        })
        .collect();
    let here = waits(&tasks, 0, targets[0]);
    (targets.len()..many).for_each(|task| tasks.end(task));
    here + threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
}

#[test]
fn of_two_that_wait_for_each_other_at_most_one_is_refused() {
    // None, if one has ended before the other asks.
    checker::model(|| assert!(refused(2, &[1, 0]) <= 1));
}

#[test]
fn of_three_that_wait_in_a_circle_at_most_one_is_refused() {
    checker::model(|| assert!(refused(3, &[1, 2, 0]) <= 1));
}

#[test]
fn who_waits_for_one_that_waits_for_none_is_never_refused() {
    checker::model(|| {
        let tasks = Tasks::running(2);
        let its = tasks.clone();
        let waits = thread::spawn(move || its.wait(0, 1));
        tasks.end(1);
        assert!(waits.join().unwrap());
    });
}

/// A loop whose task waits for others looks whether a waker is out while the host gives the last one
/// back: it is known to be alone, or polled once more, and then it is known.
#[test]
fn waker_that_comes_back_is_seen_or_says_so() {
    checker::model(|| {
        let handed = Arc::new((Handed::new(), AtomicBool::new(false)));
        handed.0.hand_out();
        let its = handed.clone();
        let host = thread::spawn(move || {
            if its.0.give_back() {
                its.1.store(true, SeqCst);
            }
        });
        let known = handed.0.are_back();
        host.join().unwrap();
        assert!(known || handed.1.load(SeqCst));
        assert!(handed.0.are_back());
    });
}

#[test]
fn of_two_wakers_the_last_one_says_so() {
    checker::model(|| {
        let handed = Arc::new((Handed::new(), AtomicUsize::new(0)));
        handed.0.hand_out();
        handed.0.hand_out();
        let hosts: Vec<_> = (0..2)
            .map(|_| {
                let its = handed.clone();
                thread::spawn(move || its.1.fetch_add(usize::from(its.0.give_back()), SeqCst))
            })
            .collect();
        let known = handed.0.are_back();
        hosts.into_iter().for_each(|host| {
            host.join().unwrap();
        });
        assert!(known || handed.1.load(SeqCst) == 1);
        assert!(handed.1.load(SeqCst) <= 1);
    });
}

#[test]
fn the_poll_sees_a_wake_that_found_another_on_its_way() {
    checker::model(|| {
        let its = Arc::new((Queued::new(), AtomicUsize::new(0), AtomicBool::new(false)));
        // One is in the inbox.
        assert!(its.0.is_first());
        let other = its.clone();
        let host = thread::spawn(move || {
            other.1.store(1, Relaxed);
            if other.0.is_first() {
                other.2.store(true, SeqCst);
            }
        });
        its.0.taken();
        let seen = its.1.load(Relaxed) == 1;
        host.join().unwrap();
        assert!(seen || its.2.load(SeqCst), "the poll saw nothing, and no other comes");
    });
}

#[test]
fn who_waits_for_none_hears_of_the_last() {
    checker::model(|| {
        let count = Arc::new(Count::default());
        count.come();
        count.come();
        let goes: Vec<_> = (0..2)
            .map(|_| {
                let count = count.clone();
                thread::spawn(move || count.go())
            })
            .collect();
        assert!(count.wait_none(None));
        goes.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

/// Larger circles than loom can try, and tails that lead into one.
#[cfg(ts_shuttle)]
#[test]
fn of_many_that_wait_in_a_circle_at_most_one_is_refused() {
    checker::model(|| assert!(refused(5, &[1, 2, 3, 4, 0]) <= 1));
    checker::model(|| assert!(refused(6, &[1, 2, 0, 0, 3, 4]) <= 1));
    checker::model(|| assert!(refused(6, &[1, 0, 3, 2, 0, 2]) <= 2));
}
