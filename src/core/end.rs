//! How a task ends, in this order:
//!
//! 1. the word decides between what the function returned and a stop that came first;
//! 2. the function has returned;
//! 3. a result that lost is dropped;
//! 4. `drop(user_data)` runs;
//! 5. the task enters history, or is noted for that, and what it evicts is dropped;
//! 6. the final state is visible; the waiting room is told;
//! 7. who asked to hear of the end is told ([`super::report`]);
//! 8. its lane goes on (that is up to who runs the lane: [`Core::next_of`]).
//!
//! So who has waited for a task may free what it used, and sees what its end evicted gone.

use super::Core;
use super::evicted::Evicted;
use super::history::NOBODY;
use super::outlet::WORKERS;
use super::record::{Outcome, Record};
use super::seat::Seat;
use super::slab::NIL;
use super::take::Claim;
use super::view::Failure;
use super::word::{self, Snapshot};
use crate::canary::Canary;
use crate::host::{self, Ending, Holding};
use crate::kinds::State;
use crate::log::{self, LogLevel};
use crate::platform::annotate;
use crate::sync::atomic::Ordering::*;
use std::borrow::Cow;
use std::sync::Arc;

/// How many failures are remembered, half of them of each kind.
pub const FAILURES: usize = 20;

impl Core {
    /// Ends a task whose function returned `code`; its last word.
    #[inline]
    pub fn end(self: &Arc<Self>, claim: Claim, code: i32, seat: &mut impl Seat) -> Snapshot {
        let record = self.records.at(claim.index);
        let state = if code == 0 { State::Completed } else { State::Failed };
        if code == 0 && self.ends_plainly(claim.index, claim.word) {
            // Written before the state is visible; what a stop that came first changes is below.
            record.set_ended(seat.now(), code);
            self.note_or_enter(claim.index, seat);
            self.annotate_end(record);
            if let Ok(word) = record.word.finish_at_once(state) {
                self.say_ended(claim.index, word, seat);
                return word;
            }
            let word = record.word.returned();
            return self.finish(claim.index, word, state, seat);
        }
        let word = record.word.returned();
        if code == 0 && self.ends_quietly(claim.index, word) {
            // As above, once what it used is dropped. From here on no stop comes.
            drop_user_data(record);
            record.set_ended(seat.now(), code);
            self.note_or_enter(claim.index, seat);
            return self.finish(claim.index, word, state, seat);
        }
        self.end_returned(claim.index, word, code, seat)
    }

    /// Whether a task that completes leaves nothing to do but to say so, if no stop came first.
    #[inline]
    pub(super) fn ends_plainly(&self, index: u32, word: Snapshot) -> bool {
        !self.records.at(index).has_drop() && self.ends_quietly(index, word)
    }

    /// The same, but for what it used, which may have to be dropped.
    #[inline]
    fn ends_quietly(&self, index: u32, word: Snapshot) -> bool {
        let wishes = word::KEEP | word::BAN_ON_FAILURE | word::RELEASE_LANE;
        let quiet = !self.records.at(index).has_extra() && word.cause().is_none();
        quiet && !word.has(wishes) && !log::is_on()
    }

    /// Ends a task that has returned 0 and leaves nothing to do but to say so.
    #[inline]
    pub(super) fn end_plain(&self, index: u32, seat: &mut impl Seat) -> Snapshot {
        let record = self.records.at(index);
        self.enter_history(index, seat);
        record.set_ended(seat.now(), 0);
        self.annotate_end(record);
        let word = record.word.finish(State::Running, State::Completed);
        self.say_ended(index, word, seat);
        word
    }

    /// Ends a task that has returned `code`, as its word says.
    #[inline(never)]
    pub(super) fn end_returned(
        self: &Arc<Self>,
        index: u32,
        word: Snapshot,
        code: i32,
        seat: &mut impl Seat,
    ) -> Snapshot {
        let record = self.records.at(index);
        let state = if code == 0 { State::Completed } else { State::Failed };
        let state = word.cause().map_or(state, |cause| cause.state());
        if word.cause().is_some() {
            annotate::acquire(record);
        }
        self.log_end(index, word, state, code);
        if state != State::Completed {
            self.drop_lost_result(index);
        }
        drop_user_data(record);
        if state == State::Failed {
            self.note_failure(index, word, code);
            if word.has(word::BAN_ON_FAILURE) {
                self.ban_lane_of(record);
            }
        }
        // Before it enters: its seat tells by the time how old is what it noted.
        let now = seat.now();
        self.enter_history(index, seat);
        record.set_ended(now, if state == State::Failed { code } else { 0 });
        self.finish(index, word, state, seat)
    }

