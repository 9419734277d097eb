//! Breaking the system call that a task blocks in: the hand-off between the thread that runs it and
//! whoever tells it to stop.
//!
//! Each thread that runs tasks has a [`Breaker`], which says what task it is in, if that asked for
//! this. What always holds:
//!
//! * who sends the signal holds the breaker meanwhile, and has found there the very task that he
//!   was to stop; the thread takes the task off the breaker, under the same lock, before anything
//!   else happens after the task's function. So the signal is sent while the thread is in that
//!   function, or between it and the lock: never to a thread that has gone on, or ended;
//! * what was sent is there when the sender lets go, though the thread may not have taken it yet.
//!   [`Breaker::leave`] says whether anything was sent, and the thread takes it before it goes on
//!   ([`crate::platform::signals::Unblocked::end`]). So it never meets the next task, nor code that
//!   runs after this one.
//!
//! A signal that comes before the thread blocks breaks nothing, so who stops a task sends one at
//! once, and the watchdog more until the task has returned: see [`Pause`]. A task that was told to
//! stop before its breaker was set is found by those, too.

use crate::canary::Canary;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// No task. No task has this number, since no record has the number 0.
const NOBODY: u64 = 0;

/// See the module.
#[derive(Debug)]
pub struct Breaker {
    /// The task, for who looks for one: only what the lock guards counts.
    hint: AtomicU64,
    inside: Mutex<Inside>,
    /// Which mark its signals carry.
    mark: usize,
}

/// What a thread is in.
#[derive(Debug)]
struct Inside {
    task: u64,
    target: Target,
    sent: bool,
}

/// Whom to send what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// The thread, as the system calls it.
    pub thread: i32,
    /// The signal.
    pub signal: i32,
}

impl Breaker {
    /// Of a thread that is in no task; `mark` goes with its signals.
    pub fn new(mark: usize) -> Breaker {
        let inside = Inside { task: NOBODY, target: Target::default(), sent: false };
        Breaker { hint: AtomicU64::new(NOBODY), inside: Mutex::new(inside), mark }
    }

    /// Which mark its signals carry.
    pub fn mark(&self) -> usize {
        self.mark
    }

    /// This thread is about to call the function of that task, and takes the signal.
    pub fn enter(&self, task: u64, target: Target) {
        *self.inside.lock() = Inside { task, target, sent: false };
        self.hint.store(task, Relaxed);
    }

    /// The function has returned; whether any signal was sent.
    pub fn leave(&self) -> bool {
        self.hint.store(NOBODY, Relaxed);
        if Canary::LateSignal.sings() {
            return self.inside.lock().sent;
        }
        let mut inside = self.inside.lock();
        inside.task = NOBODY;
        inside.sent
    }

    /// Whether the thread seems to be in that task.
    pub fn seems_in(&self, task: u64) -> bool {
        self.hint.load(Relaxed) == task
    }

    /// Sends, if the thread is in that task: it stays there, or does not get further than
    /// [`Breaker::leave`], until `send` has returned.
    pub fn send<T>(&self, task: u64, send: impl FnOnce(Target) -> T) -> Option<T> {
        let mut inside = self.inside.lock();
        if inside.task != task {
            return None;
        }
        inside.sent = true;
        Some(send(inside.target))
    }
}

/// The pauses between two signals to the same task, in nanoseconds: longer each time.
#[derive(Clone, Copy, Debug)]
pub struct Pause {
    /// When the next one is due.
    pub due: u64,
    length: u64,
}

impl Pause {
    const FIRST: u64 = 1_000_000;
    const LONGEST: u64 = 100_000_000;

    /// The first was sent.
    pub fn after_first(now: u64) -> Pause {
        Pause { due: now + Pause::FIRST, length: Pause::FIRST }
    }

    /// Another was sent.
    pub fn after_another(&mut self, now: u64) {
        self.length = (self.length * 2).min(Pause::LONGEST);
        self.due = now + self.length;
    }

    /// How long the pause is.
    pub fn length(&self) -> u64 {
        self.length
    }
}
