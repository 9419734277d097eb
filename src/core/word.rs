//! The word that decides what becomes of a task.
//!
//! One 64-bit atomic per record: the generation above, these bits below. Whatever two threads may
//! disagree about (start or cancel, stop or return, evict or wait) is settled by one
//! read-modify-write here.
//!
//! | bits | name | meaning |
//! |---|---|---|
//! | 0–2 | phase | free, or a [`State`] by its number |
//! | 3–4 | cause | why it was told to stop: none, force stop, watchdog, shutdown; the first wins |
//! | 5 | RETURNED | its function has returned; no stop comes any more |
//! | 6 | WAITED | a thread waits for its end, or sleeps as this task: tell the waiting room |
//! | 7 | LINKED | still in a queue, as a live task or a dead one |
//! | 8 | HELD | history or its owner keeps it readable |
//! | 9 | KEEP | its owner keeps it, not history |
//! | 10 | SETTLED | a kept task has begun to end: from here on a forget lets go at once |
//! | 11 | STUCK | told to stop long ago, and still running |
//! | 12 | RELEASED | its lane was given to its next task while this one is stuck |
//! | 13 | ASYNC | of kind async |
//! | 14–17 | wishes | time-out, ban on failure, interrupt, release: what its owner asked for |
//! | 18 | SAYING | its add, start or stop is being told to the log: nothing else is said of it before |
//! | 19 | HOSTED | run through an outlet: by claims or a pump |
//! | 20 | CLAIMS | run by claims |
//! | 21 | HANDED | cancelled before it started, and handed out as a claim to be ended |
//! | 22 | REPORTS | its end is to be reported: until that was done history does not take it |
//! | 23 | COUNTED | cancelled, and counted among the dead of its lane (under the inlet's lock) |
//! | 24–63 | generation | which of the tasks that used this place |
//!
//! A place is free again when the task is final and neither LINKED, HELD, WAITED, SAYING
//! nor REPORTS; the one whose
//! step makes that so frees it ([`Snapshot::is_garbage`]).

use crate::canary::Canary;
use crate::kinds::{Kind, State};
use crate::sync::atomic::{AtomicU64, Ordering::*};

const PHASE: u64 = 7;
const PENDING: u64 = State::Pending as u64;
const RUNNING: u64 = State::Running as u64;
const CAUSE_AT: u32 = 3;
const CAUSE: u64 = 3 << CAUSE_AT;
const RETURNED: u64 = 1 << 5;
const WAITED: u64 = 1 << 6;
const LINKED: u64 = 1 << 7;
const HELD: u64 = 1 << 8;
/// Its owner keeps the record.
pub const KEEP: u64 = 1 << 9;
const SETTLED: u64 = 1 << 10;
const STUCK: u64 = 1 << 11;
const RELEASED: u64 = 1 << 12;
/// Of kind async.
pub const ASYNC: u64 = 1 << 13;
/// Asked for a time-out.
pub const TIMED: u64 = 1 << 14;
/// Asked for a ban of its name when it fails.
pub const BAN_ON_FAILURE: u64 = 1 << 15;
/// Asked for blocking calls to be broken.
pub const INTERRUPT: u64 = 1 << 16;
/// Asked for its lane to go on when it is stuck.
pub const RELEASE_LANE: u64 = 1 << 17;
/// Its add, start or stop is being told.
pub const SAYING: u64 = 1 << 18;
/// Run through an outlet.
pub const HOSTED: u64 = 1 << 19;
/// Run by claims.
pub const CLAIMS: u64 = 1 << 20;
const HANDED: u64 = 1 << 21;
/// Its end is to be reported.
pub const REPORTS: u64 = 1 << 22;
const COUNTED: u64 = 1 << 23;
const GENERATION_AT: u32 = 24;

/// Why a task was told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// `ts_force_stop`, or a cancel by name or ban.
    Force = 1,
    /// It ran too long.
    Watchdog = 2,
    /// A forced shutdown.
    Shutdown = 3,
}

impl Cause {
    /// The state that a task ends in for this cause.
    pub fn state(self) -> State {
        if self == Cause::Watchdog { State::Timeout } else { State::Cancelled }
    }
}

/// What a stop came upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It had not started and never will; the caller ends it.
    Pending,
    /// It runs and was told; somebody is to be woken if the flag is set.
    Running {
        /// Whether the waiting room has to be told.
        waited: bool,
    },
    /// It was told before, for the same cause.
    Again,
    /// It is being stopped for another cause.
    Stopping,
    /// It has returned.
    Finished,
    /// It is no longer there.
    Gone,
}

