//! Tasks that the host runs: how they are handed out and come back.
//!
//! A claim is a task that runs somewhere in the host. Each has a slot, of who hands claims out; the
//! record keeps the slot's number in place of the function, which was handed out too. The host may
//! give a claim back twice, or one that it never had, so only the step on the word
//! ([`super::word::Word::give_back`]) says who ends the task.

use super::Core;
use super::inlet::Item;
use super::record::{Extra, Outcome, Record};
use super::seat::Seat;
use super::slab::NIL;
use super::stop::no_such;
use super::word::{self, Snapshot};
use crate::host::{Held, Holding, Nesting};
use crate::kinds::State;
use crate::sync::atomic::Ordering::*;
use crate::{Error, ErrorCode, Result, TaskId};
use std::ffi::c_void;
use std::sync::Arc;

/// A claim that was given back: whoever holds this ends it.
#[derive(Debug)]
pub struct GivenBack {
    /// The record.
    pub index: u32,
    /// Its word, from which no stop comes any more.
    pub word: Snapshot,
    /// Its lane, or [`NIL`].
    pub lane: u32,
    /// The slot of the claim.
    pub slot: u32,
}

impl Core {
    /// What the host gave with a task that is handed out: the function, or null, and `user_data`.
    pub fn hand_out(&self, index: u32, slot: u32) -> (*mut c_void, *mut c_void) {
        let record = self.records.at(index);
        self.annotate_start(record);
        let call = record.raw_call();
        record.set_slot(slot);
        call
    }

    /// Whether a task that was just handed out was told to stop before it could be found.
    pub fn was_told(&self, index: u32) -> bool {
        self.noted(index).cause().is_some()
    }

    /// The word of a record, after something was noted that who changes it looks at then.
    pub fn noted(&self, index: u32) -> Snapshot {
        self.records.at(index).word.noted()
    }

    /// As [`Core::hand_out`], of a task that was cancelled before it started.
    pub fn hand_out_stopped(&self, index: u32, slot: u32) -> (*mut c_void, *mut c_void) {
        let call = self.hand_out(index, slot);
        self.records.at(index).word.hand_out();
        call
    }

    /// Notes the start of a task that is handed out; 0 is when it was added.
    #[inline]
    pub fn begin_claim(&self, index: u32, now: u64, tells: bool) {
        let record = self.records.at(index);
        record.set_started(now.max(record.added()));
        if tells {
            self.say_rest(index, &record.word);
        }
    }

    /// The record and the slot of a claim that is out, if `is` that slot its.
    fn find_claim(
        &self,
        id: TaskId,
        is: impl Fn(u32, u32, u64) -> bool,
    ) -> Result<(u32, u64, &Record, u32)> {
        let (index, generation, record) = self.locate(id).ok_or_else(|| no_such(id))?;
        let check = || {
            let word = record.word.load();
            if !word.is_held(generation) {
                return Err(no_such(id));
            }
            if word.is_final() || word.has_returned() {
                return Err(ErrorCode::AlreadyFinished.into());
            }
            Ok(word)
        };
        let word = check()?;
        let slot = record.slot();
        let out = word.state() == Some(State::Running) || word.is_handed();
        if !word.has(word::CLAIMS) || !out || !is(slot, index, generation) {
            // It may just have been given back.
            check()?;
            let text = words!("the task {id} was not handed out as a claim");
            return Err(Error::new(ErrorCode::InvalidArgument, text));
        }
        Ok((index, generation, record, slot))
    }

    /// The record's index and the slot of a claim that is out.
    pub fn claim(&self, id: TaskId, is: impl Fn(u32, u32, u64) -> bool) -> Result<(u32, u32)> {
        self.find_claim(id, is).map(|(index, _, _, slot)| (index, slot))
    }

    /// Takes a claim back, once.
    pub fn give_back(&self, id: TaskId, is: impl Fn(u32, u32, u64) -> bool) -> Result<GivenBack> {
        let (index, generation, record, slot) = self.find_claim(id, is)?;
        let word = record.word.give_back(generation);
        let word = word.ok_or(Error::from(ErrorCode::AlreadyFinished))?;
        Ok(GivenBack { index, word, lane: record.lane.load(Relaxed), slot })
    }

    /// Ends a claim that was given back: its final state, and whether its lane has a place for the
    /// next one.
    pub fn end_claim(
        self: &Arc<Self>,
        claim: &GivenBack,
        code: i32,
        seat: &mut impl Seat,
    ) -> (State, bool) {
        // Final, whichever way it goes.
        let state = |last: Snapshot| last.state().unwrap_or(State::Cancelled);
        if claim.word.state() == Some(State::Pending) {
            return (state(self.end_cancelled(claim.index)), false);
        }
        let last = self.while_ending(claim, || {
            match code == 0 && self.ends_plainly(claim.index, claim.word) {
                true => self.end_plain(claim.index, seat),
                false => {
                    // Counted at once: what the host does here may take its time.
                    let mut seat = self.visitor();
                    self.end_returned(claim.index, claim.word, code, &mut seat)
                }
            }
        });
        if last.is_stuck() {
            self.uncount_stuck_claim();
        }
        (state(last), claim.lane != NIL && !last.is_released())
    }

    /// What the host does in a drop, whosever that is, or when it hears of the end must not wait for a
    /// task that this one still holds up.
    #[inline]
    fn while_ending<R>(&self, claim: &GivenBack, work: impl FnOnce() -> R) -> R {
        // One that never started holds no place.
        let lane = if claim.word.state() == Some(State::Running) { claim.lane } else { NIL };
        let _nesting = Nesting::enter();
        let _held = Held::enter(Holding { core: self.address(), index: claim.index, lane });
        work()
    }

    /// What a claim leaves that was given back, in a box for it if it has none.
    pub fn leave(
        &self,
        claim: &GivenBack,
        result: Option<Outcome>,
        error: Option<Box<str>>,
        spare: Box<Extra>,
    ) {
        let (mut result, mut earlier) = (result, None);
        let record = self.records.at(claim.index);
        {
            let _room = self.rooms.lock(claim.index);
            let mut extra = record.take_extra().unwrap_or(spare);
            if result.is_some() {
                earlier = std::mem::replace(&mut extra.result, result.take());
            }
            extra.error = error.or(extra.error.take());
            record.set_extra(extra);
        }
        if let Some(earlier) = earlier {
            self.while_ending(claim, || drop(earlier));
        }
    }

    /// A task that was cancelled before it started and is only to be ended.
    pub fn next_stopped_claim(&self) -> Option<u32> {
        self.claims_outlet().mailbox.pop_urgent()
    }

    /// The next entry of the claims' outlet, a lane or a task to be started, if `may` it.
    pub fn next_ready_claim(&self, may: impl FnOnce() -> bool) -> Option<Item> {
        self.claims_outlet().mailbox.pop_if(|_| may())
    }

    /// The lane of a task that has not ended, or [`NIL`].
    pub fn lane_of(&self, index: u32) -> u32 {
        self.records.at(index).lane.load(Relaxed)
    }

    /// The slot of a claim that is out; for any other task some number.
    pub fn slot_of(&self, index: u32) -> u32 {
        self.records.at(index).slot()
    }

    /// Ends a task that was cancelled before it started and will not be handed out.
    pub fn end_untaken(&self, index: u32) {
        self.end_cancelled(index);
    }
}
