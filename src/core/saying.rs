//! The log's lines about one task, in order.
//!
//! An add is told to the host by the thread that adds, when the task may long have started, and no
//! lock of ours may be held while the host listens. So a task that is added while somebody listens
//! is marked (SAYING) until its add was told; what others have to say of it until then is left
//! here, and the adder says it afterwards. A start and a stop are told in the same way.

use super::Core;
use super::stop::Stopped;
use super::word::{self, Cause, Snapshot, Stop, Word};
use crate::TaskId;
use crate::kinds::Kind;
use crate::log::{self, LogLevel};
use crate::sync::{Mutex, MutexGuard};
use std::borrow::Cow;

/// Lines that wait for an add, a start or a stop to be told.
#[derive(Debug, Default)]
pub struct Unsaid(Mutex<Lines>);

/// What is to be said.
pub type Line = Cow<'static, str>;

/// What waits to be said, of which records.
pub type Lines = Vec<(u32, LogLevel, Line)>;

/// Leaves a line there; without memory for it, it is lost.
fn leave(unsaid: &mut Lines, line: (u32, LogLevel, Line)) {
    if unsaid.try_reserve(1).is_ok() {
        unsaid.push(line);
    }
}

impl Unsaid {
    /// Who tells of a task keeps its record while this is held.
    pub fn hold(&self) -> MutexGuard<'_, Lines> {
        self.0.lock()
    }
}

impl Core {
    /// Tells an add, and then whatever was left to be said of the task. By the adder, of a task
    /// that it marked.
    #[cold]
    pub fn say_added(&self, id: TaskId, kind: Kind) {
        log::line(LogLevel::Info, || {
            words!("Io {} task | {id} | added successfully", kind.log_word())
        });
        if let Some((index, _, record)) = self.locate(id) {
            self.say_rest(index, &record.word);
        }
    }

    /// Stops a task. A running one is marked: what comes of the stop is told after it, and that is told
    /// by [`Core::say_stopped`], with the line that comes back. Without one somebody else tells it.
    #[cold]
    pub(super) fn stop_aloud(&self, id: TaskId, cause: Cause) -> Option<(Stop, Option<Line>)> {
        let (index, generation, record) = self.locate(id)?;
        let word = &record.word;
        let mut unsaid = self.unsaid.0.lock();
        let mine = word.start_saying(generation);
        let stop = word.stop(generation, cause);
        if !matches!(stop, Stop::Running { .. }) {
            drop(unsaid);
            if mine {
                self.say_rest(index, word);
            }
            return Some((stop, None));
        }
        let kind = word.load().kind().log_word();
        let line = words!("Io {kind} task | {id} | has been forcibly cancelled");
        if mine {
            return Some((stop, Some(line)));
        }
        // The adder, or another one who stops, is telling, and tells this too.
        leave(&mut unsaid, (index, LogLevel::Warning, line));
        Some((stop, None))
    }

    /// Tells of a stop, after whoever runs the task was told: the host may wait in its log for what comes
    /// of that.
    pub fn say_stopped(&self, stopped: Stopped) {
        if let Some(line) = stopped.line {
            log::line(LogLevel::Warning, || line);
            let index = stopped.task.index;
            self.say_rest(index, &self.records.at(index).word);
        }
    }

    /// Says what was left to be said of a task, by who has marked it, and takes the mark away.
    pub(super) fn say_rest(&self, index: u32, word: &Word) {
        loop {
            let mut unsaid = self.unsaid.0.lock();
            let Some(first) = unsaid.iter().position(|line| line.0 == index) else {
                // A shutdown waits for what we may have to drop, from before it is ours.
                let _dropping = self.dropping();
                let garbage = word.said().is_garbage();
                drop(unsaid);
                if garbage {
                    self.bury(index, &mut self.visitor());
                }
                return;
            };
            let (_, level, text) = unsaid.remove(first);
            drop(unsaid);
            log::line(level, || text);
        }
    }

    /// Starts a task; true beside its word for who is to tell it, with [`Core::say_rest`], and
    /// whatever comes of it until then.
    #[cold]
    pub(super) fn start_aloud(&self, index: u32) -> Result<(Snapshot, bool), Snapshot> {
        let word = &self.records.at(index).word;
        let mut unsaid = self.unsaid.0.lock();
        let now = word.start()?;
        let mine = word.start_saying(now.generation());
        leave(&mut unsaid, self.start_line(index, now));
        Ok((now, mine))
    }

    fn start_line(&self, index: u32, now: Snapshot) -> (u32, LogLevel, Cow<'static, str>) {
        let kind = now.kind().log_word();
        let id = self.id(index, now.generation());
        (index, LogLevel::Info, words!("Start running io {kind} task, task ID: {id}"))
    }

    /// A task starts with its add: its adder, who has marked it, tells both.
    #[cold]
    pub(super) fn start_with_add(&self, index: u32, now: Snapshot) {
        let line = self.start_line(index, now);
        leave(&mut self.unsaid.0.lock(), line);
    }

    /// Says something of a task that has not ended.
    pub(super) fn say_of(
        &self,
        index: u32,
        level: LogLevel,
        text: impl FnOnce() -> Cow<'static, str>,
    ) {
        if !log::is_on() {
            return;
        }
        let word = &self.records.at(index).word;
        if word.load().has(word::SAYING) {
            let mut unsaid = self.unsaid.0.lock();
            if word.load().has(word::SAYING) {
                leave(&mut unsaid, (index, level, text()));
                return;
            }
        }
        log::line(level, text);
    }
}
