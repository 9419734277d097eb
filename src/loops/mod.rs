//! Our own event loops, which run async tasks: the core's second customer.
//!
//! Each [`EventLoop`] has an inbox that any thread may send to, and a thread of its own while it
//! has anything to do; [`fiber`] is a running task on its loop, [`crate::wheel`] its timers, [`fds`] the
//! file descriptors that it waits for, [`drive`] the one future that runs them all.

pub mod drive;
pub mod fds;
pub mod fiber;
pub mod handed;
pub mod queued;
pub mod waker;

use crate::config::{Key, Settings};
use crate::core::Core;
use crate::core::add::To;
use crate::core::places::AsyncLimits;
use crate::core::seat::Counts;
use crate::core::view::RunningTask;
use crate::kinds::Kind;
use crate::log::{self, LogLevel};
use crate::margin::Margin;
use crate::platform::thread::Thread;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, Ordering::*};
use crate::threads::{self, Role, Threads};
use crate::workers::Pool;
use crate::workers::watchdog::{Timed, Watched};
use crate::{Error, ErrorCode, Result};
use crossbeam_utils::CachePadded;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::Notify;
use waker::TaskWaker;

/// What may start.
#[derive(Clone, Copy, Debug)]
pub enum Start {
    /// The task of this record, which has no name.
    Task(u32),
    /// The next task of this lane, which has a place for it.
    Place(u32),
}

/// What other threads want of a loop.
#[derive(Debug, Default)]
pub struct Inbox {
    /// What may start.
    pub start: VecDeque<Start>,
    /// Tasks to poll again.
    pub woken: VecDeque<Arc<TaskWaker>>,
    /// Tasks that were told to stop.
    pub stopped: Vec<RunningTask>,
    /// How much room `start` has for what may come.
    margin: Margin,
    /// There was no memory for all that is above: every task is to be looked at.
    pub look_at_all: bool,
    /// There is a thread.
    alive: bool,
    /// The thread waits for a notification.
    asleep: bool,
    /// The thread is to end, and none is made.
    closing: bool,
    /// The one that is alive, and those that have not been waited for.
    threads: Vec<Thread>,
}

impl Inbox {
    fn is_empty(&self) -> bool {
        let none = self.start.is_empty() && self.woken.is_empty() && self.stopped.is_empty();
        none && !self.look_at_all
    }
}

/// What is shared of one loop.
#[derive(Debug)]
pub struct EventLoop {
    number: usize,
    inbox: Mutex<Inbox>,
    notify: Notify,
    /// The task in its poll, if that has a deadline.
    pub timed: Timed,
    /// Its scheduler is no more.
    gone: AtomicBool,
    /// What its thread counts in, one after the other.
    counts: Arc<CachePadded<Counts>>,
    /// [`crate::platform::forks`] when it was made.
    forks: u32,
}

impl EventLoop {
    fn new(number: usize, counts: Arc<CachePadded<Counts>>, closing: bool) -> EventLoop {
        EventLoop {
            number,
            inbox: Mutex::new(Inbox { closing, ..Inbox::default() }),
            notify: Notify::new(),
            timed: Timed::new(),
            gone: AtomicBool::new(false),
            counts,
            forks: crate::platform::forks(),
        }
    }

    /// Whether it belongs to a parent process.
    pub fn is_forked(&self) -> bool {
        self.forks != crate::platform::forks()
    }

    /// Whether its scheduler is no more.
    pub fn is_gone(&self) -> bool {
        self.gone.load(Acquire)
    }

    /// Has a task polled again, if the loop has a thread: without one it has no task.
    pub fn send_wake(&self, waker: &Arc<TaskWaker>) {
        let asleep = {
            let mut inbox = self.inbox.lock();
            if inbox.alive {
                match inbox.woken.try_reserve(1) {
                    Ok(()) => inbox.woken.push_back(waker.clone()),
                    Err(_) => inbox.look_at_all = true,
                }
            }
            std::mem::take(&mut inbox.asleep)
        };
        if asleep {
            self.notify.notify_one();
        }
    }