/// What a wait for an end came upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// It has not ended, and is kept now.
    Begun,
    /// It has ended before.
    Ended,
    /// It is no longer there.
    Gone,
}

/// A task's word at one moment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Snapshot(u64);

impl Snapshot {
    /// Which task of this place.
    #[inline]
    pub fn generation(self) -> u64 {
        self.0 >> GENERATION_AT
    }

    /// Whether it is the task of that generation, and readable.
    #[inline]
    pub fn is_held(self, generation: u64) -> bool {
        self.generation() == generation && self.0 & HELD != 0
    }

    /// The state, or none for a free place.
    #[inline]
    pub fn state(self) -> Option<State> {
        Some(match self.0 & PHASE {
            1 => State::Pending,
            2 => State::Running,
            3 => State::Completed,
            4 => State::Failed,
            5 => State::Timeout,
            6 => State::Cancelled,
            _ => return None,
        })
    }

    /// Whether history or its owner keeps it readable.
    pub fn is_readable(self) -> bool {
        self.0 & HELD != 0
    }

    /// Whether it has ended.
    #[inline]
    pub fn is_final(self) -> bool {
        self.0 & PHASE > RUNNING
    }

    /// Why it was told to stop, if it was.
    #[inline]
    pub fn cause(self) -> Option<Cause> {
        match self.0 >> CAUSE_AT & 3 {
            1 => Some(Cause::Force),
            2 => Some(Cause::Watchdog),
            3 => Some(Cause::Shutdown),
            _ => None,
        }
    }

    /// Whether it waits to start and nothing is against it.
    #[inline]
    pub fn is_startable(self) -> bool {
        self.0 & (PHASE | CAUSE) == PENDING
    }

    /// The kind of the task.
    pub fn kind(self) -> Kind {
        if self.0 & ASYNC != 0 { Kind::Async } else { Kind::Linear }
    }

    /// Whether one of these bits is set.
    #[inline]
    pub fn has(self, bits: u64) -> bool {
        self.0 & bits != 0
    }

    /// Whether somebody has to be told when something happens.
    #[inline]
    pub fn is_waited(self) -> bool {
        self.0 & WAITED != 0
    }

    /// Whether it is still in a queue.
    #[inline]
    pub fn is_linked(self) -> bool {
        self.0 & LINKED != 0
    }

    /// Whether it was told to stop long ago.
    pub fn is_stuck(self) -> bool {
        self.0 & STUCK != 0
    }

    /// Whether its lane went on without it.
    pub fn is_released(self) -> bool {
        self.0 & RELEASED != 0
    }

    /// Whether a kept task has begun to end.
    pub fn is_settled(self) -> bool {
        self.0 & SETTLED != 0
    }

    /// Whether its function has returned, or who holds its claim has given it back.
    pub fn has_returned(self) -> bool {
        self.0 & RETURNED != 0
    }

    /// Whether it was counted among the dead of its lane.
    pub fn is_counted_dead(self) -> bool {
        self.0 & COUNTED != 0
    }

    /// Whether it never started and was handed out to be ended.
    pub fn is_handed(self) -> bool {
        self.0 & HANDED != 0
    }

    /// Whether nothing keeps the place any more.
    #[inline]
    pub fn is_garbage(self) -> bool {
        self.is_final() && self.0 & (HELD | LINKED | WAITED | SAYING | REPORTS) == 0
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}+{:#x}/{}", self.state(), self.0 & 0xff_ffff & !PHASE, self.generation())
    }
}

/// The word itself.
#[derive(Debug)]
pub struct Word(AtomicU64);

impl Word {
    #[cfg(any(ts_loom, ts_shuttle))]
    /// A free one.
    pub fn new() -> Word {
        Word(AtomicU64::new(0))
    }

    /// The word now.
    #[inline]
    pub fn load(&self) -> Snapshot {
        Snapshot(self.0.load(Acquire))
    }

    /// A free place becomes a pending task, in a queue and readable. The caller owns the place.
    #[inline]
    pub fn open(&self, generation: u64, bits: u64) {
        self.0.store(generation << GENERATION_AT | bits | LINKED | HELD | PENDING, Release);
    }

    /// A free place becomes a task that runs, in no queue, and readable: as opened and started in one.
    #[inline]
    pub fn open_running(&self, generation: u64, bits: u64) -> Snapshot {
        let word = generation << GENERATION_AT | bits | HELD | RUNNING;
        self.0.store(word, Release);
        Snapshot(word)
    }

