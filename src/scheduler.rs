//! The scheduler, as Rust and the C face use it: the core, its workers and its settings, in one.

use crate::config::{self, Key, Settings, Value as Setting};
use crate::core::Core;
use crate::core::add::{LONGEST_NAME, NewTask, Then};
use crate::core::view::RunningTask;
use crate::core::word::{self, Cause};
use crate::error::{Error, ErrorCode, Result};
use crate::host::{self, DropFn, ThreadFn, ThreadHook, inside_host_code};
use crate::id::TaskId;
use crate::kinds::{Kind, State, flags};
use crate::log::{self, LogLevel};
use crate::loops::{self, Loops, Start};
use crate::sync::Mutex;
use crate::task::{Function, RawTask, TaskOptions, TaskStatus, Value};
use crate::threads::Threads;
use crate::token::Token;
use crate::workers::Pool;
use crate::{clock, info, platform};
use std::ffi::{OsStr, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};

/// One instance: its names, limits and threads.
///
/// Dropping one is a forced shutdown that waits for what runs; drop it on a thread that runs no
/// task.
#[derive(Debug)]
pub struct Scheduler {
    core: Arc<Core>,
    settings: Arc<Settings>,
    pool: Pool,
    loops: Loops,
    /// Shutdowns under way; the last one to end lets tasks in again.
    shutdowns: Mutex<usize>,
    /// Held while threads are ended.
    ending: Mutex<()>,
    /// Held while settings are changed.
    changing: Mutex<()>,
    /// [`platform::forks`] when it was made: in a forked child it is no longer ours.
    forks: u32,
}

/// A scheduler with every option, as [`Scheduler::with_options`] takes it. Nothing and 0 is what
/// the configuration says.
///
/// Nothing is taken over unless the scheduler is made.
#[derive(Clone, Copy, Debug)]
pub struct SchedulerOptions<'a> {
    /// Changes the built-in configuration (empty: unchanged).
    pub config_yaml: &'a str,
    /// Called on each thread of the scheduler when it starts and when it is about to end.
    pub on_thread: Option<ThreadFn>,
    /// Handed to the function.
    pub user_data: *mut c_void,
    /// Called once with `user_data` when the scheduler's last thread has gone.
    pub drop: Option<DropFn>,
    /// What the names of threads begin with.
    pub thread_name: Option<&'a str>,
    /// Processors that the threads may run on.
    pub thread_affinity: Option<&'a str>,
    /// Bytes of stack of each thread.
    pub thread_stack_size: usize,
    /// Nice level of the threads.
    pub thread_nice: i32,
}

impl Default for SchedulerOptions<'_> {
    fn default() -> Self {
        SchedulerOptions {
            config_yaml: "",
            on_thread: None,
            user_data: ptr::null_mut(),
            drop: None,
            thread_name: None,
            thread_affinity: None,
            thread_stack_size: 0,
            thread_nice: 0,
        }
    }
}

