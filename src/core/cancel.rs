//! How pending tasks are cancelled: one, or all that are queued under a name.

use super::Core;
use super::evicted::{forget_name, remember_name};
use super::names::check_name;
use super::slab::NIL;
use super::word::{Cause, Snapshot};
use crate::Result;
use crate::canary::Canary;
use crate::kinds::Kind;
use crate::platform::annotate;
use crate::sync::atomic::Ordering::*;
use std::sync::Arc;

/// Tasks that are to be cancelled: a few at least, whatever memory there is.
#[derive(Debug, Default)]
struct Noted {
    few: [Option<(u32, Snapshot)>; 16],
    count: usize,
    more: Vec<(u32, Snapshot)>,
    /// There was no memory for all.
    lost: bool,
}

impl Noted {
    fn push(&mut self, index: u32, seen: Snapshot) {
        if let Some(place) = self.few.get_mut(self.count) {
            *place = Some((index, seen));
            self.count += 1;
        } else if self.more.try_reserve(1).is_ok() {
            self.more.push((index, seen));
        } else {
            self.lost = true;
        }
    }

    fn each(self) -> impl Iterator<Item = (u32, Snapshot)> {
        self.few.into_iter().flatten().chain(self.more)
    }
}

impl Core {
    /// Stops a task if it is pending and has this word; false if it had changed. From that step on
    /// its lane is remembered for its name: its owner may find the task dead at once, and the lane
    /// empty.
    pub(super) fn cancel_if(self: &Arc<Self>, index: u32, seen: Snapshot, cause: Cause) -> bool {
        if Canary::RunAfterCancel.sings() {
            return true;
        }
        let record = self.records.at(index);
        let lane = record.lane.load(Relaxed);
        let counted = lane != NIL && self.lanes.at(lane).is_counted();
        let cancelled = {
            // Counted before the lane can be found at rest, and its count be started anew.
            let door = counted.then(|| self.inlets[self.lanes.at(lane).inlet()].lock());
            let _history = self.lock_history();
            // A claim that is cancelled is finished by another thread.
            annotate::release(record);
            let cancelled = record.word.cancel_pending(seen, cause);
            if cancelled {
                remember_name(&self.lanes, lane);
                if door.is_some() && self.lanes.at(lane).is_counted() {
                    self.lanes.at(lane).count_left();
                }
            }
            cancelled
        };
        if cancelled {
            self.end_pending(index);
        }
        cancelled
    }

    /// Cancels what is queued under a name; how many.
    pub fn cancel_queued(self: &Arc<Self>, kind: Kind, name: &[u8]) -> Result<usize> {
        check_name(name)?;
        let hash = self.hash(name);
        let lane = {
            let door = self.inlets[Core::inlet_of(hash)].lock();
            let lane = door.find(hash, kind, name);
            self.remember(lane);
            lane
        };
        Ok(lane.map_or(0, |lane| self.cancel_lane(lane)))
    }

    /// Keeps a lane from being swept and used anew, until [`Core::cancel_lane`] has done its work.
    /// Under the inlet's lock.
    pub(super) fn remember(&self, lane: Option<u32>) {
        if let Some(lane) = lane {
            let _history = self.lock_history();
            remember_name(&self.lanes, lane);
        }
    }

    /// Cancels the pending tasks of a lane that was remembered for this.
    pub(super) fn cancel_lane(self: &Arc<Self>, lane: u32) -> usize {
        let cancelled = self.cancel_pending_of(lane);
        let _history = self.lock_history();
        forget_name(&self.lanes, lane);
        cancelled
    }

    pub(super) fn cancel_pending_of(self: &Arc<Self>, lane: u32) -> usize {
        let mut cancelled = 0;
        // More than once only where there was no memory to note all of them.
        loop {
            let (count, all) = self.cancel_some_of(lane);
            cancelled += count;
            if all {
                return cancelled;
            }
        }
    }

