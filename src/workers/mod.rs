//! Our own threads, which run linear tasks: the first customer of the core.
//!
//! [`idle`] decides who is awake, [`lending`] who may be there beside those that wait, [`batch`] is
//! what a worker has taken, [`peers`] what it knows of the others, [`worker`] is the life of one thread,
//! [`watchdog`] looks after time-outs and [`interrupt`] after what blocks, and the [`Pool`] makes threads
//! and ends them.

pub mod batch;
pub mod idle;
pub mod interrupt;
pub mod lending;
pub mod pace;
pub mod parker;
mod peers;
pub mod sentry;
pub mod watchdog;
pub mod worker;

use crate::config::{Key, Settings};
use crate::core::Core;
use crate::core::add::To;
use crate::core::backlog::Backlog;
use crate::core::limit;
use crate::core::seat::Counts;
use crate::core::slab::NIL;
use crate::core::view::RunningTask;
use crate::kinds::Kind;
use crate::platform::signals::MARKS;
use crate::platform::thread::Thread;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering::*};
use crate::threads::{self, Role, Threads};
use crate::{Error, ErrorCode, Result};
use batch::Batch;
use crossbeam_utils::CachePadded;
use idle::{Idle, Part, Wake};
use interrupt::Breaker;
use lending::Waiters;
use parker::Parker;
use std::sync::{Arc, Weak};
use watchdog::{Timed, Watchdog, Watched};

/// What others may touch of a worker.
#[derive(Debug)]
pub struct Slot {
    /// What it has taken.
    pub batch: CachePadded<Batch>,
    /// Where it parks.
    pub parker: Parker,
    /// What it counts in.
    pub counts: Arc<CachePadded<Counts>>,
    /// What it notes ends in.
    pub backlog: Arc<Backlog>,
    /// The task that it runs, if that has a deadline.
    pub timed: CachePadded<Timed>,
    /// The task that it runs, if that asked for its blocking calls to be broken.
    pub breaker: Breaker,
    /// The system's number of its thread.
    thread: AtomicI32,
    /// No thread uses it.
    free: AtomicBool,
}

/// What all workers of a scheduler share.
#[derive(Debug)]
pub struct Shared {
    core: Arc<Core>,
    settings: Arc<Settings>,
    maker: Arc<Threads>,
    idle: Idle,
    processors: usize,
    /// Every slot there ever was; they are used again.
    slots: Mutex<Vec<Arc<Slot>>>,
    /// How many slots there are, for who keeps a copy.
    slot_count: AtomicUsize,
    /// A worker may have to leave: look closer.
    surplus: AtomicBool,
    threads: Mutex<Vec<Thread>>,
    watchdog: CachePadded<Watchdog>,
    /// Others whose tasks have deadlines.
    others: Mutex<Vec<Weak<dyn Watched>>>,
    /// Stuck tasks there are.
    stuck: AtomicUsize,
    /// Tasks that wait for others.
    waiters: Waiters,
}

/// See the module; a copy is the same pool.
#[derive(Clone, Debug)]
pub struct Pool(Arc<Shared>);

impl Pool {
    /// A pool without a thread.
    pub fn new(core: Arc<Core>, settings: Arc<Settings>, maker: Arc<Threads>) -> Pool {
        let processors = std::thread::available_parallelism().map_or(1, |count| count.get());
        let most = settings.count(Key::LineTaskMax);
        Pool(Arc::new(Shared {
            core,
            settings,
            maker,
            idle: Idle::new(most, processors),
            processors,
            slots: Mutex::new(Vec::new()),
            slot_count: AtomicUsize::new(0),
            surplus: AtomicBool::new(false),
            threads: Mutex::new(Vec::new()),
            watchdog: CachePadded::new(Watchdog::new()),
            others: Mutex::new(Vec::new()),
            stuck: AtomicUsize::new(0),
            waiters: Waiters::default(),
        }))
    }

    /// Makes sure that somebody is there to run a task that is about to be added.
    #[cold]
    pub fn ensure(&self, to: To<'_>) -> Result<()> {
        self.0.core.check_welcome(Kind::Linear, to)?;
        let wake = self.0.idle.populate();
        self.0.carry_out(wake)
    }

    /// Something became ready.
    #[inline]
    pub fn notify(&self) {
        self.0.notify();
    }