impl SchedulerOptions<'_> {
    /// The values that the scheduler starts with.
    fn values(&self) -> Result<config::Values> {
        let mut values = config::defaults();
        config::apply_yaml(&mut values, self.config_yaml)?;
        let text = |text: Option<&str>| text.map(|text| Setting::Text(text.to_owned().into()));
        let number = |number: f64| (number != 0.0).then_some(Setting::Number(number));
        for (key, value) in [
            (Key::ThreadName, text(self.thread_name)),
            (Key::ThreadAffinity, text(self.thread_affinity)),
            (Key::ThreadStackSize, number(self.thread_stack_size as f64)),
            (Key::ThreadNice, number(self.thread_nice.into())),
        ] {
            if let Some(value) = value {
                config::set(&mut values, key, &value).map_err(|wrong| {
                    Error::new(ErrorCode::InvalidArgument, wrong.message().to_owned())
                })?;
            }
        }
        Ok(values)
    }
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
        platform::count_forks();
        let values = options.values()?;
        let settings = Arc::new(Settings::new(&values));
        let core = Arc::new(Core::new(
            settings.count(Key::MaximumQueueLine),
            settings.count(Key::MaximumTaskInfoStorage),
        )?);
        core.set_async_limits(loops::limits(&settings));
        // SAFETY: the caller's promise.
        let hook = unsafe { ThreadHook::new(options.on_thread, options.user_data, options.drop) };
        let threads = Arc::new(Threads::new(settings.clone(), hook));
        let pool = Pool::new(core.clone(), settings.clone(), threads.clone());
        Ok(Scheduler {
            loops: Loops::new(core.clone(), settings.clone(), pool.clone(), threads),
            pool,
            core,
            settings,
            shutdowns: Mutex::new(0),
            ending: Mutex::new(()),
            changing: Mutex::new(()),
            forks: platform::forks(),
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
        self.forks == platform::forks()
    }

    /// Adds a task that is a C function.
    ///
    /// # Safety
    /// The function takes `user_data` and may be called on any thread; so may `drop`.
    #[inline(always)]
    pub unsafe fn submit_raw(&self, task: &RawTask<'_>) -> Result<TaskId> {
        let new = self.check(task)?;
        match new.kind {
            Kind::Linear => self.pool.ensure(new.name)?,
            Kind::Async => self.loops.ensure(new.name)?,
        }
        let added = match self.core.add(&new) {
            Err(full)
                if full.code() == ErrorCode::QueueFull
                    && task.flags & flags::WAIT_FOR_ROOM != 0 =>
            {
                self.add_when_room(&new, task.wait_seconds, full)
            }
            other => other,
        };
        let added = added.inspect_err(|refused| say_refused(&new, refused))?;
        match added.then {
            Then::Nothing => {}
            Then::Ready => self.pool.notify(),
            Then::Start { hash, index } => self.loops.start(hash, Start::Task(index)),
            Then::Place { hash, lane } => self.loops.start(hash, Start::Place(lane)),
        }
        if new.bits & word::SAYING != 0 {
            self.core.say_added(added.id, new.kind);
        }
        Ok(added.id)
    }

    /// Looks a task over and makes it ready to be added.
    #[inline(always)]
    fn check<'a>(&self, task: &RawTask<'a>) -> Result<NewTask<'a>> {
        let function = match task.function {
            Function::Linear(function) => function as *mut c_void,
            Function::Async(function) => function as *mut c_void,
        };
        if task.name.is_some_and(|name| name.is_empty() || name.len() > LONGEST_NAME) {
            crate::core::add::check_name(task.name.unwrap_or_default())?;
        }
        let mut bits = 0;
        let mut timeout = None;
        if task.flags != 0 || task.timeout_seconds != 0.0 {
            (bits, timeout) = wishes(task)?;
        }
        if log::is_on() {
            bits |= word::SAYING;
        }
        let kind = task.function.kind();
        if kind == Kind::Async {
            bits |= word::ASYNC;
        }
        let (user_data, drop) = (task.user_data, task.drop);
        Ok(NewTask { name: task.name, kind, function, user_data, drop, bits, timeout })
    }

    /// Adds as soon as there is room.
    #[cold]
    fn add_when_room(
        &self,
        new: &NewTask<'_>,
        seconds: f64,
        full: Error,
    ) -> Result<crate::core::add::Added> {
        if inside_host_code() {
            return Err(Error::new(
                ErrorCode::WouldDeadlock,
                "a task that waits for room in the queue may be what the queue waits for",
            ));
        }
        let deadline = clock::deadline_in(seconds);
        loop {
            if !self.core.wait_for_room(deadline) {
                return Err(full);
            }
            match self.core.add(new) {
                Err(error) if error.code() == ErrorCode::QueueFull => {
                    if deadline.is_some_and(|deadline| clock::until(deadline).is_none()) {
                        return Err(full);
                    }
                }
                other => return other,
            }
        }
    }

    /// Adds a task that is a Rust closure. Its error is the task's message; a panic fails the task.
    pub fn submit<F>(&self, options: TaskOptions<'_>, function: F) -> Result<TaskId>
    where
        F: FnOnce(&Token) -> std::result::Result<(), String> + Send + 'static,
    {
        let boxed = Box::into_raw(Box::new(Some(function)));
        let task = RawTask {
            name: options.name.map(str::as_bytes),
            function: Function::Linear(call_closure::<F>),
            user_data: boxed.cast(),
            drop: Some(drop_closure::<F>),
            timeout_seconds: options.timeout_seconds,
            wait_seconds: options.wait_seconds,
            flags: options.flags,
        };
        // SAFETY: the functions take this pointer, and the closure may go to any thread.
        unsafe { self.submit_raw(&task).inspect_err(|_| drop(Box::from_raw(boxed))) }
    }

    /// Tells a task to stop; a pending one is cancelled on the spot. Ok is a promise: whatever its
    /// function returns, the task ends cancelled.
    pub fn force_stop(&self, id: TaskId) -> Result<()> {
        if let Some(told) = self.core.stop(id, Cause::Force)? {
            self.told(told);
        }
        Ok(())
    }

    /// A running task was told to stop: whoever has to know is told too.
    fn told(&self, task: RunningTask) {
        self.pool.told(task);
        if self.core.is_async(task) {
            self.loops.stopped(task);
        }
    }

    /// Refuses adds of a name and cancels what is queued under it.
    pub fn ban(&self, kind: Kind, name: &[u8]) -> Result<()> {
        self.core.ban(kind, name)
    }

    /// Takes a ban back.
    pub fn allow(&self, kind: Kind, name: &[u8]) -> Result<()> {
        self.core.allow(kind, name)
    }

    /// Cancels what is queued under a name; how many tasks that were.
    pub fn cancel_queued(&self, kind: Kind, name: &[u8]) -> Result<usize> {
        let cancelled = self.core.cancel_queued(kind, name)?;
        if cancelled > 0 {
            log::line(LogLevel::Warning, || {
                let name = String::from_utf8_lossy(name);
                let kind = kind.log_word();
                format!(
                    "Io {kind} task | {name} | is waiting to be executed in the queue, has been deleted"
                )
            });
        }
        Ok(cancelled)
    }

    /// Moves the result of a finished task out, once.
    pub fn result(&self, id: TaskId) -> Result<Value> {
        self.core.result(id)
    }

    /// Everything about a task at one moment.
    pub fn status(&self, id: TaskId) -> Result<TaskStatus> {
        self.core.status(id)
    }

    /// Where a task stands: the fast path.
    #[inline]
    pub fn state(&self, id: TaskId) -> Result<State> {
        self.core.state(id)
    }

    /// Waits until the task has ended; 0 only asks (`NotFinished`), infinity waits for ever, a
    /// time that is over answers `TimedOut`.
    pub fn wait(&self, id: TaskId, seconds: f64) -> Result<TaskStatus> {
        self.core.wait_status(id, wait_deadline(seconds)?)
    }

    /// As [`Scheduler::wait`], with the state alone.
    pub fn wait_end(&self, id: TaskId, seconds: f64) -> Result<State> {
        self.core.wait(id, wait_deadline(seconds)?)
    }

    /// Every task of a kind that is known, finished ones included, in the order of their adds.
    pub fn tasks(&self, kind: Kind) -> Result<Vec<TaskStatus>> {
        Ok(self.core.list(kind))
    }

    /// The queue text of a kind.
    pub fn queue_info(&self, kind: Kind, show_id: bool) -> Result<String> {
        let tasks = self.core.list(kind);
        let pending = tasks.iter().filter(|task| task.state == State::Pending).count();
        let now = clock::since_epoch(clock::precise());
        Ok(info::text(kind, show_id, pending, &tasks, &self.core.failures(kind), now))
    }

    /// Gives up the record of a task: a finished one is gone, another one will be kept no longer
    /// than any other.
    pub fn forget(&self, id: TaskId) -> Result<()> {
        self.core.forget(id)
    }

    /// Changes one setting, which takes effect at once.
    pub fn update_config(&self, key: &str, value: &str) -> Result<()> {
        self.change_config(|values| config::change(values, key, value))?;
        log::line(LogLevel::Info, || {
            format!("Configuration file updated and reloaded successfully: {key} = {value}")
        });
        Ok(())
    }

    /// Changes the settings that a YAML file names, all or none.
    pub fn load_config(&self, path: &str) -> Result<()> {
        let path = path.as_ref();
        let yaml = read_config(path)?;
        self.change_config(|values| config::apply_yaml(values, &yaml))
            .map_err(|error| in_file(path, error))
    }

    fn change_config(&self, change: impl FnOnce(&mut config::Values) -> Result<()>) -> Result<()> {
        {
            let _changing = self.changing.lock();
            let mut values = self.settings.values();
            change(&mut values)?;
            self.settings.set_all(&values);
            self.core.set_bound(self.settings.count(Key::MaximumQueueLine));
        }
        // Not under the lock: what cannot be done is said to the log, which is the host's, and what
        // is forgotten is dropped.
        self.pool.reconfigure();
        self.loops.reconfigure();
        self.core.set_history(self.settings.count(Key::MaximumTaskInfoStorage));
        Ok(())
    }

    /// A setting, as text.
    pub fn config(&self, key: &str) -> Result<String> {
        Ok(self.settings.text(Key::find(key)?))
    }

    /// Cancels what is pending and waits for what runs; forced, also tells it to stop. No host
    /// code runs when this returns, until a later add, which starts afresh. Bans, statuses and
    /// settings stay.
    pub fn shutdown(&self, force: bool) -> Result<()> {
        if inside_host_code() {
            return Err(Error::new(
                ErrorCode::WouldDeadlock,
                "a shutdown waits for the task or callback that it is called from",
            ));
        }
        *self.shutdowns.lock() += 1;
        self.close_down(force);
        let mut shutdowns = self.shutdowns.lock();
        *shutdowns -= 1;
        if *shutdowns == 0 {
            self.core.reopen();
            // After the core, so that no refused add makes a thread.
            self.loops.reopen();
            self.pool.reopen();
        }
        drop(shutdowns);
        self.loops.resume();
        self.pool.resume();
        log::line(LogLevel::Info, || "All scheduler has been shut down.".to_owned());
        Ok(())
    }

    /// The steps of a shutdown; nothing comes in from the first on.
    ///
    /// 1. Adds are refused; every one before this has come in.
    /// 2. What is pending is cancelled, so from here on nothing starts.
    /// 3. Forced: what runs is told to stop.
    /// 4. What runs is waited for, and so is every drop.
    /// 5. The threads end; what is left in queues are cancelled tasks, which they free.
    /// 6. Results that nobody took are dropped.
    fn close_down(&self, force: bool) {
        self.core.close();
        self.core.cancel_everything();
        if force {
            self.core.stop_everything().into_iter().for_each(|task| self.told(task));
        }
        self.core.wait_everything();
        let ending = self.ending.lock();
        self.loops.stop();
        self.pool.stop();
        self.core.clear_ready();
        drop(ending);
        self.core.drop_results();
        self.core.trim();
    }

    /// Forced shutdown for good, then frees; inside a task nothing is freed, and the log says so.
    pub fn free(self: Box<Self>) {
        if !self.is_of_this_process() {
            // The parent's: its threads are not here, and its locks may be held for ever.
            std::mem::forget(self);
            return;
        }
        if host::inside_host_code() {
            log::line(LogLevel::Error, || {
                "ts_scheduler_free was called from inside a task or callback: nothing was freed"
                    .to_owned()
            });
            std::mem::forget(self);
        }
    }

    /// How many threads of ours there are.
    #[doc(hidden)]
    pub fn threads(&self) -> usize {
        self.pool.threads() + self.loops.threads()
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        if !self.is_of_this_process() {
            return;
        }
        self.close_down(true);
    }
}

