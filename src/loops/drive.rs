//! The life of an event loop: one future that runs every fiber of it.

use super::fds::{self, Fds};
use super::fiber::{Fiber, Fibers, More, NIL, Sleep};
use super::waker::TaskWaker;
use super::{EventLoop, Inbox, Start};
use crate::config::{Key, Settings};
use crate::core::Core;
use crate::core::seat::WorkerSeat;
use crate::core::slab;
use crate::core::view::RunningTask;
use crate::core::waits;
use crate::core::word;
use crate::host::{self, Held, Holding};
use crate::log::{self, LogLevel};
use crate::mailbox::move_what_fits;
use crate::platform::floats::Floats;
use crate::platform::signals::Mask;
use crate::token::Token;
use crate::wheel::{self, Wheel};
use crate::workers::Pool;
use crate::{Error, ErrorCode, Result, TaskId, clock};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::os::fd::RawFd;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;
use tokio::time::Instant;

/// Polls between two looks at the inbox, the clock and the system.
const ROUND: usize = 256;
/// A timer that comes later than this (nanoseconds) means that nobody could run.
const MUCH_TOO_LATE: u64 = 250_000_000;

/// What polls return, by their numbers in C.
const POLL_PENDING: i32 = 0;
const POLL_READY: i32 = 1;
const POLL_FAILED: i32 = 2;

/// A loop, on its own thread. No borrow of a cell lasts while host code runs.
pub struct Local {
    event_loop: Arc<EventLoop>,
    core: Arc<Core>,
    settings: Arc<Settings>,
    pool: Pool,
    seat: RefCell<WorkerSeat>,
    /// What the thread was when it started, and is to be for each task.
    floats: Floats,
    mask: Mask,
    fibers: RefCell<Fibers>,
    wheel: RefCell<Wheel>,
    ready: RefCell<VecDeque<u32>>,
    /// Whose limits have expired, while that is dealt with.
    limits: RefCell<Vec<u32>>,
    /// What may start, and has not, for want of memory.
    starting: RefCell<VecDeque<Start>>,
    fds: RefCell<Fds>,
    /// The fiber in its poll, and its token.
    current: Cell<(u32, *const Token)>,
    /// When it last had something to do.
    busy: Cell<u64>,
}

/// Without a destructor, for which a thread that asks might have no memory.
type Own = ManuallyDrop<RefCell<Option<Rc<Local>>>>;

thread_local! {
    static LOCAL: Own = const { Own::new(RefCell::new(None)) };
}

/// Runs until the loop is told to end, or has been idle for long enough.
pub fn run(
    runtime: tokio::runtime::Runtime,
    event_loop: Arc<EventLoop>,
    core: Arc<Core>,
    settings: Arc<Settings>,
    pool: Pool,
) {
    let local = Rc::new(Local {
        seat: RefCell::new(WorkerSeat::new(event_loop.counts.clone())),
        floats: Floats::of_this_thread(),
        mask: Mask::of_this_thread(),
        fibers: RefCell::default(),
        wheel: RefCell::new(Wheel::new(clock::precise())),
        ready: RefCell::default(),
        limits: RefCell::default(),
        // Never without any room.
        starting: RefCell::new(VecDeque::with_capacity(64)),
        fds: RefCell::default(),
        current: Cell::new((NIL, std::ptr::null())),
        busy: Cell::new(clock::precise()),
        event_loop,
        core,
        settings,
        pool,
    });
    // For the first task at least there is memory.
    local.make_room();
    LOCAL.with(|own| *own.borrow_mut() = Some(local.clone()));
    runtime.block_on(drive(local.clone()));
    LOCAL.with(|own| *own.borrow_mut() = None);
    local.seat.borrow_mut().hand_back(&local.core);
}

