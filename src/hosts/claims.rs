//! Tasks that the host runs: it is given the right to run one, and gives it back when it has.
//!
//! The way of a claim: an add that finds the task free to start, the finish of the one before, or a
//! look into the outlet starts a task in the core; it gets a [`slots`](super::slots) slot and goes
//! to the host. At most `line_task_max` are out at once, each by a reservation that a finish passes
//! on or gives up. Who gives one up at the limit has the outlet's gate looked at again: that is looked
//! at under the outlet's lock by whoever puts something in or takes something out, so one of the two
//! comes after the other and finds what is left.

mod lending;

use super::deadlines::{Deadlines, What};
use super::slots::Slots;
use crate::config::{Key, Settings};
use crate::core::Core;
use crate::core::obstacles::Holders;
use crate::core::outlet::Outlet;
use crate::core::record::{Extra, Outcome};
use crate::core::seat::{HostSeat, Seat};
use crate::core::slab::NIL;
use crate::core::take::Claim;
use crate::core::view::RunningTask;
use crate::host::DropFn;
use crate::kinds::State;
use crate::mailbox::News;
use crate::sync::atomic::{AtomicBool, Ordering::*};
use crate::token::{self, Token};
use crate::workers::Pool;
use crate::workers::watchdog::{NEVER, Watched};
use crate::{Error, ErrorCode, Result, TaskId, clock, memory, run};
use std::ffi::c_void;
use std::os::fd::RawFd;
use std::sync::Arc;

/// A task that the host has to run, or only to give back, if it was stopped.
#[derive(Debug)]
pub struct Handed {
    /// Its token, valid until it is given back.
    pub token: *const Token,
    /// Its id.
    pub id: TaskId,
    /// The function that was submitted, or null.
    pub function: *mut c_void,
    /// What goes with it.
    pub user_data: *mut c_void,
}

/// How the host ends a task.
#[derive(Debug, Default)]
pub struct End {
    /// 0 for completed, else failed.
    pub code: i32,
    /// What the task leaves; it is dropped if that does not count.
    result: Option<Outcome>,
    /// The result is a copy, and ours.
    copied: bool,
    /// What went wrong, in words.
    error: Option<Box<str>>,
    /// What the record keeps both in, if it has none.
    spare: Option<Box<Extra>>,
}

impl End {
    /// With this code and nothing else.
    pub fn of(code: i32) -> End {
        End { code, ..End::default() }
    }

    /// Takes the memory that the end needs, if it has more to it than a code. `error`: what went wrong.
    pub fn take_memory(&mut self, error: Option<&str>) -> Result<()> {
        self.spare = Some(memory::boxed(Extra::default())?);
        if let Some(error) = error {
            self.error = Some(memory::copied(error)?.into_boxed_str());
        }
        Ok(())
    }

    /// Sets what the task leaves: taken over with `drop`, copied without.
    ///
    /// # Safety
    /// `data` points to `size` readable bytes, or is what `drop` takes.
    pub unsafe fn set_result(
        &mut self,
        data: *mut c_void,
        size: usize,
        drop: Option<DropFn>,
    ) -> Result<()> {
        // SAFETY: the caller's promise.
        self.result = Some(unsafe { token::outcome(data, size, drop)? });
        self.copied = drop.is_none();
        Ok(())
    }

    /// The claim was not finished: what would have been taken over is still the host's.
    pub fn refuse(self, error: Error) -> Error {
        match self.result {
            // A copy is ours.
            Some(result) if !self.copied => drop(result.owned.into_parts()),
            _ => {}
        }
        error
    }
}

/// See the module.
#[derive(Debug)]
pub struct Claims {
    core: Arc<Core>,
    settings: Arc<Settings>,
    pool: Pool,
    slots: Slots,
    deadlines: Deadlines,
    /// The host polls a descriptor.
    has_fd: AtomicBool,
}

