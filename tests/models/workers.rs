//! Who is awake, parks and is woken: the real `Idle`, `Parker` and `Batch`, and around them what a
//! worker does, as in `src/workers/worker.rs` but with one look to a search and no clock.
//!
//! A lost wake-up is a deadlock here, which is reported: a blocking task waits until every task has
//! started, and every worker is joined.

use crate::checker;
use crate::checker::sync::atomic::{AtomicBool, Ordering::*};
use crate::checker::sync::{Condvar, Mutex};
use crate::checker::thread;
use crate::workers::batch::{BATCH, Batch};
use crate::workers::idle::{Idle, Part, Parting, Stepped, Wake};
use crate::workers::parker::Parker;
use std::sync::Arc;

struct Slot {
    batch: Batch,
    parker: Parker,
}

struct Pool {
    idle: Idle,
    /// What is ready; its lock is the inlet's.
    ready: Mutex<Vec<u32>>,
    slots: Vec<Slot>,
    surplus: AtomicBool,
    /// A worker searches. No model.s, since it is no part of what is modelled.
    searching: std::sync::atomic::AtomicBool,
    /// Started tasks, which are told apart by their numbers.
    started: Mutex<Vec<u32>>,
    all_started: Condvar,
    /// How many tasks there are.
    tasks: usize,
    /// A task waits for all others.
    blocking: bool,
    /// New workers' parts; the model runs them when it has joined the others.
    spawned: Mutex<Vec<Part>>,
}

impl Pool {
    /// Workers that are all parked, the first one lowest: the last one is woken first.
    fn parked(workers: usize, processors: usize, tasks: usize) -> Pool {
        let idle = Idle::new(workers, processors);
        for _ in 0..workers {
            assert_eq!(idle.wake(), Wake::Spawn(Part::Search));
            assert_eq!(idle.found(false, || false), Wake::Nobody);
        }
        for worker in 0..workers {
            let last = worker == workers - 1;
            assert_eq!(idle.park(worker, false, || false), Parting::Parked { last });
        }
        Pool {
            idle,
            ready: Mutex::new(Vec::new()),
            slots: (0..workers)
                .map(|_| Slot { batch: Batch::new(), parker: Parker::new() })
                .collect(),
            surplus: AtomicBool::new(false),
            searching: Default::default(),
            started: Mutex::new(Vec::new()),
            all_started: Condvar::new(),
            tasks,
            blocking: true,
            spawned: Mutex::new(Vec::new()),
        }
    }

    /// The same with the last worker searching.
    fn searching(workers: usize, processors: usize, tasks: usize) -> Pool {
        let pool = Pool::parked(workers, processors, tasks);
        assert_eq!(pool.idle.wake(), Wake::Parked(workers - 1, Part::Search));
        pool
    }

    fn spawn(
        self: &Arc<Pool>,
        work: impl FnOnce(&Pool) + Send + 'static,
    ) -> thread::JoinHandle<()> {
        let pool = self.clone();
        thread::spawn(move || work(&pool))
    }

    fn add(&self, tasks: &[u32]) {
        self.ready.lock().unwrap().extend(tasks);
        self.notify();
    }

    fn notify(&self) {
        if self.idle.must_wake() {
            self.carry_out(self.idle.wake());
        }
    }

    fn carry_out(&self, wake: Wake) {
        match wake {
            Wake::Nobody => {}
            Wake::Parked(worker, part) => self.slots[worker].parker.unpark(part),
            Wake::Spawn(part) => self.spawned.lock().unwrap().push(part),
        }
    }

    fn anything_left(&self, worker: usize) -> bool {
        let mut slots = self.slots.iter().enumerate();
        !self.ready.lock().unwrap().is_empty()
            || slots.any(|(number, slot)| number != worker && slot.batch.len() > 0)
    }

