//! When a task may run: order, limits, bans, stops and records. No threads live here.
//!
//! The way of a task: [`add`] puts it into its lane or among what is ready; somebody who runs tasks
//! takes it ([`take`]), starts it, runs it and ends it ([`end`]); [`stop`] may come at any time;
//! [`history`] keeps it readable for a while; then its record is free.

pub mod add;
pub mod backlog;
pub mod bound;
mod cancel;
pub mod claims;
pub mod end;
pub mod evicted;
pub mod gate;
#[cfg(test)]
mod generations;
pub mod handles;
pub mod history;
pub mod inlet;
pub mod knots;
pub mod lane;
pub mod leaving;
pub mod limit;
pub mod names;
pub mod obstacles;
pub mod outlet;
pub mod places;
pub mod plain;
pub mod record;
pub mod report;
pub mod room;
pub mod saying;
pub mod seat;
pub mod slab;
pub mod stop;
mod sweeps;
pub mod take;
pub mod view;
pub mod waiting;
pub mod waits;
pub mod word;

use crate::count::Count;
use crate::host;
use crate::id::{self, Parts, TaskId};
use crate::platform::{self, annotate};
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use crate::sync::{Mutex, MutexGuard};
use crate::{ErrorCode, Result, memory};
use backlog::Backlog;
use bound::Bound;
use crossbeam_utils::CachePadded;
use evicted::Places;
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use history::{History, Order};
use inlet::{Entry, INLETS, Inlet};
use lane::Lane;
use obstacles::Holders;
use outlet::Outlets;
use record::{Extra, LAST_GENERATION, Record};
use saying::Unsaid;
use seat::{Counts, Seat, Visitor};
use slab::Slab;
use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher};
use std::ptr;
use std::sync::{Arc, OnceLock, Weak};
use view::Failure;
use waiting::Rooms;

/// See the module.
#[derive(Debug)]
pub struct Core {
    records: Slab<Record>,
    lanes: Slab<Lane>,
    inlets: [Inlet; INLETS],
    bound: CachePadded<Bound>,
    history: CachePadded<History>,
    rooms: Rooms,
    /// The last failures, oldest first.
    failures: CachePadded<Mutex<VecDeque<Failure>>>,
    unsaid: Unsaid,
    /// Threads that drop what they evicted outside any task's end; see [`Core::wait_everything`].
    dropping: Arc<Count>,
    /// What workers count in.
    seats: CachePadded<Mutex<Vec<Arc<CachePadded<Counts>>>>>,
    visitors: CachePadded<Counts>,
    outlets: CachePadded<Outlets>,
    /// Who knows on which threads claims are.
    holders: OnceLock<Weak<dyn Holders>>,
    /// Limits of async lanes.
    async_width: AtomicUsize,
    async_pending: AtomicUsize,
    /// No adds are taken.
    closed: AtomicBool,
    /// The random bits of our ids.
    instance: u64,
    /// [`platform::forks`] when it was made.
    forks: u32,
    hashing: FixedState,
}

impl Core {
    /// An empty one, with its limits on pending tasks (0: none) and on finished records.
    pub fn new(queue_limit: usize, history_limit: usize) -> Result<Core> {
        let instance = id::random_instance();
        annotate::look();
        let mut failures = VecDeque::new();
        failures.try_reserve_exact(end::FAILURES).map_err(|_| ErrorCode::OutOfMemory)?;
        Ok(Core {
            records: Slab::new()?,
            lanes: Slab::new()?,
            inlets: std::array::from_fn(|_| Inlet::new()),
            bound: CachePadded::new(Bound::new(queue_limit)),
            history: CachePadded::new(History::new(history_limit)?),
            rooms: Rooms::new(),
            failures: CachePadded::new(Mutex::new(failures)),
            unsaid: Unsaid::default(),
            dropping: Arc::default(),
            seats: CachePadded::new(Mutex::new(Vec::new())),
            visitors: CachePadded::new(Counts::default()),
            outlets: CachePadded::new(Outlets::new()),
            holders: OnceLock::new(),
            async_width: AtomicUsize::new(1),
            async_pending: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            instance,
            forks: platform::forks(),
            hashing: FixedState::with_seed(instance.rotate_left(14) ^ 0x9e37_79b9_7f4a_7c15),
        })
    }

