//! The finished tasks that stay readable.
//!
//! The last `maximum_task_info_storage` of them, in the order in which they ended; older ones are
//! let go. While its lock is held no readable record can go away, which is what makes a status a
//! picture of one moment. A task enters before its final state is visible, so that who sees the
//! end also sees the eviction that it caused.

use super::lane::Lane;
use super::record::Record;
use super::slab::{NIL, Slab};
use super::word;
use crate::canary::Canary;
use crate::kinds::State;
use crate::sync::atomic::{AtomicUsize, Ordering::*};
use crate::sync::{Mutex, MutexGuard};
use crate::{ErrorCode, Result, memory};
use std::collections::VecDeque;

/// See the module.
#[derive(Debug)]
pub struct History {
    order: Mutex<VecDeque<u32>>,
    limit: AtomicUsize,
}

/// What one task's end evicted: at most two, so that a lowered limit is reached soon.
#[derive(Debug, Default)]
pub struct Evicted {
    found: [u32; 2],
}

impl Evicted {
    /// The evicted records, which the caller drops and, if they are garbage, frees.
    #[inline]
    pub fn each(self) -> impl Iterator<Item = u32> {
        self.found.into_iter().filter(|index| *index != NIL)
    }
}

impl History {
    /// An empty one.
    pub fn new(limit: usize) -> Result<History> {
        let history = History { order: Mutex::default(), limit: AtomicUsize::new(0) };
        history.set_limit(limit)?;
        Ok(history)
    }

    /// Holds every readable record where it is.
    pub fn lock(&self) -> MutexGuard<'_, VecDeque<u32>> {
        self.order.lock()
    }

    /// How many may stay. Takes the memory for all of them: a task needs none to enter.
    pub fn set_limit(&self, limit: usize) -> Result<()> {
        let mut order = self.order.lock();
        let more = (limit + 1).saturating_sub(order.len());
        order.try_reserve_exact(more).map_err(|_| ErrorCode::OutOfMemory)?;
        self.limit.store(limit, Relaxed);
        Ok(())
    }

    /// A task is about to end.
    #[inline]
    pub fn enter(&self, records: &Slab<Record>, lanes: &Slab<Lane>, index: u32) -> Evicted {
        let record = records.at(index);
        let mut order = self.order.lock();
        let word = record.word.load();
        // One that was cancelled while pending did so then, and one whose lane was released: the lane
        // may have run empty since.
        if word.state() != Some(State::Pending) && !word.is_released() {
            remember_name(lanes, record.lane.load(Relaxed));
        }
        if word.has(word::KEEP | word::REPORTS) {
            record.word.settle();
            return Evicted::default();
        }
        self.put(records, lanes, &mut order, index)
    }

    /// Takes an ended task in. Under its lock.
    #[inline]
    pub fn put(
        &self,
        records: &Slab<Record>,
        lanes: &Slab<Lane>,
        order: &mut VecDeque<u32>,
        index: u32,
    ) -> Evicted {
        let mut evicted = Evicted::default();
        order.push_back(index);
        for found in &mut evicted.found {
            if order.len() <= self.limit.load(Relaxed) {
                break;
            }
            let oldest = order.pop_front().unwrap_or(NIL);
            // Whoever else still holds the record lets go of the name when it frees the record.
            if let_go(records, lanes, oldest) {
                *found = oldest;
            }
        }
        evicted
    }

    /// Takes out the oldest one above `limit`, of those that can be freed; none when that is done.
    pub fn evict(&self, records: &Slab<Record>, lanes: &Slab<Lane>) -> Option<u32> {
        let mut order = self.order.lock();
        while order.len() > self.limit.load(Relaxed) {
            let oldest = order.pop_front()?;
            if let_go(records, lanes, oldest) {
                return Some(oldest);
            }
        }
        memory::shrink(&mut order, self.limit.load(Relaxed) + 1);
        None
    }
}

/// Makes a record unreadable; true when the caller is to free it. Under history's lock.
pub fn let_go(records: &Slab<Record>, lanes: &Slab<Lane>, index: u32) -> bool {
    let record = records.at(index);
    let garbage = record.word.let_go().is_garbage();
    if garbage {
        forget_name(lanes, record.lane.load(Relaxed));
    }
    garbage
}

/// Somebody needs the lane with its name. Under history's lock.
pub fn remember_name(lanes: &Slab<Lane>, lane: u32) {
    if lane != NIL {
        let remembered = lanes.at(lane).remembered();
        if Canary::FreedName.sings() {
            return;
        }
        remembered.store(remembered.load(Relaxed) + 1, Relaxed);
    }
}

/// Whoever remembered the name no longer needs it. Under history's lock.
pub fn forget_name(lanes: &Slab<Lane>, lane: u32) {
    if lane != NIL {
        let remembered = lanes.at(lane).remembered();
        if Canary::FreedName.sings() {
            return;
        }
        remembered.store(remembered.load(Relaxed) - 1, Relaxed);
    }
}