impl Claims {
    /// None are out.
    pub fn new(core: Arc<Core>, settings: Arc<Settings>, pool: Pool, slots: Slots) -> Arc<Claims> {
        let claims = Arc::new(Claims {
            slots,
            deadlines: Deadlines::new(clock::precise()),
            has_fd: AtomicBool::new(false),
            core,
            settings,
            pool: pool.clone(),
        });
        claims.reconfigure();
        let watched: Arc<dyn Watched> = claims.clone();
        pool.watch_too(Arc::downgrade(&watched));
        let holders: Arc<dyn Holders> = claims.clone();
        claims.core.set_holders(Arc::downgrade(&holders));
        claims
    }

    fn outlet(&self) -> &Outlet {
        self.core.claims_outlet()
    }

    /// The right to have one more out, if that is allowed now.
    pub fn reserve(&self) -> bool {
        self.core.claim_limit().reserve()
    }

    /// Gives a reservation up.
    pub fn unreserve(&self) {
        self.core.unreserve_claim();
    }

    /// The limit on linear tasks holds for claims, and one more for each that is stuck.
    pub fn reconfigure(&self) {
        let most = self.settings.count(Key::LineTaskMax);
        self.core.set_claim_limit(most, self.settings.count(Key::StuckTaskMax));
    }

    /// A claim is about to be added that may time out: there is room for its timers.
    pub fn promise_timers(&self) -> Result<()> {
        self.deadlines.promise(|| self.core.unfinished())
    }

    /// A slot for a claim.
    pub fn take_slot(&self) -> Result<u32> {
        self.slots.take()
    }

    /// It was not needed.
    pub fn put_slot_back(&self, slot: u32) {
        self.slots.put_back(slot);
    }

    /// Hands a task out that has started, now, or with its add (0). The caller has a reservation.
    #[inline]
    pub fn hand(&self, slot: u32, claim: &Claim, now: u64) -> Handed {
        let (index, generation) = (claim.index, claim.word.generation());
        let lane = self.core.lane_of(index);
        self.slots.fill(slot, &self.core, index, generation, lane);
        let (function, user_data) = self.core.hand_out(index, slot);
        if let Some(limit) = run::limit(&self.core, &self.settings, claim) {
            let due = clock::precise().saturating_add(limit);
            self.set_timer(slot, (index, generation), What::TimeOut, due);
        }
        if self.has_fd.load(SeqCst) && self.core.was_told(index) {
            self.told(RunningTask::new(index, generation));
        }
        self.core.begin_claim(index, now, claim.tells);
        let (token, id) = (&raw const self.slots.at(slot).token, self.core.id(index, generation));
        Handed { token, id, function, user_data }
    }

    /// Hands a task out that was cancelled before it started.
    fn hand_stopped(&self, slot: u32, index: u32) -> Handed {
        let generation = self.core.word(index).generation();
        // It holds up no lane.
        self.slots.fill(slot, &self.core, index, generation, NIL);
        let (function, user_data) = self.core.hand_out_stopped(index, slot);
        let (token, id) = (&raw const self.slots.at(slot).token, self.core.id(index, generation));
        Handed { token, id, function, user_data }
    }

    fn set_timer(&self, slot: u32, task: (u32, u64), what: What, due: u64) {
        self.deadlines.set(&self.slots, slot, task, what, due, &self.outlet().mailbox);
        if !self.has_fd.load(SeqCst) {
            self.pool.watch_until(self.pool.counted(due));
        }
    }

    /// The next claim of the outlet to run, in that slot.
    fn next(&self, slot: u32, seat: &mut HostSeat) -> Option<Handed> {
        loop {
            let item = self.core.next_ready_claim(|| self.reserve())?;
            let claim = match item.split() {
                Ok(lane) => self.core.take_place(lane, seat),
                Err(task) => self.core.start(task, seat),
            };
            if let Some(claim) = claim {
                return Some(self.hand(slot, &claim, seat.now()));
            }
            // It had been cancelled.
            self.unreserve();
        }
    }