    fn take(&self, worker: usize) -> bool {
        let own = &self.slots[worker].batch;
        let ready = std::mem::take(&mut *self.ready.lock().unwrap());
        if !ready.is_empty() {
            own.fill(ready.into_iter());
            return true;
        }
        let mut stolen = [0; BATCH];
        for step in 1..self.slots.len() {
            let peer = &self.slots[(worker + step) % self.slots.len()];
            let count = peer.batch.steal(&mut stolen);
            if count > 0 {
                own.fill(stolen[..count].iter().copied());
                return true;
            }
        }
        false
    }

    /// The life of a worker from here on; it ends when every task has started.
    fn live(&self, worker: usize, mut part: Part) {
        loop {
            let next = match part {
                Part::Search => self.search(worker),
                Part::Watch => self.watch(worker),
                Part::Leave => {
                    self.idle.leave_closing(false, false);
                    None
                }
            };
            match next {
                Some(next) => part = next,
                None => return,
            }
        }
    }

    fn search(&self, worker: usize) -> Option<Part> {
        if self.surplus.load(Relaxed) && self.idle.is_closing() {
            self.idle.leave_closing(true, true);
            return None;
        }
        assert!(!self.searching.swap(true, SeqCst), "two searchers");
        let taken = self.take(worker);
        self.searching.store(false, SeqCst);
        if !taken {
            return self.park(worker, true);
        }
        let left = self.slots[worker].batch.len() > 1;
        let wake = self.idle.found(left, || self.anything_left(worker));
        self.carry_out(wake);
        self.work(worker)
    }

    /// As an active worker, with something in its batch or not.
    fn work(&self, worker: usize) -> Option<Part> {
        loop {
            while let Some(task) = self.slots[worker].batch.pop() {
                self.run(task);
            }
            if self.surplus.load(Relaxed) && self.idle.is_closing() {
                self.idle.leave_closing(true, false);
                return None;
            }
            if self.is_over() {
                return None;
            }
            // Its tasks are brisk, and others get on.
            if self.idle.is_brisk() && self.idle.has_company() {
                match self.idle.step_down(worker) {
                    Some(Stepped::Watches) => return Some(Part::Watch),
                    Some(Stepped::Parked) => return self.sleep(worker),
                    None => {}
                }
            }
            if self.idle.search() {
                return Some(Part::Search);
            }
            if !self.take(worker) {
                return self.park(worker, false);
            }
            if self.slots[worker].batch.len() > 1 {
                self.carry_out(self.idle.cover());
            }
        }
    }

    fn run(&self, task: u32) {
        let mut started = self.started.lock().unwrap();
        assert!(!started.contains(&task), "{task} ran twice");
        started.push(task);
        if started.len() == self.tasks {
            self.all_started.notify_all();
            self.slots.iter().for_each(|slot| slot.parker.unpark(Part::Leave));
        }
        while self.blocking && started.len() < self.tasks {
            started = self.all_started.wait(started).unwrap();
        }
    }

    fn park(&self, worker: usize, searcher: bool) -> Option<Part> {
        match self.idle.park(worker, searcher, || self.anything_left(worker)) {
            Parting::Parked { .. } => self.sleep(worker),
            Parting::Searches => Some(Part::Search),
            Parting::Leaves => Some(Part::Leave),
        }
    }

    /// Whether every task has started.
    fn is_over(&self) -> bool {
        self.tasks > 0 && self.started.lock().unwrap().len() == self.tasks
    }

    fn sleep(&self, worker: usize) -> Option<Part> {
        // A part that was told late may have taken the place of the model's last one.
        if self.is_over() { None } else { self.slots[worker].parker.park(|| None) }
    }

    /// As the sentry, which naps once here; or, where all are to leave, until it sees that.
    fn watch(&self, worker: usize) -> Option<Part> {
        if !self.idle.is_sentry(worker) {
            return self.sleep(worker);
        }
        if self.tasks > 0 {
            let searches = self.anything_left(worker) && self.idle.sentry_searches(worker, true);
            return if searches { Some(Part::Search) } else { self.sleep(worker) };
        }
        while !(self.surplus.load(Relaxed) && self.idle.is_closing()) {
            thread::yield_now();
        }
        if self.idle.sentry_leaves(worker) { None } else { self.sleep(worker) }
    }

