//! Where one worker sleeps until it is told a part.

use super::idle::Part;
use crate::sync::{Condvar, Mutex};
use std::time::Duration;

/// See the module. A part that was told and not yet heard is kept.
///
/// Who tells it may be slow, so two can arrive in another order than they were decided in. That can
/// only be when the first is to stand sentry, which the second ends: so that one never takes the place
/// of another, and who hears it asks whether it still holds ([`super::idle::Idle::is_sentry`]).
#[derive(Debug)]
pub struct Parker {
    told: Mutex<Option<Part>>,
    news: Condvar,
}

impl Parker {
    /// Nothing told.
    pub fn new() -> Parker {
        Parker { told: Mutex::new(None), news: Condvar::new() }
    }

    /// Tells the worker its part, and wakes it.
    pub fn unpark(&self, part: Part) {
        let mut told = self.told.lock();
        if part != Part::Watch || told.is_none() {
            *told = Some(part);
        }
        drop(told);
        self.news.notify_one();
    }

    /// Lets the worker ask for its deadline anew, after what that depends on has changed.
    pub fn reconsider(&self) {
        drop(self.told.lock());
        self.news.notify_one();
    }

    /// Sleeps until a part is told; none when the deadline (monotonic nanoseconds) passed before.
    /// It is asked for at every wake: see [`Parker::reconsider`].
    pub fn park(&self, deadline: impl Fn() -> Option<u64>) -> Option<Part> {
        let mut told = self.told.lock();
        loop {
            if let Some(part) = told.take() {
                return Some(part);
            }
            told = match deadline() {
                None => self.news.wait(told),
                Some(deadline) => match crate::clock::until(deadline) {
                    Some(left) => self.news.wait_for(told, left),
                    None => return None,
                },
            };
        }
    }

    /// Naps; the part, if one is told meanwhile.
    pub fn nap(&self, time: Duration) -> Option<Part> {
        let mut told = self.told.lock();
        if told.is_none() {
            told = self.news.wait_for(told, time);
        }
        told.take()
    }
}
