//! The log's lines about one task, in order.
//!
//! An add is told to the host by the thread that adds, when the task may long have started, and no
//! lock of ours may be held while the host listens. So a task that is added while somebody listens
//! is marked (SAYING) until its add was told; what others have to say of it until then is left
//! here, and the adder says it afterwards.

use super::Core;
use super::take::Claim;
use super::word;
use crate::TaskId;
use crate::kinds::Kind;
use crate::log::{self, LogLevel};
use crate::sync::Mutex;

/// Lines that wait for an add to be told.
#[derive(Debug, Default)]
pub struct Unsaid(Mutex<Vec<(u32, LogLevel, String)>>);

impl Core {
    /// Tells an add, and then whatever was left to be said of the task. By the adder, of a task
    /// that it marked.
    #[cold]
    pub fn say_added(&self, id: TaskId, kind: Kind) {
        log::line(LogLevel::Info, || {
            format!("Io {} task | {id} | added successfully", kind.log_word())
        });
        let Some((index, _, record)) = self.locate(id) else { return };
        loop {
            let mut unsaid = self.unsaid.0.lock();
            let mine = |line: &mut (u32, LogLevel, String)| line.0 == index;
            let lines: Vec<_> = unsaid.extract_if(.., mine).collect();
            if lines.is_empty() {
                let garbage = record.word.said().is_garbage();
                drop(unsaid);
                if garbage {
                    self.bury(index, &mut self.visitor());
                }
                return;
            }
            drop(unsaid);
            for (_, level, text) in lines {
                log::line(level, || text);
            }
        }
    }

    /// Tells a start.
    #[cold]
    pub(super) fn say_started(&self, claim: &Claim) {
        let kind = if claim.word.has(word::ASYNC) { Kind::Async } else { Kind::Linear }.log_word();
        let id = self.id(claim.index, claim.word.generation());
        self.say_of(claim.index, LogLevel::Info, || {
            format!("Start running io {kind} task, task ID: {id}")
        });
    }

    /// Says something of a task that has not ended.
    pub(super) fn say_of(&self, index: u32, level: LogLevel, text: impl FnOnce() -> String) {
        if !log::is_on() {
            return;
        }
        let word = &self.records.at(index).word;
        if word.load().has(word::SAYING) {
            let mut unsaid = self.unsaid.0.lock();
            if word.load().has(word::SAYING) {
                unsaid.push((index, level, text()));
                return;
            }
        }
        log::line(level, text);
    }
}