    /// Ends all workers, as `Pool::stop` does.
    fn close(&self) {
        let told = self.idle.close();
        self.surplus.store(true, Release);
        for worker in told {
            self.slots[worker].parker.unpark(Part::Leave);
        }
    }

    /// Nobody is left, and the next add makes a worker.
    fn assert_deserted(&self) {
        for part in std::mem::take(&mut *self.spawned.lock().unwrap()) {
            if part == Part::Watch {
                self.idle.name_sentry(0);
            }
            self.live(0, part);
        }
        assert!(self.idle.is_deserted());
        self.idle.reopen();
        assert!(self.idle.must_wake());
        assert_eq!(self.idle.wake(), Wake::Spawn(Part::Search));
    }
}

fn join(threads: impl IntoIterator<Item = thread::JoinHandle<()>>) {
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn parked_worker_hears_of_a_new_deadline() {
    checker::model(|| {
        let pool = Arc::new(Pool::parked(1, 1, 0));
        // The flag stands for a setting; a deadline at 0 has passed.
        let sleeps = pool.spawn(|pool| {
            let deadline = || pool.surplus.load(Relaxed).then_some(0);
            assert_eq!(pool.slots[0].parker.park(deadline), None);
        });
        pool.surplus.store(true, Relaxed);
        pool.slots[0].parker.reconsider();
        join([sleeps]);
    });
}

#[test]
fn add_and_park_loses_no_wake() {
    checker::model(|| {
        let pool = Arc::new(Pool::searching(1, 1, 1));
        let works = pool.spawn(|pool| pool.live(0, Part::Search));
        pool.add(&[1]);
        join([works]);
    });
}

#[test]
fn two_adds_and_park_lose_no_wake() {
    checker::model(|| {
        let pool = Pool::searching(1, 1, 2);
        let pool = Arc::new(Pool { blocking: false, ..pool });
        let works = pool.spawn(|pool| pool.live(0, Part::Search));
        let adds = pool.spawn(|pool| pool.add(&[1]));
        pool.add(&[2]);
        join([works, adds]);
    });
}

#[test]
fn found_leaves_nobody_behind() {
    checker::model(|| {
        let pool = Arc::new(Pool::searching(2, 2, 2));
        let sleeps = pool.spawn(|pool| pool.sleep(0).into_iter().for_each(|p| pool.live(0, p)));
        let works = pool.spawn(|pool| pool.live(1, Part::Search));
        pool.add(&[1]);
        pool.add(&[2]);
        join([sleeps, works]);
    });
}

#[test]
fn rest_of_a_batch_that_was_stolen_from_is_found() {
    checker::model(|| {
        let pool = Arc::new(Pool::searching(3, 3, 3));
        // The last worker blocks in task 1 and has two more in its batch; it has woken another.
        pool.slots[2].batch.fill([2, 3].into_iter());
        pool.started.lock().unwrap().push(1);
        let wake = pool.idle.found(true, || unreachable!());
        assert_eq!(wake, Wake::Parked(1, Part::Search));
        let sleeps = pool.spawn(|pool| pool.sleep(0).into_iter().for_each(|p| pool.live(0, p)));
        pool.live(1, Part::Search);
        join([sleeps]);
    });
}

#[test]
fn who_steps_down_leaves_nothing_behind() {
    checker::model(|| {
        let pool = Pool::searching(2, 2, 2);
        let pool = Arc::new(Pool { blocking: false, ..pool });
        // Both are active and have run out, and their tasks were brisk.
        assert_eq!(pool.idle.found(true, || false), Wake::Parked(0, Part::Search));
        assert_eq!(pool.idle.found(false, || false), Wake::Nobody);
        pool.idle.set_brisk(true);
        let other = pool.spawn(|pool| {
            let part = pool.work(0);
            part.into_iter().for_each(|part| pool.live(0, part));
        });
        let adds = pool.spawn(|pool| {
            pool.add(&[1]);
            pool.add(&[2]);
        });
        let part = pool.work(1);
        part.into_iter().for_each(|part| pool.live(1, part));
        join([other, adds]);
    });
}

#[test]
fn brisk_workers_add_finds_a_sentry_or_a_searcher() {
    checker::model(|| {
        let pool = Pool::searching(3, 3, 3);
        let pool = Arc::new(Pool { blocking: false, ..pool });
        pool.idle.set_brisk(true);
        // It leaves two to others.
        pool.slots[2].batch.fill([1, 2, 3].into_iter());
        let wake = pool.idle.found(true, || unreachable!());
        assert_eq!(wake, Wake::Parked(1, Part::Watch));
        pool.carry_out(wake);
        let watches = pool.spawn(|pool| pool.sleep(1).into_iter().for_each(|p| pool.live(1, p)));
        let sleeps = pool.spawn(|pool| pool.sleep(0).into_iter().for_each(|p| pool.live(0, p)));
        let part = pool.work(2);
        part.into_iter().for_each(|part| pool.live(2, part));
        join([watches, sleeps]);
    });
}

#[test]
fn batch_filled_beside_a_searcher_is_found() {
    checker::model(|| {
        let pool = Arc::new(Pool::searching(2, 2, 2));
        // Both are awake: worker 1 is active and has run out, worker 0 searches.
        assert_eq!(pool.idle.found(true, || false), Wake::Parked(0, Part::Search));
        let active = pool.spawn(|pool| {
            let part = pool.work(1);
            part.into_iter().for_each(|part| pool.live(1, part));
        });
        let searches = pool.spawn(|pool| pool.live(0, Part::Search));
        pool.add(&[1, 2]);
        join([active, searches]);
    });
}

/// Worker 0 is the sentry; worker 1 is active.
fn sentry_beside_an_active_worker(tasks: usize) -> Pool {
    let pool = Pool::searching(2, 1, tasks);
    assert_eq!(pool.idle.found(true, || false), Wake::Parked(0, Part::Watch));
    pool
}

/// Who parked while a thread was on its way, which could not be made, does what that one was to do.
#[test]
fn who_parked_beside_a_thread_that_was_not_made_is_woken() {
    checker::model(|| {
        let pool = Arc::new(Pool::searching(1, 1, 1));
        assert_eq!(pool.idle.found(false, || false), Wake::Nobody);
        pool.idle.set_most(|| 2);
        assert_eq!(pool.idle.wake(), Wake::Spawn(Part::Search));
        // No other one is tried.
        pool.idle.set_most(|| 1);
        let fails = pool.spawn(|pool| pool.carry_out(pool.idle.stillborn(Part::Search)));
        let works = pool.spawn(|pool| pool.work(0).into_iter().for_each(|p| pool.live(0, p)));
        pool.add(&[1]);
        join([fails, works]);
    });
}

/// A limit that is lowered is seen from then on, whatever a worker found just before.
#[test]
fn lowered_limit_is_seen_from_then_on() {
    checker::model(|| {
        let pool = Arc::new(Pool::searching(2, 2, 0));
        assert_eq!(pool.idle.found(true, || false), Wake::Parked(0, Part::Search));
        assert_eq!(pool.idle.found(false, || false), Wake::Nobody);
        pool.surplus.store(true, Relaxed);
        let looks = pool.spawn(|pool| _ = pool.idle.leave_surplus(false, &pool.surplus));
        pool.idle.set_most(|| 1);
        pool.surplus.store(true, Release);
        assert!(pool.surplus.load(Relaxed) || !pool.idle.has_surplus());
        join([looks]);
    });
}

/// Who has picked the sentry is slow to say so, and the sentry is told to search meanwhile.
#[test]
fn part_that_is_told_late_takes_nothing_back() {
    checker::model(|| {
        let pool = Arc::new(Pool::searching(2, 1, 1));
        let wake = pool.idle.found(true, || false);
        assert_eq!(wake, Wake::Parked(0, Part::Watch));
        let tells = pool.spawn(move |pool| pool.carry_out(wake));
        let sleeps = pool.spawn(|pool| pool.sleep(0).into_iter().for_each(|p| pool.live(0, p)));
        // The active one has run out before the task is there.
        assert_eq!(pool.idle.park(1, false, || false), Parting::Parked { last: true });
        pool.add(&[1]);
        join([tells, sleeps]);
    });
}

#[test]
fn sentry_and_park() {
    checker::model(|| {
        let pool = Arc::new(sentry_beside_an_active_worker(2));
        assert!(pool.idle.search());
        pool.ready.lock().unwrap().extend([1, 2]);
        let works = pool.spawn(|pool| pool.live(1, Part::Search));
        // The sentry has seen nothing, some time ago.
        let part = match pool.idle.sentry_parks(0, || pool.anything_left(0)) {
            Some(Parting::Searches) => Some(Part::Search),
            _ => pool.sleep(0),
        };
        part.into_iter().for_each(|part| pool.live(0, part));
        join([works]);
    });
}

#[test]
fn sentry_that_searches_and_one_that_is_told_to() {
    checker::model(|| {
        let pool = Arc::new(sentry_beside_an_active_worker(1));
        let active = pool.spawn(|pool| {
            let part = pool.work(1);
            part.into_iter().for_each(|part| pool.live(1, part));
        });
        let sentry = pool.spawn(|pool| {
            let searches = pool.idle.sentry_searches(0, true);
            let part = if searches { Some(Part::Search) } else { pool.sleep(0) };
            part.into_iter().for_each(|part| pool.live(0, part));
        });
        pool.add(&[1]);
        join([active, sentry]);
    });
}

#[test]
fn sentry_is_woken_when_nobody_is_awake() {
    checker::model(|| {
        let pool = Arc::new(sentry_beside_an_active_worker(1));
        let active = pool.spawn(|pool| {
            let part = pool.work(1);
            part.into_iter().for_each(|part| pool.live(1, part));
        });
        let sentry = pool.spawn(|pool| pool.live(0, Part::Watch));
        pool.add(&[1]);
        join([active, sentry]);
    });
}

#[test]
fn add_and_leave() {
    checker::model(|| {
        let pool = Arc::new(Pool::parked(1, 1, 1));
        let leaves = pool.spawn(|pool| {
            // Nothing for `max_idle_time`: it hibernates.
            if pool.idle.leave_parked(0) {
                if pool.anything_left(0) {
                    pool.notify();
                }
            } else {
                pool.sleep(0).into_iter().for_each(|part| pool.live(0, part));
            }
        });
        if pool.idle.is_deserted() {
            pool.carry_out(pool.idle.populate());
        }
        pool.add(&[1]);
        join([leaves]);
        let spawned = std::mem::take(&mut *pool.spawned.lock().unwrap());
        assert!(spawned.len() <= 1);
        spawned.into_iter().for_each(|part| pool.live(0, part));
        assert_eq!(*pool.started.lock().unwrap(), [1]);
    });
}

#[test]
fn close_and_park() {
    checker::model(|| {
        let pool = Arc::new(Pool::searching(1, 1, 0));
        let works = pool.spawn(|pool| pool.live(0, Part::Search));
        pool.close();
        join([works]);
        pool.assert_deserted();
    });
}

#[test]
fn close_and_wake() {
    checker::model(|| {
        let pool = Arc::new(Pool::parked(1, 1, 0));
        let sleeps = pool.spawn(|pool| pool.sleep(0).into_iter().for_each(|p| pool.live(0, p)));
        // Of a task that has ended meanwhile.
        let wakes = pool.spawn(Pool::notify);
        pool.close();
        assert_eq!(pool.idle.wake(), Wake::Nobody);
        join([sleeps, wakes]);
        pool.assert_deserted();
    });
}

#[test]
fn close_and_watch() {
    checker::model(|| {
        let pool = Arc::new(Pool::searching(2, 1, 0));
        let sleeps = pool.spawn(|pool| pool.sleep(0).into_iter().for_each(|p| pool.live(0, p)));
        let finds = pool.spawn(|pool| {
            pool.carry_out(pool.idle.found(true, || false));
            let part = pool.work(1);
            part.into_iter().for_each(|part| pool.live(1, part));
        });
        pool.close();
        join([sleeps, finds]);
        pool.assert_deserted();
    });
}

/// The only worker's task waits and lends its place, while a task comes that saw no place free.
#[test]
fn lent_place_is_taken_by_what_came_meanwhile() {
    checker::model(|| {
        let pool = Arc::new(Pool { blocking: false, ..Pool::searching(1, 1, 1) });
        assert_eq!(pool.idle.found(false, || false), Wake::Nobody);
        let lends = pool.spawn(|pool| {
            pool.idle.set_most(|| 2);
            if pool.anything_left(usize::MAX) {
                pool.notify();
            }
        });
        pool.add(&[1]);
        join([lends]);
        let spawned = std::mem::take(&mut *pool.spawned.lock().unwrap());
        assert_eq!(spawned, [Part::Search]);
        assert!(pool.take(0) && pool.slots[0].batch.pop() == Some(1));
    });
}

/// Of two that lend and give back, whoever is later knows of both.
#[test]
fn limit_that_two_change_counts_both() {
    checker::model(|| {
        let pool = Arc::new(Pool::parked(1, 1, 0));
        let lent = Arc::new(checker::sync::atomic::AtomicUsize::new(1));
        let its = lent.clone();
        let other = pool.spawn(move |pool| {
            its.fetch_add(1, SeqCst);
            pool.idle.set_most(|| its.load(SeqCst));
        });
        lent.fetch_sub(1, SeqCst);
        pool.idle.set_most(|| lent.load(SeqCst));
        join([other]);
        assert!(!pool.idle.has_surplus());
        pool.idle.set_most(|| 0);
        assert!(pool.idle.has_surplus());
    });
}

#[test]
fn close_and_spawn() {
    checker::model(|| {
        let pool = Pool::searching(1, 1, 0);
        pool.idle.set_most(|| 2);
        let pool = Arc::new(pool);
        let finds = pool.spawn(|pool| {
            pool.carry_out(pool.idle.found(true, || false));
            let part = pool.work(0);
            part.into_iter().for_each(|part| pool.live(0, part));
        });
        pool.close();
        join([finds]);
        pool.assert_deserted();
    });
}

/// More workers and adders than loom can try. Each task waits for all the others.
#[cfg(ts_shuttle)]
fn all_start(processors: usize) {
    checker::model(move || {
        let pool = Arc::new(Pool::searching(4, processors, 4));
        let sleep = |worker: usize| {
            pool.spawn(move |pool| {
                pool.sleep(worker).into_iter().for_each(|part| pool.live(worker, part))
            })
        };
        let mut threads: Vec<_> = (0..3).map(sleep).collect();
        threads.push(pool.spawn(|pool| pool.live(3, Part::Search)));
        threads.extend([1, 2, 3].map(|task| pool.spawn(move |pool| pool.add(&[task]))));
        pool.add(&[4]);
        join(threads);
    });
}

#[cfg(ts_shuttle)]
#[test]
fn four_workers_start_what_four_add() {
    all_start(4);
}

#[cfg(ts_shuttle)]
#[test]
fn four_workers_start_what_four_add_on_fewer_processors() {
    all_start(2);
}