    /// The place is free. The caller is who made it garbage.
    #[inline]
    pub fn free(&self, generation: u64) {
        let generation = generation - u64::from(Canary::ReusedId.sings() && generation > 0);
        self.0.store(generation << GENERATION_AT, Relaxed);
    }

    /// The right, and duty, to run the task, and takes it off its queue; or, where a stop came
    /// first, the word that said so.
    #[inline]
    pub fn start(&self) -> Result<Snapshot, Snapshot> {
        let mut seen = self.0.load(Relaxed);
        loop {
            if !Snapshot(seen).is_startable() {
                return Err(Snapshot(seen));
            }
            let next = seen + (RUNNING - PENDING) - LINKED;
            match self.0.compare_exchange_weak(seen, next, AcqRel, Relaxed) {
                Ok(_) => return Ok(Snapshot(next)),
                Err(now) => seen = now,
            }
        }
    }

    /// Tells the task of this generation to stop.
    pub fn stop(&self, generation: u64, cause: Cause) -> Stop {
        let mut seen = self.0.load(Acquire);
        loop {
            let snapshot = Snapshot(seen);
            if !snapshot.is_held(generation) {
                return Stop::Gone;
            }
            if snapshot.is_final() || seen & RETURNED != 0 {
                return Stop::Finished;
            }
            match snapshot.cause() {
                Some(first) if first == cause => return Stop::Again,
                Some(_) => return Stop::Stopping,
                None => {}
            }
            let next = seen | (cause as u64) << CAUSE_AT;
            match self.0.compare_exchange_weak(seen, next, AcqRel, Acquire) {
                Ok(_) if seen & PHASE == PENDING => return Stop::Pending,
                Ok(_) => return Stop::Running { waited: seen & WAITED != 0 },
                Err(now) => seen = now,
            }
        }
    }

    /// Stops a pending task that has not changed since it was seen.
    pub fn cancel_pending(&self, seen: Snapshot, cause: Cause) -> bool {
        debug_assert!(seen.is_startable());
        let next = seen.0 | (cause as u64) << CAUSE_AT;
        self.0.compare_exchange(seen.0, next, AcqRel, Relaxed).is_ok()
    }

    /// The function has returned: from here on no stop comes. What came before is in the answer.
    #[inline]
    pub fn returned(&self) -> Snapshot {
        Snapshot(self.0.fetch_or(RETURNED, AcqRel) | RETURNED)
    }

    /// As [`Word::returned`], of a claim of that generation, which may be given back by two: only one
    /// succeeds.
    pub fn give_back(&self, generation: u64) -> Option<Snapshot> {
        let mut seen = self.0.load(Acquire);
        loop {
            let snapshot = Snapshot(seen);
            if !snapshot.is_held(generation) || snapshot.is_final() || seen & RETURNED != 0 {
                return None;
            }
            match self.0.compare_exchange_weak(seen, seen | RETURNED, AcqRel, Acquire) {
                Ok(_) => return Some(Snapshot(seen | RETURNED)),
                Err(now) => seen = now,
            }
        }
    }

    /// It counts among the dead of its lane from now on.
    pub fn count_dead(&self) {
        self.0.fetch_or(COUNTED, AcqRel);
    }

    /// Where it can be found was noted: either who stops it from here on sees that, or his stop is seen here.
    pub fn noted(&self) -> Snapshot {
        Snapshot(self.0.fetch_or(0, AcqRel))
    }

    /// A task that never started is handed out to be ended.
    pub fn hand_out(&self) {
        self.0.fetch_or(HANDED, AcqRel);
    }

    /// Its end was reported.
    pub fn reported(&self) -> Snapshot {
        Snapshot(self.0.fetch_and(!REPORTS, AcqRel) & !REPORTS)
    }

    /// The function has returned and nothing is left to do but to say so; fails if a stop came
    /// first.
    #[inline]
    pub fn finish_at_once(&self, state: State) -> Result<Snapshot, Snapshot> {
        let mut seen = self.0.load(Relaxed);
        let order = if Canary::UnorderedEnd.sings() { Relaxed } else { AcqRel };
        loop {
            if seen & CAUSE != 0 && !Canary::TwoEnds.sings() {
                return Err(Snapshot(seen));
            }
            let next = (seen + (state as u64 - RUNNING)) | RETURNED;
            match self.0.compare_exchange_weak(seen, next, order, Relaxed) {
                Ok(_) => return Ok(Snapshot(next)),
                Err(now) => seen = now,
            }
        }
    }

