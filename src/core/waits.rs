//! Who waits for the end of a task, of those who hold up others meanwhile.
//!
//! A thread that waits from outside any task holds up nobody, and is not known here. Known are
//! threads that wait inside a task or a drop, or that run tasks for the host (by claims or a pump),
//! and async tasks that wait for others and for nothing else. A wait that ends by its time is not
//! known either, once it was found to be no knot: others may wait for who is in it.
//!
//! What holds: *a wait begins only if its task may end before it.* Each is looked at when it begins,
//! with all others, under one lock; so of those that would wait for each other the last one is
//! refused. It may be looked at in any order what else waits, since nothing that waits moves until it
//! is let go of here, and what does not wait is taken to get on ([`super::knots`] says how it is
//! decided, [`super::obstacles`] what a task has to wait for).
//!
//! So a wait costs as much as there is of those who wait ahead of it, and a chain the square of its
//! length. No verdict is kept from one look to the next: tasks start and end, and limits change,
//! without this lock, and each of that may close a way that was open.
//!
//! There is one list for all schedulers, since a task of one may wait for another's. A forked child
//! begins with a new one, as its parent's lock may be held for ever.
//!
//! Lock order: this one before all others of a core.

use super::Core;
use super::knots::{self, Gate};
use super::obstacles::Holders;
use super::slab::NIL;
use crate::host::{self, Holding};
use crate::platform;
use crate::sync::{Mutex, MutexGuard};
use foldhash::fast::FixedState;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::mem::ManuallyDrop;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Who has threads that run tasks, and may let others run while one of them waits.
pub trait Lender: Send + Sync + std::fmt::Debug {
    /// Whose tasks, by the core's address.
    fn core(&self) -> usize;
    /// Whether this task, of its core, is what a thread of its own runs, and no pump or claim inside of
    /// that.
    fn runs(&self, task: u32) -> bool;
    /// The thread that runs this task waits from now on: it is counted.
    fn waits(&self, task: u32);
    /// It does not wait any more.
    fn goes_on(&self, task: u32);
    /// What was counted takes effect. Not under a lock.
    fn apply(self: Arc<Self>);
    /// Whether this task of its core is stuck.
    fn is_stuck(&self, task: u32) -> bool;
    /// How many of its threads may wait so that one more may be there, and how many that are stuck do not
    /// count for that.
    fn may_wait(&self) -> (usize, usize);
}

/// What is held up by who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Held {
    /// The end of this task, by the core's address and its record.
    Task(usize, u32),
    /// The next tasks of this lane.
    Lane(usize, u32),
    /// The claims that this thread holds, and the tasks of its pumps.
    Thread(u32),
    /// A worker's place.
    Place(usize),
}

/// A task that is waited for.
#[derive(Clone, Debug)]
pub struct Target {
    /// Whose.
    pub core: Arc<Core>,
    /// Its record.
    pub index: u32,
    /// And which task of it.
    pub generation: u64,
}

/// Somebody who waits.
#[derive(Debug)]
struct Waiter {
    /// He goes on when one of these has ended.
    targets: Vec<Target>,
    holdings: Vec<Holding>,
    held: Vec<Held>,
    lender: Option<Arc<dyn Lender>>,
    /// What his worker runs, of those.
    task: u32,
    /// An async task, which ends where it is when it is told to stop.
    is_async: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Waits(Mutex<Known>);

/// What the lock guards.
#[derive(Debug, Default)]
pub struct Known {
    waiters: Vec<Option<Waiter>>,
    free: Vec<usize>,
    held: HashMap<Held, Vec<usize>, FixedState>,
}

/// Without a destructor, for which a new thread might have no memory: a worker takes it back itself.
type Own = ManuallyDrop<RefCell<Option<(u32, Arc<dyn Lender>)>>>;

thread_local! {
    /// Whose worker this thread is, in this process: its child is nobody's.
    static LENDER: Own = const { Own::new(RefCell::new(None)) };
    /// It has run tasks for the host.
    static RUNS: Cell<bool> = const { Cell::new(false) };
}

/// This thread is a worker from now on, or is none any more.
pub fn set_lender(lender: Option<Arc<dyn Lender>>) {
    let lender = lender.map(|lender| (platform::forks(), lender));
    let _ = LENDER.try_with(|own| own.replace(lender));
}

fn own_lender() -> Option<Arc<dyn Lender>> {
    let own = LENDER.try_with(|own| own.borrow().clone()).unwrap_or(None);
    own.filter(|(forks, _)| *forks == platform::forks()).map(|(_, lender)| lender)
}

/// This thread runs tasks for the host.
#[inline]
pub fn set_runs() {
    let _ = RUNS.try_with(|runs| runs.set(true));
}

/// Whether a wait of this thread may hold up others.
fn holds_up() -> bool {
    host::holds_any() || RUNS.try_with(Cell::get).unwrap_or(false)
}

/// The list of this process.
pub fn waits() -> &'static Waits {
    static LIST: AtomicPtr<(u32, Waits)> = AtomicPtr::new(ptr::null_mut());
    loop {
        let seen = LIST.load(Ordering::Acquire);
        // SAFETY: null, or what was leaked below.
        if let Some((forks, waits)) = unsafe { seen.as_ref() }
            && *forks == platform::forks()
        {
            return waits;
        }
        let fresh = Box::into_raw(Box::new((platform::forks(), Waits::default())));
        if LIST.compare_exchange(seen, fresh, Ordering::AcqRel, Ordering::Relaxed).is_err() {
            // SAFETY: nobody else has seen it.
            drop(unsafe { Box::from_raw(fresh) });
        }
    }
}