    /// Steps 6 and 7 of a task whose function ran: everything before is done.
    fn finish(&self, index: u32, word: Snapshot, state: State, seat: &mut impl Seat) -> Snapshot {
        let state = word.cause().map_or(state, |cause| cause.state());
        self.finish_from(index, State::Running, state, seat)
    }

    fn finish_from(&self, index: u32, from: State, to: State, seat: &mut impl Seat) -> Snapshot {
        let record = self.records.at(index);
        // A shutdown that sees the end waits for the report all the same.
        let reports = record.word.load().has(word::REPORTS);
        // And for the drop of a result that nobody keeps: here, if this is no thread that it waits for.
        let drops = seat.worker() == NOBODY && record.has_extra();
        let _dropping = (reports || drops).then(|| self.dropping());
        let report = reports.then(|| self.take_report(index, from));
        // A cancelled task does not hold its lane up.
        match from {
            State::Running => self.annotate_end(record),
            _ => annotate::release(record),
        }
        let word = record.word.finish(from, to);
        self.say_ended(index, word, seat);
        if let Some(report) = report {
            self.report(index, word, report, seat);
        }
        word
    }

    /// Whoever sees the end, and the next of its name, come after all that the task did.
    #[inline(always)]
    pub(super) fn annotate_end(&self, record: &Record) {
        if annotate::is_on() {
            self.say_end(record);
        }
    }

    #[cold]
    #[inline(never)]
    fn say_end(&self, record: &Record) {
        annotate::release(record);
        let lane = record.lane.load(Relaxed);
        if lane != NIL {
            annotate::release(self.lanes.at(lane));
        }
    }

    #[inline]
    fn say_ended(&self, index: u32, word: Snapshot, seat: &mut impl Seat) {
        seat.ended();
        if word.is_waited() {
            self.tell(index);
        } else if word.is_garbage() {
            self.bury(index, seat);
        }
    }

    /// Ends a pending task that a stop reached before its start, on this thread; inside a drop of
    /// this thread, when that has returned. One that is run by claims is left to who takes those.
    pub fn end_pending(self: &Arc<Self>, index: u32) {
        let record = self.records.at(index);
        let word = record.word.load();
        let lane = record.lane.load(Relaxed);
        if !word.has(word::ASYNC) {
            self.visitor().left();
        }
        let outlet = self.outlet_of(record, word);
        match lane {
            NIL if word.has(word::HOSTED) => self.count_dead_out(outlet),
            NIL if word.has(word::ASYNC) => {}
            _ => self.count_dead(record),
        }
        // After it was counted, in all and in its lane.
        self.bound.made_room();
        if outlet != WORKERS {
            self.purge(outlet);
        }
        let here = match word.has(word::CLAIMS) {
            true => self.put_stopped(index),
            false => Some(index),
        };
        let Some(index) = here else { return };
        if host::is_dropping() {
            let core = Arc::clone(self);
            let holding = Holding { core: self.address(), index, lane: NIL };
            let end = move || _ = core.end_cancelled(index);
            host::end_later(holding, end);
        } else {
            self.end_cancelled(index);
        }
    }

    pub(super) fn end_cancelled(&self, index: u32) -> Snapshot {
        let record = self.records.at(index);
        let mut seat = self.visitor();
        let word = record.word.load();
        let state = word.cause().map_or(State::Cancelled, |cause| cause.state());
        annotate::acquire(record);
        let ending = Ending::enter(Holding { core: self.address(), index, lane: NIL });
        self.log_end(index, word, state, 0);
        self.drop_lost_result(index);
        record.take_user_data().drop_before_end();
        self.enter_history(index, &mut seat);
        drop(ending);
        record.set_ended(seat.now(), 0);
        self.finish_from(index, State::Pending, state, &mut seat)
    }

    /// A task that has nothing left to drop is noted, where that may be, or enters history.
    #[inline(always)]
    fn note_or_enter(&self, index: u32, seat: &mut impl Seat) {
        if !seat.note_end(self, index) {
            self.enter_history(index, seat);
        }
    }

    /// A task enters history, and what that evicts is freed.
    #[inline]
    fn enter_history(&self, index: u32, seat: &mut impl Seat) {
        let evicted = {
            let mut order = seat.lock_history(self);
            self.history.enter(&mut order, index, seat.worker(), self.places());
            seat.begin_burst(&self.history, &mut order);
            order.take_evicted()
        };
        self.free_evicted(evicted, seat);
    }

    #[inline]
    pub(super) fn free_evicted(&self, mut evicted: Evicted, seat: &mut impl Seat) {
        while let Some(index) = evicted.next(&self.records) {
            let extra = self.records.at(index).take_extra();
            extra.into_iter().for_each(|extra| self.drop_extra(extra));
            seat.free(self, index);
        }
    }

