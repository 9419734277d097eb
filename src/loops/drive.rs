//! The life of an event loop: one future that runs every fiber of it.
//!
//! Each turn takes [what came](news), then polls [what is ready](polling), where a task may
//! [arm](arming) what has it polled again; with nothing to do, the loop sleeps.

use super::fds::Fds;
use super::fiber::{Fibers, NIL};
use super::{EventLoop, Start};
use crate::clock;
use crate::config::{Key, Settings};
use crate::core::Core;
use crate::core::seat::WorkerSeat;
use crate::host;
use crate::platform::floats::Floats;
use crate::platform::signals::Mask;
use crate::token::Token;
use crate::wheel::Wheel;
use crate::workers::Pool;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::time::Instant;

mod arming;
mod news;
mod polling;

pub use arming::{cancel_sleep, sleep, wait_fd, wait_task, waker};

/// Polls between two looks at the inbox, the clock and the system.
const ROUND: usize = 256;

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
    {
        let _waits = host::MustNotWait::enter();
        runtime.block_on(drive(local.clone()));
    }
    LOCAL.with(|own| *own.borrow_mut() = None);
    local.seat.borrow_mut().hand_back(&local.core);
    if local.pool.is_deserted() {
        // Nothing for a long time: what a burst left goes too.
        local.core.trim();
    }
}

/// Inbox, timers, polls; and when there is nothing to do, sleep.
async fn drive(local: Rc<Local>) {
    let mut alarm = Box::pin(tokio::time::sleep(Duration::ZERO));
    // Passes since the system was asked.
    let mut passes = 0;
    loop {
        // Not further up: a child must not unwind through the runtime, whose descriptors it shares
        // with its parent.
        let more = host::ends_child(|| {
            local.take_inbox();
            local.expire();
            local.run_round()
        });
        if more {
            passes = 0;
            tokio::task::yield_now().await;
            continue;
        }
        // Once for a number of polls, since it is a system call.
        local.mask.restore();
        local.floats.settle_all();
        let Some(until) = host::ends_child(|| local.lie_down()) else {
            // Who wakes itself, or is woken again and again, keeps nobody from his descriptor.
            passes += 1;
            if passes == ROUND {
                passes = 0;
                tokio::task::yield_now().await;
            }
            continue;
        };
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
}
