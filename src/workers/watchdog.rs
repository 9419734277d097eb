//! Time-outs and stuck tasks: one thread, there only while something has a deadline.
//!
//! A running task's deadline is a word in its worker's slot ([`Timed`]); a task that was told to
//! stop has an entry in a list, with the moment at which it counts as stuck and, if it asked for its
//! blocking calls to be broken, that of the next signal ([`super::interrupt`]). The thread sleeps to
//! the earliest of these and ends when there is none.
//!
//! The hand-off: a worker stores its deadline and then loads until when the watchdog sleeps; the
//! watchdog stores until when it sleeps and then looks at the deadlines once more before it does.
//! All four are SeqCst, so one of the two sees the other, and a deadline earlier than the sleep
//! wakes it. A thread that has found nothing says under the lock that it does not run any more, and
//! the next one may start while it still tells the host of its end. The last worker to park does the same with deadlines that are gone, so that the
//! watchdog ends when nothing runs.
//!
//! Time in which nobody could run does not count. While anything has a deadline, the watchdog reads
//! the clock once in every [`SLICE`]; a reading that comes much too late means that the process was
//! stopped, or the machine asleep. All deadlines then move by the whole gap, which is at least as
//! long as the pause. So a pause gives no false time-out; the price is that a real one may come
//! late, once.

use super::Shared;
use super::interrupt::{Breaker, Pause, Target};
use crate::clock;
use crate::config::Key;
use crate::core::view::RunningTask;
use crate::host;
use crate::log::{self, LogLevel};
use crate::platform::signals::{self, Sent};
use crate::platform::thread::Thread;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering::*, fence};
use crate::sync::{Condvar, Mutex, MutexGuard};
use crate::threads::{self, Role};
use std::sync::Arc;

/// No deadline.
pub const NEVER: u64 = u64::MAX;
/// The watchdog sleeps no longer than this (nanoseconds) at once: a pause within a longer sleep
/// could not be told from it.
const SLICE: u64 = 1_000_000_000;
/// Waking later than this (nanoseconds) means that nobody could run.
const MUCH_TOO_LATE: u64 = 250_000_000;

/// The running task of a worker, if it has a deadline.
#[derive(Debug)]
pub struct Timed {
    /// Index, and the low half of the generation.
    task: AtomicU64,
    /// Nanoseconds of counted time, or [`NEVER`].
    deadline: AtomicU64,
}

impl Timed {
    /// None.
    pub fn new() -> Timed {
        Timed { task: AtomicU64::new(0), deadline: AtomicU64::new(NEVER) }
    }

    /// The task has returned.
    #[inline]
    pub fn clear(&self) {
        self.deadline.store(NEVER, Release);
    }

    /// The deadline, or [`NEVER`].
    pub fn deadline(&self) -> u64 {
        self.deadline.load(SeqCst)
    }

    /// The task, if its deadline has passed. Between two tasks the deadline is never, so a task
    /// read between two equal readings of the deadline is the one it belongs to.
    pub fn expired(&self, now: u64) -> Option<RunningTask> {
        let deadline = self.deadline.load(Acquire);
        if deadline > now {
            return None;
        }
        let task = self.task.load(Acquire);
        // Once expired it is dealt with; a later task's deadline stays.
        self.deadline
            .compare_exchange(deadline, NEVER, SeqCst, Relaxed)
            .is_ok()
            .then_some(RunningTask { index: (task >> 32) as u32, generation_low: task as u32 })
    }
}

/// Somebody beside the workers who runs tasks with deadlines.
pub trait Watched: Send + Sync + std::fmt::Debug {
    /// Takes those whose deadline has passed, at this counted time.
    fn expired(&self, now: u64, each: &mut dyn FnMut(RunningTask));
    /// The earliest deadline there is, in counted time, or [`NEVER`].
    fn earliest(&self) -> u64;
    /// What he is in, if blocking calls of his may be broken.
    fn breaker(&self) -> Option<&Breaker> {
        None
    }
}

/// A task that was told to stop and has not returned.
#[derive(Clone, Copy, Debug)]
struct Told {
    task: RunningTask,
    /// When it counts as stuck, or is reported again. Counted time.
    next: u64,
    stuck: bool,
    /// Its blocking calls are to be broken, again at that moment.
    breaks: Option<Pause>,
}

impl Told {
    /// When to look at it again.
    fn due(&self) -> u64 {
        self.breaks.map_or(self.next, |breaks| self.next.min(breaks.due))
    }
}