    /// Settings have changed: puts the limit on tasks that run at once in force, and lets parked
    /// workers look how long they may be idle.
    pub fn reconfigure(&self) {
        self.0.resize();
        for slot in self.0.slots.lock().iter() {
            slot.parker.reconsider();
        }
    }

    /// A task with a deadline is called on an event loop: it may not return.
    pub fn watch(&self, timed: &Timed, task: RunningTask, nanoseconds: u64) {
        self.0.watch(timed, task, nanoseconds);
    }

    /// From now on the deadlines of somebody else are watched too, while he is there.
    pub fn watch_too(&self, other: Weak<dyn Watched>) {
        let mut others = self.0.others.lock();
        // Each stays at its place, since the watchdog goes from place to place without the lock.
        match others.iter_mut().find(|known| known.strong_count() == 0) {
            Some(place) => *place = other,
            None => others.push(other),
        }
    }

    /// Somebody who is watched has a deadline, in counted time.
    pub fn watch_until(&self, deadline: u64) {
        self.0.watch_until(deadline);
    }

    /// A moment in counted time: less that in which nobody could run so far.
    pub fn counted(&self, moment: u64) -> u64 {
        self.0.watchdog.counted(moment)
    }

    /// A running task that no thread of ours runs was told to stop.
    pub fn told_elsewhere(&self, task: RunningTask) {
        self.0.told(task, None);
    }

    /// Marks and reports a task that was told to stop long ago, if it still runs.
    pub fn report_stuck(&self, task: RunningTask, first: bool) {
        self.0.report_stuck(task, first);
    }

    /// Whether there is no worker at all.
    #[inline]
    pub fn is_deserted(&self) -> bool {
        self.0.idle.is_deserted()
    }

    /// An event loop has nothing to do: the watchdog need not be awake for it.
    pub fn rest(&self) {
        self.0.rest_watchdog();
    }

    /// A watchdog that could not be started is tried again.
    #[cold]
    pub fn retry_watchdog(&self) {
        self.0.retry_watchdog();
    }

    /// A running task was told to stop.
    pub fn told(&self, task: RunningTask) {
        let breaks = self.0.break_first(task);
        if !self.0.returns_at_once(task) {
            self.0.told(task, breaks);
        }
    }

    /// How many threads there are.
    pub fn threads(&self) -> usize {
        self.0.idle.alive()
    }

    /// Workers that have nothing to do leave, and so does each other one when its task has returned;
    /// none are made until [`Pool::reopen`]. No task is pending but dead ones.
    pub fn leave(&self) {
        let told = self.0.idle.close();
        self.0.surplus.store(true, Release);
        {
            let slots = self.0.slots.lock();
            for worker in told {
                slots[worker].parker.unpark(Part::Leave);
            }
        }
    }

    /// The watchdog ends, after the last task has ended.
    pub fn leave_watchdog(&self) {
        self.0.end_watchdog();
    }

    /// Waits until all threads are gone, which have been told to leave.
    pub fn join(&self) {
        loop {
            let threads = std::mem::take(&mut *self.0.threads.lock());
            // One that was picked just before the closing may still be on its way into the list.
            if threads.is_empty() && self.0.idle.is_deserted() {
                break;
            }
            if threads.is_empty() {
                std::thread::yield_now();
            }
            threads::join(threads);
        }
        self.0.join_watchdog();
    }

    /// Threads may be made again.
    pub fn reopen(&self) {
        self.0.surplus.store(false, Release);
        self.0.idle.reopen();
    }

    /// What came between the core's reopening and ours found nobody, and is looked for here.
    pub fn resume(&self) {
        if self.0.core.is_ready() {
            self.0.notify();
        }
    }
}

/// A breaker with a mark that no other has, unless there are very many.
pub fn new_breaker() -> Breaker {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    Breaker::new(NEXT.fetch_add(1, Relaxed) % MARKS)
}

impl Shared {
    /// Something became ready: wake somebody, if that is needed.
    #[inline]
    fn notify(self: &Arc<Shared>) {
        if self.idle.must_wake() {
            self.wake();
        }
    }

    #[cold]
    fn wake(self: &Arc<Shared>) {
        let wake = self.idle.wake();
        // Without a thread the task waits for the next one that can be made; the log has said so.
        let _ = self.carry_out(wake);
    }

