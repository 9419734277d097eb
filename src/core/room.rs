//! A waiting room: where threads wait for a task's end, or sleep as a task.
//!
//! A word's WAITED bit says that somebody is there for it; it is set and cleared under the room's
//! lock alone. The hand-off: who waits sets the bit by a step on the word, looks at the word after
//! that, and lets go of the lock only by waiting; who makes it happen does so by a step on the same
//! word, and if the bit was set takes the lock before it tells. So the news cannot fall between the
//! look and the sleep.
//!
//! A thread that waits keeps the record: it is not freed while the bit is set. Of a task that has ended it
//! is set under history's lock alone, so that a record which nobody waits for is let go without a
//! read-modify-write. Lock order: history, then a room.

use super::word::{Snapshot, Wait, Word};
use crate::clock;
use crate::sync::{Condvar, Mutex, MutexGuard};
use std::task::Waker;

/// Who is in a room.
#[derive(Debug, Default)]
pub struct Guests {
    /// For each record, how many threads.
    threads: Vec<(u32, u32)>,
    /// Async tasks that want to be woken, with the record that they wait for.
    wakers: Vec<(u32, Waker)>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Room {
    guests: Mutex<Guests>,
    news: Condvar,
}

/// Who is to be woken.
#[derive(Debug, Default)]
pub struct Wakers {
    all: Vec<Waker>,
    /// Without memory for all: then there may be others.
    one: Option<Waker>,
}

impl Wakers {
    /// Wakes them; false where there may be others.
    pub fn wake(self) -> bool {
        let all = self.one.is_none();
        self.all.into_iter().chain(self.one).for_each(Waker::wake);
        all
    }
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// With what it waited for.
    Came,
    /// With its time over.
    TimeOver,
}

impl Room {
    /// Takes the lock.
    pub fn lock(&self) -> MutexGuard<'_, Guests> {
        self.guests.lock()
    }

    /// Tells everybody who is there. After the step that they wait for. Wakers are only given back,
    /// to be woken, when the record's task has ended; with them comes whether the record is garbage
    /// now.
    #[cold]
    pub fn tell(&self, word: &Word, index: u32) -> (Wakers, bool) {
        let mut guests = self.guests.lock();
        let mut wakers = Wakers::default();
        let mut garbage = false;
        // Asked under the lock: who waited may have left before, and the record be another task's,
        // with other guests.
        if word.load().is_final() && guests.give_wakers(index, &mut wakers) {
            garbage = guests.tidy(word, index);
        }
        drop(guests);
        self.news.notify_all();
        (wakers, garbage)
    }

    /// Wakes `waker` when the task of this generation has ended. True when it has ended already;
    /// none when there is no such task.
    pub fn listen(&self, word: &Word, index: u32, generation: u64, waker: Waker) -> Option<bool> {
        let mut guests = self.guests.lock();
        match word.wait_for_end(generation) {
            Wait::Gone => None,
            Wait::Ended => Some(true),
            Wait::Begun => {
                guests.wakers.push((index, waker));
                Some(false)
            }
        }
    }

    /// Takes back what [`Room::listen`] was given, if it was not woken; whether the record is
    /// garbage now.
    pub fn unlisten(&self, word: &Word, index: u32, waker: &Waker) -> bool {
        let mut guests = self.guests.lock();
        let before = guests.wakers.len();
        guests.wakers.retain(|(its, other)| *its != index || !other.will_wake(waker));
        guests.wakers.len() != before && guests.tidy(word, index)
    }

    /// Waits for the end of the task of this generation, until the deadline, and lets `look` see it
    /// while it is still kept; `history` takes the lock of that. None when there is no such task. With
    /// the answer comes whether the record is garbage now, by our leaving.
    pub fn wait_end<R, H>(
        &self,
        word: &Word,
        index: u32,
        generation: u64,
        deadline: Option<u64>,
        history: impl FnOnce() -> H,
        look: impl FnOnce(Snapshot, Waited) -> R,
    ) -> Option<(R, bool)> {
        let mut guests = self.guests.lock();
        let waited = match word.wait_for_end(generation) {
            Wait::Gone => return None,
            Wait::Begun => {
                guests.come(index);
                self.stay(guests, word, deadline)
            }
            Wait::Ended => {
                drop(guests);
                let _history = history();
                let mut guests = self.guests.lock();
                if !word.hold_ended(generation) {
                    return None;
                }
                guests.come(index);
                Waited::Came
            }
        };
        // It cannot be freed before we leave.
        let out = look(word.load(), waited);
        Some((out, self.guests.lock().leave(word, index)))
    }

    /// Stays until the end, or the deadline.
    fn stay(
        &self,
        mut guests: MutexGuard<'_, Guests>,
        word: &Word,
        deadline: Option<u64>,
    ) -> Waited {
        loop {
            if word.load().is_final() {
                return Waited::Came;
            }
            guests = match self.wait(guests, deadline) {
                Ok(guests) => guests,
                Err(_) => return Waited::TimeOver,
            };
        }
    }

    /// Sleeps as the running task, until the deadline: whether it was told to stop, and whether the
    /// record is garbage now.
    pub fn sleep(&self, word: &Word, index: u32, deadline: Option<u64>) -> (bool, bool) {
        let mut guests = self.guests.lock();
        guests.come(index);
        loop {
            if !word.wait_for_stop() {
                return (true, guests.leave(word, index));
            }
            guests = match self.wait(guests, deadline) {
                Ok(guests) => guests,
                Err(mut guests) => return (false, guests.leave(word, index)),
            };
        }
    }

    /// Waits for news; fails when the deadline has passed.
    fn wait<'a>(
        &self,
        guests: MutexGuard<'a, Guests>,
        deadline: Option<u64>,
    ) -> Result<MutexGuard<'a, Guests>, MutexGuard<'a, Guests>> {
        match deadline.map(clock::until) {
            None => Ok(self.news.wait(guests)),
            Some(Some(left)) => Ok(self.news.wait_for(guests, left)),
            Some(None) => Err(guests),
        }
    }
}

impl Guests {
    /// The wakers of a record, as many as there is memory for, but one at least; false if there is none.
    fn give_wakers(&mut self, index: u32, to: &mut Wakers) -> bool {
        let its = |waker: &(u32, Waker)| waker.0 == index;
        let Some(first) = self.wakers.iter().position(its) else { return false };
        let count = self.wakers.iter().filter(|waker| its(waker)).count();
        match to.all.try_reserve_exact(count) {
            Ok(()) => {
                let all = self.wakers.extract_if(.., |waker| its(waker));
                to.all.extend(all.map(|(_, waker)| waker));
            }
            Err(_) => to.one = Some(self.wakers.remove(first).1),
        }
        true
    }

    fn come(&mut self, index: u32) {
        match self.threads.iter_mut().find(|guest| guest.0 == index) {
            Some(guest) => guest.1 += 1,
            None => self.threads.push((index, 1)),
        }
    }

    /// True when the record is garbage, now that nobody is left for it.
    fn leave(&mut self, word: &Word, index: u32) -> bool {
        let Some(at) = self.threads.iter().position(|guest| guest.0 == index) else { return false };
        self.threads[at].1 -= 1;
        if self.threads[at].1 == 0 {
            self.threads.swap_remove(at);
        }
        self.tidy(word, index)
    }

    /// Takes the mark away from a word that nobody waits for; true when its record is garbage now.
    fn tidy(&mut self, word: &Word, index: u32) -> bool {
        self.threads.iter().all(|guest| guest.0 != index)
            && self.wakers.iter().all(|waker| waker.0 != index)
            && word.stop_waiting().is_garbage()
    }
}
