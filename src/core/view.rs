//! What can be known of tasks: state, status, result, lists.

use super::Core;
use super::record::{Extra, Outcome, Record};
use super::room::Waited;
use super::slab::NIL;
use super::stop::no_such;
use super::waits::{self, Target};
use super::word::{self, Snapshot};
use crate::host::{self, Holding};
use crate::kinds::{Kind, State};
use crate::platform::annotate;
use crate::sync::atomic::Ordering::*;
use crate::task::{STATUS_STUCK, TaskStatus, Value};
use crate::{Error, ErrorCode, Result, TaskId, clock, memory};
use std::borrow::Cow;
use std::sync::Arc;

/// A task that was seen to run: enough of its name to tell it from the next one in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunningTask {
    pub index: u32,
    /// The low half of its generation.
    pub generation_low: u32,
}

impl RunningTask {
    /// The task of that generation in that place.
    pub fn new(index: u32, generation: u64) -> RunningTask {
        RunningTask { index, generation_low: generation as u32 }
    }

    /// As one number, which is never 0.
    pub fn bits(self) -> u64 {
        u64::from(self.index) << 32 | u64::from(self.generation_low)
    }
}

/// A task that was found to be stuck.
#[derive(Clone, Copy, Debug)]
pub struct Stuck {
    pub id: TaskId,
    pub kind: Kind,
    /// A worker of ours runs it.
    pub by_workers: bool,
    /// Its lane goes on without it.
    pub lane_released: bool,
}

/// A failure that the queue text still tells.
#[derive(Clone, Debug)]
pub struct Failure {
    pub id: TaskId,
    pub kind: Kind,
    /// Nanoseconds.
    pub at: u64,
    pub message: Cow<'static, str>,
}

impl Core {
    /// Where a task stands: some loads, and no lock unless it has ended in the middle of a burst.
    #[inline(always)]
    pub fn state(&self, id: TaskId) -> Result<State> {
        if let Some((_, generation, record)) = self.locate(id) {
            let word = record.word.load();
            if word.is_held(generation)
                && let Some(state) = word.state()
            {
                if state.is_final() {
                    annotate::acquire(record);
                    if self.has_gone(record, generation) {
                        return Err(no_such(id));
                    }
                }
                return Ok(state);
            }
        }
        Err(no_such(id))
    }

    /// Whether a task that was seen to have ended is not readable any more, once what ended before has
    /// evicted what it had to.
    #[inline]
    pub(super) fn has_gone(&self, record: &Record, generation: u64) -> bool {
        match self.history.has_bursts() {
            true => !self.is_still_held(record, generation),
            // The last burst may have ended since it was seen.
            false => !record.word.load().is_held(generation),
        }
    }

    #[cold]
    fn is_still_held(&self, record: &Record, generation: u64) -> bool {
        let _history = self.lock_history();
        record.word.load().is_held(generation)
    }

    /// Everything about a task at one moment.
    pub fn status(&self, id: TaskId) -> Result<TaskStatus> {
        let (index, generation, record) = self.locate(id).ok_or_else(|| no_such(id))?;
        let _history = self.lock_history();
        let word = record.word.load();
        if !word.is_held(generation) {
            return Err(no_such(id));
        }
        self.picture(index, record, word)
    }

    /// The status of a record that cannot go away: history's lock is held, or the record is
    /// waited for.
    pub(super) fn picture(
        &self,
        index: u32,
        record: &Record,
        word: Snapshot,
    ) -> Result<TaskStatus> {
        let state = word.state().unwrap_or(State::Pending);
        let lane = record.lane.load(Relaxed);
        let point = |at: u64| if at == 0 { 0.0 } else { clock::since_epoch(at) };
        let ended = word.is_final();
        let started = match (state, record.started()) {
            // It may have started since its word was read.
            (State::Pending, _) => 0,
            // Whoever starts it is about to note that.
            (State::Running, 0) => clock::coarse().max(record.added()),
            (_, started) => started,
        };
        if ended {
            annotate::acquire(record);
        }
        // What it said counts only if it failed.
        let error = match state {
            State::Failed => record
                .see_extra(|extra| extra.error.as_deref().map(memory::copied))
                .flatten()
                .transpose()?,
            _ => None,
        };
        Ok(TaskStatus {
            id: self.id(index, word.generation()),
            added_at: point(record.added()),
            stamp: record.added(),
            started_at: point(started),
            ended_at: if ended { point(record.ended()) } else { 0.0 },
            state,
            kind: word.kind(),
            stopping: word.cause().filter(|_| !ended).map(|cause| cause.state()),
            code: if ended { record.code() } else { 0 },
            flags: if word.is_stuck() && !ended { STATUS_STUCK } else { 0 },
            name: if lane == NIL { String::new() } else { self.lanes.at(lane).copy_name()? },
            error: error.unwrap_or_default(),
        })
    }