    /// How many workers there may be: the setting, and one for each stuck task, up to a limit of
    /// their own, and for each that waits for another, up to the setting.
    fn most(&self) -> usize {
        let most = self.settings.count(Key::LineTaskMax);
        let replaced = self.settings.count(Key::StuckTaskMax);
        limit::allowed(most, self.waiters.count(), self.stuck.load(SeqCst), replaced)
    }

    fn is_stuck(&self, task: u32) -> bool {
        task != NIL && self.core.word(task).is_stuck()
    }

    /// Puts the limit on workers in force.
    fn resize(self: &Arc<Shared>) {
        self.idle.set_most(|| self.most());
        self.surplus.store(true, Release);
        if self.core.is_ready() || self.anything_in_batches() {
            self.notify();
        }
    }

    /// A stuck task has returned at last: its extra worker leaves.
    #[cold]
    fn unstuck(self: &Arc<Shared>) {
        self.stuck.fetch_sub(1, SeqCst);
        self.resize();
    }

    fn carry_out(self: &Arc<Shared>, wake: Wake) -> Result<()> {
        match wake {
            Wake::Nobody => Ok(()),
            Wake::Parked(worker, part) => {
                let slot = self.slots.lock()[worker].clone();
                slot.parker.unpark(part);
                Ok(())
            }
            Wake::Spawn(part) => self.spawn(part).or_else(|error| {
                let instead = self.idle.stillborn(part);
                // Nobody takes the missing one for the searcher while the host hears of this.
                let text = words!("no thread could be made: {error}");
                crate::log::line(crate::log::LogLevel::Error, || words!("{text}"));
                match instead {
                    Wake::Nobody => Err(Error::new(ErrorCode::System, text)),
                    instead => self.carry_out(instead),
                }
            }),
        }
    }

    fn spawn(self: &Arc<Shared>, part: Part) -> std::io::Result<()> {
        let (number, slot) = self.new_slot();
        let (shared, its_slot) = (self.clone(), slot.clone());
        let life = move || worker::run(shared, number, its_slot, part);
        let shared = self.clone();
        let mut threads = self.threads.lock();
        let made = threads::make_room(&mut threads).and_then(|()| {
            self.maker.spawn(Role::Worker(number), life, move || shared.part(&slot))
        });
        match made {
            Ok(thread) => {
                threads.push(thread);
                Ok(())
            }
            Err(error) => {
                drop(threads);
                self.slots.lock()[number].free.store(true, Release);
                Err(error)
            }
        }
    }

    /// A slot that nobody uses.
    fn new_slot(&self) -> (usize, Arc<Slot>) {
        let mut slots = self.slots.lock();
        for (number, slot) in slots.iter().enumerate() {
            if slot.free.swap(false, AcqRel) {
                return (number, slot.clone());
            }
        }
        let slot = Arc::new(Slot {
            batch: CachePadded::new(Batch::new()),
            parker: Parker::new(),
            counts: self.core.new_counts(),
            backlog: self.core.new_backlog(),
            timed: CachePadded::new(Timed::new()),
            breaker: new_breaker(),
            thread: AtomicI32::new(0),
            free: AtomicBool::new(false),
        });
        slots.push(slot.clone());
        self.slot_count.store(slots.len(), Release);
        (slots.len() - 1, slot)
    }

    /// A thread is about to end. It waits for the one that ended before it, so that at most one
    /// ended thread is left to be waited for.
    fn part(&self, slot: &Slot) {
        slot.free.store(true, Release);
        while let Some(ended) = self.take_ended() {
            ended.join();
        }
    }

    fn take_ended(&self) -> Option<Thread> {
        threads::take_ended(&mut self.threads.lock())
    }

    fn anything_in_batches(&self) -> bool {
        self.slots.lock().iter().any(|slot| slot.batch.len() > 0)
    }

    /// Whether anything is ready, or left in the batch of another worker than this one.
    fn anything_left(&self, worker: usize) -> bool {
        let others = |(number, slot): (usize, &Arc<Slot>)| number != worker && slot.batch.len() > 0;
        self.core.is_ready() || self.slots.lock().iter().enumerate().any(others)
    }
}