#[derive(Debug, Default)]
struct State {
    told: Vec<Told>,
    /// The one that runs, and those that have not been waited for.
    threads: Vec<Thread>,
    running: bool,
    /// Look again, before the sleep is over.
    look: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Watchdog {
    state: Mutex<State>,
    news: Condvar,
    /// Until when it sleeps (counted time); later deadlines need not wake it.
    until: AtomicU64,
    /// Time that does not count, in all.
    lost: AtomicU64,
    /// It was needed and no thread could be made: a worker tries again.
    missing: AtomicBool,
}

impl Watchdog {
    /// Nothing to watch.
    pub fn new() -> Watchdog {
        Watchdog {
            state: Mutex::new(State::default()),
            news: Condvar::new(),
            until: AtomicU64::new(NEVER),
            lost: AtomicU64::new(0),
            missing: AtomicBool::new(false),
        }
    }

    /// Counted time.
    fn now(&self) -> u64 {
        self.now_by(clock::precise)
    }

    fn now_by(&self, clock: impl FnOnce() -> u64) -> u64 {
        // Before the clock: if a pause is found between the two, this is too late and not too early.
        let lost = self.lost.load(Acquire);
        clock().saturating_sub(lost)
    }

    /// A moment in counted time.
    pub fn counted(&self, moment: u64) -> u64 {
        moment.saturating_sub(self.lost.load(Relaxed))
    }
}

impl Shared {
    /// A task with a deadline starts on the worker of that slot.
    pub fn watch(self: &Arc<Shared>, timed: &Timed, task: RunningTask, nanoseconds: u64) {
        let deadline = self.watchdog.now().saturating_add(nanoseconds).min(NEVER - 1);
        timed.task.store(task.bits(), Release);
        timed.deadline.store(deadline, SeqCst);
        self.watch_until(deadline);
    }

    /// There is a deadline, in counted time.
    pub fn watch_until(self: &Arc<Shared>, deadline: u64) {
        if deadline < self.watchdog.until.load(SeqCst) {
            self.poke_watchdog(self.watchdog.state.lock());
        }
    }

    /// Whether a task that was told to stop returns before a watchdog could be started for it: one
    /// that slept wakes sooner than a thread is made.
    pub fn returns_at_once(&self, task: RunningTask) -> bool {
        // As long as making the thread takes, some 30 microseconds.
        const LOOKS: u32 = 600;
        const PAUSES: u32 = 4;
        for _ in 0..LOOKS {
            if self.watchdog.until.load(Relaxed) != NEVER {
                return false;
            }
            if !self.core.is_running(task) {
                return true;
            }
            for _ in 0..PAUSES {
                std::hint::spin_loop();
            }
        }
        false
    }

    /// A running task was told to stop: it is stuck if it has not returned in time. `breaks`: what
    /// [`Shared::break_first`] said.
    pub fn told(self: &Arc<Shared>, task: RunningTask, breaks: Option<Pause>) {
        let next = self.watchdog.now() + self.settings.nanoseconds(Key::StuckGrace);
        let mut state = self.watchdog.state.lock();
        // Looked at under the lock, which a shutdown takes after the last task has ended: so it
        // finds the thread that is started for this one, or none is started.
        if !self.core.is_running(task) {
            return;
        }
        let told = Told { task, next, stuck: false, breaks };
        let due = told.due();
        // Without memory for it nobody will look whether it is stuck.
        let noted = state.told.try_reserve(1).is_ok();
        if noted {
            state.told.push(told);
        }
        let asleep = due < self.watchdog.until.load(SeqCst);
        let poked = noted && (!asleep || self.poke_watchdog(state));
        if let (false, Some(breaks)) = (poked, breaks) {
            self.break_alone(task, breaks);
        }
    }

    /// Breaks the blocking call of a task that was just told to stop, if it asked for that: then it
    /// says when to do so again.
    pub fn break_first(&self, task: RunningTask) -> Option<Pause> {
        if !self.core.is_breakable(task) || self.settings.level(Key::InterruptSignal) == 0 {
            return None;
        }
        let why = match self.break_call(task) {
            Sent::Yes => None,
            Sent::NoHandler => Some("its handler was taken away".into()),
            Sent::Failed(error) => Some(words!("{error}")),
        };
        if let Some(why) = why {
            log::line(LogLevel::Warning, || {
                words!("blocking calls are not broken: interrupt_signal cannot be sent: {why}")
            });
        }
        Some(Pause::after_first(self.watchdog.now()))
    }

