//! Tasks that run only inside [`Pump::run`], on one thread of the host's: the main thread of a game,
//! once per frame.
//!
//! The pump belongs to the thread of its first run, and stays usable across shutdowns. What is ready
//! lies in an outlet of its own; a lane goes behind the others after each of its tasks. Handles of it
//! are counted: it may outlive its scheduler.

use crate::core::inlet::Item;
use crate::core::outlet::Outlet;
use crate::core::seat::{Counts, WorkerSeat};
use crate::core::slab::NIL;
use crate::core::take::Claim;
use crate::core::view::RunningTask;
use crate::core::waits;
use crate::host::{self, Bell, Nesting};
use crate::platform::floats::Floats;
use crate::run::Bench;
use crate::scheduler::shared::Shared;
use crate::sync::Mutex;
use crate::sync::atomic::Ordering::*;
use crate::workers::interrupt::Breaker;
use crate::workers::new_breaker;
use crate::workers::watchdog::{Timed, Watched};
use crate::{Error, ErrorCode, Result, clock};
use crossbeam_utils::CachePadded;
use std::collections::VecDeque;
use std::os::fd::RawFd;
use std::sync::Arc;

/// See the module.
#[derive(Debug)]
pub struct Pump {
    shared: Arc<Shared>,
    outlet: Arc<Outlet>,
    current: Arc<Current>,
    counts: Arc<CachePadded<Counts>>,
    /// Taken while it runs.
    runs: Mutex<Option<Run>>,
}

/// What a run works with.
#[derive(Debug)]
struct Run {
    seat: WorkerSeat,
    /// Taken from the outlet, and not begun; empty between runs.
    batch: VecDeque<Item>,
    /// That was more than one, and the outlet still counts it as there.
    was_batch: bool,
}

/// What others may touch of the task that a pump runs.
#[derive(Debug)]
struct Current {
    /// Its deadline.
    timed: Timed,
    /// What breaks its blocking calls.
    breaker: Breaker,
}

impl Watched for Current {
    fn expired(&self, now: u64, each: &mut dyn FnMut(RunningTask)) {
        self.timed.expired(now).into_iter().for_each(each);
    }

    fn earliest(&self) -> u64 {
        self.timed.deadline()
    }

    fn breaker(&self) -> Option<&Breaker> {
        Some(&self.breaker)
    }
}

impl Pump {
    /// A pump of this scheduler; `ready` is rung when there is something to run and was nothing
    /// before, and when a run has left something. On failure its data is not dropped.
    pub(crate) fn new(shared: &Arc<Shared>, ready: Option<Bell>) -> Result<Pump> {
        if let Err(error) = shared.check() {
            Bell::refuse(ready);
            return Err(error);
        }
        let outlet = shared.core.new_outlet(ready)?;
        let current = Arc::new(Current { timed: Timed::new(), breaker: new_breaker() });
        let watched: Arc<dyn Watched> = current.clone();
        shared.pool.watch_too(Arc::downgrade(&watched));
        shared.core.use_outlets();
        let counts = shared.core.new_counts();
        // Never without any room.
        let batch = VecDeque::with_capacity(16);
        let run = Run { seat: WorkerSeat::new(counts.clone()), batch, was_batch: false };
        Ok(Pump { shared: shared.clone(), outlet, current, counts, runs: Mutex::new(Some(run)) })
    }

    /// The number of its outlet, for who runs what.
    pub(crate) fn outlet(&self) -> u32 {
        self.outlet.number()
    }

    /// Whether it is this scheduler's.
    pub(crate) fn is_of(&self, shared: &Shared) -> bool {
        std::ptr::eq(&raw const *self.shared, shared)
    }

    /// Runs tasks until none is ready, `most` have run (0: any number), or so many seconds are used
    /// up (0: any number; by at most one task more): how many ran.
    pub fn run(&self, most: usize, budget_seconds: f64) -> Result<usize> {
        self.shared.check()?;
        self.enter()?;
        let Some(mut run) = self.runs.lock().take() else {
            return Err(Error::new(
                ErrorCode::WouldDeadlock,
                "the pump is run from inside one of its own tasks",
            ));
        };
        let nesting = Nesting::enter();
        let ran = self.run_batches(&mut run, most, budget_seconds);
        drop(nesting);
        run.seat.hand_back(&self.shared.core);
        self.shared.core.purge_rest(&self.outlet);
        if self.outlet.mailbox.seems_filled() && !self.outlet.is_closed() {
            // Who runs the pump when it hears of something is not to forget the rest.
            self.shared.core.ring(&self.outlet);
        }
        *self.runs.lock() = Some(run);
        if !self.outlet.mailbox.seems_filled() {
            self.shared.pool.rest();
        }
        Ok(ran)
    }

