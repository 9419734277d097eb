//! What a scheduler shares with the handles that were made of it: they may outlive it.

use crate::config::Settings;
use crate::core::Core;
use crate::core::outlet::{CLAIMS, WORKERS};
use crate::core::report::Ends;
use crate::core::view::RunningTask;
use crate::host::ThreadHook;
use crate::hosts::claims::Claims;
use crate::hosts::slots::Slots;
use crate::loops::Loops;
use crate::scheduler::SchedulerOptions;
use crate::sync::Mutex;
use crate::task::Runner;
use crate::threads::Threads;
use crate::workers::Pool;
use crate::{Error, ErrorCode, Result, clock, platform};
use std::sync::atomic::{AtomicBool, Ordering::*};
use std::sync::{Arc, Weak};

/// See the module.
#[derive(Debug)]
pub struct Shared {
    pub core: Arc<Core>,
    pub settings: Arc<Settings>,
    pub pool: Pool,
    pub loops: Loops,
    pub claims: Arc<Claims>,
    threads: Arc<Threads>,
    /// [`platform::forks`] when it was made: in a forked child it is no longer ours.
    pub forks: u32,
    /// The scheduler is no more.
    pub gone: AtomicBool,
    /// Completion queues, to be told of that.
    ends: Mutex<Vec<Weak<Ends>>>,
}

impl Shared {
    /// Puts the parts together. The function and the data of the options are taken over.
    pub fn new(
        core: Arc<Core>,
        settings: Arc<Settings>,
        options: &SchedulerOptions<'_>,
    ) -> Result<Arc<Shared>> {
        let slots = Slots::new()?;
        // SAFETY: the promise of who made the options. Nothing fails from here on.
        let hook = unsafe { ThreadHook::new(options.on_thread, options.user_data, options.drop) };
        let threads = Arc::new(Threads::new(settings.clone(), hook));
        let pool = Pool::new(core.clone(), settings.clone(), threads.clone());
        Ok(Arc::new(Shared {
            loops: Loops::new(core.clone(), settings.clone(), pool.clone(), threads.clone()),
            claims: Claims::new(core.clone(), settings.clone(), pool.clone(), slots),
            threads,
            core,
            settings,
            pool,
            forks: platform::forks(),
            gone: AtomicBool::new(false),
            ends: Mutex::new(Vec::new()),
        }))
    }

    /// Whether no fork lies between its making and now.
    #[inline]
    pub fn is_of_this_process(&self) -> bool {
        self.forks == platform::forks()
    }

    /// Whether a handle can still be used for something new.
    pub fn check(&self) -> Result<()> {
        if !self.is_of_this_process() {
            return Err(ErrorCode::Forked.into());
        }
        if self.gone.load(Acquire) {
            return Err(Error::new(ErrorCode::ShuttingDown, "the scheduler was freed"));
        }
        Ok(())
    }

    /// The outlet of whoever is asked to run something.
    pub fn outlet_of(&self, runner: Option<Runner<'_>>) -> Result<Option<u32>> {
        Ok(match runner {
            None => None,
            Some(Runner::Workers) => Some(WORKERS),
            Some(Runner::Claims) => Some(CLAIMS),
            Some(Runner::Pump(pump)) if pump.is_of(self) => Some(pump.outlet()),
            Some(Runner::Pump(_)) => return Err(not_ours("pump")),
        })
    }

    /// A running task was told to stop: whoever has to know is told too.
    pub fn told(&self, task: RunningTask) {
        if self.core.is_claimed(task) {
            return self.claims.told(task);
        }
        if self.core.is_async(task) {
            self.loops.stopped(task);
        }
        // Last: it may take a while, and say something to the log.
        self.pool.told(task);
    }

    /// Waits until no thread of ours is left; false when the deadline passed before. All were told
    /// to leave.
    pub fn wait_threads(&self, deadline: Option<u64>) -> bool {
        loop {
            // One that was picked may still be on its way to be made, and counted. Asked first: one that
            // is not counted yet may come and go while we wait, and be at the host's function for it.
            let deserted = self.pool.is_deserted();
            if !self.threads.wait_gone(deadline) {
                return false;
            }
            if deserted {
                return true;
            }
            if deadline.is_some_and(|deadline| clock::until(deadline).is_none()) {
                return false;
            }
            std::thread::yield_now();
        }
    }

    /// How many threads of ours there are, in whatever they are.
    pub fn threads(&self) -> usize {
        self.threads.alive()
    }

    /// That queue will hear when the scheduler is no more.
    pub fn watch_ends(&self, ends: &Arc<Ends>) -> Result<()> {
        let mut known = self.ends.lock();
        known.retain(|other| other.strong_count() > 0);
        known.try_reserve(1).map_err(|_| Error::from(ErrorCode::OutOfMemory))?;
        known.push(Arc::downgrade(ends));
        Ok(())
    }

    /// The scheduler is no more; nothing of it runs.
    pub fn retire(&self) {
        self.gone.store(true, Release);
        self.claims.close();
        self.core.tell_pumps();
        self.loops.retire();
        for ends in self.ends.lock().iter().filter_map(Weak::upgrade) {
            ends.mailbox.close();
        }
        self.threads.retire();
    }
}

/// Something belongs to another scheduler.
pub fn not_ours(what: &str) -> Error {
    Error::new(ErrorCode::InvalidArgument, words!("the {what} is another scheduler's"))
}