    /// Whether no fork lies between its making and now.
    pub fn is_of_this_process(&self) -> bool {
        self.forks == platform::forks()
    }

    /// Tells this core from others.
    pub fn address(&self) -> usize {
        ptr::from_ref(self).addr()
    }

    /// The seat of whoever has none of its own.
    pub fn visitor(&self) -> Visitor<'_> {
        Visitor(&self.visitors)
    }

    /// A new place to count in.
    pub fn new_counts(&self) -> Arc<CachePadded<Counts>> {
        let counts = Arc::new(CachePadded::new(Counts::default()));
        self.seats.lock().push(counts.clone());
        counts
    }

    /// What a new worker notes its ends in.
    pub fn new_backlog(&self) -> Arc<Backlog> {
        self.history.new_backlog()
    }

    /// What was counted there is kept elsewhere from now on.
    pub fn retire_counts(&self, counts: &Arc<CachePadded<Counts>>) {
        let mut seats = self.seats.lock();
        seats.retain(|other| !Arc::ptr_eq(other, counts));
        // A sum that misses them meanwhile is too high: on the safe side.
        self.visitors.left.fetch_add(counts.left.load(SeqCst), SeqCst);
        self.visitors.ended.fetch_add(counts.ended.load(Acquire), Release);
    }

    /// How many tasks left the queue and how many ended, so far.
    fn counted(&self) -> (u64, u64) {
        // First, so that nobody moves what he counted to the visitors between the two looks.
        let seats = self.seats.lock();
        let mut left = self.visitors.left.load(SeqCst);
        let mut ended = self.visitors.ended.load(Acquire);
        for inlet in &self.inlets {
            left += inlet.left.load(Acquire);
            ended += inlet.ended.load(Acquire);
        }
        for counts in seats.iter() {
            left += counts.left.load(SeqCst);
            ended += counts.ended.load(Acquire);
        }
        (left, ended)
    }

    /// How many linear tasks were accepted so far.
    pub fn added(&self) -> u64 {
        self.inlets.iter().map(|inlet| inlet.added.load(Acquire) as u64).sum()
    }

    fn added_async(&self) -> u64 {
        self.inlets.iter().map(|inlet| inlet.added_async.load(Acquire) as u64).sum()
    }

    /// How many linear tasks are pending.
    pub fn pending(&self) -> usize {
        let (left, _) = self.counted();
        self.added().saturating_sub(left) as usize
    }

    /// How many tasks have not ended.
    pub fn unfinished(&self) -> usize {
        let (_, ended) = self.counted();
        (self.added() + self.added_async()).saturating_sub(ended) as usize
    }

    /// Whether adds are refused for a shutdown.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Acquire)
    }

    fn hash(&self, name: &[u8]) -> u64 {
        let mut hasher = self.hashing.build_hasher();
        hasher.write(name);
        hasher.finish()
    }

    /// The hash of a name.
    pub fn hash_of(&self, name: &[u8]) -> u64 {
        self.hash(name)
    }

    /// The inlet of a hash: its highest bits, since tables use the others.
    #[inline]
    fn inlet_of(hash: u64) -> usize {
        (hash >> 32) as usize % INLETS
    }

    /// The id of a record's task.
    #[inline]
    pub fn id(&self, index: u32, generation: u64) -> TaskId {
        TaskId::from_parts(Parts { index, generation, instance: self.instance })
    }

    /// Index and generation of an id of ours.
    #[inline]
    fn locate(&self, id: TaskId) -> Option<(u32, u64, &Record)> {
        let parts = id.parts().filter(|parts| parts.instance == self.instance)?;
        Some((parts.index, parts.generation, self.records.get(parts.index)?))
    }

    /// The record's memory is nobody's any more; false when the place is used up.
    #[inline]
    fn vacate(&self, index: u32) -> bool {
        let word = &self.records.at(index).word;
        let generation = word.load().generation();
        word.free(generation);
        generation < LAST_GENERATION
    }

    /// Frees a record that became garbage by something else than history.
    #[cold]
    fn bury(&self, index: u32, seat: &mut impl Seat) {
        let record = self.records.at(index);
        {
            let _history = self.lock_history();
            evicted::forget_name(&self.lanes, record.lane.load(Relaxed));
        }
        record.take_extra().into_iter().for_each(|extra| self.drop_extra(extra));
        seat.free(self, index);
    }

    /// Changes how many finished tasks stay readable; those above go with [`Core::trim_history`].
    pub fn set_history_limit(&self, limit: usize) -> Result<()> {
        self.history.set_limit(limit)
    }

    /// Lets go of the finished tasks above the limit.
    pub fn trim_history(&self) {
        let mut seat = self.visitor();
        let _dropping = self.dropping();
        let mut more = true;
        while more {
            let mut order = self.lock_history();
            more = self.history.evict(&mut order, self.places());
            let evicted = order.take_evicted();
            drop(order);
            self.free_evicted(evicted, &mut seat);
        }
    }

    /// Holds every readable record where it is, with all that has ended.
    #[inline]
    fn lock_history(&self) -> MutexGuard<'_, Order> {
        self.history.lock(self.places())
    }

    /// What history speaks of.
    #[inline]
    fn places(&self) -> Places<'_> {
        Places { records: &self.records, lanes: &self.lanes }
    }

    /// While it lives, a shutdown waits for what this thread drops.
    fn dropping(&self) -> Dropping<'_> {
        self.dropping.come();
        Dropping { core: self, before: host::times_put_off() }
    }

    /// What is left of a record that is freed. Inside a drop of the host's its drops are put off, and a
    /// shutdown waits for them.
    #[inline(never)]
    fn drop_extra(&self, extra: Box<Extra>) {
        let _dropping = host::is_dropping().then(|| self.dropping());
        drop(extra);
    }

    /// Gives memory of a burst back: idle lanes, free records, room in queues. Nothing is lost.
    pub fn trim(&self) {
        self.trim_history();
        for at in 0..INLETS {
            let mut door = self.inlets[at].lock();
            self.sweep(&mut door);
            door.sweeps.shrink();
            self.sweep_left(&mut door);
            if door.left.is_empty() {
                door.left = Vec::new();
            }
            // All that was accepted and has not ended keeps its room.
            let names = door.names.len() + door.left.len();
            memory::shrink(&mut door.ready, self.unfinished() + names);
            door.margin.void();
            let len = door.names.len();
            let mut smaller = HashTable::new();
            if smaller.try_reserve(len, |entry: &Entry| entry.hash).is_ok() {
                for entry in door.names.drain() {
                    smaller.insert_unique(entry.hash, entry, |entry| entry.hash);
                }
                door.names = smaller;
            }
            self.records.put_back(std::mem::take(&mut door.free));
            self.lanes.put_back(std::mem::take(&mut door.free_lanes));
        }
        self.records.trim();
        self.lanes.trim();
    }
}

impl Drop for Core {
    /// What hangs on records that are still readable; the slab gives back its own memory alone.
    fn drop(&mut self) {
        if !self.is_of_this_process() {
            // The parent drops it.
            return;
        }
        for (_, record) in self.each_record() {
            drop(record.take_extra());
        }
    }
}

/// See [`Core::dropping`].
struct Dropping<'a> {
    core: &'a Core,
    /// How often this thread had put something off.
    before: u64,
}

impl Drop for Dropping<'_> {
    fn drop(&mut self) {
        if host::is_leaving() {
            return;
        }
        let dropping = &self.core.dropping;
        match host::is_dropping() && host::times_put_off() != self.before {
            // Not before that was done; which may be when the core is no more.
            true => {
                let dropping = dropping.clone();
                host::after_put_off(move || dropping.go());
            }
            false => dropping.go(),
        }
    }
}
