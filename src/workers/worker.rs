//! The life of one worker thread.

use super::batch::BATCH;
use super::idle::{NAP, Part, Parting, Stepped};
use super::pace::Pace;
use super::peers::Peers;
use super::sentry::{Sentry, Verdict};
use super::{Shared, Slot};
use crate::clock;
use crate::config::Key;
use crate::core::inlet::Item;
use crate::core::seat::WorkerSeat;
use crate::core::take::Claim;
use crate::core::waits;
use crate::platform::floats::Floats;
use crate::platform::signals::{self, Mask};
use crate::run::Bench;
use crate::sync::atomic::Ordering::*;
use std::sync::Arc;

/// Pauses between two looks of a searcher.
const PAUSES: u32 = 4;
/// A batch of fewer is small: the next search waits a little for more.
const SMALL: usize = 8;
/// Pauses of that wait.
const GATHER: u32 = 40;
/// So many tasks of one lane are run before others that are ready have their turn.
const TURN: u32 = 64;
/// Longer (nanoseconds) than an adder mostly has to wait for a processor.
const LATELY: u64 = 2_000_000;

struct Worker {
    shared: Arc<Shared>,
    number: usize,
    slot: Arc<Slot>,
    seat: WorkerSeat,
    peers: Peers,
    /// Where it looked first for something ready.
    inlet: usize,
    /// The last batch was small, and just now.
    small: bool,
    /// How long its tasks take.
    pace: Pace,
    /// How many tasks have been added, and when that was seen first (nanoseconds).
    added: (u64, u64),
    /// What its thread was when it started, and is to be for each task.
    floats: Floats,
    mask: Mask,
}

/// What a worker does next.
enum Next {
    Part(Part),
    /// It is active and its batch is filled.
    Work,
    Gone,
}

/// Runs until the worker leaves.
pub fn run(shared: Arc<Shared>, number: usize, slot: Arc<Slot>, part: Part) {
    let seat = WorkerSeat::with_backlog(slot.counts.clone(), slot.backlog.clone());
    let (floats, mask) = (Floats::of_this_thread(), Mask::of_this_thread());
    let (peers, pace) = (Peers::new(number), Pace::default());
    let (inlet, small, added) = (number, false, (0, 0));
    waits::set_lender(Some(shared.clone()));
    slot.thread.store(signals::thread_id(), Relaxed);
    let mut worker =
        Worker { shared, number, slot, seat, peers, inlet, small, pace, added, floats, mask };
    if part == Part::Watch {
        worker.shared.idle.name_sentry(number);
    }
    let mut next = Next::Part(part);
    loop {
        next = match next {
            Next::Part(Part::Search) => worker.search(),
            Next::Part(Part::Watch) => worker.watch(),
            Next::Part(Part::Leave) => {
                worker.shared.idle.leave_closing(false, false);
                Next::Gone
            }
            Next::Work => worker.work(),
            Next::Gone => break,
        };
    }
    waits::set_lender(None);
    worker.seat.end_burst(&worker.shared.core);
    worker.seat.hand_back(&worker.shared.core);
}

impl Worker {
    /// As the searcher: looks for tasks for a while.
    fn search(&mut self) -> Next {
        let spin = self.shared.settings.count(Key::SpinMicroseconds) as u64 * 1000;
        let mut until = None;
        loop {
            if self.shared.surplus.load(Relaxed) && self.has_to_leave(true) {
                return Next::Gone;
            }
            if self.small && spin > 0 && self.shared.core.ready_hint() < SMALL {
                // Tasks trickle in: taken one by one, each would cost a search of its own.
                pause(GATHER);
            }
            self.small = false;
            if self.take() {
                let look = || self.shared.anything_left(self.number);
                let wake = self.shared.idle.found(self.leaves_something(), look);
                let _ = self.shared.carry_out(wake);
                return Next::Work;
            }
            self.seat.end_burst(&self.shared.core);
            if spin == 0
                || clock::precise() >= *until.get_or_insert_with(|| clock::precise() + spin)
            {
                return self.park(true);
            }
            pause(PAUSES);
        }
    }

    /// Whether others could take something of what it has just taken, or from where it took it.
    fn leaves_something(&self) -> bool {
        self.slot.batch.len() > 1 || self.shared.core.seems_ready()
    }