/// A thread waits while it lives.
#[derive(Debug)]
pub struct Waiting {
    waiter: Option<usize>,
    lent: Option<(Arc<dyn Lender>, u32)>,
    /// Claims that the thread holds, of that core.
    claims: Option<(Arc<Core>, Arc<dyn Holders>)>,
}

impl Waits {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock()
    }

    /// This thread is about to wait for a task, for ever or for a time. None when it holds up nobody
    /// meanwhile; fails when the task could not end before the wait does.
    pub fn begin(&self, target: Target, for_ever: bool) -> Result<Option<Waiting>, Knotted> {
        if !holds_up() {
            return Ok(None);
        }
        let core = target.core.clone();
        let (here, holdings) = (host::thread_number(), host::holdings());
        let lender = own_lender();
        let mut held = held_by(&holdings);
        held.push(Held::Thread(here));
        held.extend(lender.iter().map(|lender| Held::Place(lender.core())));
        let task = lender.as_ref().map_or(NIL, |lender| own_task(&holdings, &**lender));
        let claims = core.holders();
        let mut known = self.lock();
        let lent = lender.clone();
        let waiter = known.put(Waiter {
            targets: vec![target],
            holdings,
            held,
            lender,
            task,
            is_async: false,
        });
        let knotted = known.is_knotted(waiter);
        if knotted || !for_ever {
            known.take(waiter);
        }
        if knotted {
            return Err(Knotted);
        }
        // Only now: others may take at once what is lent.
        if let Some(lender) = &lent {
            lender.waits(task);
        }
        let claims = claims.filter(|claims| claims.lend(here));
        drop(known);
        if claims.is_some() {
            core.claim_limit_changed();
        }
        if let Some(lender) = &lent {
            lender.clone().apply();
        }
        Ok(Some(Waiting {
            waiter: for_ever.then_some(waiter),
            lent: lent.map(|lender| (lender, task)),
            claims: claims.map(|claims| (core, claims)),
        }))
    }

    fn end(&self, waiting: &mut Waiting) {
        {
            let mut known = self.lock();
            if let Some(waiter) = waiting.waiter {
                known.take(waiter);
            }
            if let Some((lender, task)) = &waiting.lent {
                lender.goes_on(*task);
            }
            if let Some((_, claims)) = &waiting.claims {
                claims.take_back(host::thread_number());
            }
        }
        if let Some((core, _)) = &waiting.claims {
            core.claim_limit_changed();
        }
        if let Some((lender, _)) = &waiting.lent {
            lender.clone().apply();
        }
    }

    /// Whether that task could not end before this async one, which is in its poll.
    pub fn would_knot(&self, task: Holding, target: Target) -> bool {
        let mut known = self.lock();
        let waiter = known.put(Waiter::of(task, vec![target]));
        let knotted = known.is_knotted(waiter);
        known.take(waiter);
        knotted
    }

    /// This async task waits for one of those and for nothing else, until [`Waits::withdraw`]. None
    /// when that would be for ever: then it is not known as one who waits.
    pub fn publish(&self, task: Holding, targets: Vec<Target>) -> Option<usize> {
        let mut known = self.lock();
        let waiter = known.put(Waiter::of(task, targets));
        match known.is_knotted(waiter) {
            false => Some(waiter),
            true => {
                known.take(waiter);
                None
            }
        }
    }

    /// It is polled again, or ends.
    pub fn withdraw(&self, waiter: usize) {
        self.lock().take(waiter);
    }
}

/// A wait would be one for its own caller.
#[derive(Clone, Copy, Debug)]
pub struct Knotted;