    /// Breaks the blocking call of a task, if its thread has come as far as its function.
    fn break_call(&self, task: RunningTask) -> Sent {
        let bits = task.bits();
        let send = |breaker: &Breaker| {
            let interrupt = |to: Target| signals::interrupt(to.thread, to.signal, breaker.mark());
            breaker.send(bits, interrupt)
        };
        let slots = self.slots.lock();
        let slot = slots.iter().find(|slot| slot.breaker.seems_in(bits)).cloned();
        drop(slots);
        let sent = match slot {
            Some(slot) => send(&slot.breaker),
            None => {
                let mut sent = None;
                self.each_other(|other| {
                    let breaker = other.breaker().filter(|breaker| breaker.seems_in(bits));
                    if let (None, Some(breaker)) = (&sent, breaker) {
                        sent = send(breaker);
                    }
                });
                sent
            }
        };
        sent.unwrap_or(Sent::Yes)
    }

    /// Does the watchdog's work for a task whose blocking call is to be broken, on this thread and
    /// for about a second, since no other could be made.
    #[cold]
    fn break_alone(&self, task: RunningTask, mut breaks: Pause) {
        const PAUSES: u32 = 16;
        for _ in 0..PAUSES {
            std::thread::sleep(std::time::Duration::from_nanos(breaks.length()));
            if !self.core.is_running(task) {
                return;
            }
            self.break_call(task);
            breaks.after_another(self.watchdog.now());
        }
    }

    /// There should be a watchdog, and could not be one: tries again.
    pub fn retry_watchdog(self: &Arc<Shared>) {
        if self.watchdog.missing.load(Relaxed) && self.watchdog.missing.swap(false, Relaxed) {
            let state = self.watchdog.state.lock();
            // As in `told`: a shutdown takes the lock after the last task has ended.
            if self.core.unfinished() > 0 {
                self.poke_watchdog(state);
            }
        }
    }

    /// Nobody is awake: the watchdog need not be either.
    pub fn rest_watchdog(self: &Arc<Shared>) {
        // After the deadlines were cleared, which is no SeqCst store.
        fence(SeqCst);
        if self.watchdog.until.load(SeqCst) != NEVER {
            let state = self.watchdog.state.lock();
            // It may have ended just now; then none is needed.
            if state.running {
                self.poke_watchdog(state);
            }
        }
    }

    /// Makes the watchdog look now; starts it if it is not there. False when that is not possible.
    #[cold]
    fn poke_watchdog(self: &Arc<Shared>, mut state: MutexGuard<'_, State>) -> bool {
        state.look = true;
        if state.running {
            drop(state);
            self.watchdog.news.notify_one();
            return true;
        }
        let shared = self.clone();
        let begin = clock::precise();
        let made = threads::make_room(&mut state.threads).and_then(|()| {
            self.maker.spawn(Role::Watchdog, move || shared.run_watchdog(begin), || ())
        });
        match made {
            Ok(thread) => {
                state.running = true;
                let ended = threads::take_ended(&mut state.threads);
                state.threads.push(thread);
                drop(state);
                threads::join(ended);
                true
            }
            Err(error) => {
                drop(state);
                self.watchdog.missing.store(true, Relaxed);
                log::line(LogLevel::Error, || words!("no watchdog could be started: {error}"));
                false
            }
        }
    }

    /// Tells the thread to end, after the last task has ended.
    pub fn end_watchdog(&self) {
        {
            let mut state = self.watchdog.state.lock();
            state.told.clear();
            state.look = true;
        }
        self.watchdog.news.notify_one();
    }

    /// Waits until it is gone.
    pub fn join_watchdog(&self) {
        let threads = std::mem::take(&mut self.watchdog.state.lock().threads);
        threads::join(threads);
    }

    fn run_watchdog(self: Arc<Shared>, begin: u64) {
        let watchdog = &self.watchdog;
        // What the host hears of here would wait for time-outs that nobody looks after.
        let _waits = host::MustNotWait::enter();
        let mut seen = begin;
        loop {
            let gap = clock::precise().saturating_sub(seen);
            seen += gap;
            if gap > SLICE + MUCH_TOO_LATE {
                watchdog.lost.fetch_add(gap, Release);
            }
            let now = seen.saturating_sub(watchdog.lost.load(Relaxed));
            let earliest = self.look(now);
            watchdog.until.store(earliest, SeqCst);
            // Once more: who stored or cleared a deadline before it could see that did not wake us.
            if self.earliest() != earliest {
                continue;
            }
            let mut state = watchdog.state.lock();
            if std::mem::take(&mut state.look) {
                continue;
            }
            if earliest == NEVER {
                state.running = false;
                return;
            }
            // A wake before the time is over does no harm.
            let left = std::time::Duration::from_nanos(earliest.saturating_sub(now).min(SLICE));
            watchdog.news.wait_for(state, left).look = false;
        }
    }