    /// The next claim of the outlet, to run or only to be finished, in that slot.
    fn next_of_all(&self, slot: u32, seat: &mut HostSeat) -> Option<Handed> {
        match self.core.next_stopped_claim() {
            Some(index) => Some(self.hand_stopped(slot, index)),
            None => self.next(slot, seat),
        }
    }

    /// Takes up to `most` claims that became runnable, or are only to be given back, and waits for
    /// the first one that long: how many.
    pub fn take(
        &self,
        most: usize,
        seconds: f64,
        mut each: impl FnMut(usize, Handed),
    ) -> Result<usize> {
        let deadline = if seconds == 0.0 { Some(0) } else { clock::deadline_in(seconds) };
        loop {
            self.look();
            let mut seat = HostSeat::default();
            let mut count = 0;
            let outcome = loop {
                if count == most || !self.outlet().mailbox.seems_filled() {
                    break Ok(());
                }
                let slot = match self.slots.take() {
                    Ok(slot) => slot,
                    Err(error) => break Err(error),
                };
                let Some(handed) = self.next_of_all(slot, &mut seat) else {
                    self.slots.put_back(slot);
                    break Ok(());
                };
                each(count, handed);
                count += 1;
            };
            seat.leave(&self.core);
            self.core.purge_rest(self.outlet());
            if count > 0 {
                return Ok(count);
            }
            outcome?;
            match self.outlet().mailbox.wait(deadline) {
                News::Items | News::Alarm => {}
                News::TimeOver if seconds == 0.0 => return Err(ErrorCode::NotYet.into()),
                News::TimeOver => return Err(ErrorCode::TimedOut.into()),
                News::Closed => return Err(ErrorCode::ShuttingDown.into()),
            }
        }
    }

    /// Whether to run the task of a claim: `Stopped` if it is only to be given back. From now on
    /// this thread holds it.
    pub fn start(&self, id: TaskId) -> Result<()> {
        let (index, slot) =
            self.core.claim(id, |slot, index, it| self.slots.is(slot, index, it))?;
        self.slots.at(slot).hold();
        self.unlend(slot);
        match self.core.word(index).cause() {
            None => Ok(()),
            Some(_) => Err(ErrorCode::Stopped.into()),
        }
    }

    /// Ends a claim: the final state of its task, and with `wants_next` the next claim, of its lane or
    /// else any.
    pub fn finish(
        &self,
        id: TaskId,
        end: End,
        wants_next: bool,
    ) -> Result<(State, Option<Handed>)> {
        let its = |slot, index, generation| self.slots.is(slot, index, generation);
        let back = match self.core.give_back(id, its) {
            Ok(back) => back,
            Err(error) => return Err(end.refuse(error)),
        };
        if let Some(spare) = end.spare {
            self.core.leave(&back, end.result, end.error, spare);
        }
        let slot = back.slot;
        let started = back.word.state() == Some(State::Running);
        // Only one with a limit, or that was told to stop, has timers.
        match back.word.has(crate::core::word::TIMED) || back.word.cause().is_some() {
            true => {
                // With a descriptor an alarm is a system call; without one it keeps a thread.
                let lazily = self.has_fd.load(Relaxed);
                self.deadlines.clear(&self.slots, slot, &self.outlet().mailbox, lazily);
            }
            false => self.slots.empty(slot),
        }
        self.unlend(slot);
        let mut seat = HostSeat::default();
        let mut spare = Some(slot);
        let mut next = None;
        let (state, goes_on) = self.core.end_claim(&back, end.code, &mut seat);
        if goes_on {
            match wants_next && !self.core.claim_limit().is_exceeded() {
                false => self.core.send_place_on(back.lane),
                true => match self.core.hand_on(back.lane, slot, &mut seat) {
                    Ok(claim) => next = Some(self.hand(slot, &claim, seat.now())),
                    Err(slot) => spare = slot,
                },
            }
        }
        if next.is_none() {
            if started {
                self.unreserve();
            }
            if wants_next && self.outlet().mailbox.seems_filled() {
                next = self.next_anywhere(&mut spare, &mut seat);
                self.core.purge_rest(self.outlet());
            }
            if let Some(slot) = spare {
                self.slots.put_back(slot);
            }
        }
        seat.leave(&self.core);
        Ok((state, next))
    }