    /// Waits for the end, until the deadline; `None` is for ever, `Some(0)` only asks. `look` sees
    /// the task while its record is kept for this thread.
    fn wait_then<R>(
        self: &Arc<Self>,
        id: TaskId,
        deadline: Option<u64>,
        look: impl FnOnce(u32, &Record, Snapshot) -> Result<R>,
    ) -> Result<R> {
        let (index, generation, record) = self.locate(id).ok_or_else(|| no_such(id))?;
        let word = record.word.load();
        if !word.is_held(generation) {
            return Err(no_such(id));
        }
        if word.is_final() && self.has_gone(record, generation) {
            return Err(no_such(id));
        }
        if deadline == Some(0) && !word.is_final() {
            return Err(ErrorCode::NotFinished.into());
        }
        let waiting = match word.is_final() {
            true => None,
            false => self.begin_wait(id, index, generation, deadline.is_none())?,
        };
        let out = self.wait_end(index, generation, deadline, |word, waited| {
            // What this thread may have to drop when it leaves is no wait any more.
            drop(waiting);
            match waited {
                Waited::TimeOver => Err(Error::new(
                    ErrorCode::TimedOut,
                    words!("the task {id} has not ended in the given time"),
                )),
                Waited::Came => {
                    annotate::acquire(record);
                    look(index, record, word)
                }
            }
        });
        out.unwrap_or_else(|| Err(no_such(id)))
    }

    /// This thread is about to wait for a task; fails when it could not end before that.
    #[cold]
    fn begin_wait(
        self: &Arc<Self>,
        id: TaskId,
        index: u32,
        generation: u64,
        for_ever: bool,
    ) -> Result<Option<waits::Waiting>> {
        let target = Target { core: self.clone(), index, generation };
        match host::must_not_wait() {
            true => Err(would_deadlock(id)),
            false => waits::waits().begin(target, for_ever).map_err(|_| would_deadlock(id)),
        }
    }

    /// Refuses the wait of an async task in its poll for another one that cannot end before it.
    pub(crate) fn check_async_wait(self: &Arc<Self>, task: Holding, id: TaskId) -> Result<()> {
        let Some((index, generation, _)) = self.locate(id) else { return Ok(()) };
        let target = Target { core: self.clone(), index, generation };
        match waits::waits().would_knot(task, target) {
            true => Err(would_deadlock(id)),
            false => Ok(()),
        }
    }

    /// An async task waits for one of those and nothing else; none when that would be for ever.
    pub(crate) fn publish_wait(self: &Arc<Self>, task: Holding, ids: &[TaskId]) -> Option<usize> {
        let located = ids.iter().filter_map(|id| self.locate(*id));
        let target = |(index, generation, _)| Target { core: self.clone(), index, generation };
        waits::waits().publish(task, located.map(target).collect())
    }

    /// Waits for the end.
    pub fn wait(self: &Arc<Self>, id: TaskId, deadline: Option<u64>) -> Result<State> {
        self.wait_then(id, deadline, |_, _, word| Ok(word.state().unwrap_or(State::Cancelled)))
    }

    /// Waits for the end, and tells everything about the task.
    pub fn wait_status(self: &Arc<Self>, id: TaskId, deadline: Option<u64>) -> Result<TaskStatus> {
        self.wait_then(id, deadline, |index, record, word| {
            let _history = self.lock_history();
            self.picture(index, record, word)
        })
    }

    /// Moves the result out.
    pub fn result(&self, id: TaskId) -> Result<Value> {
        let (_, generation, record) = self.locate(id).ok_or_else(|| no_such(id))?;
        let _history = self.lock_history();
        let word = record.word.load();
        if !word.is_held(generation) {
            return Err(no_such(id));
        }
        if !word.is_final() {
            return Err(ErrorCode::NotFinished.into());
        }
        annotate::acquire(record);
        match record.see_extra(|extra| extra.result.take()).flatten() {
            Some(outcome) => Ok(outcome.into_value()),
            None => Err(Error::new(
                ErrorCode::NoResult,
                "the task left no result, or it was taken already",
            )),
        }
    }

    /// Gives up a kept record: a finished one is gone, another will be history's when it ends.
    pub fn forget(&self, id: TaskId) -> Result<()> {
        let (index, generation, record) = self.locate(id).ok_or_else(|| no_such(id))?;
        let _dropping = self.dropping();
        let mut order = self.lock_history();
        let word = record.word.load();
        if !word.is_held(generation) {
            return Err(no_such(id));
        }
        if !word.is_final() && !word.is_settled() {
            record.word.unkeep();
            return Ok(());
        }
        if !word.has(word::KEEP) {
            if !word.is_final() {
                return Ok(());
            }
            // It may have been noted since the lock was taken, and stands in history only now.
            self.history.catch_up(&mut order, self.places());
            if !record.word.load().is_held(generation) {
                return Err(no_such(id));
            }
            self.history.take_out(&mut order, index);
        }
        // Somebody else may keep the record, but not the result. Of a task that is about to end it is
        // still that one's.
        let result = if word.is_final() {
            annotate::acquire(record);
            self.take_result(index)
        } else {
            None
        };
        let garbage = super::evicted::let_go(self.places(), index);
        drop(order);
        drop(result);
        if garbage {
            drop(record.take_extra());
            use super::seat::Seat;
            self.visitor().free(self, index);
        }
        Ok(())
    }