    /// Fills the batch from what is ready, or from another worker's batch.
    fn take(&mut self) -> bool {
        if self.peers.steal_from_holder(&self.slot.batch) {
            return true;
        }
        let mut items = [Item::from_bits(0); BATCH];
        // Another inlet first each time, or a busy one would starve the others.
        self.inlet = self.inlet.wrapping_add(1);
        let count = self.shared.core.take_ready(self.inlet, &mut items);
        if count > 0 {
            self.small = count < SMALL;
            self.slot.batch.fill(items[..count].iter().map(|item| item.to_bits()));
            return true;
        }
        self.peers.steal(&self.shared, &self.slot.batch)
    }

    /// As an active worker: runs the batch, then looks for more.
    fn work(&mut self) -> Next {
        self.pace.begin(self.seat.started());
        loop {
            self.seat.refresh();
            loop {
                // Before each task, so that one that was added under a lower limit keeps to it.
                if self.shared.surplus.load(Relaxed) && self.has_to_leave(false) {
                    return Next::Gone;
                }
                let Some(bits) = self.slot.batch.pop() else { break };
                self.run_item(Item::from_bits(bits));
            }
            if let Some(brisk) = self.pace.look(self.seat.started()) {
                self.peers.look_for_holder(&self.shared);
                let brisk = brisk && self.adds_go_on();
                self.shared.idle.set_brisk(brisk);
                if brisk
                    && self.shared.idle.has_company()
                    && let Some(next) = self.step_down()
                {
                    return next;
                }
            }
            if self.shared.idle.search() {
                return Next::Part(Part::Search);
            }
            // Somebody else searches.
            if !self.take() {
                return self.park(false);
            }
            // It may have looked here before, and be gone when we block.
            if self.leaves_something() {
                let wake = self.shared.idle.cover();
                let _ = self.shared.carry_out(wake);
            }
        }
    }

    fn run_item(&mut self, item: Item) {
        let core = &self.shared.core;
        match item.split() {
            Err(task) => {
                if let Some(claim) = core.start(task, &mut self.seat) {
                    self.run_task(claim, 0);
                }
            }
            Ok(lane) => {
                let mut turn = 0;
                while let Some(claim) = self.shared.core.next_of(lane, &mut self.seat) {
                    if !self.run_task(claim, lane) {
                        return;
                    }
                    turn += 1;
                    let crowd = turn % TURN == 0 && self.others_wait();
                    if crowd || self.shared.surplus.load(Relaxed) && self.shared.idle.has_surplus()
                    {
                        self.shared.core.requeue(lane);
                        self.shared.notify();
                        return;
                    }
                }
            }
        }
    }

    /// Whether others than the lane that it runs are to have their turn.
    fn others_wait(&mut self) -> bool {
        self.peers.look_for_holder(&self.shared)
            || self.slot.batch.len() > 0
            || self.shared.core.seems_ready()
    }

    /// Runs and ends a task; true while the lane is still ours.
    #[inline]
    fn run_task(&mut self, claim: Claim, lane: u32) -> bool {
        let (core, settings) = (&self.shared.core, &self.shared.settings);
        let (timed, breaker) = (&*self.slot.timed, &self.slot.breaker);
        let bench = Bench { core, settings, timed, breaker, floats: &self.floats };
        let now = self.seat.last_time();
        let more = self.slot.batch.len() > 0 || core.has_taken(lane) || core.seems_ready();
        self.seat.expect_more(more);
        let last = bench.run(claim, lane, now, &mut self.seat, |timed, task, limit| {
            self.shared.watch(timed, task, limit);
        });
        if last.is_stuck() {
            self.shared.unstuck();
        }
        !last.is_released()
    }

    /// Leaves if it has to; what is left in the batch goes back.
    #[cold]
    fn has_to_leave(&mut self, searcher: bool) -> bool {
        let closing = self.shared.idle.is_closing();
        if closing {
            // Nothing but dead tasks is left; taking them is what frees them.
            while self.slot.batch.len() > 0 || self.take() {
                while let Some(bits) = self.slot.batch.pop() {
                    self.run_item_dead(Item::from_bits(bits));
                }
            }
            self.shared.idle.leave_closing(true, searcher);
            return true;
        }
        if !self.shared.idle.leave_surplus(searcher, &self.shared.surplus) {
            return false;
        }
        while let Some(bits) = self.slot.batch.pop() {
            self.shared.core.put_back(Item::from_bits(bits));
        }
        self.shared.notify();
        true
    }

