//! How tasks are stopped, one or all there are, and names banned; what is pending is cancelled in
//! [`super::cancel`].

use super::Core;
use super::evicted::remember_name;
use super::names::check_name;
use super::record::Record;
use super::saying::Line;
use super::slab::NIL;
use super::view::{RunningTask, Stuck};
use super::word::{self, Cause, Snapshot, Stop};
use crate::canary::Canary;
use crate::kinds::{Kind, State};
use crate::log::{self, LogLevel};
use crate::platform::annotate;
use crate::sync::atomic::Ordering::*;
use crate::task::TaskStatus;
use crate::{Error, ErrorCode, Result, TaskId, clock, memory};
use std::sync::Arc;

/// A running task that was told to stop.
#[derive(Debug)]
#[must_use]
pub struct Stopped {
    /// The task.
    pub task: RunningTask,
    /// What is to be said of it.
    pub(super) line: Option<Line>,
}

impl Core {
    /// Tells the task to stop. Ok is a promise: it will not complete. A running task comes back: whoever
    /// runs it is to be told, and then [`Core::say_stopped`] to be called.
    pub fn stop(self: &Arc<Self>, id: TaskId, cause: Cause) -> Result<Option<Stopped>> {
        let (index, generation, record) = self.locate(id).ok_or_else(|| no_such(id))?;
        annotate::release(record);
        // A pending one, whatever else may happen to its word meanwhile.
        let mut seen = record.word.load();
        while seen.is_held(generation) && seen.is_startable() {
            if self.cancel_if(index, seen, cause) {
                return Ok(None);
            }
            seen = record.word.load();
        }
        let (stop, line) = match log::is_on() {
            true => self.stop_aloud(id, cause).ok_or_else(|| no_such(id))?,
            false => (record.word.stop(generation, cause), None),
        };
        match stop {
            // Pending ones were dealt with above, and no task becomes pending again.
            Stop::Pending => Err(no_such(id)),
            Stop::Running { waited } => {
                if waited {
                    self.tell(index);
                }
                if Canary::EarlyDrop.sings() {
                    drop(record.take_user_data());
                }
                Ok(Some(Stopped { task: RunningTask::new(index, generation), line }))
            }
            Stop::Again => Ok(None),
            Stop::Stopping => Err(ErrorCode::AlreadyStopping.into()),
            Stop::Finished if self.has_gone(record, generation) => Err(no_such(id)),
            Stop::Finished => Err(ErrorCode::AlreadyFinished.into()),
            Stop::Gone => Err(no_such(id)),
        }
    }

    /// Refuses adds of a name from now on and cancels what is queued under it.
    pub fn ban(self: &Arc<Self>, kind: Kind, name: &[u8]) -> Result<()> {
        let text = check_name(name)?;
        let hash = self.hash(name);
        let lane = {
            let mut door = self.inlets[Core::inlet_of(hash)].lock();
            if door.is_banned(hash, kind, name) {
                return Err(Error::new(
                    ErrorCode::AlreadyBanned,
                    words!("the task name '{text}' is banned already"),
                ));
            }
            door.banned
                .try_reserve(1, |banned| banned.0)
                .map_err(|_| Error::from(ErrorCode::OutOfMemory))?;
            let own = memory::copied(text)?.into_boxed_str();
            door.banned.insert_unique(hash, (hash, kind, own), |banned| banned.0);
            let lane = door.find(hash, kind, name);
            if let Some(lane) = lane {
                self.lanes.at(lane).set_banned(true);
            }
            self.remember(lane);
            lane
        };
        // Before the host hears of it, who may wait in its log for what is cancelled.
        if let Some(lane) = lane {
            self.cancel_lane(lane);
        }
        log::line(LogLevel::Warning, || {
            words!("Io {} task | {text} | is banned from execution", kind.log_word())
        });
        Ok(())
    }

    /// Bans the name of a task that is about to end as failed, before its lane goes on.
    pub(super) fn ban_lane_of(self: &Arc<Self>, record: &Record) {
        let lane = record.lane.load(Relaxed);
        if lane != NIL {
            let its = self.lanes.at(lane);
            let name = {
                let _door = self.inlets[its.inlet()].lock();
                its.name()
            };
            let banned = self.ban(its.kind(), name.as_bytes());
            if banned.is_err_and(|error| error.code() == ErrorCode::AlreadyBanned) {
                // Whoever has banned it meanwhile may not have come to all that is queued.
                let _ = self.cancel_queued(its.kind(), name.as_bytes());
            }
        }
    }

    /// Lets a banned name in again.
    pub fn allow(&self, kind: Kind, name: &[u8]) -> Result<()> {
        let text = check_name(name)?;
        let hash = self.hash(name);
        {
            let mut door = self.inlets[Core::inlet_of(hash)].lock();
            let same = |banned: &(u64, Kind, Box<str>)| banned.1 == kind && &*banned.2 == text;
            let Ok(found) = door.banned.find_entry(hash, same) else {
                return Err(Error::new(
                    ErrorCode::NotBanned,
                    words!("the task name '{text}' is not banned"),
                ));
            };
            found.remove();
            if let Some(lane) = door.find(hash, kind, name) {
                self.lanes.at(lane).set_banned(false);
            }
        }
        log::line(LogLevel::Info, || {
            words!("Io {} task | {text} | is allowed for execution", kind.log_word())
        });
        Ok(())
    }