    fn run_batches(&self, run: &mut Run, most: usize, budget_seconds: f64) -> usize {
        let deadline = (budget_seconds > 0.0).then(|| clock::deadline_in(budget_seconds)).flatten();
        // Each task is to find this thread as it is now.
        let floats = Floats::of_this_thread();
        let mut ran = 0;
        // A lane whose task has just run goes behind what is ready; with nothing, it goes on.
        let mut lane = NIL;
        while (most == 0 || ran < most) && !self.outlet.is_closed() {
            if run.batch.is_empty() && self.outlet.mailbox.seems_filled() {
                self.outlet.mailbox.take_all(&mut run.batch);
                run.was_batch = run.batch.len() > 1;
            }
            if lane != NIL && !run.batch.is_empty() {
                self.put_behind(std::mem::replace(&mut lane, NIL), &mut VecDeque::new());
            }
            let Some((claim, its)) = self.next(lane, run) else {
                let nothing = run.batch.is_empty() && !self.outlet.mailbox.seems_filled();
                if std::mem::replace(&mut lane, NIL) == NIL && nothing {
                    break;
                }
                continue;
            };
            lane = if self.run_claim(claim, its, &mut run.seat, &floats) { its } else { NIL };
            ran += 1;
            if deadline.is_some_and(|deadline| clock::until(deadline).is_none()) {
                break;
            }
        }
        // Once for all of them, since it takes long.
        floats.settle_all();
        run.was_batch = false;
        self.put_behind(lane, &mut run.batch);
        ran
    }

    /// The lane whose task has just run goes behind what is ready, and that goes back in front.
    fn put_behind(&self, lane: u32, front: &mut VecDeque<Item>) {
        let core = &self.shared.core;
        let last = core.pass_place_on(lane).then(|| Item::lane(lane));
        core.return_to(&self.outlet, front, last);
    }

    /// The next task of that lane, or else of the batch; none if it was only a dead one.
    fn next(&self, lane: u32, run: &mut Run) -> Option<(Claim, u32)> {
        let core = &self.shared.core;
        if lane != NIL {
            return Some((core.pass_on(lane, &mut run.seat)?, lane));
        }
        let item = run.batch.pop_front()?;
        if run.batch.is_empty() && std::mem::take(&mut run.was_batch) {
            self.outlet.mailbox.begun();
        }
        match item.split() {
            Ok(lane) => Some((core.take_place(lane, &mut run.seat)?, lane)),
            Err(task) => Some((core.start(task, &mut run.seat)?, NIL)),
        }
    }

    /// It is this thread's from now on, if it was no other's.
    fn enter(&self) -> Result<()> {
        let here = host::thread_number();
        waits::set_runs();
        match self.outlet.owner.compare_exchange(0, here, Relaxed, Relaxed) {
            Err(owner) if owner != here => Err(Error::new(
                ErrorCode::WrongThread,
                "the pump belongs to the thread that ran it first",
            )),
            _ => Ok(()),
        }
    }

    /// Runs a task; true while its lane's place is ours.
    fn run_claim(&self, claim: Claim, lane: u32, seat: &mut WorkerSeat, floats: &Floats) -> bool {
        let (core, settings) = (&self.shared.core, &self.shared.settings);
        let (timed, breaker) = (&self.current.timed, &self.current.breaker);
        let bench = Bench { core, settings, timed, breaker, floats };
        seat.refresh();
        let now = seat.last_time();
        let last = bench.run(claim, lane, now, seat, |timed, task, limit| {
            self.shared.pool.watch(timed, task, limit);
        });
        lane != NIL && !last.is_released()
    }

    /// A descriptor that is readable while something can run.
    pub fn fd(&self) -> Result<RawFd> {
        self.shared.check()?;
        self.outlet.mailbox.fd(false)
    }
}

impl Pump {
    /// Cancels its pending tasks and takes no more; a run that is under way ends with the task that
    /// it is in.
    pub(crate) fn close(&self) {
        if !self.outlet.is_closed() && self.shared.is_of_this_process() {
            self.shared.core.close_outlet(&self.outlet);
        }
    }

    /// Whether it belongs to a parent process.
    pub(crate) fn is_forked(&self) -> bool {
        !self.shared.is_of_this_process()
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        self.close();
        if self.shared.is_of_this_process() {
            self.shared.core.retire_counts(&self.counts);
        }
    }
}