/// Tells the log why a task was not added.
#[cold]
fn say_refused(task: &NewTask<'_>, refused: &Error) {
    let why = match refused.code() {
        ErrorCode::Banned => "is banned and will be deleted",
        ErrorCode::QueueFull => "not added, queue is full",
        _ => refused.message(),
    };
    log::line(LogLevel::Warning, || {
        let name = String::from_utf8_lossy(task.name.unwrap_or_default());
        format!("Io {} task | {name} | {why}", task.kind.log_word())
    });
}

/// The wishes of a task as bits of its word, and its own time-out.
#[cold]
fn wishes(task: &RawTask<'_>) -> Result<(u64, Option<u64>)> {
    let invalid = |text: String| Error::new(ErrorCode::InvalidArgument, text);
    if task.flags & !flags::ALL != 0 {
        return Err(invalid(format!("{:#x} has no meaning as a flag", task.flags & !flags::ALL)));
    }
    let seconds = task.timeout_seconds;
    if !seconds.is_finite() || seconds < 0.0 {
        return Err(invalid(format!(
            "{seconds} is no time-out: seconds are finite and not negative"
        )));
    }
    if task.flags & flags::WAIT_FOR_ROOM != 0
        && (task.wait_seconds.is_nan() || task.wait_seconds < 0.0)
    {
        return Err(invalid(format!("{} seconds cannot be waited", task.wait_seconds)));
    }
    let mut bits = 0;
    for (flag, bit) in [
        (flags::TIMEOUT_PROCESSING, word::TIMED),
        (flags::BAN_ON_FAILURE, word::BAN_ON_FAILURE),
        (flags::KEEP, word::KEEP),
        (flags::INTERRUPT_BLOCKING, word::INTERRUPT),
        (flags::RELEASE_LANE_WHEN_STUCK, word::RELEASE_LANE),
    ] {
        if task.flags & flag != 0 {
            bits |= bit;
        }
    }
    let own = task.flags & flags::TIMEOUT_PROCESSING != 0 && seconds > 0.0;
    Ok((bits, own.then(|| clock::duration(seconds).as_nanos() as u64)))
}

