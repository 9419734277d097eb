//! What a worker in a burst leaves to whoever takes history's lock.

use crate::checker;
use crate::checker::sync::Mutex;
use crate::checker::sync::atomic::{AtomicUsize, Ordering::*};
use crate::checker::thread;
use crate::core::backlog::{Backlog, PLACES};
use std::sync::Arc;

/// History, as far as this goes: what has entered; a backlog; how many ends can be seen.
struct Ends {
    entered: Mutex<Vec<u32>>,
    backlog: Backlog,
    seen: AtomicUsize,
}

impl Ends {
    fn new() -> Arc<Ends> {
        let (entered, seen) = (Mutex::new(Vec::new()), AtomicUsize::new(0));
        Arc::new(Ends { entered, backlog: Backlog::new(0), seen })
    }

    /// As the worker: ends a task; where no place is free it takes in what it noted itself.
    fn end(&self, index: u32) {
        if !self.backlog.note(index, PLACES) {
            let mut entered = self.entered.lock().unwrap();
            while let Some(noted) = self.backlog.take() {
                entered.push(noted);
            }
            entered.push(index);
        }
        self.seen.store(index as usize, Release);
    }

    /// As somebody who looks: what has entered, all of it.
    fn look(&self) -> Vec<u32> {
        let mut entered = self.entered.lock().unwrap();
        while let Some(noted) = self.backlog.take() {
            entered.push(noted);
        }
        entered.clone()
    }
}

/// Ends that find no place free among them.
const ENDS: u32 = PLACES as u32 + 2;

#[test]
fn an_end_that_is_seen_has_entered_in_its_order() {
    checker::model(|| {
        let ends = Ends::new();
        let its = ends.clone();
        let worker = thread::spawn(move || (1..=ENDS).for_each(|index| its.end(index)));
        let seen = ends.seen.load(Acquire);
        let entered = ends.look();
        assert!(entered.len() >= seen, "{seen} seen, of which {entered:?} entered");
        assert!(entered.iter().copied().eq(1..=entered.len() as u32), "{entered:?}");
        worker.join().unwrap();
        assert!(ends.look().into_iter().eq(1..=ENDS));
    });
}

#[test]
fn two_who_look_take_no_end_twice() {
    checker::model(|| {
        let ends = Ends::new();
        let (worker, other) = (ends.clone(), ends.clone());
        let worker = thread::spawn(move || (1..=ENDS).for_each(|index| worker.end(index)));
        let other = thread::spawn(move || _ = other.look());
        ends.look();
        worker.join().unwrap();
        other.join().unwrap();
        assert!(ends.look().into_iter().eq(1..=ENDS));
    });
}