    /// The next claim of the outlet to run, in the slot that is to spare, or another one.
    fn next_anywhere(&self, spare: &mut Option<u32>, seat: &mut HostSeat) -> Option<Handed> {
        let slot = match spare.take() {
            Some(slot) => slot,
            None => self.slots.take().ok()?,
        };
        let next = self.next(slot, seat);
        if next.is_none() {
            *spare = Some(slot);
        }
        next
    }

    /// A claim that is out was told to stop.
    pub fn told(&self, task: RunningTask) {
        if !self.has_fd.load(SeqCst) {
            return self.pool.told_elsewhere(task);
        }
        let due = clock::precise() + self.settings.nanoseconds(Key::StuckGrace);
        self.watch_stuck(task, due);
    }

    fn watch_stuck(&self, task: RunningTask, due: u64) {
        if let Some((slot, task)) = self.find(task) {
            self.set_timer(slot, task, What::Stuck, due);
        }
    }

    /// The slot of a task that was seen to run, if its claim is still out.
    fn find(&self, task: RunningTask) -> Option<(u32, (u32, u64))> {
        let slot = self.core.slot_of(task.index);
        let generation = self.core.word(task.index).generation();
        let its =
            generation as u32 == task.generation_low && self.slots.is(slot, task.index, generation);
        its.then_some((slot, (task.index, generation)))
    }

    /// Does what is due: tells claims to stop that have run for their time, and reports stuck ones.
    fn look(&self) {
        let outlet = &self.outlet().mailbox;
        let now = clock::precise();
        while let Some((slot, task, what)) = self.deadlines.next_due(&self.slots, now, outlet) {
            match what {
                What::TimeOut => {
                    if self.core.time_out(task) {
                        self.told(task);
                    }
                }
                What::Stuck => {
                    let first = !self.core.word(task.index).is_stuck();
                    self.pool.report_stuck(task, first);
                    let next = self.settings.nanoseconds(Key::StatusCheckInterval);
                    let (_, generation) = self.slots.at(slot).task();
                    if generation as u32 == task.generation_low {
                        self.watch_stuck(task, clock::precise() + next);
                    }
                }
            }
        }
    }

    /// A descriptor that is readable while there is something to take, or a deadline has passed.
    pub fn fd(&self) -> Result<RawFd> {
        let fd = self.outlet().mailbox.fd(true)?;
        // From now on it is the host that looks at deadlines.
        self.has_fd.store(true, SeqCst);
        Ok(fd)
    }

    /// Whether this thread holds a claim.
    pub fn holds_here(&self) -> bool {
        self.slots.held_here()
    }

    /// Ends the tasks that were cancelled before they started and that nobody will take any more.
    pub fn end_untaken(&self) {
        self.core.close_claims();
        while let Some(index) = self.core.next_stopped_claim() {
            self.core.end_untaken(index);
        }
    }

    /// The scheduler is no more: who waits is told.
    pub fn close(&self) {
        self.outlet().mailbox.close();
    }
}

impl Watched for Claims {
    fn expired(&self, _: u64, _: &mut dyn FnMut(RunningTask)) {
        if !self.has_fd.load(SeqCst) {
            self.look();
        }
    }

    fn earliest(&self) -> u64 {
        match self.deadlines.earliest() {
            Some(due) if !self.has_fd.load(SeqCst) => self.pool.counted(due),
            _ => NEVER,
        }
    }
}