/// The deadline of a wait: none is for ever, 0 only asks.
fn wait_deadline(seconds: f64) -> Result<Option<u64>> {
    if seconds.is_nan() || seconds < 0.0 {
        return Err(Error::new(
            ErrorCode::InvalidArgument,
            format!(
                "{seconds} seconds cannot be waited: it is not negative, and TS_FOREVER is for ever"
            ),
        ));
    }
    Ok(if seconds == 0.0 { Some(0) } else { clock::deadline_in(seconds) })
}

fn read_config(path: &OsStr) -> Result<String> {
    use std::io::Read;
    use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
    let wrong = |text: String| in_file(path, Error::new(ErrorCode::Config, text));
    let mut yaml = Vec::new();
    // A pipe that nobody writes to would block the open.
    std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)
        .and_then(|file| match file.metadata()?.file_type().is_fifo() {
            true => Err(std::io::Error::other("it is a pipe")),
            false => Ok(file),
        })
        .and_then(|file| file.take(config::LONGEST as u64 + 1).read_to_end(&mut yaml))
        .map_err(|error| wrong(format!("the file cannot be read: {error}")))?;
    if yaml.len() > config::LONGEST {
        return Err(wrong(format!("the file is longer than {} bytes", config::LONGEST)));
    }
    String::from_utf8(yaml).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        wrong(format!("the text is not UTF-8 at line {}", line + 1))
    })
}

