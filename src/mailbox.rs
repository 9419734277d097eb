//! A queue that somebody takes from: it can be waited for, and seen by an event loop through a file
//! descriptor.
//!
//! What always holds, under its lock: the descriptor is readable, and nobody sleeps, while there is
//! something that may be taken. Who puts something in does so under the lock and tells before it
//! lets go; who waits looks under the lock and lets go of it only by sleeping. So no news falls
//! between the look and the sleep.
//!
//! Under its lock no other is taken, but an inlet's by who looks whether the first may be taken; and
//! nobody who holds an inlet's takes this one.

use crate::Result;
use crate::margin::STEP;
use crate::platform::signal::Signal;
use crate::sync::atomic::{AtomicUsize, Ordering::*};
use crate::sync::{Condvar, Mutex, MutexGuard};
use crate::{Error, ErrorCode};
use crate::{clock, memory};
use std::collections::VecDeque;
use std::fmt;
use std::os::fd::RawFd;

/// Whether the first of what is not urgent may be taken now.
pub type Gate<T> = Box<dyn Fn(&T) -> bool + Send + Sync>;

/// See the module.
pub struct Mailbox<T, U = ()> {
    inner: Mutex<Inner<T, U>>,
    /// None: it always may. It takes no lock.
    gate: Option<Gate<T>>,
    news: Condvar,
    /// How much is in it: a hint for who looks without the lock.
    len: AtomicUsize,
    /// Adds for which there is room, whatever else may come: see [`Mailbox::promise`].
    margin: AtomicUsize,
}

#[derive(Debug)]
struct Inner<T, U> {
    items: VecDeque<T>,
    /// What goes before all of those, and no gate holds.
    urgent: VecDeque<U>,
    /// The gate does not let the first of the items out for now.
    held: bool,
    /// Whoever took all that was there has not begun all of it: that counts as still there.
    batched: bool,
    /// How much was taken so that may be put back.
    taken: usize,
    /// Nothing comes any more.
    closed: bool,
    /// At this moment (monotonic nanoseconds) there is something to do, whatever is in it.
    alarm: Option<u64>,
    signal: Option<Signal>,
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// There is something to take.
    Items,
    /// The alarm has gone off.
    Alarm,
    /// The time is over.
    TimeOver,
    /// Nothing comes any more.
    Closed,
}

impl<T, U> Inner<T, U> {
    fn has_some(&self) -> bool {
        !self.urgent.is_empty() || !self.items.is_empty() && !self.held || self.batched
    }

    fn len(&self) -> usize {
        self.urgent.len() + self.items.len()
    }

    /// Makes the descriptor say what holds now.
    fn show(&mut self) {
        let some = self.has_some() || self.closed;
        if let Some(signal) = &mut self.signal {
            signal.set(some, self.alarm);
        }
    }
}

/// Moves the first of one queue to the end of another, as much as that has memory for.
pub fn move_what_fits<T>(from: &mut VecDeque<T>, into: &mut VecDeque<T>) {
    let _ = into.try_reserve(from.len());
    let count = from.len().min(into.capacity() - into.len());
    into.extend(from.drain(..count));
}

impl<T, U> fmt::Debug for Mailbox<T, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").field("len", &self.len).finish_non_exhaustive()
    }
}

impl<T, U> Mailbox<T, U> {
    /// An empty one.
    pub fn new() -> Mailbox<T, U> {
        let inner = Inner {
            items: VecDeque::new(),
            urgent: VecDeque::new(),
            held: false,
            batched: false,
            taken: 0,
            closed: false,
            alarm: None,
            signal: None,
        };
        let (inner, news, len) = (Mutex::new(inner), Condvar::new(), AtomicUsize::new(0));
        Mailbox { inner, gate: None, news, len, margin: AtomicUsize::new(0) }
    }

    /// An empty one, with a gate: when it may open, [`Mailbox::let_go`] is to be called.
    pub fn with_gate(gate: Gate<T>) -> Mailbox<T, U> {
        Mailbox { gate: Some(gate), ..Mailbox::new() }
    }

    fn changed(&self, inner: &mut MutexGuard<'_, Inner<T, U>>) {
        if let Some(gate) = &self.gate {
            inner.held = inner.items.front().is_some_and(|first| !gate(first));
        }
        self.len.store(inner.len(), SeqCst);
        inner.show();
        if inner.has_some() || inner.closed {
            self.news.notify_one();
        }
    }

    /// Whether something seems to be in it.
    #[inline]
    pub fn seems_filled(&self) -> bool {
        self.len.load(SeqCst) > 0
    }

    /// Puts something at the end; true when it is the first there is.
    pub fn push(&self, item: T) -> bool {
        let mut inner = self.inner.lock();
        inner.items.push_back(item);
        self.changed(&mut inner);
        inner.len() == 1 && !inner.batched
    }

    /// Puts something before all that is not urgent.
    pub fn push_urgent(&self, item: U) {
        let mut inner = self.inner.lock();
        inner.urgent.push_back(item);
        self.changed(&mut inner);
    }

    /// Makes sure that so many fit, so that a push cannot fail.
    pub fn reserve(&self, count: usize) -> Result<()> {
        let mut inner = self.inner.lock();
        let more = count.saturating_sub(inner.items.len());
        inner.items.try_reserve(more).map_err(|_| ErrorCode::OutOfMemory.into())
    }

    /// Takes the first that is urgent.
    pub fn pop_urgent(&self) -> Option<U> {
        let mut inner = self.inner.lock();
        let item = inner.urgent.pop_front();
        self.changed(&mut inner);
        item
    }

