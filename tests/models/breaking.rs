//! The signal that breaks a blocking call: the real `Breaker`, and around it a thread that runs tasks
//! as in `src/run.rs`, and what the system does with a signal.

use crate::checker;
use crate::checker::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::*};
use crate::checker::sync::{Condvar, Mutex};
use crate::checker::thread;
use crate::workers::interrupt::{Breaker, Target};
use std::sync::Arc;

const TARGET: Target = Target { thread: 7, signal: 50 };

/// A thread as the system sees it.
struct Model {
    breaker: Breaker,
    /// The task that it is in, from before its function until everything of it is over; 0 when it
    /// is between two, or has ended.
    inside: AtomicU64,
    /// Signals that were sent and that it has not taken.
    pending: AtomicUsize,
    /// It blocks, and has been broken.
    blocks: Mutex<(bool, bool)>,
    broken: Condvar,
    ended: AtomicBool,
}

impl Model {
    fn new() -> Arc<Model> {
        Arc::new(Model {
            breaker: Breaker::new(0),
            inside: AtomicU64::new(0),
            pending: AtomicUsize::new(0),
            blocks: Mutex::new((false, false)),
            broken: Condvar::new(),
            ended: AtomicBool::new(false),
        })
    }

    /// A task whose function is this.
    fn run(&self, task: u64, function: impl FnOnce()) {
        self.inside.store(task, Relaxed);
        self.breaker.enter(task, TARGET);
        function();
        let sent = self.breaker.leave();
        // As the system does when the thread unblocks the signal.
        if sent {
            self.pending.store(0, Relaxed);
        }
        assert_eq!(self.pending.load(Relaxed), 0, "a signal waits for the next task");
        self.inside.store(0, Relaxed);
    }

    /// Breaks the call of that task, as who stops it does, and the watchdog.
    fn break_call(&self, task: u64) {
        if !self.breaker.seems_in(task) {
            return;
        }
        self.breaker.send(task, |target| {
            assert_eq!(target, TARGET);
            assert_eq!(self.inside.load(Relaxed), task, "another task is hit, or no thread");
            self.pending.fetch_add(1, Relaxed);
            let mut blocks = self.blocks.lock().unwrap();
            if blocks.0 {
                blocks.1 = true;
                self.broken.notify_one();
            }
        });
    }

    /// A call that only a signal ends.
    fn block(&self) {
        let mut blocks = self.blocks.lock().unwrap();
        blocks.0 = true;
        while !blocks.1 {
            blocks = self.broken.wait(blocks).unwrap();
        }
    }

    fn spawn(
        self: &Arc<Model>,
        work: impl FnOnce(&Model) + Send + 'static,
    ) -> thread::JoinHandle<()> {
        let model = self.clone();
        thread::spawn(move || work(&model))
    }
}

#[test]
fn signal_hits_its_own_task_and_no_other() {
    checker::model(|| {
        let model = Model::new();
        let senders = [
            model.spawn(|model| model.break_call(1)),
            model.spawn(|model| {
                model.break_call(1);
                model.break_call(1);
            }),
        ];
        model.run(1, || ());
        model.run(2, || ());
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        assert_eq!(model.pending.load(Relaxed), 0, "a thread that has ended was hit");
    });
}

#[test]
fn each_of_two_stopped_tasks_gets_its_own() {
    checker::model(|| {
        let model = Model::new();
        let senders = [1, 2].map(|task| model.spawn(move |model| model.break_call(task)));
        model.run(1, || ());
        model.run(2, || ());
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        assert_eq!(model.pending.load(Relaxed), 0);
    });
}

/// The first signal may come before the task blocks, or before its breaker is set; one of those that
/// follow does not.
#[test]
fn blocked_task_is_broken_whenever_it_was_stopped() {
    checker::model(|| {
        let model = Model::new();
        let watchdog = model.spawn(|model| {
            while !model.ended.load(Acquire) {
                model.break_call(1);
                thread::yield_now();
            }
        });
        model.run(1, || model.block());
        model.ended.store(true, Release);
        watchdog.join().unwrap();
    });
}
