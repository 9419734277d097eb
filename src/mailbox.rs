//! A queue that somebody takes from: it can be waited for, and seen by an event loop through a file
//! descriptor.
//!
//! What always holds, under its lock: the descriptor is readable, and nobody sleeps, while there is
//! something that may be taken. Who puts something in does so under the lock and tells before it
//! lets go; who waits looks under the lock and lets go of it only by sleeping. So no news falls
//! between the look and the sleep.
//!
//! No other lock of ours is taken under this one.

use crate::Result;
use crate::clock;
use crate::platform::signal::Signal;
use crate::sync::atomic::{AtomicUsize, Ordering::*};
use crate::sync::{Condvar, Mutex, MutexGuard};
use crate::{Error, ErrorCode};
use std::collections::VecDeque;
use std::os::fd::RawFd;

/// See the module.
#[derive(Debug)]
pub struct Mailbox<T> {
    inner: Mutex<Inner<T>>,
    news: Condvar,
    /// How much is in it: a hint for who looks without the lock.
    len: AtomicUsize,
}

#[derive(Debug)]
struct Inner<T> {
    items: VecDeque<T>,
    /// What is there may not be taken for now.
    held: bool,
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

impl<T> Inner<T> {
    fn has_some(&self) -> bool {
        !self.items.is_empty() && !self.held
    }

    /// Makes the descriptor say what holds now.
    fn show(&mut self) {
        let some = self.has_some() || self.closed;
        if let Some(signal) = &mut self.signal {
            signal.set(some, self.alarm);
        }
    }
}

impl<T> Mailbox<T> {
    /// An empty one.
    pub fn new() -> Mailbox<T> {
        let inner =
            Inner { items: VecDeque::new(), held: false, closed: false, alarm: None, signal: None };
        Mailbox { inner: Mutex::new(inner), news: Condvar::new(), len: AtomicUsize::new(0) }
    }

    fn changed(&self, inner: &mut MutexGuard<'_, Inner<T>>) {
        self.len.store(inner.items.len(), SeqCst);
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
        inner.items.len() == 1
    }

    /// Puts something before all else, whether that may be taken or not.
    pub fn push_first(&self, item: T) {
        let mut inner = self.inner.lock();
        inner.items.push_front(item);
        inner.held = false;
        self.changed(&mut inner);
    }

    /// Makes sure that so many fit, so that a push cannot fail.
    pub fn reserve(&self, count: usize) -> Result<()> {
        let mut inner = self.inner.lock();
        let more = count.saturating_sub(inner.items.len());
        inner.items.try_reserve(more).map_err(|_| ErrorCode::OutOfMemory.into())
    }

    /// Takes the first, if `may` it be taken; if not, the rest is held until [`Mailbox::let_go`].
    pub fn pop_if(&self, may: impl FnOnce(&T) -> bool) -> Option<T> {
        let mut inner = self.inner.lock();
        let first = inner.items.front()?;
        inner.held = !may(first);
        let item = if inner.held { None } else { inner.items.pop_front() };
        self.changed(&mut inner);
        item
    }

    /// Takes up to `most` from the front.
    pub fn take(&self, most: usize) -> Vec<T> {
        let mut inner = self.inner.lock();
        let count = most.min(inner.items.len());
        let items = inner.items.drain(..count).collect();
        if inner.items.is_empty() {
            inner.items.shrink_to(1024);
        }
        self.changed(&mut inner);
        items
    }

    /// Takes all of it; `into` is empty, and its room is used next.
    pub fn take_all(&self, into: &mut VecDeque<T>) {
        let mut inner = self.inner.lock();
        std::mem::swap(&mut inner.items, into);
        self.changed(&mut inner);
    }

    /// Puts back, before all else, what was taken and not used.
    pub fn put_back(&self, from: &mut VecDeque<T>) {
        if from.is_empty() {
            return;
        }
        let mut inner = self.inner.lock();
        from.append(&mut inner.items);
        std::mem::swap(&mut inner.items, from);
        self.changed(&mut inner);
    }

    /// What is there may be taken, or may be looked at again.
    pub fn let_go(&self) {
        let mut inner = self.inner.lock();
        inner.held = false;
        self.changed(&mut inner);
    }

    /// Keeps of what is in it only what `keep` says.
    pub fn retain(&self, keep: impl FnMut(&mut T) -> bool) {
        let mut inner = self.inner.lock();
        inner.items.retain_mut(keep);
        self.changed(&mut inner);
    }

    /// How much is in it.
    pub fn len(&self) -> usize {
        self.inner.lock().items.len()
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
                let text = format!("no file descriptor could be made: {error}");
                Error::new(ErrorCode::System, text)
            })?);
            inner.show();
        }
        Ok(inner.signal.as_ref().map_or(-1, Signal::fd))
    }
}
