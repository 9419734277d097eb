//! The scheduler, as Rust and the C face use it: the core, who runs its tasks, and its settings, in
//! one.
//!
//! [`submit`] is how a task comes in, [`shutdown`] how the scheduler comes to rest, [`shared`] what
//! handles of lanes, pumps and completion queues keep of it.

mod closures;
mod configure;
mod handles;
mod options;
pub(crate) mod shared;
mod shutdown;
mod submit;

use crate::config::{Key, Settings};
use crate::core::Core;
use crate::core::word::Cause;
use crate::error::{Error, ErrorCode, Result};
use crate::id::TaskId;
use crate::kinds::{Kind, State};
use crate::log::{self, LogLevel};
use crate::memory::Shown;
use crate::sync::Mutex;
use crate::task::{Call, RawTask, TaskStatus, Value};
use crate::{clock, info, loops, platform};
use configure::{in_file, read_config};
pub use handles::Finisher;
pub use options::SchedulerOptions;
use shared::Shared;
pub use shutdown::Remains;
use shutdown::Shutdowns;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};

/// One instance: its names, limits and threads.
///
/// Dropping one is a forced shutdown that waits for what runs; drop it on a thread that runs no
/// task.
#[derive(Debug)]
pub struct Scheduler {
    shared: Arc<Shared>,
    /// Shutdowns, of which the last one to end lets tasks in again.
    shutdowns: Mutex<Shutdowns>,
    /// Held while threads that have ended are joined.
    ending: Mutex<()>,
    /// Held while settings are changed.
    changing: Mutex<()>,
}

impl Scheduler {
    /// A scheduler with the built-in configuration changed by this YAML text (empty: unchanged).
    /// Its threads start with the first task.
    pub fn new(config_yaml: &str) -> Result<Scheduler> {
        let options = SchedulerOptions { config_yaml, ..SchedulerOptions::default() };
        // SAFETY: there is no function, and nothing to drop.
        unsafe { Scheduler::with_options(&options) }
    }

    /// A scheduler with every option.
    ///
    /// # Safety
    /// The function takes `user_data` and may be called on any thread; so may `drop`.
    pub unsafe fn with_options(options: &SchedulerOptions<'_>) -> Result<Scheduler> {
        platform::settle_in()?;
        let settings = Arc::new(Settings::new(&options.values()?));
        let core = Arc::new(Core::new(
            settings.count(Key::MaximumQueueLine),
            settings.count(Key::MaximumTaskInfoStorage),
        )?);
        core.set_async_limits(loops::limits(&settings));
        Ok(Scheduler {
            shared: Shared::new(core, settings, options)?,
            shutdowns: Mutex::default(),
            ending: Mutex::new(()),
            changing: Mutex::new(()),
        })
    }

