//! How a task comes in.
//!
//! One lock, the inlet's. All that can fail is done before anything is changed: a refused add
//! leaves no trace.

use super::Core;
use super::inlet::{Door, INLETS, Inlet, Item};
use super::lane::Lane;
use super::names::check_name;
use super::outlet::{self, WORKERS};
use super::record::Extra;
use super::slab::NIL;
use super::take::Claim;
use super::word;
use crate::host::DropFn;
use crate::kinds::Kind;
use crate::platform::annotate;
use crate::sync::atomic::Ordering::*;
use crate::{Error, ErrorCode, Result, TaskId, clock};
use std::cell::Cell;
use std::ffi::c_void;

/// A task that was looked over and can be added.
#[derive(Debug)]
pub struct NewTask<'a> {
    pub to: To<'a>,
    pub kind: Kind,
    pub function: *mut c_void,
    pub user_data: *mut c_void,
    pub drop: Option<DropFn>,
    /// Wishes, as bits of the word.
    pub bits: u64,
    /// A time-out of its own (nanoseconds).
    pub timeout: Option<u64>,
    /// What few tasks have; taken when the task is accepted.
    pub extra: Option<Box<Extra>>,
    /// Who is to run it; none for who runs its lane, or by default.
    pub outlet: Option<u32>,
    /// The adder takes the claim, if it may start at once.
    pub claim: bool,
    /// A slot for that, in case there is none at the door; else [`NIL`].
    pub spare_slot: u32,
    /// Whoever runs its lane runs it too, even if nothing in that is alive.
    pub stays: bool,
}

/// Where a task queues.
#[derive(Clone, Copy, Debug)]
pub enum To<'a> {
    /// Behind nothing.
    Nobody,
    /// Behind those of this name.
    Name(&'a [u8]),
    /// Behind those of this lane, which has that hash, and which an open handle keeps.
    Lane { index: u32, hash: u64 },
}

impl NewTask<'_> {
    /// Whether it may go to our workers like any other.
    #[inline]
    fn is_ordinary(&self) -> bool {
        self.kind == Kind::Linear
            && self.outlet.is_none()
            && !self.claim
            && !self.function.is_null()
    }
}

impl To<'_> {
    /// The name, as far as it is known.
    pub fn name(&self) -> &[u8] {
        if let To::Name(name) = self { name } else { b"" }
    }
}

/// Who has to be told of an add.
#[derive(Debug)]
pub enum Then {
    /// Nobody: its lane is being worked.
    Nothing,
    /// Who runs linear tasks: something became ready.
    Ready,
    /// The event loop of this hash: the record, which has no name, may start.
    Start { hash: u64, index: u32 },
    /// The event loop of this hash: the lane has a place for the next one in it.
    Place { hash: u64, lane: u32 },
    /// This outlet: [`Core::put_out`] is to be called.
    Outlet { number: u32, item: Item },
    /// The adder, who asked for it: the task has started, and its claim has that slot.
    Claim { claim: Claim, slot: u32 },
}

impl Then {
    /// Of a task that our workers run: whether something became ready.
    fn ready(something: bool) -> Then {
        if something { Then::Ready } else { Then::Nothing }
    }
}

