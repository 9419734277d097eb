//! A waiting room: where threads wait for a task's end, or sleep as a task.
//!
//! A word's WAITED bit says that somebody is there for it; it is set and cleared under the room's
//! lock alone. The hand-off: who waits sets the bit by a step on the word, looks at the word after
//! that, and lets go of the lock only by waiting; who makes it happen does so by a step on the same
//! word, and if the bit was set takes the lock before it tells. So the news cannot fall between the
//! look and the sleep.
//!
//! A thread that waits keeps the record: it is not freed while the bit is set.

use super::word::{Snapshot, Word};
use crate::clock;
use crate::sync::{Condvar, Mutex, MutexGuard};

/// Who is in a room: for each record, how many threads.
pub type Guests = Vec<(u32, u32)>;

/// See the module.
#[derive(Debug, Default)]
pub struct Room {
    guests: Mutex<Guests>,
    news: Condvar,
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

    /// Tells everybody who is there. After the step that they wait for.
    #[cold]
    pub fn tell(&self) {
        drop(self.guests.lock());
        self.news.notify_all();
    }

    /// Waits for the end of the task of this generation, until the deadline, and lets `look` see it
    /// while it is still kept. None when there is no such task. With the answer comes whether the
    /// record is garbage now, by our leaving.
    pub fn wait_end<R>(
        &self,
        word: &Word,
        index: u32,
        generation: u64,
        deadline: Option<u64>,
        look: impl FnOnce(Snapshot, Waited) -> R,
    ) -> Option<(R, bool)> {
        let mut guests = self.guests.lock();
        if !word.wait_for_end(generation) {
            return None;
        }
        // From here on it cannot be freed before we leave, even if it has ended.
        come(&mut guests, index);
        let (guests, waited) = loop {
            if word.load().is_final() {
                break (guests, Waited::Came);
            }
            guests = match self.wait(guests, deadline) {
                Ok(guests) => guests,
                Err(guests) => break (guests, Waited::TimeOver),
            };
        };
        drop(guests);
        let out = look(word.load(), waited);
        Some((out, leave(&mut self.guests.lock(), word, index)))
    }

    /// Sleeps as the running task, until the deadline: whether it was told to stop, and whether the
    /// record is garbage now.
    pub fn sleep(&self, word: &Word, index: u32, deadline: Option<u64>) -> (bool, bool) {
        let mut guests = self.guests.lock();
        come(&mut guests, index);
        loop {
            if !word.wait_for_stop() {
                return (true, leave(&mut guests, word, index));
            }
            guests = match self.wait(guests, deadline) {
                Ok(guests) => guests,
                Err(mut guests) => return (false, leave(&mut guests, word, index)),
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

fn come(guests: &mut Guests, index: u32) {
    match guests.iter_mut().find(|guest| guest.0 == index) {
        Some(guest) => guest.1 += 1,
        None => guests.push((index, 1)),
    }
}

/// True when the record is garbage, now that nobody is left for it.
fn leave(guests: &mut Guests, word: &Word, index: u32) -> bool {
    let Some(at) = guests.iter().position(|guest| guest.0 == index) else { return false };
    guests[at].1 -= 1;
    if guests[at].1 > 0 {
        return false;
    }
    guests.swap_remove(at);
    word.stop_waiting().is_garbage()
}
