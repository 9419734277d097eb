//! The waiting rooms of a scheduler. A record has one [`Room`], by its index, and shares it with
//! others.

use super::Core;
use super::room::{Guests, Room, Waited};
use super::stop::no_such;
use super::word::Snapshot;
use crate::platform::annotate;
use crate::sync::MutexGuard;
use crate::{Result, TaskId};
use std::task::Waker;

/// How many rooms a scheduler has.
const ROOMS: usize = 64;

/// See the module.
#[derive(Debug)]
pub struct Rooms(Box<[Room]>);

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
        self.of(index).lock()
    }
}

impl Core {
    /// Waits for the end of the task of this generation, until the deadline, and lets `look` see
    /// the record while it is still kept. None when there is no such task.
    pub fn wait_end<R>(
        &self,
        index: u32,
        generation: u64,
        deadline: Option<u64>,
        look: impl FnOnce(Snapshot, Waited) -> R,
    ) -> Option<R> {
        let record = self.records.get(index)?;
        let (word, room) = (&record.word, self.rooms.of(index));
        let history = || self.lock_history();
        // What we may have to drop is waited for by a shutdown, from before we leave the room.
        let mut dropping = None;
        let look = |word, waited| {
            dropping = record.has_extra().then(|| self.dropping());
            look(word, waited)
        };
        let (out, garbage) = room.wait_end(word, index, generation, deadline, history, look)?;
        if garbage {
            self.bury(index, &mut self.visitor());
        }
        Some(out)
    }

    /// Sleeps as the running task, until the deadline; true when it was told to stop.
    pub fn sleep(&self, index: u32, deadline: Option<u64>) -> bool {
        let word = &self.records.at(index).word;
        let (told, garbage) = self.rooms.of(index).sleep(word, index, deadline);
        if told {
            self.annotate_stopped(index);
        }
        if garbage {
            self.bury(index, &mut self.visitor());
        }
        told
    }

    /// Tells everybody who waits for this record, or sleeps as its task. After the step that they
    /// wait for.
    #[cold]
    pub(super) fn tell(&self, index: u32) {
        let word = &self.records.at(index).word;
        loop {
            let (wakers, garbage) = self.rooms.of(index).tell(word, index);
            if garbage {
                self.bury(index, &mut self.visitor());
            }
            if wakers.wake() || garbage {
                return;
            }
        }
    }

    /// Wakes `waker` when a task has ended. True when it has ended already.
    pub fn listen(&self, id: TaskId, waker: Waker) -> Result<bool> {
        let (index, generation, record) = self.locate(id).ok_or_else(|| no_such(id))?;
        if record.word.load().is_final() && self.has_gone(record, generation) {
            return Err(no_such(id));
        }
        let room = self.rooms.of(index);
        let ended = room.listen(&record.word, index, generation, waker);
        if ended == Some(true) {
            annotate::acquire(record);
        }
        ended.ok_or_else(|| no_such(id))
    }

    /// Takes back what [`Core::listen`] was given, if it was not woken.
    pub fn unlisten(&self, id: TaskId, waker: &Waker) {
        let Some((index, _, record)) = self.locate(id) else { return };
        if self.rooms.of(index).unlisten(&record.word, index, waker) {
            self.bury(index, &mut self.visitor());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::generations::task;
    use crate::core::inlet::Item;
    use crate::core::record::{Extra, Outcome};
    use crate::host::Owned;
    use std::ffi::c_void;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::sync::mpsc::channel;
    use std::{ptr, thread};

    static DROPS: AtomicUsize = AtomicUsize::new(0);

    unsafe extern "C" fn count_drop(_: *mut c_void) {
        DROPS.fetch_add(1, SeqCst);
    }

    #[test]
    fn a_shutdown_drops_the_results_that_only_waiters_keep() {
        let core = Arc::new(Core::new(0, 0).unwrap());
        let owned = Owned::new(ptr::null_mut(), Some(count_drop));
        let result = Some(Outcome { owned, size: 0 });
        let mut new = task();
        new.extra = Some(Box::new(Extra { result, ..Extra::default() }));
        let (index, generation, _) = core.locate(core.add(&mut new).unwrap().id).unwrap();
        let mut seat = core.visitor();
        assert_eq!(core.take_ready(0, &mut [Item::task(0)]), 1);
        let claim = core.start(index, &mut seat).unwrap();
        let (tell, hear) = channel::<()>();
        let waits = {
            let core = core.clone();
            // One that is slow to leave.
            let look = move |_, _| hear.recv().unwrap();
            thread::spawn(move || core.wait_end(index, generation, None, look).unwrap())
        };
        while !core.word(index).is_waited() {
            thread::yield_now();
        }
        // History keeps none.
        core.end(claim, 0, &mut seat);
        core.close();
        assert!(core.wait_everything(None));
        let shutdown = {
            let core = core.clone();
            thread::spawn(move || core.drop_results(None))
        };
        while DROPS.load(SeqCst) == 0 {
            thread::yield_now();
        }
        tell.send(()).unwrap();
        waits.join().unwrap();
        assert!(shutdown.join().unwrap());
        assert_eq!(DROPS.load(SeqCst), 1);
    }
}