/// What became of an add.
#[derive(Debug)]
pub struct Added {
    /// The new task.
    pub id: TaskId,
    /// What that calls for.
    pub then: Then,
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
#[inline]
pub(super) fn own_inlet() -> usize {
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
pub(super) const AHEAD: usize = 12;

/// The low bits of a stamp count the adds of one thread in one tick, so that adds can be listed in
/// their order; a millionth of a second more or less is lost in the tick anyway.
const COUNT_BITS: u32 = 20;

#[inline]
pub(super) fn stamp() -> u64 {
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

/// How a task goes in.
#[derive(Debug)]
struct Way {
    is_special: bool,
    /// Who runs it.
    outlet: u32,
    /// It starts with its add.
    starts: bool,
    /// It counts against the bound on pending tasks.
    is_bounded: bool,
}

impl Way {
    /// To our workers.
    const ORDINARY: Way =
        Way { is_special: false, outlet: WORKERS, starts: false, is_bounded: true };
}

/// Whether a task fits who is to run it.
fn check_hosted(outlet: u32, task: &NewTask<'_>) -> Result<()> {
    let invalid = |text: &'static str| Err(Error::new(ErrorCode::InvalidArgument, text));
    if outlet != outlet::CLAIMS && task.function.is_null() {
        return invalid("run is NULL; only a task that the host runs by claims may have none");
    }
    if outlet == outlet::CLAIMS && task.bits & word::INTERRUPT != 0 {
        return invalid("the library cannot break system calls of a task that the host runs");
    }
    Ok(())
}

impl Core {
    /// What an add is refused for that says nothing about room: asked before a thread is made for
    /// it, since a refused add must not start one.
    #[cold]
    pub fn check_welcome(&self, kind: Kind, to: To<'_>) -> Result<()> {
        if self.is_closed() {
            return Err(ErrorCode::ShuttingDown.into());
        }
        match to {
            To::Nobody => Ok(()),
            To::Name(name) => {
                let text = check_name(name)?;
                let hash = self.hash(name);
                match self.inlets[Core::inlet_of(hash)].lock().is_banned(hash, kind, name) {
                    true => Err(self.banned(text)),
                    false => Ok(()),
                }
            }
            To::Lane { index, hash } => {
                let _door = self.inlets[Core::inlet_of(hash)].lock();
                let lane = self.lanes.at(index);
                match lane.is_banned() {
                    true => Err(self.banned(&lane.name())),
                    false => Ok(()),
                }
            }
        }
    }

    /// The hash of where a task queues.
    pub fn hash_to(&self, to: To<'_>) -> u64 {
        match to {
            To::Nobody => 0,
            To::Name(name) => self.hash(name),
            To::Lane { hash, .. } => hash,
        }
    }

    /// Adds a task.
    pub fn add(&self, task: &mut NewTask<'_>) -> Result<Added> {
        let (hash, at) = match task.to {
            To::Nobody => (0, own_inlet()),
            To::Name(name) => {
                let hash = self.hash(name);
                (hash, Core::inlet_of(hash))
            }
            To::Lane { hash, .. } => (hash, Core::inlet_of(hash)),
        };
        let inlet = &self.inlets[at];
        loop {
            let mut door = inlet.lock();
            if door.closed {
                return Err(ErrorCode::ShuttingDown.into());
            }
            let lane = match task.to {
                To::Nobody => NIL,
                To::Lane { index, .. } => index,
                To::Name(name) => match door.find(hash, task.kind, name) {
                    Some(lane) => lane,
                    None => self.new_lane(&mut door, at, hash, task.kind, name)?,
                },
            };
            let way = match self.is_ordinary(lane, task) {
                true => Way::ORDINARY,
                false => self.special_way(&door, lane, task)?,
            };
            let limit = if way.is_bounded { self.bound.limit() } else { 0 };
            if limit != 0 && door.budget == 0 {
                drop(door);
                if self.count_room(at) {
                    continue;
                }
                return Err(Error::new(
                    ErrorCode::QueueFull,
                    words!(
                        "the queue is full: {limit} linear tasks are pending (maximum_queue_line)"
                    ),
                ));
            }
            door.make_room(|| self.unfinished())?;
            let index = match door.free.pop() {
                Some(index) => index,
                None => {
                    door.free = self.records.refill()?;
                    (0..AHEAD)
                        .filter_map(|ahead| door.free.peek(ahead))
                        .for_each(|soon| self.records.prefetch(soon));
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
            if let Some(timeout) = task.timeout {
                record.set_timeout(timeout);
            }
            if let Some(extra) = task.extra.take() {
                record.set_extra(extra);
            }
            annotate::release(record);
            let id = self.id(index, generation);
            if way.is_special {
                let then =
                    self.let_in(&mut door, (at, lane, hash), &way, (index, generation), task);
                return Ok(Added { id, then });
            }
            record.link.store(if lane == NIL { at as u32 } else { NIL }, Relaxed);
            record.word.open(generation, task.bits);
            inlet.added.store(inlet.added.load(Relaxed) + 1, Release);
            let ready = self.queue_up(inlet, &mut door, self.numbered(lane), index);
            return Ok(Added { id, then: Then::ready(ready) });
        }
    }

    /// Whether a task goes to our workers and nothing needs to be looked at for that. Under the
    /// inlet's lock.
    #[inline]
    fn is_ordinary(&self, lane: u32, task: &NewTask<'_>) -> bool {
        task.is_ordinary()
            && self.outlets.default() == WORKERS
            && (lane == NIL || !self.lanes.at(lane).is_special())
    }

    /// How a task goes in that is not ordinary, or why it does not. Under the inlet's lock.
    #[inline(never)]
    fn special_way(&self, door: &Door, lane: u32, task: &NewTask<'_>) -> Result<Way> {
        if lane != NIL && self.lanes.at(lane).is_banned() {
            return Err(self.banned(&self.lanes.at(lane).name()));
        }
        let outlet = self.route(lane, task)?;
        check_hosted(outlet, task)?;
        let is_async = task.kind == Kind::Async;
        let starts = task.claim && outlet == outlet::CLAIMS && self.may_start_now(lane);
        if starts && door.slots.is_empty() && task.spare_slot == NIL {
            // Once more, with one.
            return Err(ErrorCode::NotYet.into());
        }
        if lane != NIL && !starts {
            self.check_room_of(self.lanes.at(lane), is_async)?;
        }
        Ok(Way { is_special: true, outlet, starts, is_bounded: !is_async && !starts })
    }

    /// Opens the record of a task that is not ordinary, and lets it in. Under the inlet's lock.
    #[inline(never)]
    fn let_in(
        &self,
        door: &mut Door,
        (at, lane, hash): (usize, u32, u64),
        way: &Way,
        (index, generation): (u32, u64),
        task: &NewTask<'_>,
    ) -> Then {
        let (inlet, record) = (&self.inlets[at], self.records.at(index));
        let (bits, link) = match way.outlet {
            WORKERS => (0, at as u32),
            outlet::CLAIMS => (word::HOSTED | word::CLAIMS, way.outlet),
            pump => (word::HOSTED, pump),
        };
        record.link.store(if lane == NIL { link } else { NIL }, Relaxed);
        if way.starts {
            inlet.added.store(inlet.added.load(Relaxed) + 1, Release);
            inlet.left.store(inlet.left.load(Relaxed) + 1, Release);
            let word = record.word.open_running(generation, task.bits | bits);
            if task.bits & word::SAYING != 0 {
                self.start_with_add(index, word);
            }
            let slot = door.slots.pop().unwrap_or(task.spare_slot);
            self.start_now(lane, index);
            return Then::Claim { claim: Claim { index, word, tells: false }, slot };
        }
        record.word.open(generation, task.bits | bits);
        if task.kind == Kind::Async {
            inlet.added_async.store(inlet.added_async.load(Relaxed) + 1, Release);
            return self.place_async(lane, hash, index);
        }
        inlet.added.store(inlet.added.load(Relaxed) + 1, Release);
        if way.outlet != WORKERS {
            return self.place_out(lane, way.outlet, index);
        }
        let lane = self.numbered(lane);
        if let Some((_, its)) = lane
            && its.is_counted()
        {
            its.count_came();
        }
        Then::ready(self.queue_up(inlet, door, lane, index))
    }

    /// Hangs a task that our workers run where they find it; true when something became ready by
    /// that. Under the inlet's lock.
    #[inline(always)]
    pub(super) fn queue_up(
        &self,
        inlet: &Inlet,
        door: &mut Door,
        lane: Option<(u32, &Lane)>,
        index: u32,
    ) -> bool {
        let item = match lane {
            None => Item::task(index),
            Some((number, lane)) => {
                lane.push(&self.records, index);
                if !lane.gate.announce() {
                    return false;
                }
                Item::lane(number)
            }
        };
        inlet.push_ready(door, item);
        true
    }

    /// The lane of that number, if it is one.
    #[inline]
    fn numbered(&self, number: u32) -> Option<(u32, &Lane)> {
        (number != NIL).then(|| (number, self.lanes.at(number)))
    }

    /// Who runs a new task: whoever its owner asks for, or who runs its lane, or who does by
    /// default. A lane that holds nothing, and that no handle binds, goes to whoever that is now.
    /// Under the inlet's lock.
    fn route(&self, lane: u32, task: &NewTask<'_>) -> Result<u32> {
        if task.kind == Kind::Async {
            return Ok(WORKERS);
        }
        if lane == NIL {
            let outlet = task.outlet.unwrap_or_else(|| self.outlets.default());
            self.check_outlet(outlet)?;
            return Ok(outlet);
        }
        let its = self.lanes.at(lane);
        let (now, bound) = (its.outlet(), its.handles() > 0);
        let default = if bound { now } else { self.outlets.default() };
        let wanted = task.outlet.unwrap_or(default);
        if wanted == now {
            if now > outlet::CLAIMS {
                self.check_outlet(now)?;
            }
            return Ok(now);
        }
        if !bound && its.is_at_rest() {
            self.check_outlet(wanted)?;
            its.set_outlet(wanted);
            return Ok(wanted);
        }
        // What is left of a lane whose tasks have all ended holds nobody to who ran them.
        if task.outlet.is_none() && (bound || task.stays || !self.seems_over(lane, its)) {
            self.check_outlet(now)?;
            return Ok(now);
        }
        Err(Error::new(
            ErrorCode::InUse,
            words!("tasks of the name '{}' are run by others now", its.name()),
        ))
    }

    /// Whether a task that is run by claims could start with its add. Under the inlet's lock.
    fn may_start_now(&self, lane: u32) -> bool {
        if lane == NIL {
            return true;
        }
        let its = self.lanes.at(lane);
        its.first() == NIL && its.running() < self.width_of(its)
    }

    /// A task of the lane starts with its add. Under the inlet's lock.
    #[inline]
    fn start_now(&self, lane: u32, index: u32) {
        if lane != NIL {
            let its = self.lanes.at(lane);
            its.gate.hold();
            its.set_last_started(index);
            its.set_running(its.running() + 1);
        }
    }

    /// Whether another task of the lane may be pending. Under the inlet's lock.
    fn check_room_of(&self, lane: &Lane, is_async: bool) -> Result<()> {
        let own = lane.capacity();
        if own == 0 && !is_async {
            return Ok(());
        }
        let general = if is_async { self.async_pending.load(Relaxed) } else { 0 };
        let (limit, what) = match own {
            0 => (general, "maximum_queue_async"),
            own => (own, "the capacity of its lane"),
        };
        // An async one that has a place is as good as started.
        let (pending, starts) = match (is_async, lane.has_places()) {
            (true, _) => (lane.waiting(), lane.running() < self.width_of(lane)),
            (false, true) => (lane.alive(), false),
            (false, false) => (lane.counted(), false),
        };
        if limit == 0 || starts || pending < limit {
            return Ok(());
        }
        let kind = if is_async { "async " } else { "" };
        Err(Error::new(
            ErrorCode::QueueFull,
            words!("the queue is full: {limit} {kind}tasks of this name are pending ({what})"),
        ))
    }

    /// Hangs a new task into its lane, with a place if one is free: whether it has one. Under the
    /// inlet's lock.
    fn hang(&self, lane: u32, index: u32) -> bool {
        let its = self.lanes.at(lane);
        its.gate.hold();
        its.push(&self.records, index);
        if its.running() >= self.width_of(its) {
            return false;
        }
        its.set_running(its.running() + 1);
        its.set_coming(its.coming() + 1);
        true
    }

    fn place_async(&self, lane: u32, hash: u64, index: u32) -> Then {
        match lane {
            NIL => Then::Start { hash, index },
            lane if self.hang(lane, index) => Then::Place { hash, lane },
            _ => Then::Nothing,
        }
    }

    fn place_out(&self, lane: u32, number: u32, index: u32) -> Then {
        match lane {
            NIL => Then::Outlet { number, item: Item::task(index) },
            lane if self.hang(lane, index) => Then::Outlet { number, item: Item::lane(lane) },
            _ => Then::Nothing,
        }
    }
}