    /// Cancels pending tasks of a lane; how many, and whether those were all.
    fn cancel_some_of(self: &Arc<Self>, lane: u32) -> (usize, bool) {
        let its = self.lanes.at(lane);
        let mut victims = Noted::default();
        {
            let _door = self.inlets[its.inlet()].lock();
            let mut index = its.first();
            while index != NIL {
                let record = self.records.at(index);
                let seen = record.word.load();
                if seen.is_startable() {
                    victims.push(index, seen);
                }
                index = record.link.load(Relaxed);
            }
        }
        let taken = self.taken_of(lane, |_| ());
        let all = !taken.lost && !victims.lost;
        let both = taken.each().chain(victims.each());
        (both.filter(|(index, seen)| self.cancel_if_still(*index, *seen)).count(), all)
    }

    /// What the owner took and has not started, from the front of the line: it may start some while we look,
    /// and what has left may be the record of a later task by then, which hangs elsewhere. So each has to be
    /// led to by one that is still in the line, or by the owner's next one; else all begins anew. `at` is
    /// called with each before it is looked at.
    fn taken_of(&self, lane: u32, mut at: impl FnMut(u32)) -> Noted {
        let its = self.lanes.at(lane);
        let mut taken = Noted::default();
        let mut before: Option<(u32, u64)> = None;
        let mut index = its.taken().load(Acquire);
        while index != NIL {
            at(index);
            let record = self.records.at(index);
            let seen = record.word.load();
            let next = record.link.load(Acquire);
            let here = record.lane.load(Relaxed) == lane;
            let now = record.word.load();
            let led_here = match before {
                None => its.taken().load(Acquire) == index,
                Some((before, generation)) => {
                    let word = self.records.at(before).word.load();
                    word.generation() == generation && word.is_linked()
                }
            };
            let same = here && now.generation() == seen.generation() && now.is_linked();
            if !led_here || !same {
                let again = its.taken().load(Acquire);
                if again == index {
                    std::hint::spin_loop();
                }
                (index, before, taken) = (again, None, Noted::default());
                continue;
            }
            if now.is_startable() {
                taken.push(index, now);
            }
            (index, before) = (next, Some((index, now.generation())));
        }
        taken
    }

    pub(super) fn cancel_if_still(self: &Arc<Self>, index: u32, mut seen: Snapshot) -> bool {
        let generation = seen.generation();
        let word = &self.records.at(index).word;
        while seen.generation() == generation && seen.is_startable() {
            if self.cancel_if(index, seen, Cause::Force) {
                return true;
            }
            seen = word.load();
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::add::{NewTask, To};
    use crate::core::generations::task;
    use crate::core::inlet::Item;

    fn named() -> NewTask<'static> {
        NewTask { to: To::Name(b"name"), ..task() }
    }

    #[test]
    fn a_walk_misses_none_where_a_record_is_used_again() {
        let core = Arc::new(Core::new(0, 0).unwrap());
        let index = |id: crate::TaskId| core.locate(id).unwrap().0;
        let first = index(core.add(&mut named()).unwrap().id);
        let rest = [(); 3].map(|()| index(core.add(&mut named()).unwrap().id));
        let mut item = [Item::task(0)];
        assert_eq!(core.take_ready(0, &mut item), 1);
        let lane = item[0].split().unwrap();
        let mut seat = core.visitor();
        let mut looked_at = 0;
        let noted = core.taken_of(lane, |at| {
            looked_at += 1;
            if looked_at > 1 {
                return;
            }
            // Just before it is looked at, it runs, and comes round as a later task of the lane.
            assert_eq!(at, first);
            let claim = core.next_of(lane, &mut seat).unwrap();
            assert!(core.end(claim, 0, &mut seat).is_final());
            while index(core.add(&mut named()).unwrap().id) != first {}
        });
        let noted: Vec<u32> = noted.each().map(|(index, _)| index).collect();
        assert_eq!(noted, rest);
    }
}