impl Drop for Waiting {
    fn drop(&mut self) {
        if !host::is_leaving() {
            waits().end(self);
        }
    }
}

impl Waiter {
    /// Whether it is an async task that was told to stop. It waits for tasks of its own core alone.
    fn was_told(&self) -> bool {
        let (Some(target), Some(own)) = (self.targets.first(), self.holdings.first()) else {
            return false;
        };
        self.is_async && target.core.word(own.index).cause().is_some()
    }

    /// An async task.
    fn of(task: Holding, targets: Vec<Target>) -> Waiter {
        let holdings = vec![task];
        let held = held_by(&holdings);
        Waiter { targets, holdings, held, lender: None, task: NIL, is_async: true }
    }
}

/// The task of those that a worker of that lender runs: a pump may be run inside of it, also another
/// scheduler's.
fn own_task(holdings: &[Holding], lender: &dyn Lender) -> u32 {
    let its = |holding: &&Holding| holding.core == lender.core() && lender.runs(holding.index);
    holdings.iter().find(its).map_or(NIL, |holding| holding.index)
}

fn held_by(holdings: &[Holding]) -> Vec<Held> {
    let mut held = Vec::new();
    for holding in holdings {
        held.push(Held::Task(holding.core, holding.index));
        if holding.lane != NIL {
            held.push(Held::Lane(holding.core, holding.lane));
        }
    }
    held
}

impl Known {
    fn put(&mut self, waiter: Waiter) -> usize {
        let at = self.free.pop().unwrap_or(self.waiters.len());
        for held in &waiter.held {
            self.held.entry(*held).or_default().push(at);
        }
        match self.waiters.get_mut(at) {
            Some(place) => *place = Some(waiter),
            None => self.waiters.push(Some(waiter)),
        }
        // Who goes on may find no memory.
        self.free.reserve(self.waiters.len() - self.free.len());
        at
    }

    fn take(&mut self, at: usize) {
        let Some(waiter) = self.waiters[at].take() else { return };
        for held in &waiter.held {
            if let Some(holders) = self.held.get_mut(held) {
                if let Some(place) = holders.iter().position(|other| *other == at) {
                    holders.swap_remove(place);
                }
                if holders.is_empty() {
                    self.held.remove(held);
                }
            }
        }
        self.free.push(at);
        if self.free.len() == self.waiters.len() {
            // Nothing is left behind that a host's look for leaks would find.
            *self = Known::default();
        }
    }

    /// Whether none of the tasks that he waits for can end before he goes on.
    fn is_knotted(&self, at: usize) -> bool {
        self.ways(at).iter().all(|way| knots::is_knotted(at, way, |node| self.ways(node)))
    }

    fn ways(&self, at: usize) -> Vec<knots::Way> {
        if self.waiters[at].as_ref().is_some_and(Waiter::was_told) {
            return vec![knots::Way::new()];
        }
        let waiter = self.waiters[at].iter();
        let targets = waiter.flat_map(|waiter| &waiter.targets);
        targets.map(|target| target.core.way_to_end(target, self)).collect()
    }

    /// Those who hold this up.
    pub fn holders(&self, held: Held) -> &[usize] {
        self.held.get(&held).map_or(&[], |holders| holders)
    }

    /// Those who hold up that lane of that core, once for each task of theirs that has a place in it.
    pub fn lane_holders(&self, core: &Core, lane: u32) -> Vec<usize> {
        let mut holders = Vec::new();
        for at in self.holders(Held::Lane(core.address(), lane)) {
            let holds = |holding: &&Holding| {
                holding.core == core.address()
                    && holding.lane == lane
                    && !core.word(holding.index).is_released()
            };
            let waiter = self.waiters[*at].iter();
            if waiter.flat_map(|waiter| &waiter.holdings).find(holds).is_some() {
                holders.push(*at);
            }
        }
        holders
    }

    /// What is shut when too many workers of a core wait, as far as any does: as many may as have a place
    /// and as are lent one. One that is stuck has a substitute beside, while it waits, so it does not count.
    pub fn places(&self, core: usize) -> Option<Gate> {
        let waiter = |at: &usize| self.waiters[*at].as_ref();
        let all = self.holders(Held::Place(core));
        let lender = all.first().and_then(waiter)?.lender.clone()?;
        let (most, mut replaced) = lender.may_wait();
        let counts = |at: &usize| {
            let stuck = waiter(at).is_some_and(|waiter| lender.is_stuck(waiter.task));
            let counts = !stuck || replaced == 0;
            replaced -= usize::from(!counts);
            counts
        };
        Some(Gate { holders: all.iter().copied().filter(counts).collect(), most })
    }
}