    /// Every readable task of a kind, in the order in which they were added.
    pub fn list(&self, kind: Kind) -> Result<Vec<TaskStatus>> {
        let mut found = Vec::new();
        let is_one =
            |word: Snapshot| word.is_readable() && word.state().is_some() && word.kind() == kind;
        // Most places may be free: no lock for these.
        let seen = self.each_record().filter(|(_, record)| is_one(record.word.load()));
        for (index, record) in seen {
            let _history = self.lock_history();
            let word = record.word.load();
            if is_one(word) {
                found.try_reserve(1).map_err(|_| ErrorCode::OutOfMemory)?;
                found.push(self.picture(index, record, word)?);
            }
        }
        found.sort_unstable_by_key(|task| task.stamp);
        Ok(found)
    }

    /// The last failures of a kind, oldest first.
    pub fn failures(&self, kind: Kind) -> Result<Vec<Failure>> {
        let mut found = Vec::new();
        found.try_reserve_exact(super::end::FAILURES).map_err(|_| ErrorCode::OutOfMemory)?;
        for failure in self.failures.lock().iter().filter(|failure| failure.kind == kind) {
            let message = Cow::Owned(memory::copied(&failure.message)?);
            found.push(Failure { message, ..*failure });
        }
        Ok(found)
    }

    /// Whoever saw the end of a task by something else than its record comes after it.
    pub(crate) fn annotate_seen(&self, id: TaskId) {
        if let Some((_, _, record)) = self.locate(id) {
            annotate::acquire(record);
        }
    }

    /// The running task that sees a stop comes after it.
    pub(crate) fn annotate_stopped(&self, index: u32) {
        annotate::acquire(self.records.at(index));
    }

    /// Sets the result of a running task, dropping an earlier one.
    pub(crate) fn set_result(&self, index: u32, outcome: Outcome) -> Result<(), (Error, Outcome)> {
        let mut outcome = Some(outcome);
        let earlier = {
            let _room = self.rooms.lock(index);
            let put = |extra: &mut Extra| std::mem::replace(&mut extra.result, outcome.take());
            self.records.at(index).with_extra(put)
        };
        match (earlier, outcome) {
            (Err(error), Some(outcome)) => Err((error, outcome)),
            (earlier, _) => {
                drop(earlier);
                Ok(())
            }
        }
    }

    /// Sets the words of a running task's failure.
    pub(crate) fn set_error(&self, index: u32, message: &str) -> Result<()> {
        let message = memory::copied(message)?.into_boxed_str();
        let _room = self.rooms.lock(index);
        self.records.at(index).with_extra(|extra| extra.error = Some(message))
    }

    /// The word of a record of ours.
    #[inline]
    pub(crate) fn word(&self, index: u32) -> Snapshot {
        self.records.at(index).word.load()
    }
}

fn would_deadlock(id: TaskId) -> Error {
    let text = words!("the task {id} cannot end before this wait is over");
    Error::new(ErrorCode::WouldDeadlock, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::generations::task;
    use crate::core::inlet::Item;
    use crate::core::seat::Seat;

    /// A core with one task, which was taken.
    fn taken() -> (Arc<Core>, TaskId, u32) {
        let core = Arc::new(Core::new(0, 1).unwrap());
        let id = core.add(&mut task()).unwrap().id;
        assert_eq!(core.take_ready(0, &mut [Item::task(0)]), 1);
        let index = core.locate(id).unwrap().0;
        (core, id, index)
    }

    #[test]
    fn a_status_has_a_start_if_it_runs_and_none_before() {
        let (core, id, index) = taken();
        let record = core.records.at(index);
        let pending = record.word.load();
        let claim = core.start(index, &mut core.visitor()).unwrap();
        // It runs, and its start is yet to be noted.
        let status = core.status(id).unwrap();
        assert!(status.state == State::Running && status.started_at >= status.added_at);
        core.begin(&claim, clock::coarse());
        // It was looked at before it started.
        let status = core.picture(index, record, pending).unwrap();
        assert!(status.state == State::Pending && status.started_at == 0.0);
        core.end(claim, 0, &mut core.visitor());
    }

    /// A seat whose clock is behind.
    struct Behind<'a>(&'a Core);

    impl Seat for Behind<'_> {
        fn left(&mut self) {
            self.0.visitor().left();
        }

        fn ended(&mut self) {
            self.0.visitor().ended();
        }

        fn free(&mut self, core: &Core, index: u32) {
            self.0.visitor().free(core, index);
        }

        fn now(&mut self) -> u64 {
            1
        }
    }

    #[test]
    fn a_task_ends_no_earlier_than_it_was_added_and_started() {
        let (core, id, index) = taken();
        let claim = core.start(index, &mut core.visitor()).unwrap();
        core.begin(&claim, 1);
        core.end(claim, 0, &mut Behind(&core));
        let status = core.status(id).unwrap();
        assert!(status.added_at <= status.started_at && status.started_at <= status.ended_at);
    }
}