/// An error that says in which file.
fn in_file(path: &OsStr, error: Error) -> Error {
    Error::new(error.code(), format!("{}: {}", path.to_string_lossy(), error.message()))
}

unsafe extern "C" fn call_closure<F>(token: *mut Token, data: *mut c_void) -> i32
where
    F: FnOnce(&Token) -> std::result::Result<(), String>,
{
    // SAFETY: `submit` handed in this pointer, and the task runs once.
    let (token, function) = unsafe { (&*token, (*data.cast::<Option<F>>()).take()) };
    let Some(function) = function else { return ErrorCode::Panic.number() };
    let (code, message) = match catch_unwind(AssertUnwindSafe(|| function(token))) {
        Ok(Ok(())) => return 0,
        Ok(Err(message)) => (1, message),
        Err(panic) => {
            let words = panic.downcast_ref::<&str>().map(|words| (*words).to_owned());
            let words = words.or_else(|| panic.downcast_ref::<String>().cloned());
            (ErrorCode::Panic.number(), words.unwrap_or_else(|| "the task panicked".to_owned()))
        }
    };
    let _ = token.set_error(&message);
    code
}

unsafe extern "C" fn drop_closure<F>(data: *mut c_void) {
    // SAFETY: `submit` handed in this pointer, and a drop runs once.
    drop(unsafe { Box::from_raw(data.cast::<Option<F>>()) });
}