    /// Takes no more tasks. When this returns, every add has either come in or will be refused.
    pub fn close(&self) {
        self.closed.store(true, SeqCst);
        for inlet in &self.inlets {
            inlet.lock().closed = true;
        }
        self.wake_room_waiters();
    }

    /// Takes tasks again.
    pub fn reopen(&self) {
        self.closed.store(false, SeqCst);
        for inlet in &self.inlets {
            inlet.lock().closed = false;
        }
    }

    /// Every record that was ever used.
    pub(super) fn each_record(&self) -> impl Iterator<Item = (u32, &Record)> {
        (1..self.records.end()).filter_map(|index| Some((index, self.records.get(index)?)))
    }

    /// Cancels everything pending, for a shutdown.
    pub fn cancel_everything(self: &Arc<Self>) {
        for (index, record) in self.each_record() {
            let mut seen = record.word.load();
            while seen.is_startable() {
                if self.cancel_if(index, seen, Cause::Shutdown) {
                    break;
                }
                seen = record.word.load();
            }
        }
    }

    /// Tells everything that runs to stop, for a forced shutdown; those that were told.
    pub fn stop_everything(&self) -> Vec<RunningTask> {
        let mut told = Vec::new();
        for (index, record) in self.each_record() {
            let seen = record.word.load();
            annotate::release(record);
            if seen.state() == Some(State::Running)
                && let Stop::Running { waited } =
                    record.word.stop(seen.generation(), Cause::Shutdown)
            {
                told.push(RunningTask::new(index, seen.generation()));
                if waited {
                    self.tell(index);
                }
            }
        }
        told
    }

    /// The word of a task that was seen to run, if it still does.
    fn still_running(&self, task: RunningTask) -> Option<Snapshot> {
        let word = self.records.at(task.index).word.load();
        let same = word.generation() as u32 == task.generation_low;
        (same && word.state() == Some(State::Running)).then_some(word)
    }

    /// Whether a task that was seen to run is of kind async.
    pub fn is_async(&self, task: RunningTask) -> bool {
        self.records.at(task.index).word.load().has(word::ASYNC)
    }

    /// Whether a task that was seen to run asked for its blocking calls to be broken, and is of the
    /// kind that has some.
    pub fn is_breakable(&self, task: RunningTask) -> bool {
        let word = self.records.at(task.index).word.load();
        word.has(word::INTERRUPT) && !word.has(word::ASYNC | word::CLAIMS)
    }

    /// Whether a task that was seen to run is run by claims.
    pub fn is_claimed(&self, task: RunningTask) -> bool {
        self.records.at(task.index).word.load().has(word::CLAIMS)
    }

    /// Whether a task that was seen to run still does.
    pub fn is_running(&self, task: RunningTask) -> bool {
        self.still_running(task).is_some()
    }

    /// A task has run for its time: tells it to stop; false when it is being stopped already, or
    /// has returned.
    pub fn time_out(&self, task: RunningTask) -> bool {
        let Some(seen) = self.still_running(task) else { return false };
        let word = &self.records.at(task.index).word;
        match word.stop(seen.generation(), Cause::Watchdog) {
            Stop::Running { waited } => {
                if waited {
                    self.tell(task.index);
                }
                true
            }
            _ => false,
        }
    }

    /// Marks a task that was told to stop and still runs as stuck, and lets its lane go on if it
    /// asked for that; none when it has returned after all. Again: the same answer, for another
    /// report.
    pub fn mark_stuck(self: &Arc<Self>, task: RunningTask) -> Option<Stuck> {
        let seen = self.still_running(task)?;
        let (record, generation) = (self.records.at(task.index), seen.generation());
        let first = record.word.mark_stuck(generation);
        if !first && !record.word.load().is_stuck() {
            return None;
        }
        let lane = record.lane.load(Relaxed);
        let lane_released = lane != NIL
            && !seen.has(word::ASYNC)
            && seen.has(word::RELEASE_LANE)
            && self.release_lane(lane, record, generation);
        if lane_released {
            self.go_on(lane);
        }
        if first && seen.has(word::CLAIMS) {
            // While it is lent it has no other substitute.
            if let Some(all) = self.holders() {
                all.is_stuck(record.slot(), task.index, generation);
            }
            self.count_stuck_claim();
        }
        let by_workers = !seen.has(word::ASYNC | word::HOSTED);
        let (id, kind) = (self.id(task.index, generation), seen.kind());
        Some(Stuck { id, kind, by_workers, lane_released })
    }

