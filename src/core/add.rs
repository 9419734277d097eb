//! How a task comes in.
//!
//! One lock, the inlet's. All that can fail is done before anything is changed: a refused add
//! leaves no trace.

use super::Core;
use super::inlet::{Door, Entry, INLETS, Item, SWEEP_LEAST};
use super::lane::Lane;
use super::record::Extra;
use super::slab::NIL;
use crate::host::DropFn;
use crate::kinds::Kind;
use crate::sync::atomic::Ordering::*;
use crate::{Error, ErrorCode, Result, TaskId, clock};
use std::cell::Cell;
use std::ffi::c_void;

/// The longest name, in bytes.
pub const LONGEST_NAME: usize = 255;

/// A task that was looked over and can be added.
#[derive(Debug)]
pub struct NewTask<'a> {
    pub name: Option<&'a [u8]>,
    pub kind: Kind,
    pub function: *mut c_void,
    pub user_data: *mut c_void,
    pub drop: Option<DropFn>,
    /// Wishes, as bits of the word.
    pub bits: u64,
    /// A time-out of its own, in nanoseconds.
    pub timeout: Option<u64>,
}

/// Who has to be told of an add.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Nobody: its lane is being worked.
    Nothing,
    /// Who runs linear tasks: something became ready.
    Ready,
    /// The event loop of this hash: the record, which has no name, may start.
    Start { hash: u64, index: u32 },
    /// The event loop of this hash: the lane has a place for the next one in it.
    Place { hash: u64, lane: u32 },
}

/// What became of an add.
#[derive(Clone, Copy, Debug)]
pub struct Added {
    /// The new task.
    pub id: TaskId,
    /// What that calls for.
    pub then: Then,
}

/// Whether a name may be used: what is wrong with it, if anything.
pub fn check_name(name: &[u8]) -> Result<&str> {
    if name.is_empty() || name.len() > LONGEST_NAME {
        return Err(Error::new(
            ErrorCode::InvalidArgument,
            "a task name is 1 to 255 bytes long; NULL is no name",
        ));
    }
    std::str::from_utf8(name).map_err(|wrong| {
        Error::new(
            ErrorCode::InvalidArgument,
            format!("the task name is not UTF-8 at byte {}", wrong.valid_up_to()),
        )
    })
}