    /// A cancelled task still hangs in its queue; when too many do, they are taken out.
    fn count_dead(&self, record: &Record) {
        let lane = record.lane.load(Relaxed);
        if lane != NIL {
            let its = self.lanes.at(lane);
            let _door = self.inlets[its.inlet()].lock();
            // Who runs a lane with places may have taken it out already.
            let word = record.word.load();
            if word.has(word::ASYNC | word::HOSTED) && !word.is_linked() {
                return;
            }
            let mut garbage = Evicted::NONE;
            if its.count_dead(record) {
                its.take_dead(&self.records, &mut garbage);
            }
            if its.has_places() {
                self.settle_if_empty(its, &mut garbage);
            }
            drop(_door);
            self.bury_all(garbage, &mut self.visitor());
            return;
        }
        let inlet = &self.inlets[record.link.load(Relaxed) as usize];
        let mut door = inlet.lock();
        door.dead += 1;
        if door.dead > 64 && door.dead > door.ready.len() / 2 {
            let mut dead = Vec::new();
            door.ready.retain(|item| match item.split() {
                Err(task) if !self.records.at(task).word.load().is_startable() => {
                    dead.push(task);
                    false
                }
                _ => true,
            });
            door.dead = 0;
            inlet.ready.store(door.ready.len(), Relaxed);
            drop(door);
            self.unlink_all(dead);
        }
    }

    pub(super) fn bury_all(&self, mut garbage: Evicted, seat: &mut impl Seat) {
        while let Some(index) = garbage.next(&self.records) {
            self.bury(index, seat);
        }
    }

    pub(super) fn unlink_all(&self, dead: Vec<u32>) {
        let mut seat = self.visitor();
        for index in dead {
            if self.records.at(index).word.unlink().is_garbage() {
                self.bury(index, &mut seat);
            }
        }
    }

    /// The result of a task, if it has one. Not ended, or under history's lock.
    pub(super) fn take_result(&self, index: u32) -> Option<Outcome> {
        let _room = self.rooms.lock(index);
        let result = self.records.at(index).see_extra(|extra| extra.result.take()).flatten();
        if Canary::DropUnderLock.sings() {
            drop(result);
            return None;
        }
        result
    }

    /// Before the end can be seen, as what the task used.
    fn drop_lost_result(&self, index: u32) {
        if let Some(result) = self.take_result(index) {
            result.owned.drop_before_end();
        }
    }

    fn note_failure(&self, index: u32, word: Snapshot, code: i32) {
        let record = self.records.at(index);
        let failure = Failure {
            id: self.id(index, word.generation()),
            kind: word.kind(),
            at: crate::clock::coarse(),
            message: self.error_text(index, record, code),
        };
        let mut failures = self.failures.lock();
        let its = failures.iter().filter(|other| other.kind == failure.kind).count();
        if its == FAILURES / 2
            && let Some(oldest) = failures.iter().position(|other| other.kind == failure.kind)
        {
            failures.remove(oldest);
        }
        // There is room for as many.
        failures.push_back(failure);
    }

    /// What a failed task said, or else its code in words. Not ended yet.
    fn error_text(&self, index: u32, record: &Record, code: i32) -> Cow<'static, str> {
        let _room = self.rooms.lock(index);
        record
            .see_extra(|extra| extra.error.as_deref().map(|error| words!("{error}")))
            .flatten()
            .unwrap_or_else(|| words!("code {code}"))
    }

    fn log_end(&self, index: u32, word: Snapshot, state: State, code: i32) {
        if !log::is_on() {
            return;
        }
        let id = self.id(index, word.generation());
        let kind = word.kind().log_word();
        match state {
            State::Failed => {
                let text = self.error_text(index, self.records.at(index), code);
                self.say_of(index, LogLevel::Error, || {
                    words!("Io {kind} task | {id} | execution failed: {text}")
                });
            }
            State::Timeout => self.say_of(index, LogLevel::Warning, || {
                words!("Io {kind} task | {id} | timed out, forced termination")
            }),
            State::Cancelled => self.say_of(index, LogLevel::Warning, || {
                words!("Io {kind} task | {id} | was cancelled")
            }),
            _ => {}
        }
    }
}

/// Drops what a task used, whose function has returned.
fn drop_user_data(record: &Record) {
    let user_data = record.take_user_data();
    if Canary::DoubleDrop.sings() {
        drop(user_data.again());
    }
    match Canary::LostDrop.sings() {
        true => drop(user_data.into_parts()),
        false => user_data.drop_before_end(),
    }
}