    /// Lets the lane of a stuck task go on; false when it has returned. It may run empty and be swept
    /// before the task ends, so from that step on it is remembered for its name.
    fn release_lane(&self, lane: u32, record: &Record, generation: u64) -> bool {
        let _history = self.lock_history();
        let released = record.word.release_lane(generation);
        if released {
            remember_name(&self.lanes, lane);
        }
        released
    }

    /// Waits until every task has ended; false when the deadline passed before. Nothing may come in
    /// meanwhile.
    pub fn wait_everything(&self, deadline: Option<u64>) -> bool {
        while self.unfinished() > 0 {
            for (index, record) in self.each_record() {
                let seen = record.word.load();
                if seen.state().is_some_and(|state| !state.is_final()) {
                    let _ = self.wait_end(index, seen.generation(), deadline, |_, _| ());
                }
                if deadline.is_some_and(|deadline| clock::until(deadline).is_none()) {
                    return self.unfinished() == 0;
                }
            }
        }
        true
    }

    /// The tasks that have not ended, in the order of their adds, and beside them how many were
    /// cancelled and are only to be ended by who takes claims.
    pub fn remains(&self) -> (Vec<TaskStatus>, usize) {
        let (mut tasks, mut claims) = (Vec::new(), 0);
        let is_over = |word: Snapshot| word.state().is_none_or(State::is_final);
        // Most places may be free: no lock for these.
        let seen = self.each_record().filter(|(_, record)| !is_over(record.word.load()));
        for (index, record) in seen {
            let _history = self.lock_history();
            let word = record.word.load();
            if is_over(word) {
                continue;
            }
            match word.has(word::CLAIMS) && word.state() == Some(State::Pending) {
                true => claims += 1,
                false => {
                    // Without memory for it, one is not told of.
                    if let Ok(status) = self.picture(index, record, word)
                        && tasks.try_reserve(1).is_ok()
                    {
                        tasks.push(status);
                    }
                }
            }
        }
        tasks.sort_unstable_by_key(|task: &TaskStatus| task.stamp);
        (tasks, claims)
    }

    /// Drops the results that nobody took, and waits for what other threads are dropping; false when
    /// the deadline passed before.
    pub fn drop_results(&self, deadline: Option<u64>) -> bool {
        let dropping = self.dropping();
        // Nothing starts any more: what has no box by now has left nothing.
        for (index, record) in self.each_record().filter(|(_, record)| record.has_extra()) {
            let result = {
                let _history = self.lock_history();
                // What only a waiter keeps is kept while we are in his room, and what only he keeps who
                // tells of it while we have what he tells. What is to be reported history's lock keeps.
                let _room = self.rooms.lock(index);
                let _unsaid = self.unsaid.hold();
                let word = record.word.load();
                annotate::acquire(record);
                let kept = word.is_readable()
                    || word.is_waited()
                    || word.has(word::REPORTS | word::SAYING);
                match word.is_final() && kept {
                    true => record.see_extra(|extra| extra.result.take()).flatten(),
                    false => None,
                }
            };
            drop(result);
        }
        drop(dropping);
        let gone = self.dropping.wait_none(deadline);
        if gone && annotate::is_on() {
            // Whoever has shut down comes after all that there was.
            self.each_record().for_each(|(_, record)| annotate::acquire(record));
        }
        gone
    }
}

/// There is no task of this id.
pub(super) fn no_such(id: TaskId) -> Error {
    Error::new(ErrorCode::NotFound, words!("there is no task {id}, or no longer"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::add::{NewTask, To};
    use crate::core::generations::task;
    use crate::core::inlet::Item;
    use std::ffi::c_void;
    use std::sync::atomic::AtomicUsize;
    use std::thread;

    static STEP: AtomicUsize = AtomicUsize::new(0);

    unsafe extern "C" fn slow_drop(_: *mut c_void) {
        STEP.store(1, SeqCst);
        while STEP.load(SeqCst) == 1 {
            thread::yield_now();
        }
    }

    #[test]
    fn a_failure_that_meets_a_ban_of_its_name_lets_none_start() {
        let core = Arc::new(Core::new(0, 0).unwrap());
        let add = |bits, drop| {
            let mut new = NewTask { to: To::Name(b"name"), bits, drop, ..task() };
            core.add(&mut new).unwrap();
        };
        add(word::BAN_ON_FAILURE, None);
        add(0, Some(slow_drop as crate::host::DropFn));
        add(0, None);
        let mut item = [Item::task(0)];
        assert_eq!(core.take_ready(0, &mut item), 1);
        let lane = item[0].split().unwrap();
        let mut seat = core.visitor();
        let claim = core.next_of(lane, &mut seat).unwrap();
        let bans = {
            let core = core.clone();
            thread::spawn(move || core.ban(Kind::Linear, b"name"))
        };
        // It has banned the name, and is at the first of what it cancels.
        while STEP.load(SeqCst) == 0 {
            thread::yield_now();
        }
        assert_eq!(core.end(claim, 1, &mut seat).state(), Some(State::Failed));
        let next = core.next_of(lane, &mut seat);
        STEP.store(2, SeqCst);
        bans.join().unwrap().unwrap();
        assert!(next.is_none());
    }
}