/// Inbox, timers, polls; and when there is nothing to do, sleep.
async fn drive(local: Rc<Local>) {
    let mut alarm = Box::pin(tokio::time::sleep(Duration::ZERO));
    loop {
        // Not further up: a child must not unwind through the runtime, whose descriptors it shares
        // with its parent.
        let more = host::ends_child(|| {
            local.take_inbox();
            local.expire();
            local.run_round()
        });
        if more {
            tokio::task::yield_now().await;
            continue;
        }
        // Once for a number of polls, since it is a system call.
        local.mask.restore();
        local.floats.settle_all();
        let Some(until) = host::ends_child(|| local.lie_down()) else { continue };
        let Some(until) = until else { return };
        let notified = local.event_loop.notify.notified();
        let mut notified = std::pin::pin!(notified);
        let left = Duration::from_nanos(until.saturating_sub(clock::precise()));
        let at = Instant::now() + left;
        match at > alarm.deadline() {
            // One that is put off would still wake the thread at its old time.
            true => alarm.set(tokio::time::sleep_until(at)),
            false => alarm.as_mut().reset(at),
        }
        std::future::poll_fn(|context| {
            let news = notified.as_mut().poll(context).is_ready();
            match news || alarm.as_mut().poll(context).is_ready() {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
        local.event_loop.inbox.lock().asleep = false;
    }
}

impl Local {
    fn take_inbox(self: &Rc<Self>) {
        let (woken, stopped, all) = {
            let mut inbox = self.event_loop.inbox.lock();
            if inbox.is_empty() {
                return self.start_all();
            }
            // The room for what may start stays there.
            move_what_fits(&mut inbox.start, &mut self.starting.borrow_mut());
            let Inbox { woken, stopped, look_at_all, .. } = &mut *inbox;
            (std::mem::take(woken), std::mem::take(stopped), std::mem::take(look_at_all))
        };
        self.start_all();
        if all {
            self.look_at_all();
        }
        for waker in woken {
            waker.taken();
            let fiber = self.core.fiber(waker.index);
            let generation = waker.generation;
            if self.is_fiber_of(fiber, waker.index, |word| word.generation() == generation) {
                self.make_ready(fiber);
            }
        }
        for task in stopped {
            let fiber = self.core.fiber(task.index);
            let low = task.generation_low;
            if self.is_fiber_of(fiber, task.index, |word| word.generation() as u32 == low)
                && self.core.word(task.index).cause().is_some()
            {
                self.finish(fiber, 0);
            }
        }
    }

    /// Starts what may start, as long as there is memory for more tasks at once; the rest later.
    fn start_all(&self) {
        while self.make_room() {
            let Some(start) = self.starting.borrow_mut().pop_front() else { return };
            self.start(start);
        }
    }

    /// Whether one more task can run: then it needs no memory for that.
    fn make_room(&self) -> bool {
        let mut fibers = self.fibers.borrow_mut();
        let Ok(places) = fibers.make_room() else { return false };
        // Each is ready once, and has two timers.
        let (mut ready, mut wheel) = (self.ready.borrow_mut(), self.wheel.borrow_mut());
        let more = places.saturating_sub(ready.len());
        let mut limits = self.limits.borrow_mut();
        ready.try_reserve(more).is_ok()
            && wheel.make_room(2 * places).is_ok()
            && limits.try_reserve(places).is_ok()
    }

    /// Some news had no memory: each task is looked at that was woken, or told to stop.
    #[cold]
    fn look_at_all(self: &Rc<Self>) {
        let places = self.fibers.borrow().places();
        for place in 0..places {
            let stopped = {
                let mut fibers = self.fibers.borrow_mut();
                let Some(fiber) = fibers.get(place) else { continue };
                if let Some(waker) = &fiber.waker {
                    waker.taken();
                }
                let claim = fiber.claim.as_ref();
                claim.is_some_and(|claim| self.core.word(claim.index).cause().is_some())
            };
            match stopped {
                true => self.finish(place, 0),
                false => self.make_ready(place),
            }
        }
    }

    fn is_fiber_of(&self, fiber: u32, index: u32, same: impl Fn(word::Snapshot) -> bool) -> bool {
        let mut fibers = self.fibers.borrow_mut();
        let claim = fibers.get(fiber).and_then(|fiber| fiber.claim.as_ref());
        claim.is_some_and(|claim| claim.index == index && same(claim.word))
    }

    /// Starts a task, if it was not cancelled meanwhile.
    fn start(&self, start: Start) {
        let (claim, lane) = {
            let seat = &mut *self.seat.borrow_mut();
            match start {
                Start::Task(index) => (self.core.start(index, seat), slab::NIL),
                Start::Place(lane) => (self.core.take_place(lane, seat), lane),
            }
        };
        if let Some(claim) = claim {
            self.begin(claim, lane);
        }
    }

    fn begin(&self, claim: crate::core::take::Claim, lane: u32) {
        self.core.begin(&claim, clock::coarse());
        let index = claim.index;
        let limit = crate::run::limit(&self.core, &self.settings, &claim);
        let place = self.fibers.borrow_mut().insert(Fiber::new(claim, lane));
        self.core.set_fiber(index, place);
        if let Some(limit) = limit {
            let at = clock::precise().saturating_add(limit);
            let timer = self.wheel.borrow_mut().set(at, place << 1 | 1);
            let mut fibers = self.fibers.borrow_mut();
            if let Some(fiber) = fibers.get(place) {
                (fiber.limit, fiber.limit_at) = (timer, at);
            }
        }
        self.make_ready(place);
    }

    fn make_ready(&self, place: u32) {
        if let Some(fiber) = self.fibers.borrow_mut().get(place)
            && !std::mem::replace(&mut fiber.queued, true)
        {
            self.ready.borrow_mut().push_back(place);
        }
    }

    /// Lets timers expire.
    fn expire(self: &Rc<Self>) {
        let now = clock::precise();
        // There is room for the limit of each.
        let mut limits = self.limits.take();
        self.wheel.borrow_mut().advance(now, |key| match key & 1 {
            0 => {
                if let Some(fiber) = self.fibers.borrow_mut().get(key >> 1) {
                    fiber.sleep = Sleep::Due;
                }
                self.make_ready(key >> 1);
            }
            _ => limits.push(key >> 1),
        });
        for place in limits.drain(..) {
            self.time_out(place, now);
        }
        *self.limits.borrow_mut() = limits;
    }

    fn time_out(self: &Rc<Self>, place: u32, now: u64) {
        let task = {
            let mut fibers = self.fibers.borrow_mut();
            let Some(fiber) = fibers.get(place) else { return };
            fiber.limit = wheel::NIL;
            if now.saturating_sub(fiber.limit_at) > MUCH_TOO_LATE {
                // Nobody could run meanwhile: the pause does not count.
                let asleep = self.busy.get().min(fiber.limit_at);
                fiber.limit_at = now + (now - asleep);
                fiber.limit = self.wheel.borrow_mut().set(fiber.limit_at, place << 1 | 1);
                return;
            }
            let Some(claim) = &fiber.claim else { return };
            RunningTask::new(claim.index, claim.word.generation())
        };
        self.core.time_out(task);
        if self.core.word(task.index).cause().is_some() {
            self.finish(place, 0);
        }
    }

    /// Polls what is ready, up to a round; true when more is left, or came meanwhile.
    fn run_round(self: &Rc<Self>) -> bool {
        self.seat.borrow_mut().refresh();
        for _ in 0..ROUND {
            let Some(place) = self.ready.borrow_mut().pop_front() else { break };
            self.busy.set(self.seat.borrow().last_time());
            self.poll(place);
        }
        !self.ready.borrow().is_empty()
    }

    fn poll(self: &Rc<Self>, place: u32) {
        let (index, generation, lane, limit_at) = {
            let mut fibers = self.fibers.borrow_mut();
            let Some(fiber) = fibers.take_turn(place) else { return };
            if let Some(waiter) = fiber.waiter.take() {
                waits::waits().withdraw(waiter);
            }
            let Some(claim) = &fiber.claim else { return };
            let generation = claim.word.generation();
            (claim.index, generation, fiber.lane, fiber.limit_at)
        };
        if self.core.word(index).cause().is_some() {
            return self.finish(place, 0);
        }
        let token = Token::new(&self.core, index);
        self.current.set((place, &token));
        let held = Held::enter(Holding { core: self.core.address(), index, lane });
        if limit_at != 0 {
            let left = limit_at.saturating_sub(clock::precise());
            self.pool.watch(&self.event_loop.timed, RunningTask::new(index, generation), left);
        }
        let (function, user_data) = self.core.callee(index);
        // SAFETY: the host's promise when it submitted the task.
        let poll = unsafe { host::call_poll(function, &token, user_data) };
        self.floats.settle();
        if limit_at != 0 {
            self.event_loop.timed.clear();
        }
        drop(held);
        self.current.set((NIL, std::ptr::null()));
        match poll {
            POLL_PENDING if self.core.word(index).cause().is_some() => self.finish(place, 0),
            POLL_PENDING => {
                self.publish(place, Holding { core: self.core.address(), index, lane });
                self.check_armed(place, index, generation);
            }
            POLL_READY => self.finish(place, 0),
            POLL_FAILED => self.finish(place, 1),
            other => {
                let text = words!("the poll function returned {other}; it is 0 to 2");
                let _ = self.core.set_error(index, &text);
                self.finish(place, 1);
            }
        }
    }

    /// A task that waits for others and for nothing else holds up who waits for it. If they wait for
    /// each other it is polled once more, to hear that when it asks again.
    fn publish(&self, place: u32, task: Holding) {
        let knotted = {
            let mut fibers = self.fibers.borrow_mut();
            let Some(fiber) = fibers.get(place) else { return };
            let Some(tasks) = fiber.waits_for() else { return };
            fiber.waiter = self.core.publish_wait(task, tasks);
            fiber.waiter.is_none() && !std::mem::replace(&mut fiber.knotted, true)
        };
        if knotted {
            self.make_ready(place);
        }
    }

    /// A task that waits for nothing will not be polled again: that is told, once.
    fn check_armed(&self, place: u32, index: u32, generation: u64) {
        let silent = {
            let mut fibers = self.fibers.borrow_mut();
            let Some(fiber) = fibers.get(place) else { return };
            !fiber.is_armed() && !std::mem::replace(&mut fiber.reported, true)
        };
        if silent && log::is_on() {
            let id = self.core.id(index, generation);
            let name = self.core.status(id).map_or(String::new(), |status| status.name);
            log::line(LogLevel::Warning, || {
                words!(
                    "Io asyncio task | {id} | '{name}' returned pending with nothing armed to wake it"
                )
            });
        }
    }

    /// Ends a task: it is never polled again, all that it armed is disarmed, then it is dropped.
    fn finish(self: &Rc<Self>, place: u32, code: i32) {
        let mut fiber = {
            let mut fibers = self.fibers.borrow_mut();
            let Some(fiber) = fibers.get(place) else { return };
            let Some(claim) = fiber.claim.take() else { return };
            let lane = fiber.lane;
            let mut ended = std::mem::replace(fiber, Fiber::new(claim, lane));
            // The place stays empty, and out of use while the ready queue names it.
            ended.claim = fiber.claim.take();
            fiber.queued = ended.queued;
            if let Some(waiter) = ended.waiter.take() {
                waits::waits().withdraw(waiter);
            }
            if !ended.queued {
                fibers.remove(place);
            }
            ended
        };
        let mut wheel = self.wheel.borrow_mut();
        if let Sleep::Armed(timer) = fiber.sleep {
            wheel.clear(timer);
        }
        if fiber.limit != wheel::NIL {
            wheel.clear(fiber.limit);
        }
        drop(wheel);
        if let Some(more) = fiber.more.take() {
            let all = fds::READABLE | fds::WRITABLE;
            more.fds.iter().for_each(|fd| self.fds.borrow_mut().disarm(*fd, all, place));
            if let Some(waker) = &fiber.waker {
                let waker = Waker::from(waker.clone());
                more.tasks.iter().for_each(|id| self.core.unlisten(*id, &waker));
            }
        }
        let Some(claim) = fiber.claim.take() else { return };
        let (index, lane) = (claim.index, fiber.lane);
        {
            let _held = Held::enter(Holding { core: self.core.address(), index, lane });
            let _waits = host::MustNotWait::enter();
            self.core.end(claim, code, &mut SharedSeat(&self.seat));
        }
        if self.core.pass_place_on(lane) {
            // In its turn, and when there is memory.
            match self.make_room() {
                true => self.start(Start::Place(lane)),
                false => self.starting.borrow_mut().push_back(Start::Place(lane)),
            }
        }
    }

    /// Nothing is ready. None when something came meanwhile; else until when to sleep, or nothing
    /// when the loop ends.
    #[allow(clippy::option_option)]
    fn lie_down(&self) -> Option<Option<u64>> {
        let idle = self.fibers.borrow().len() == 0;
        if idle {
            self.fibers.borrow_mut().trim();
            self.wheel.borrow_mut().trim();
            self.seat.borrow_mut().hand_back(&self.core);
            self.pool.rest();
        }
        let now = clock::precise();
        let idle_until =
            self.busy.get().saturating_add(self.settings.nanoseconds(Key::MaxIdleTime));
        if !self.starting.borrow().is_empty() {
            // There was no memory for them: soon there may be.
            return Some(Some(now + 1_000_000));
        }
        let mut inbox = self.event_loop.inbox.lock();
        if !inbox.is_empty() {
            return None;
        }
        if idle && (inbox.closing || idle_until <= now) {
            inbox.alive = false;
            return Some(None);
        }
        inbox.asleep = true;
        drop(inbox);
        let next = self.wheel.borrow().next();
        // A sleep of some thirty years is as good as one for ever.
        let far = now + 1_000_000_000_000_000_000;
        Some(Some(if idle { idle_until } else { next.unwrap_or(far) }))
    }

    /// Refuses to wait for a task that cannot end before this one.
    fn check_wait(&self, place: u32, id: TaskId) -> Result<()> {
        let task = self.with_fiber(place, |fiber| {
            let index = fiber.claim.as_ref().map_or(slab::NIL, |claim| claim.index);
            Holding { core: self.core.address(), index, lane: fiber.lane }
        })?;
        self.core.check_async_wait(task, id)?;
        self.with_fiber(place, |fiber| fiber.knotted = false)
    }

    fn waker_of(&self, place: u32) -> Option<Arc<TaskWaker>> {
        let mut fibers = self.fibers.borrow_mut();
        let fiber = fibers.get(place)?;
        let claim = fiber.claim.as_ref()?;
        let (index, generation) = (claim.index, claim.word.generation());
        let make = || Arc::new(TaskWaker::new(self.event_loop.clone(), index, generation));
        Some(fiber.waker.get_or_insert_with(make).clone())
    }

    fn with_fiber<R>(&self, place: u32, work: impl FnOnce(&mut Fiber) -> R) -> Result<R> {
        let mut fibers = self.fibers.borrow_mut();
        fibers.get(place).map(work).ok_or_else(|| ErrorCode::WrongThread.into())
    }
}

/// The loop's seat, borrowed only for each single step, since ending a task calls the host.
struct SharedSeat<'a>(&'a RefCell<WorkerSeat>);

impl crate::core::seat::Seat for SharedSeat<'_> {
    fn left(&mut self, bounded: bool) {
        self.0.borrow_mut().left(bounded);
    }

    fn ended(&mut self) {
        self.0.borrow_mut().ended();
    }

    fn free(&mut self, core: &Core, index: u32) {
        self.0.borrow_mut().free(core, index);
    }

    fn now(&mut self) -> u64 {
        self.0.borrow_mut().now()
    }
}

/// The loop of this thread and the fiber in its poll, which this token has to be of.
fn current(token: &Token) -> Result<(Rc<Local>, u32)> {
    let local = LOCAL.with(|own| own.borrow().clone());
    if let Some(local) = local {
        let (place, own) = local.current.get();
        if std::ptr::eq(own, token) {
            if local.event_loop.is_forked() {
                return Err(ErrorCode::Forked.into());
            }
            return Ok((local, place));
        }
    }
    Err(match token.is_async() {
        true => Error::new(
            ErrorCode::WrongThread,
            "only the poll function itself, on its loop's thread, may say what it waits for",
        ),
        false => Error::new(ErrorCode::WrongKind, "a linear task waits by blocking"),
    })
}

/// Whether the token's sleep is over; if none was under way, starts one.
pub fn sleep(token: &Token, seconds: f64) -> Result<()> {
    crate::token::check_seconds(seconds)?;
    let (local, place) = current(token)?;
    let state = local.with_fiber(place, |fiber| fiber.sleep)?;
    let next = match state {
        Sleep::Due => Sleep::None,
        Sleep::None if seconds == 0.0 => Sleep::None,
        Sleep::Armed(_) => return Err(ErrorCode::NotYet.into()),
        Sleep::None => {
            let deadline = clock::precise() + clock::duration(seconds).as_nanos() as u64;
            Sleep::Armed(local.wheel.borrow_mut().set(deadline, place << 1))
        }
    };
    local.with_fiber(place, |fiber| fiber.sleep = next)?;
    if next == Sleep::None { Ok(()) } else { Err(ErrorCode::NotYet.into()) }
}

/// Takes the token's sleep back, if one is under way.
pub fn cancel_sleep(token: &Token) -> Result<()> {
    let (local, place) = current(token)?;
    let state =
        local.with_fiber(place, |fiber| std::mem::replace(&mut fiber.sleep, Sleep::None))?;
    if let Sleep::Armed(timer) = state {
        local.wheel.borrow_mut().clear(timer);
    }
    Ok(())
}

/// What of `wanted` a file descriptor is ready for; `NotYet` when nothing, and then the task will
/// be polled when it is.
pub fn wait_fd(token: &Token, fd: RawFd, wanted: u32) -> Result<u32> {
    let (local, place) = current(token)?;
    let Some(waker) = local.waker_of(place) else { return Err(ErrorCode::WrongThread.into()) };
    let answer = local.fds.borrow_mut().wait(fd, wanted, place, &Waker::from(waker));
    let armed = local.fds.borrow().is_armed(fd, place);
    local.with_fiber(place, |fiber| {
        let more = fiber.more.get_or_insert_default();
        more.fds.retain(|other| *other != fd);
        if armed {
            more.fds.push(fd);
        }
    })?;
    match answer {
        Ok(0) => Err(ErrorCode::NotYet.into()),
        other => other,
    }
}

/// Whether another task has ended; `NotYet` when not, and then this one will be polled when it has.
pub fn wait_task(token: &Token, id: TaskId) -> Result<()> {
    let (local, place) = current(token)?;
    if id == token.id() {
        return Err(Error::new(ErrorCode::WouldDeadlock, "a task cannot wait for itself"));
    }
    let Some(waker) = local.waker_of(place) else { return Err(ErrorCode::WrongThread.into()) };
    let waker = Waker::from(waker);
    let armed = local.with_fiber(place, |fiber| {
        fiber.more.as_ref().is_some_and(|more| more.tasks.contains(&id))
    })?;
    let forget = |local: &Local| {
        local.with_fiber(place, |fiber| {
            fiber.more.get_or_insert_default().tasks.retain(|other| *other != id);
        })
    };
    if let Err(knotted) = local.check_wait(place, id) {
        if armed {
            local.core.unlisten(id, &waker);
            forget(&local)?;
        }
        return Err(knotted);
    }
    if armed {
        match local.core.state(id) {
            Ok(state) if !state.is_final() => return Err(ErrorCode::NotYet.into()),
            // It has ended, and may even be forgotten: that is what was waited for.
            _ => {
                local.core.annotate_seen(id);
                return forget(&local);
            }
        }
    }
    match local.core.listen(id, waker)? {
        true => Ok(()),
        false => {
            local.with_fiber(place, |fiber| {
                fiber.more.get_or_insert_with(|| Box::new(More::default())).tasks.push(id);
            })?;
            Err(ErrorCode::NotYet.into())
        }
    }
}

/// What wakes the token's task.
pub fn waker(token: &Token) -> Result<Arc<TaskWaker>> {
    let (local, place) = current(token)?;
    local.waker_of(place).ok_or_else(|| ErrorCode::WrongThread.into())
}
