//! Who asked to hear of a task's end: a queue of completions, or a function.
//!
//! A task that reports is not taken by history when it ends, but when its end was heard of: when
//! its completion was taken from the queue, or else when the function has returned. Until then the
//! bit REPORTS keeps its record, whoever else lets go of it. A queue keeps room for the end of every
//! task that was submitted with it, so that none is lost, and none needs memory when it ends.

use super::Core;
use super::history::NOBODY;
use super::seat::Seat;
use super::word::{self, Snapshot};
use crate::canary::Canary;
use crate::host::{self, EndFn, Owned};
use crate::kinds::State;
use crate::mailbox::Mailbox;
use crate::platform::annotate;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use crate::task::Completion;
use crate::{Result, TaskId};
use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

/// Where ends are kept until somebody takes them.
#[derive(Debug)]
pub struct Ends {
    /// The ends.
    pub mailbox: Mailbox<Completion>,
    /// Tasks that were submitted with it and whose end was not taken.
    expected: AtomicUsize,
    /// Nobody takes any more.
    closed: AtomicBool,
}

impl Ends {
    /// None.
    pub fn new() -> Ends {
        Ends {
            mailbox: Mailbox::new(),
            expected: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
        }
    }

    /// One more will come: makes room for it.
    pub fn expect(&self) -> Result<()> {
        let expected = self.expected.fetch_add(1, SeqCst) + 1;
        self.mailbox.reserve(expected).inspect_err(|_| self.unexpect(1))
    }

    /// So many will not come after all, or were taken.
    pub fn unexpect(&self, count: usize) {
        self.expected.fetch_sub(count, SeqCst);
    }

    /// Nobody takes any more.
    pub fn close(&self) {
        self.closed.store(true, SeqCst);
    }
}

/// Who is told of a task's end.
#[derive(Debug)]
pub struct Report {
    /// The function, with what it gets.
    pub on_end: Option<(EndFn, Owned)>,
    /// The queue.
    pub ends: Option<Arc<Ends>>,
    /// Handed back with the end.
    pub data: *mut c_void,
}

impl Report {
    /// The task was refused: what was to be taken over is still the host's.
    pub fn refuse(self) {
        if let Some((_, owned)) = self.on_end {
            owned.into_parts();
        }
        if let Some(ends) = self.ends {
            ends.unexpect(1);
        }
    }
}

impl Core {
    /// Takes out who is to hear of a task's end, which is about to be seen; from then on the lane of
    /// one that ran is held until `on_end` has returned, and this is said of its record.
    #[cold]
    pub(super) fn take_report(&self, index: u32, from: State) -> Option<Report> {
        let record = self.records.at(index);
        let report = {
            let _room = self.rooms.lock(index);
            record.see_extra(|extra| extra.report.take()).flatten()
        };
        let hears = report.as_ref().is_some_and(|report| report.on_end.is_some());
        record.set_telling(hears && from == State::Running);
        report
    }

    /// Tells of the end of a task that reports. The caller keeps a shutdown waiting.
    #[cold]
    pub(super) fn report(
        &self,
        index: u32,
        word: Snapshot,
        report: Option<Report>,
        seat: &mut impl Seat,
    ) {
        let Some(report) = report else { return };
        let code = self.records.at(index).code();
        let state = word.state().unwrap_or(State::Cancelled);
        let id = self.id(index, word.generation());
        let end = Completion { id: id.to_halves(), data: report.data, state, code };
        if report.on_end.is_none() {
            self.tell_end(index, end, report, seat);
        } else if !host::is_telling() {
            host::tell(|| self.tell_end(index, end, report, seat));
        } else {
            let core = ptr::from_ref(self);
            self.dropping.come();
            host::tell_next(move || {
                // SAFETY: a shutdown waits until this has gone, so the core is there.
                let core = unsafe { &*core };
                core.tell_end(index, end, report, &mut core.visitor());
                core.dropping.go();
            });
        }
    }

    fn tell_end(&self, index: u32, end: Completion, report: Report, seat: &mut impl Seat) {
        let record = self.records.at(index);
        if let Some((function, owned)) = report.on_end {
            // SAFETY: the host's promise when it submitted the task.
            unsafe { host::call_end(function, &end, owned.data()) };
            // Comes before what follows that, too; the record is kept until then.
            self.annotate_end(record);
            record.set_telling(false);
            drop(owned);
            self.annotate_end(record);
        }
        match report.ends {
            Some(ends) if !ends.closed.load(SeqCst) && !Canary::LostEnd.sings() => {
                ends.mailbox.push(end);
                // Closed meanwhile: nobody takes it, unless that did.
                if ends.closed.load(SeqCst) {
                    self.forget_ends(&ends);
                }
            }
            _ => self.end_was_heard(index, seat),
        }
    }

    /// Takes all ends, for nobody.
    pub fn forget_ends(&self, ends: &Ends) {
        while self.take_ends(ends, usize::MAX, |_| ()) > 0 {}
    }

    /// Takes up to `most` ends: how many.
    pub fn take_ends(&self, ends: &Ends, most: usize, mut each: impl FnMut(Completion)) -> usize {
        let taken = ends.mailbox.take(most);
        // Without memory for more, one.
        let one = if taken.is_empty() { ends.mailbox.pop_if(|_| most > 0) } else { None };
        let mut seat = self.visitor();
        let _dropping = self.dropping();
        for end in taken.iter().chain(&one) {
            if let Some((index, _, record)) = self.locate(TaskId::from_halves(end.id)) {
                annotate::acquire(record);
                self.end_was_heard(index, &mut seat);
            }
        }
        let count = taken.len() + usize::from(one.is_some());
        ends.unexpect(count);
        // As much as may come stays, and a little for the next burst.
        ends.mailbox.shrink(|| ends.expected.load(SeqCst).max(1024));
        taken.into_iter().chain(one).for_each(&mut each);
        count
    }

    /// The end of a task was heard of: from now on it is kept no longer than any other.
    fn end_was_heard(&self, index: u32, seat: &mut impl Seat) {
        let record = self.records.at(index);
        let (garbage, evicted) = {
            let mut order = self.lock_history();
            let word = record.word.reported();
            if word.is_readable() && !word.has(word::KEEP) {
                self.history.put(&mut order, index, NOBODY, self.places());
            }
            (word.is_garbage(), order.take_evicted())
        };
        self.free_evicted(evicted, seat);
        if garbage {
            self.bury(index, seat);
        }
    }
}
