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
use super::slab::NIL;
use super::word::Snapshot;
use crate::clock;
use crate::sync::{Condvar, Mutex, MutexGuard};

/// How many rooms a scheduler has.
const ROOMS: usize = 64;

/// Who is in a room: for each record, how many threads.
type Guests = Vec<(u32, u32)>;

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
    pub fn tell(&self, index: u32) {
        let room = self.of(index);
        drop(room.guests.lock());
        room.news.notify_all();
    }
}

fn come(guests: &mut Guests, index: u32) {
    match guests.iter_mut().find(|guest| guest.0 == index) {
        Some(guest) => guest.1 += 1,
        None => guests.push((index, 1)),
    }
}

/// True when nobody is left for this record.
fn leave(guests: &mut Guests, index: u32) -> bool {
    let at = guests.iter().position(|guest| guest.0 == index).unwrap_or(NIL as usize);
    guests[at].1 -= 1;
    let last = guests[at].1 == 0;
    if last {
        guests.swap_remove(at);
    }
    last
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
            Ok(()) => come(&mut guests, index),
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
        come(&mut guests, index);
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
        if leave(&mut guests, index) {
            let garbage = self.records.at(index).word.stop_waiting().is_garbage();
            drop(guests);
            if garbage {
                self.bury(index, &mut self.visitor());
            }
        }
    }
}