    /// Something is about to be added that may come here twice before it ends, as what was added
    /// before and has not ended may: makes room for all of it, so that a push cannot fail. That is
    /// looked after once in so many adds.
    #[inline]
    pub fn promise(&self, unfinished: impl FnOnce() -> usize) -> Result<()> {
        let margin = self.margin.load(Relaxed);
        let spent = |left| self.margin.compare_exchange(left, left - 1, Relaxed, Relaxed).is_ok();
        if margin > 0 && spent(margin) {
            return Ok(());
        }
        self.make_room(unfinished())
    }

    #[cold]
    fn make_room(&self, unfinished: usize) -> Result<()> {
        let mut inner = self.inner.lock();
        let room = 2 * (unfinished + STEP) + inner.taken;
        inner.items.try_reserve(room).map_err(|_| ErrorCode::OutOfMemory)?;
        if self.gate.is_some() {
            inner.urgent.try_reserve(unfinished + STEP).map_err(|_| ErrorCode::OutOfMemory)?;
        }
        self.margin.store(STEP - 1, Relaxed);
        Ok(())
    }

    /// Takes the first that is not urgent, if `may` it be taken.
    pub fn pop_if(&self, may: impl FnOnce(&T) -> bool) -> Option<T> {
        let mut inner = self.inner.lock();
        let item = if may(inner.items.front()?) { inner.items.pop_front() } else { None };
        self.changed(&mut inner);
        item
    }

    /// Takes up to `most` of what is not urgent.
    pub fn take(&self, most: usize) -> Vec<T> {
        let mut items = Vec::new();
        let mut inner = self.inner.lock();
        let count = most.min(inner.items.len());
        if items.try_reserve_exact(count).is_ok() {
            items.extend(inner.items.drain(..count));
        }
        self.changed(&mut inner);
        items
    }

    /// Gives room back, but for so many as are said under the lock.
    pub fn shrink(&self, to: impl FnOnce() -> usize) {
        let mut inner = self.inner.lock();
        memory::shrink(&mut inner.items, to());
    }

    /// Takes all that is not urgent, or as much as `into` has room for. Until [`Mailbox::begun`] is
    /// called it counts as still there, if it is more than one.
    pub fn take_all(&self, into: &mut VecDeque<T>) {
        let mut inner = self.inner.lock();
        // The room here stays here, since more may come than can be asked for then.
        move_what_fits(&mut inner.items, into);
        inner.batched = into.len() > 1;
        inner.taken = into.len();
        self.changed(&mut inner);
    }

    /// All that was taken at once is begun.
    pub fn begun(&self) {
        let mut inner = self.inner.lock();
        inner.batched = false;
        self.changed(&mut inner);
    }

    /// Puts back, before all else, what was taken and not used.
    pub fn put_back(&self, from: &mut VecDeque<T>) {
        if from.is_empty() {
            return;
        }
        let mut inner = self.inner.lock();
        inner.batched = false;
        inner.taken = 0;
        from.drain(..).rev().for_each(|item| inner.items.push_front(item));
        self.changed(&mut inner);
    }

    /// What the gate looks at has changed.
    pub fn let_go(&self) {
        let mut inner = self.inner.lock();
        self.changed(&mut inner);
    }

    /// Keeps of what is not urgent only what `keep` says.
    pub fn retain(&self, keep: impl FnMut(&mut T) -> bool) {
        let mut inner = self.inner.lock();
        inner.items.retain_mut(keep);
        self.changed(&mut inner);
    }

    /// How much is in it.
    pub fn len(&self) -> usize {
        self.inner.lock().len()
    }

    /// From now on an alarm is set for that moment, and no other.
    pub fn set_alarm(&self, alarm: Option<u64>) {
        let mut inner = self.inner.lock();
        if inner.alarm == alarm {
            return;
        }
        inner.alarm = alarm;
        inner.show();
        // Everybody who waits reckons with the old one.
        self.news.notify_all();
    }

    /// Nothing comes any more: who waits is told.
    pub fn close(&self) {
        let mut inner = self.inner.lock();
        inner.closed = true;
        inner.show();
        self.news.notify_all();
    }

    /// Waits until there is something to do, at most until the deadline (`Some(0)`: only looks).
    pub fn wait(&self, deadline: Option<u64>) -> News {
        let mut inner = self.inner.lock();
        loop {
            if inner.has_some() {
                return News::Items;
            }
            if inner.closed {
                return News::Closed;
            }
            let alarm = inner.alarm;
            if alarm.is_some_and(|alarm| clock::until(alarm).is_none()) {
                return News::Alarm;
            }
            let until = match (deadline, alarm) {
                (Some(deadline), Some(alarm)) => Some(deadline.min(alarm)),
                (one, other) => one.or(other),
            };
            inner = match until.map(clock::until) {
                None => self.news.wait(inner),
                Some(Some(left)) => self.news.wait_for(inner, left),
                Some(None) => return News::TimeOver,
            };
        }
    }

    /// The descriptor, made when it is first asked for; with an alarm, if there will be any.
    pub fn fd(&self, with_alarm: bool) -> Result<RawFd> {
        let mut inner = self.inner.lock();
        if inner.signal.is_none() {
            let made = Signal::new(with_alarm);
            inner.signal = Some(made.map_err(|error| {
                let text = words!("no file descriptor could be made: {error}");
                Error::new(ErrorCode::System, text)
            })?);
            inner.show();
        }
        Ok(inner.signal.as_ref().map_or(-1, Signal::fd))
    }
}