    fn run_item_dead(&mut self, item: Item) {
        let core = self.shared.core.clone();
        let started = match item.split() {
            Err(task) => core.start(task, &mut self.seat),
            Ok(lane) => core.next_of(lane, &mut self.seat),
        };
        debug_assert!(started.is_none(), "a task was alive while the pool closed");
    }

    /// Leaves nothing undone or changed behind, before it sleeps.
    fn settle(&mut self) {
        self.seat.end_burst(&self.shared.core);
        self.seat.hand_back(&self.shared.core);
        // Once for a number of tasks, since it is a system call.
        self.mask.restore();
        self.floats.settle_all();
        self.shared.retry_watchdog();
    }

    /// Whether anything was added lately. If not, whoever adds leaves its processor to another worker.
    fn adds_go_on(&mut self) -> bool {
        let (added, now) = (self.shared.core.added(), clock::precise());
        if self.added.0 != added {
            self.added = (added, now);
        }
        now - self.added.1 < LATELY
    }

    /// After tasks that were brisk: leaves the work to another worker, if one gets on.
    #[cold]
    fn step_down(&mut self) -> Option<Next> {
        if !self.peers.get_on(&self.shared, self.seat.started()) {
            return None;
        }
        // Before anybody counts on its new part.
        self.settle();
        let stepped = self.shared.idle.step_down(self.number)?;
        Some(match stepped {
            Stepped::Watches => Next::Part(Part::Watch),
            Stepped::Parked => self.parked(),
        })
    }

    /// Parks, as the searcher or not, until told a part or idle for too long.
    fn park(&mut self, searcher: bool) -> Next {
        self.settle();
        match self.shared.idle.park(self.number, searcher, || self.look()) {
            Parting::Parked { last } => {
                if last {
                    self.shared.rest_watchdog();
                }
                self.parked()
            }
            Parting::Searches => Next::Part(Part::Search),
            Parting::Leaves => Next::Part(Part::Leave),
        }
    }

    /// The look of who has just been put among the parked: whether it is needed after all.
    fn look(&self) -> bool {
        self.shared.anything_left(self.number) || self.shared.surplus.load(SeqCst)
    }

    /// Sleeps, parked.
    fn parked(&mut self) -> Next {
        let since = clock::precise();
        let settings = &self.shared.settings;
        let deadline = || clock::deadline_from(since, settings.seconds(Key::MaxIdleTime));
        match self.slot.parker.park(deadline) {
            Some(part) => Next::Part(part),
            None if self.shared.idle.leave_parked(self.number) => {
                // An add that saw us parked finds nobody to wake, and makes another; one that came
                // before we left is ours to pass on.
                if self.shared.core.is_ready() {
                    self.shared.notify();
                } else if self.shared.idle.is_deserted() {
                    // Nothing for a long time: what a burst left goes too.
                    self.shared.core.trim();
                }
                Next::Gone
            }
            // Told a part at the last moment.
            None => Next::Part(self.slot.parker.park(|| None).unwrap_or(Part::Search)),
        }
    }

    /// As the sentry: naps, and looks whether the others get on.
    fn watch(&mut self) -> Next {
        if !self.shared.idle.is_sentry(self.number) {
            // It is parked, or about to be told another part.
            return self.parked();
        }
        let mut sentry = Sentry::new(&self.shared);
        let idle = &self.shared.idle;
        loop {
            if let Some(part) = self.slot.parker.nap(NAP) {
                return Next::Part(part);
            }
            if self.shared.surplus.load(Relaxed) && idle.is_closing() {
                return match idle.sentry_leaves(self.number) {
                    true => Next::Gone,
                    // It is about to be told another part.
                    false => Next::Part(self.slot.parker.park(|| None).unwrap_or(Part::Search)),
                };
            }
            let left = self.shared.anything_left(self.number);
            match sentry.look(&self.shared, left) {
                Verdict::Needed { blocked } => {
                    if idle.sentry_searches(self.number, blocked) {
                        return Next::Part(Part::Search);
                    }
                }
                Verdict::HeldUp(by) => {
                    if idle.sentry_searches(self.number, true) {
                        self.peers.note_holder(&self.shared, by);
                        return Next::Part(Part::Search);
                    }
                }
                Verdict::NotNeeded => match idle.sentry_parks(self.number, || self.look()) {
                    Some(Parting::Searches) => return Next::Part(Part::Search),
                    Some(_) => return self.parked(),
                    None => {}
                },
                Verdict::Perhaps => {}
            }
        }
    }
}

fn pause(times: u32) {
    for _ in 0..times {
        std::hint::spin_loop();
    }
}