    /// Stops what has run too long, reports what is stuck, and says when to look again.
    fn look(self: &Arc<Shared>, now: u64) -> u64 {
        let mut stop = |task| {
            if self.core.time_out(task) {
                let breaks = self.break_first(task);
                self.told(task, breaks);
            }
        };
        for number in 0.. {
            let Some(slot) = self.slots.lock().get(number).cloned() else { break };
            if let Some(task) = slot.timed.expired(now) {
                stop(task);
            }
        }
        self.each_other(|other| other.expired(now, &mut stop));
        // One by one, and each without the lock, since the log is the host's. New ones come at the
        // end; of those that are gone the last takes the place. A shutdown may empty the list
        // meanwhile, and others come after it: so what was seen is looked for again.
        let mut at = 0;
        while let Some(mut told) = self.told_at(at) {
            if !self.core.is_running(told.task) {
                let mut state = self.watchdog.state.lock();
                match is_at(&state.told, at, told.task) {
                    true => _ = state.told.swap_remove(at),
                    false => at += 1,
                }
                continue;
            }
            if let Some(breaks) = told.breaks.as_mut().filter(|breaks| breaks.due <= now) {
                self.break_call(told.task);
                breaks.after_another(now);
            }
            if told.next <= now {
                told.next = now + self.settings.nanoseconds(Key::StatusCheckInterval);
                let first = !std::mem::replace(&mut told.stuck, true);
                self.report_stuck(told.task, first);
            }
            let mut state = self.watchdog.state.lock();
            if is_at(&state.told, at, told.task) {
                state.told[at] = told;
            }
            at += 1;
        }
        self.earliest()
    }

    /// Marks a task that was told to stop long ago, if it still runs, and reports it; `first`: for
    /// the first time.
    pub fn report_stuck(self: &Arc<Shared>, task: RunningTask, first: bool) {
        // Counted first: its worker takes it off again when it sees the mark.
        if first {
            self.stuck.fetch_add(1, SeqCst);
        }
        let stuck = self.core.mark_stuck(task);
        let replaced = first && stuck.is_some_and(|stuck| stuck.by_workers);
        if replaced {
            self.waiters.found_stuck(task.index, || self.core.is_running(task));
            self.resize();
        } else if first {
            self.stuck.fetch_sub(1, SeqCst);
            // Who counted meanwhile counted it too.
            self.resize();
        }
        let Some(stuck) = stuck else { return };
        log::line(LogLevel::Warning, || {
            let kind = stuck.kind.log_word();
            words!("Io {kind} task | {} | was told to stop and is stuck", stuck.id)
        });
        if stuck.lane_released && stuck.by_workers {
            self.notify();
        }
    }

    fn told_at(&self, at: usize) -> Option<Told> {
        self.watchdog.state.lock().told.get(at).copied()
    }

    /// Sees the others who are watched, none under a lock.
    fn each_other(&self, mut see: impl FnMut(&dyn Watched)) {
        for number in 0.. {
            let Some(other) = self.others.lock().get(number).cloned() else { break };
            if let Some(other) = other.upgrade() {
                see(&*other);
            }
        }
    }

    /// The earliest deadline there is.
    fn earliest(&self) -> u64 {
        let slots = self.slots.lock();
        let timed = slots.iter().map(|slot| slot.timed.deadline.load(SeqCst)).min();
        drop(slots);
        let mut timed = timed.unwrap_or(NEVER);
        self.each_other(|other| timed = timed.min(other.earliest()));
        let told = self.watchdog.state.lock().told.iter().map(Told::due).min();
        timed.min(told.unwrap_or(NEVER))
    }
}

/// Whether that task stands at that place of the list.
fn is_at(list: &[Told], at: usize, task: RunningTask) -> bool {
    list.get(at).is_some_and(|there| there.task == task)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_that_is_found_while_the_clock_is_read_makes_no_deadline_early() {
        let watchdog = Watchdog::new();
        let now = watchdog.now_by(|| {
            watchdog.lost.fetch_add(10, Relaxed);
            1000
        });
        assert!(now >= 1000, "{now}");
    }
}