    /// Puts something into the inbox and wakes the thread, if it sleeps. False when there is no
    /// thread.
    pub fn send(&self, put: impl FnOnce(&mut Inbox)) -> bool {
        let (alive, asleep) = {
            let mut inbox = self.inbox.lock();
            put(&mut inbox);
            (inbox.alive, std::mem::take(&mut inbox.asleep))
        };
        if asleep {
            self.notify.notify_one();
        }
        alive
    }
}

impl Watched for EventLoop {
    fn expired(&self, now: u64, each: &mut dyn FnMut(RunningTask)) {
        self.timed.expired(now).into_iter().for_each(each);
    }

    fn earliest(&self) -> u64 {
        self.timed.deadline()
    }
}

/// The loops of a scheduler.
#[derive(Debug)]
pub struct Loops {
    core: Arc<Core>,
    settings: Arc<Settings>,
    pool: Pool,
    loops: Mutex<Known>,
    threads: Arc<Threads>,
}

#[derive(Debug, Default)]
struct Known {
    /// Every loop there ever was.
    all: Vec<Arc<EventLoop>>,
    /// So many of them are used, until the next shutdown; 0 before the first use.
    used: usize,
    /// From a shutdown's end of the threads on, until they are allowed again.
    closed: bool,
}

impl Loops {
    /// No loop yet.
    pub fn new(
        core: Arc<Core>,
        settings: Arc<Settings>,
        pool: Pool,
        threads: Arc<Threads>,
    ) -> Loops {
        Loops { core, settings, pool, loops: Mutex::default(), threads }
    }

    /// The loop of a hash.
    fn of(&self, hash: u64) -> Arc<EventLoop> {
        let mut loops = self.loops.lock();
        if loops.used == 0 {
            loops.used = self.settings.count(Key::EventLoopThreads);
            while loops.all.len() < loops.used {
                let (number, counts) = (loops.all.len(), self.core.new_counts());
                let event_loop = Arc::new(EventLoop::new(number, counts, loops.closed));
                let watched: Arc<dyn Watched> = event_loop.clone();
                self.pool.watch_too(Arc::downgrade(&watched));
                loops.all.push(event_loop);
            }
        }
        loops.all[(hash >> 40) as usize % loops.used].clone()
    }

    /// Makes sure that the loop of a task that is about to be added has a thread.
    pub fn ensure(&self, to: To<'_>) -> Result<()> {
        let event_loop = self.of(self.core.hash_to(to));
        {
            let mut inbox = event_loop.inbox.lock();
            let Inbox { start, margin, .. } = &mut *inbox;
            margin.spend(start, 1, || self.core.unfinished())?;
            if inbox.alive {
                return Ok(());
            }
        }
        self.core.check_welcome(Kind::Async, to)?;
        self.populate(&event_loop)
    }

    /// A task may start.
    pub fn start(&self, hash: u64, start: Start) {
        let event_loop = self.of(hash);
        if !event_loop.send(|inbox| inbox.start.push_back(start))
            && let Err(error) = self.populate(&event_loop)
        {
            say_later(&error);
        }
    }

    /// A running task was told to stop.
    pub fn stopped(&self, task: RunningTask) {
        for event_loop in &self.loops.lock().all {
            event_loop.send(|inbox| {
                // A loop without a thread has no task.
                if inbox.alive {
                    match inbox.stopped.try_reserve(1) {
                        Ok(()) => inbox.stopped.push(task),
                        Err(_) => inbox.look_at_all = true,
                    }
                }
            });
        }
    }

    /// Puts the limits that are set in force: the lanes that got a place by that, with their hashes.
    pub fn set_limits(&self) -> Vec<(u64, u32)> {
        self.core.set_async_limits(limits(&self.settings))
    }

