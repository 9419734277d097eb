//! How a linear task is run on the thread that took it, whoever's that is.

use crate::canary::Canary;
use crate::config::{Key, Settings};
use crate::core::Core;
use crate::core::seat::Seat;
use crate::core::take::Claim;
use crate::core::view::RunningTask;
use crate::core::word::{self, Snapshot};
use crate::host::{self, Held, Holding};
use crate::platform::floats::Floats;
use crate::platform::signals::{self, Unblocked};
use crate::token::Token;
use crate::workers::interrupt::{Breaker, Target};
use crate::workers::watchdog::Timed;
use std::sync::Arc;

/// Where a thread runs its tasks.
#[derive(Clone, Copy, Debug)]
pub struct Bench<'a> {
    /// Whose tasks.
    pub core: &'a Arc<Core>,
    /// How long a task may run.
    pub settings: &'a Settings,
    /// The deadline of the one that runs.
    pub timed: &'a Timed,
    /// What it is in, if its blocking calls may be broken.
    pub breaker: &'a Breaker,
    /// How its arithmetic is when a task starts.
    pub floats: &'a Floats,
}

/// How long a claimed task may run (nanoseconds), if that is limited.
pub fn limit(core: &Core, settings: &Settings, claim: &Claim) -> Option<u64> {
    let timed = claim.word.has(word::TIMED) && !Canary::LostDeadline.sings();
    timed.then(|| {
        let own = core.own_timeout(claim);
        own.unwrap_or_else(|| settings.nanoseconds(Key::WatchDogTime))
    })
}

impl Bench<'_> {
    /// Runs and ends a task of this lane; its last word. `now` is when it starts; `watch` is told of
    /// one whose time is limited.
    #[inline]
    pub fn run(
        &self,
        claim: Claim,
        lane: u32,
        now: u64,
        seat: &mut impl Seat,
        watch: impl FnOnce(&Timed, RunningTask, u64),
    ) -> Snapshot {
        let core = self.core;
        // A pump may be run inside a task of another.
        let _held = Held::enter(Holding { core: core.address(), index: claim.index, lane });
        let token = Token::new(core, claim.index);
        let limit = limit(core, self.settings, &claim);
        if let Some(limit) = limit {
            let task = RunningTask::new(claim.index, claim.word.generation());
            watch(self.timed, task, limit);
        }
        let (function, user_data) = core.begin(&claim, now);
        let breakable = match claim.word.has(word::INTERRUPT) {
            true => self.let_break(RunningTask::new(claim.index, claim.word.generation())),
            false => None,
        };
        // SAFETY: the host's promise when it submitted the task.
        let code = unsafe { host::call_task(function, &token, user_data) };
        // Before anything else of the host's runs here.
        if let Some(unblocked) = breakable {
            unblocked.end(self.breaker.leave());
        }
        self.floats.settle();
        if limit.is_some() {
            self.timed.clear();
        }
        core.end(claim, code, seat)
    }

    /// From now on blocking calls of this thread can be broken, on behalf of this task.
    #[cold]
    fn let_break(&self, task: RunningTask) -> Option<Unblocked> {
        let signal = self.settings.level(Key::InterruptSignal);
        if signal == 0 {
            return None;
        }
        let unblocked = Unblocked::new(signal);
        signals::reset_mark(self.breaker.mark());
        self.breaker.enter(task.bits(), Target { thread: signals::thread_id(), signal });
        Some(unblocked)
    }
}