thread_local! {
    /// Which inlet this thread's tasks without a name go to, and how many have gone there;
    /// `usize::MAX` is not chosen yet.
    static INLET: Cell<usize> = const { Cell::new(usize::MAX) };
    /// The last tick that this thread stamped an add with, and how many since.
    static STAMP: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

/// The inlet for this thread's next task without a name: the same for some adds, then the next
/// one, so that whoever takes what is ready is mostly at another.
fn own_inlet() -> usize {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    const ADDS: usize = 32;
    let mut own = INLET.try_with(Cell::get).unwrap_or(0);
    if own == usize::MAX {
        own = NEXT.fetch_add(ADDS, Ordering::Relaxed) % (ADDS * INLETS);
    }
    let _ = INLET.try_with(|inlet| inlet.set((own + 1) % (ADDS * INLETS)));
    own / ADDS
}

/// How many adds before its use a free record is fetched: the one who freed it sits on another
/// core, and the way from there takes as long as some adds.
const AHEAD: usize = 6;

/// The low bits of a stamp count the adds of one thread in one tick, so that adds can be listed in
/// their order; a millionth of a second more or less is lost in the tick anyway.
const COUNT_BITS: u32 = 20;

fn stamp() -> u64 {
    let tick = clock::coarse() >> COUNT_BITS;
    let count = STAMP
        .try_with(|stamp| {
            let (last, count) = stamp.get();
            let count = if last == tick { count + 1 } else { 0 };
            stamp.set((tick, count));
            count
        })
        .unwrap_or(0);
    tick << COUNT_BITS | count & ((1 << COUNT_BITS) - 1)
}

impl Core {
    /// What an add is refused for that says nothing about room: asked before a thread is made for
    /// it, since a refused add must not start one.
    #[cold]
    pub fn check_welcome(&self, kind: Kind, name: Option<&[u8]>) -> Result<()> {
        if self.is_closed() {
            return Err(ErrorCode::ShuttingDown.into());
        }
        let Some(name) = name else { return Ok(()) };
        check_name(name)?;
        let hash = self.hash(name);
        match self.inlets[Core::inlet_of(hash)].lock().is_banned(hash, kind, name) {
            true => Err(self.banned(name)),
            false => Ok(()),
        }
    }

    /// Adds a task.
    pub fn add(&self, task: &NewTask<'_>) -> Result<Added> {
        let hash = task.name.map_or(0, |name| self.hash(name));
        let at = if task.name.is_some() { Core::inlet_of(hash) } else { own_inlet() };
        let inlet = &self.inlets[at];
        loop {
            let mut door = inlet.lock();
            if door.closed {
                return Err(ErrorCode::ShuttingDown.into());
            }
            let lane = match task.name {
                None => NIL,
                Some(name) => match door.find(hash, task.kind, name) {
                    Some(lane) => lane,
                    None => self.new_lane(&mut door, at, hash, task.kind, name)?,
                },
            };
            if lane != NIL && self.lanes.at(lane).banned.load(Relaxed) {
                return Err(self.banned(task.name.unwrap_or_default()));
            }
            let is_async = task.kind == Kind::Async;
            let limit = if is_async { 0 } else { self.bound.limit() };
            if limit != 0 && door.budget == 0 {
                drop(door);
                if self.count_room(at) {
                    continue;
                }
                return Err(Error::new(
                    ErrorCode::QueueFull,
                    format!(
                        "the queue is full: {limit} linear tasks are pending (maximum_queue_line)"
                    ),
                ));
            }
            if is_async && lane != NIL {
                self.check_async_room(self.lanes.at(lane))?;
            }
            door.make_room()?;
            let index = match door.free.pop() {
                Some(index) => index,
                None => {
                    door.free = self.records.refill()?;
                    door.free.pop().unwrap_or(NIL)
                }
            };
            if let Some(soon) = door.free.peek(AHEAD) {
                self.records.prefetch(soon);
            }
            if limit != 0 {
                door.budget -= 1;
            }
            // Nothing fails from here on.
            let record = self.records.at(index);
            let generation = record.word.load().generation() + 1;
            record.fill(task.function, task.user_data, task.drop, lane, stamp());
            if task.timeout.is_some() {
                record.set_extra(Box::new(Extra { timeout: task.timeout, ..Extra::default() }));
            }
            record.link.store(if lane == NIL { at as u32 } else { NIL }, Relaxed);
            record.word.open(generation, task.bits);
            let id = self.id(index, generation);
            if is_async {
                inlet.added_async.store(inlet.added_async.load(Relaxed) + 1, Release);
                return Ok(Added { id, then: self.place_async(lane, hash, index) });
            }
            inlet.added.store(inlet.added.load(Relaxed) + 1, Release);
            let item = if lane == NIL {
                Item::task(index)
            } else {
                let its = self.lanes.at(lane);
                its.push(&self.records, index);
                if !its.gate.announce() {
                    return Ok(Added { id, then: Then::Nothing });
                }
                Item::lane(lane)
            };
            inlet.push_ready(&mut door, item);
            return Ok(Added { id, then: Then::Ready });
        }
    }

    /// Whether another async task of the name may come. Under the inlet's lock.
    fn check_async_room(&self, lane: &Lane) -> Result<()> {
        let limit = self.async_pending.load(Relaxed);
        if limit == 0 || lane.running() < self.async_width.load(Relaxed) || lane.waiting() < limit {
            return Ok(());
        }
        Err(Error::new(
            ErrorCode::QueueFull,
            format!(
                "the queue is full: {limit} async tasks of this name are pending (maximum_queue_async)"
            ),
        ))
    }

    /// Hangs a new async task into its lane, with a place if one is free. Under the inlet's lock.
    fn place_async(&self, lane: u32, hash: u64, index: u32) -> Then {
        if lane == NIL {
            return Then::Start { hash, index };
        }
        let its = self.lanes.at(lane);
        its.gate.hold();
        its.push(&self.records, index);
        if its.running() >= self.async_width.load(Relaxed) {
            return Then::Nothing;
        }
        its.set_running(its.running() + 1);
        its.set_coming(its.coming() + 1);
        Then::Place { hash, lane }
    }

    /// Makes the lane of a name that has none.
    #[cold]
    fn new_lane(
        &self,
        door: &mut Door,
        at: usize,
        hash: u64,
        kind: Kind,
        name: &[u8],
    ) -> Result<u32> {
        let text = check_name(name)?;
        if door.is_banned(hash, kind, name) {
            return Err(self.banned(name));
        }
        if door.names.len() >= door.sweep_at {
            self.sweep(door);
            door.sweep_at = SWEEP_LEAST.max(door.names.len() * 2);
        }
        let no_memory = |_| Error::from(ErrorCode::OutOfMemory);
        door.names.try_reserve(1, |entry| entry.hash).map_err(no_memory)?;
        let mut own = String::new();
        own.try_reserve_exact(text.len()).map_err(|_| Error::from(ErrorCode::OutOfMemory))?;
        own.push_str(text);
        let mut places = self.lanes.refill()?;
        let lane = places.pop().unwrap_or(NIL);
        self.lanes.put_back(places);
        let name = own.into_boxed_str();
        self.lanes.at(lane).open(at, kind, &name);
        door.names.insert_unique(hash, Entry { hash, lane, kind, name }, |entry| entry.hash);
        Ok(lane)
    }

    fn banned(&self, name: &[u8]) -> Error {
        let name = String::from_utf8_lossy(name);
        Error::new(ErrorCode::Banned, format!("the task name '{name}' is banned"))
    }

    /// Frees the lanes that hold nothing and that nobody remembers.
    pub(super) fn sweep(&self, door: &mut Door) {
        let _history = self.history.lock();
        let lanes = &self.lanes;
        door.names.retain(|entry| {
            let lane = lanes.at(entry.lane);
            let idle = lane.gate.is_idle() && lane.remembered().load(Relaxed) == 0;
            if idle {
                lane.close();
                lanes.put_back_one(entry.lane);
            }
            !idle
        });
    }
}