    /// Tells the loops that settings have changed: which lanes got a place, and how long a loop may be
    /// idle.
    pub fn reconfigure(&self, freed: Vec<(u64, u32)>) {
        for (hash, lane) in freed {
            self.start(hash, Start::Place(lane));
        }
        for event_loop in &self.loops.lock().all {
            event_loop.send(|_| ());
        }
    }

    fn populate(&self, event_loop: &Arc<EventLoop>) -> Result<()> {
        let mut inbox = event_loop.inbox.lock();
        // While it is closed, what comes waits for `resume`.
        if inbox.alive || inbox.closing {
            return Ok(());
        }
        let parts =
            (event_loop.clone(), self.core.clone(), self.settings.clone(), self.pool.clone());
        // On the thread itself; but the caller learns of a failure.
        let make = || {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            builder.enable_io().enable_time().build()
        };
        let life = move |runtime| {
            let (event_loop, core, settings, pool) = parts;
            drive::run(runtime, event_loop, core, settings, pool);
        };
        let thread = threads::make_room(&mut inbox.threads)
            .and_then(|()| self.threads.spawn_with(Role::Loop(event_loop.number), make, life));
        let thread = thread.map_err(|error| {
            Error::new(ErrorCode::System, words!("no event loop could be made: {error}"))
        })?;
        inbox.alive = true;
        // The one before may still tell the host of its end; it does not touch the loop any more.
        let ended = threads::take_ended(&mut inbox.threads);
        inbox.threads.push(thread);
        drop(inbox);
        threads::join(ended);
        Ok(())
    }

    /// Loops end as soon as they have no task, and none are made until [`Loops::reopen`].
    pub fn leave(&self) {
        let loops = {
            let mut loops = self.loops.lock();
            loops.closed = true;
            loops.all.clone()
        };
        for event_loop in &loops {
            event_loop.send(|inbox| inbox.closing = true);
        }
    }

    /// Waits until all threads are gone, which have been told to leave; after the last task has
    /// ended.
    pub fn join(&self) {
        let loops = {
            let mut loops = self.loops.lock();
            loops.used = 0;
            loops.all.clone()
        };
        for event_loop in &loops {
            let threads = std::mem::take(&mut event_loop.inbox.lock().threads);
            threads::join(threads);
            let mut inbox = event_loop.inbox.lock();
            inbox.woken.clear();
            inbox.stopped.clear();
            inbox.look_at_all = false;
        }
    }

    /// Threads may be made again.
    pub fn reopen(&self) {
        let mut loops = self.loops.lock();
        loops.closed = false;
        for event_loop in &loops.all {
            event_loop.inbox.lock().closing = false;
        }
    }

    /// What came between the core's reopening and ours found no thread, and is looked for here.
    pub fn resume(&self) {
        let loops = self.loops.lock().all.clone();
        for event_loop in &loops {
            let waits = !event_loop.inbox.lock().start.is_empty();
            if waits && let Err(error) = self.populate(event_loop) {
                say_later(&error);
            }
        }
    }

    /// Nothing comes any more: wakers that are left answer so.
    pub fn retire(&self) {
        for event_loop in &self.loops.lock().all {
            event_loop.gone.store(true, Release);
        }
    }

    /// How many threads there are.
    pub fn threads(&self) -> usize {
        self.loops.lock().all.iter().filter(|event_loop| event_loop.inbox.lock().alive).count()
    }
}

/// What was to start does so with the next task for which a thread can be made.
fn say_later(error: &Error) {
    log::line(LogLevel::Error, || words!("{}", error.message()));
}

/// The limits of async lanes that the settings say.
pub fn limits(settings: &Settings) -> AsyncLimits {
    AsyncLimits {
        width: settings.count(Key::MaximumEventLoopTasks),
        pending: settings.count(Key::MaximumQueueAsync),
    }
}