    /// The final state becomes visible, after all that goes before it was done.
    #[inline]
    pub fn finish(&self, from: State, to: State) -> Snapshot {
        let step = to as u64 - from as u64;
        let order = if Canary::UnorderedEnd.sings() { Relaxed } else { AcqRel };
        Snapshot(self.0.fetch_add(step, order) + step)
    }

    /// Something of it is going to be told, and the rest later: true unless somebody else is
    /// telling, or it has returned.
    pub fn start_saying(&self, generation: u64) -> bool {
        let mut seen = self.0.load(Acquire);
        loop {
            let snapshot = Snapshot(seen);
            let ended = snapshot.is_final() || seen & RETURNED != 0;
            if snapshot.generation() != generation || ended || seen & SAYING != 0 {
                return false;
            }
            match self.0.compare_exchange_weak(seen, seen | SAYING, AcqRel, Acquire) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
    }

    /// Its add, start or stop was told.
    pub fn said(&self) -> Snapshot {
        Snapshot(self.0.fetch_and(!SAYING, AcqRel) & !SAYING)
    }

    /// Out of the queue.
    pub fn unlink(&self) -> Snapshot {
        Snapshot(self.0.fetch_and(!LINKED, AcqRel) & !LINKED)
    }

    /// No longer readable. Under history's lock, or whatever keeps [`Word::hold_ended`] off.
    #[inline]
    pub fn let_go(&self) -> Snapshot {
        let seen = self.0.load(Acquire);
        // Nothing that anybody does to a word leads on from there, but this.
        if Snapshot(seen).is_final() && seen & (LINKED | WAITED | SAYING | REPORTS | KEEP) == 0 {
            self.0.store(seen & !HELD, Release);
            return Snapshot(seen & !HELD);
        }
        Snapshot(self.0.fetch_and(!HELD, AcqRel) & !HELD)
    }

    /// A kept task begins to end.
    pub fn settle(&self) -> Snapshot {
        Snapshot(self.0.fetch_or(SETTLED, AcqRel) | SETTLED)
    }

    /// Its owner no longer keeps it; history will.
    pub fn unkeep(&self) {
        self.0.fetch_and(!KEEP, AcqRel);
    }

    /// Somebody waits for the end: the record stays until nobody waits any more. Changes nothing of a task
    /// that has ended.
    pub fn wait_for_end(&self, generation: u64) -> Wait {
        let mut seen = self.0.load(Acquire);
        loop {
            if !Snapshot(seen).is_held(generation) {
                return Wait::Gone;
            }
            if Snapshot(seen).is_final() {
                return Wait::Ended;
            }
            match self.0.compare_exchange_weak(seen, seen | WAITED, AcqRel, Acquire) {
                Ok(_) => return Wait::Begun,
                Err(now) => seen = now,
            }
        }
    }

    /// The same, to look at a task that has ended: false when it is not there. Under history's lock, which
    /// keeps [`Word::let_go`] off.
    pub fn hold_ended(&self, generation: u64) -> bool {
        let held = Snapshot(self.0.load(Acquire)).is_held(generation);
        if held {
            self.0.fetch_or(WAITED, AcqRel);
        }
        held
    }

    /// Somebody sleeps as this task, unless it was told to stop.
    pub fn wait_for_stop(&self) -> bool {
        let mut seen = self.0.load(Acquire);
        loop {
            // Nothing sleeps as a task that has ended; whoever does so all the same is told at once.
            if seen & CAUSE != 0 || Snapshot(seen).is_final() {
                return false;
            }
            match self.0.compare_exchange_weak(seen, seen | WAITED, AcqRel, Acquire) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
    }

    /// Nobody waits any more.
    pub fn stop_waiting(&self) -> Snapshot {
        Snapshot(self.0.fetch_and(!WAITED, AcqRel) & !WAITED)
    }

    /// Told to stop long ago and still running: true for who finds it first.
    pub fn mark_stuck(&self, generation: u64) -> bool {
        self.mark_running(generation, STUCK)
    }

    /// Takes the lane away from a task that runs: true for who does it.
    pub fn release_lane(&self, generation: u64) -> bool {
        self.mark_running(generation, RELEASED)
    }

    fn mark_running(&self, generation: u64, bit: u64) -> bool {
        let mut seen = self.0.load(Acquire);
        loop {
            if seen >> GENERATION_AT != generation
                || seen & PHASE != RUNNING
                || seen & (RETURNED | bit) != 0
            {
                return false;
            }
            match self.0.compare_exchange_weak(seen, seen | bit, AcqRel, Acquire) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
    }
}