    /// The process-wide one, made at first use with the file that the environment variable
    /// `TASK_SCHEDULING_CONFIG` names, if it is set. While that file cannot be used, this fails.
    pub fn default_instance() -> Result<&'static Scheduler> {
        // No lock: a fork may happen at any time, and a child finds it as it was. Once set, a
        // scheduler is never freed; that of the parent stays behind in a child.
        static DEFAULT: AtomicPtr<Scheduler> = AtomicPtr::new(ptr::null_mut());
        loop {
            let seen = DEFAULT.load(Ordering::Acquire);
            // SAFETY: null, or what was leaked below.
            if let Some(scheduler) = unsafe { seen.as_ref() }
                && scheduler.is_of_this_process()
            {
                return Ok(scheduler);
            }
            let made = match std::env::var_os("TASK_SCHEDULING_CONFIG") {
                Some(path) => {
                    let made = Scheduler::new(&read_config(&path)?);
                    made.map_err(|error| in_file(&path, error))?
                }
                None => Scheduler::new("")?,
            };
            let fresh = Box::into_raw(Box::new(made));
            if DEFAULT.compare_exchange(seen, fresh, Ordering::AcqRel, Ordering::Relaxed).is_err() {
                // SAFETY: nobody else has seen it.
                drop(unsafe { Box::from_raw(fresh) });
            }
        }
    }

    /// Whether no fork lies between its making and now.
    #[inline]
    pub fn is_of_this_process(&self) -> bool {
        self.shared.is_of_this_process()
    }

    /// Adds a task that is a C function.
    ///
    /// # Safety
    /// The function takes `user_data` and may be called on any thread; so may `drop`. The same holds
    /// of what else the task names.
    #[inline(always)]
    pub unsafe fn submit_raw(&self, task: &RawTask<'_>) -> Result<TaskId> {
        // SAFETY: the caller's promise.
        unsafe { self.shared.submit(task) }
    }

    /// The short way of [`Scheduler::submit_raw`] for a linear task that asks for nothing; none, and
    /// nothing is changed, where the long one has to be gone.
    ///
    /// # Safety
    /// As there.
    #[inline(always)]
    pub(crate) unsafe fn submit_plain(&self, name: Option<&[u8]>, call: Call) -> Option<TaskId> {
        self.shared.add_plain(name, call)
    }

    /// Tells a task to stop; a pending one is cancelled on the spot. Ok is a promise: whatever its
    /// function returns, the task ends cancelled.
    pub fn force_stop(&self, id: TaskId) -> Result<()> {
        if let Some(stopped) = self.shared.core.stop(id, Cause::Force)? {
            self.shared.told(stopped.task);
            self.shared.core.say_stopped(stopped);
        }
        Ok(())
    }

    /// Refuses adds of a name and cancels what is queued under it.
    pub fn ban(&self, kind: Kind, name: &[u8]) -> Result<()> {
        self.shared.core.ban(kind, name)
    }

    /// Takes a ban back.
    pub fn allow(&self, kind: Kind, name: &[u8]) -> Result<()> {
        self.shared.core.allow(kind, name)
    }

    /// Cancels what is queued under a name; how many tasks that were.
    pub fn cancel_queued(&self, kind: Kind, name: &[u8]) -> Result<usize> {
        let cancelled = self.shared.core.cancel_queued(kind, name)?;
        if cancelled > 0 {
            log::line(LogLevel::Warning, || {
                let name = Shown(name);
                let kind = kind.log_word();
                words!(
                    "Io {kind} task | {name} | is waiting to be executed in the queue, has been deleted"
                )
            });
        }
        Ok(cancelled)
    }

    /// Moves the result of a finished task out, once.
    pub fn result(&self, id: TaskId) -> Result<Value> {
        self.shared.core.result(id)
    }

    /// Everything about a task at one moment.
    pub fn status(&self, id: TaskId) -> Result<TaskStatus> {
        self.shared.core.status(id)
    }

    /// Where a task stands: the fast path.
    #[inline]
    pub fn state(&self, id: TaskId) -> Result<State> {
        self.shared.core.state(id)
    }

    /// Waits until the task has ended; 0 only asks (`NotFinished`), infinity waits for ever, a
    /// time that is over answers `TimedOut`.
    pub fn wait(&self, id: TaskId, seconds: f64) -> Result<TaskStatus> {
        let deadline = wait_deadline(seconds)?;
        self.shared.core.wait_status(id, deadline)
    }

    /// As [`Scheduler::wait`], with the state alone.
    pub fn wait_end(&self, id: TaskId, seconds: f64) -> Result<State> {
        let deadline = wait_deadline(seconds)?;
        self.shared.core.wait(id, deadline)
    }

    /// Every task of a kind that is known, finished ones included, in the order of their adds.
    pub fn tasks(&self, kind: Kind) -> Result<Vec<TaskStatus>> {
        self.shared.core.list(kind)
    }

    /// The queue text of a kind.
    pub fn queue_info(&self, kind: Kind, show_id: bool) -> Result<String> {
        let tasks = self.shared.core.list(kind)?;
        let pending = tasks.iter().filter(|task| task.state == State::Pending).count();
        let now = clock::since_epoch(clock::precise());
        info::text(kind, show_id, pending, &tasks, &self.shared.core.failures(kind)?, now)
    }

    /// Gives up the record of a task: a finished one is gone, another one will be kept no longer
    /// than any other.
    pub fn forget(&self, id: TaskId) -> Result<()> {
        self.shared.core.forget(id)
    }

    /// How many threads of ours there are.
    #[doc(hidden)]
    pub fn threads(&self) -> usize {
        self.shared.pool.threads() + self.shared.loops.threads()
    }
}

/// The deadline of a wait: none is for ever, 0 only asks.
fn wait_deadline(seconds: f64) -> Result<Option<u64>> {
    if seconds.is_nan() || seconds < 0.0 {
        let text = words!(
            "{seconds} seconds cannot be waited: it is not negative, and TS_FOREVER is for ever"
        );
        return Err(Error::new(ErrorCode::InvalidArgument, text));
    }
    Ok(if seconds == 0.0 { Some(0) } else { clock::deadline_in(seconds) })
}
