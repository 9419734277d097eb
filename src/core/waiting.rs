//! Waiting rooms: where threads wait for a task's end, or sleep as a task.
//!
//! A record has one room, by its index. Its word's WAITED bit says that somebody is there; it is
//! set and cleared under the room's lock alone. The hand-off: who waits sets the bit by a step that
//! fails when what it waits for is there already, and lets go of the lock only by waiting; who
//! makes it happen does so by a step on the same word, and if the bit was set takes the lock
//! before it tells. So the news cannot fall between the look and the sleep.
//!
//! A thread that waits keeps the record: it is not freed while the bit is set.

use super::Core;
use super::stop::no_such;
use super::word::Snapshot;
use crate::clock;
use crate::sync::{Condvar, Mutex, MutexGuard};
use crate::{Result, TaskId};
use std::task::Waker;

/// How many rooms a scheduler has.
const ROOMS: usize = 64;

/// Who is in a room.
#[derive(Debug, Default)]
pub struct Guests {
    /// For each record, how many threads.
    threads: Vec<(u32, u32)>,
    /// Async tasks that want to be woken, with the record that they wait for.
    wakers: Vec<(u32, Waker)>,
}

#[derive(Debug, Default)]
struct Room {
    guests: Mutex<Guests>,
    news: Condvar,
}

/// See the module.
#[derive(Debug)]
pub struct Rooms(Box<[Room]>);

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// With what it waited for; the record is kept until it has been looked at.
    Came,
    /// It was over before; nothing keeps the record.
    Before,
    /// With its time over.
    TimeOver,
}

impl Rooms {
    /// Empty ones.
    pub fn new() -> Rooms {
        Rooms((0..ROOMS).map(|_| Room::default()).collect())
    }

    fn of(&self, index: u32) -> &Room {
        &self.0[index as usize % ROOMS]
    }

    /// Guards the extra of a task that has not ended.
    pub fn lock(&self, index: u32) -> MutexGuard<'_, Guests> {
        self.of(index).guests.lock()
    }

    /// Tells everybody who is there for this record. After the step that they wait for.
    #[cold]
    fn tell(&self, index: u32) -> Vec<(u32, Waker)> {
        let room = self.of(index);
        let wakers = {
            let mut guests = room.guests.lock();
            guests.wakers.extract_if(.., |waker| waker.0 == index).collect()
        };
        room.news.notify_all();
        wakers
    }
}

impl Guests {
    fn come(&mut self, index: u32) {
        match self.threads.iter_mut().find(|guest| guest.0 == index) {
            Some(guest) => guest.1 += 1,
            None => self.threads.push((index, 1)),
        }
    }

    fn leave(&mut self, index: u32) {
        if let Some(at) = self.threads.iter().position(|guest| guest.0 == index) {
            self.threads[at].1 -= 1;
            if self.threads[at].1 == 0 {
                self.threads.swap_remove(at);
            }
        }
    }

    /// Whether nobody is here for this record.
    fn is_empty(&self, index: u32) -> bool {
        self.threads.iter().all(|guest| guest.0 != index)
            && self.wakers.iter().all(|waker| waker.0 != index)
    }
}

impl Core {
    /// Waits for the end of the task of this generation, until the deadline, and lets `look` see
    /// the record, while it is still kept if there was something to wait for. None when there is no such task.
    pub fn wait_end<R>(
        &self,
        index: u32,
        generation: u64,
        deadline: Option<u64>,
        look: impl FnOnce(Snapshot, Waited) -> R,
    ) -> Option<R> {
        let word = &self.records.get(index)?.word;
        let room = self.rooms.of(index);
        let mut guests = room.guests.lock();
        match word.wait_for_end(generation) {
            // Not ended: it cannot be freed before we leave.
            Ok(()) => guests.come(index),
            Err(now) if now.is_held(generation) => {
                drop(guests);
                return Some(look(now, Waited::Before));
            }
            Err(_) => return None,
        }
        let waited = loop {
            if word.load().is_final() {
                break Waited::Came;
            }
            guests = match deadline {
                None => room.news.wait(guests),
                Some(deadline) => match clock::until(deadline) {
                    Some(left) => room.news.wait_for(guests, left),
                    None => break Waited::TimeOver,
                },
            };
        };
        drop(guests);
        let out = look(word.load(), waited);
        self.leave_room(room.guests.lock(), index);
        Some(out)
    }

    /// Sleeps as the running task, until the deadline; true when it was told to stop.
    pub fn sleep(&self, index: u32, deadline: Option<u64>) -> bool {
        let word = &self.records.at(index).word;
        let room = self.rooms.of(index);
        let mut guests = room.guests.lock();
        guests.come(index);
        let told = loop {
            if !word.wait_for_stop() {
                break true;
            }
            guests = match deadline {
                None => room.news.wait(guests),
                Some(deadline) => match clock::until(deadline) {
                    Some(left) => room.news.wait_for(guests, left),
                    None => break false,
                },
            };
        };
        self.leave_room(guests, index);
        told
    }

    fn leave_room(&self, mut guests: MutexGuard<'_, Guests>, index: u32) {
        guests.leave(index);
        self.tidy_room(guests, index);
    }

    /// Takes the mark away from a record that nobody waits for any more.
    fn tidy_room(&self, guests: MutexGuard<'_, Guests>, index: u32) {
        if guests.is_empty(index) {
            let garbage = self.records.at(index).word.stop_waiting().is_garbage();
            drop(guests);
            if garbage {
                self.bury(index, &mut self.visitor());
            }
        }
    }

    /// Tells everybody who waits for this record, or sleeps as its task. After the step that they
    /// wait for.
    #[cold]
    pub(super) fn tell(&self, index: u32) {
        let ended = self.records.at(index).word.load().is_final();
        let wakers = self.rooms.tell(index);
        if wakers.is_empty() {
            return;
        }
        if !ended {
            // Told to stop, but they wait for the end.
            self.rooms.of(index).guests.lock().wakers.extend(wakers);
            // It may have come meanwhile.
            if !self.records.at(index).word.load().is_final() {
                return;
            }
            return self.tell(index);
        }
        self.tidy_room(self.rooms.of(index).guests.lock(), index);
        wakers.into_iter().for_each(|(_, waker)| waker.wake());
    }

    /// Wakes `waker` when a task has ended. True when it has ended already.
    pub fn listen(&self, id: TaskId, waker: Waker) -> Result<bool> {
        let (index, generation, record) = self.locate(id).ok_or_else(|| no_such(id))?;
        let word = &record.word;
        let mut guests = self.rooms.of(index).guests.lock();
        match word.wait_for_end(generation) {
            Ok(()) => {
                guests.wakers.push((index, waker));
                Ok(false)
            }
            Err(now) if now.is_held(generation) => Ok(true),
            Err(_) => Err(no_such(id)),
        }
    }

    /// Takes back what [`Core::listen`] was given, if it was not woken.
    pub fn unlisten(&self, id: TaskId, waker: &Waker) {
        let Some((index, ..)) = self.locate(id) else { return };
        let mut guests = self.rooms.of(index).guests.lock();
        let before = guests.wakers.len();
        guests.wakers.retain(|(its, other)| *its != index || !other.will_wake(waker));
        if guests.wakers.len() != before {
            self.tidy_room(guests, index);
        }
    }
}
