//! Tasks
//!
//! A task is one call of one of your functions. Tasks of the same name and
//! kind run in the order in which they were added, linear ones one at a time;
//! tasks of different names run side by side.
//!
//! ```text
//! added -> TS_PENDING -> TS_RUNNING -> TS_COMPLETED   it returned 0
//!              |              |------> TS_FAILED      it returned not 0
//!              |              |------> TS_TIMEOUT     it ran for too long
//!              `--------------`------> TS_CANCELLED   it was told to stop
//! ```
//!
//! A task that is told to stop is TS_RUNNING until its function has returned.
//! Then the stop decides the state, whatever the function returned.

use super::arguments::{self, Out, name, optional_name};
use super::errors::ts_error;
use super::guard::guard;
use super::options::{call, linear, raw_task, read_options};
use super::schedulers::ts_scheduler;
use crate::TaskId;
use crate::error::Result;
use crate::kinds::{Kind, State, flags};
use crate::task::{Completion, More};
use std::ffi::{c_char, c_void};
use std::mem::{MaybeUninit, offset_of};

//#/// A duration without end, for waits.
//##define TS_FOREVER ((double)INFINITY)

/// The id of a task. No task has the id that is all zeroes.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ts_task_id {
    /// In the order in which a UUID is written.
    pub bytes: [u8; 16],
}

impl From<TaskId> for ts_task_id {
    fn from(id: TaskId) -> ts_task_id {
        // Two halves, stored as they are: copied byte by byte they would have to be put together
        // again by whoever reads them.
        // SAFETY: both are sixteen bytes.
        unsafe { std::mem::transmute::<[u64; 2], ts_task_id>(id.to_halves()) }
    }
}

impl From<ts_task_id> for TaskId {
    fn from(id: ts_task_id) -> TaskId {
        TaskId::from_bytes(id.bytes)
    }
}

/// What sort of function a task is.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ts_kind {
    /// An ordinary function, which may block; one at a time per name.
    TS_LINEAR = 1,
    /// A function that is polled and never blocks; a few at a time per name.
    TS_ASYNC = 2,
}

/// Where a task stands. The last four are final.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ts_state {
    /// Added, not started.
    TS_PENDING = 1,
    /// Its function was called, and it or its drop has not returned.
    TS_RUNNING = 2,
    /// Its function returned 0.
    TS_COMPLETED = 3,
    /// Its function returned another number.
    TS_FAILED = 4,
    /// It ran for too long, was told to stop, and has returned.
    TS_TIMEOUT = 5,
    /// It was told to stop, by you or by a shutdown, and has returned or never
    /// started.
    TS_CANCELLED = 6,
}

impl From<State> for ts_state {
    fn from(state: State) -> ts_state {
        match state {
            State::Pending => ts_state::TS_PENDING,
            State::Running => ts_state::TS_RUNNING,
            State::Completed => ts_state::TS_COMPLETED,
            State::Failed => ts_state::TS_FAILED,
            State::Timeout => ts_state::TS_TIMEOUT,
            State::Cancelled => ts_state::TS_CANCELLED,
        }
    }
}

impl From<Kind> for ts_kind {
    fn from(kind: Kind) -> ts_kind {
        match kind {
            Kind::Linear => ts_kind::TS_LINEAR,
            Kind::Async => ts_kind::TS_ASYNC,
        }
    }
}

/// What a running task has of the scheduler: see "Inside a task". Valid during
/// one call of the task's function. An async task gets its token anew with
/// every poll: do not keep it between polls, take a waker.
pub struct ts_token {
    _opaque: (),
}

/// The function of a linear task. Return 0 for completed, any other number for
/// failed with that code.
pub type ts_task_fn =
    Option<unsafe extern "C" fn(token: *mut ts_token, user_data: *mut c_void) -> i32>;

/// What the function of an async task answers.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ts_poll {
    /// Not done: call again when there is something to do.
    TS_POLL_PENDING = 0,
    /// Completed.
    TS_POLL_READY = 1,
    /// Failed.
    TS_POLL_FAILED = 2,
}

/// The function of an async task. It does what it can without blocking and
/// answers whether it is done.
pub type ts_poll_fn = Option<
    unsafe extern "C" fn(token: *mut ts_token, user_data: *mut c_void) -> MaybeUninit<ts_poll>,
>;

/// Frees what user_data points to. Called exactly once for each user_data that
/// was taken over, when the function that goes with it can no longer run.
pub type ts_drop_fn = Option<unsafe extern "C" fn(user_data: *mut c_void)>;

/// Flag: tell the task to stop when it has run for timeout_seconds.
pub const TS_TIMEOUT_PROCESSING: u32 = 1;
/// Flag: when the task fails, ban its name before the next of that name starts.
pub const TS_BAN_ON_FAILURE: u32 = 2;
/// Flag: keep the task's record until ts_task_forget.
pub const TS_KEEP: u32 = 4;
/// Flag: when the queue is full, wait up to wait_seconds for room.
pub const TS_WAIT_FOR_ROOM: u32 = 8;
/// Flag: when the task is told to stop, break the system call that it blocks
/// in: it ends with EINTR, and so do later ones, until the function has
/// returned. Look at ts_should_stop then. For that a signal is sent to the
/// task's thread: by default the real-time signal 50 (interrupt_signal under
/// "Configuration"). Its handler is installed at the first such stop and passes
/// on what is not ours. Reads and writes of regular files, and code that calls
/// again after EINTR, are not broken. Without effect for async tasks, and where
/// the system is not Linux.
pub const TS_INTERRUPT_BLOCKING: u32 = 16;
/// Flag: when the task still runs stuck_grace seconds after it was told to
/// stop, let the next of its name start beside it.
pub const TS_RELEASE_LANE_WHEN_STUCK: u32 = 32;

const _: () = assert!(
    TS_TIMEOUT_PROCESSING == flags::TIMEOUT_PROCESSING
        && TS_BAN_ON_FAILURE == flags::BAN_ON_FAILURE
        && TS_KEEP == flags::KEEP
        && TS_WAIT_FOR_ROOM == flags::WAIT_FOR_ROOM
        && TS_INTERRUPT_BLOCKING == flags::INTERRUPT_BLOCKING
        && TS_RELEASE_LANE_WHEN_STUCK == flags::RELEASE_LANE_WHEN_STUCK
);

/// A lane that you hold: see "Lanes".
pub struct ts_lane {
    _opaque: (),
}

/// Runs tasks on a thread of yours: see "Pumps".
pub struct ts_pump {
    _opaque: (),
}

/// Where ends of tasks are kept for you: see "Completions".
pub struct ts_completions {
    _opaque: (),
}

/// Who runs a linear task. Async tasks always run on the scheduler's event
/// loops.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ts_runner {
    /// Threads of the scheduler.
    TS_WORKERS = 1,
    /// You do, in your own way: see "Claims".
    TS_CLAIMS = 2,
    /// A pump.
    TS_PUMP = 3,
}

/// How a task ended.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ts_completion {
    /// The task.
    pub id: ts_task_id,
    /// The completion_data of its options.
    pub data: *mut c_void,
    /// Its final state.
    pub state: ts_state,
    /// What its function returned, if it failed; else 0.
    pub code: i32,
}

/// Hears how a task ended. end is valid until the function returns.
pub type ts_end_fn =
    Option<unsafe extern "C" fn(end: *const ts_completion, user_data: *mut c_void)>;

const _: () = assert!(
    size_of::<ts_completion>() == size_of::<Completion>()
        && offset_of!(ts_completion, data) == offset_of!(Completion, data)
        && offset_of!(ts_completion, state) == offset_of!(Completion, state)
        && offset_of!(ts_completion, code) == offset_of!(Completion, code)
);

/// A task with every option. Start from TS_TASK_OPTIONS_INIT, then set run or
/// poll, and what else you need.
#[repr(C)]
pub struct ts_task_options {
    /// sizeof(ts_task_options).
    pub size: usize,
    /// The name. NULL is none: the task queues behind no other.
    pub name: *const c_char,
    /// The function of a linear task, or NULL.
    pub run: ts_task_fn,
    /// The function of an async task, or NULL.
    pub poll: ts_poll_fn,
    /// Handed to the function.
    pub user_data: *mut c_void,
    /// Frees user_data; NULL for nothing to free.
    pub drop: ts_drop_fn,
    /// How long the task may run, with TS_TIMEOUT_PROCESSING; without that
    /// flag it has no effect. 0 takes watch_dog_time from the configuration.
    pub timeout_seconds: f64,
    /// With TS_WAIT_FOR_ROOM: how long to wait; may be TS_FOREVER.
    pub wait_seconds: f64,
    /// 0: follows from which of run and poll is set.
    pub kind: MaybeUninit<ts_kind>,
    /// The flags above, joined with |.
    pub flags: u32,
    /// In place of name: a lane of the same scheduler.
    pub lane: *mut ts_lane,
    /// Who runs it. 0: who runs its lane, or TS_PUMP where pump is set.
    pub runner: MaybeUninit<ts_runner>,
    /// 0.
    pub reserved: u32,
    /// With TS_PUMP: the pump.
    pub pump: *mut ts_pump,
    /// Where the task's end is to be kept for you, or NULL.
    pub completions: *mut ts_completions,
    /// Handed back with its end, in the queue and to on_end.
    pub completion_data: *mut c_void,
    /// Called last, after drop, when the task can be waited for and its result
    /// be taken; or NULL. Before the next of its name starts, so be quick. An
    /// end that it brings about itself is told of when it has returned; then
    /// the next of that name may have started.
    pub on_end: ts_end_fn,
    /// Handed to on_end.
    pub on_end_data: *mut c_void,
    /// Frees on_end_data, after on_end; NULL for nothing to free.
    pub on_end_drop: ts_drop_fn,
}

//#/// Options with the size set and all else at its default.
//##define TS_TASK_OPTIONS_INIT                                                   \
//#    { sizeof(ts_task_options), NULL, NULL, NULL, NULL, NULL, 0.0, 0.0,         \
//#      (ts_kind)0, 0, NULL, (ts_runner)0, 0, NULL, NULL, NULL, NULL, NULL, NULL }

/// Adds a linear task: run will be called once, with user_data, on a thread of
/// the scheduler. With timeout_processing the task is told to stop when it has
/// run for watch_dog_time seconds. task_name may be NULL for no name: the task
/// then queues behind no other.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_BANNED;
/// TS_ERROR_QUEUE_FULL when maximum_queue_line tasks are pending;
/// TS_ERROR_SHUTTING_DOWN; TS_ERROR_OUT_OF_MEMORY; TS_ERROR_SYSTEM when no
/// thread can be started; TS_ERROR_FORKED. user_data is then still yours.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_add_task(
    scheduler: *mut ts_scheduler,
    timeout_processing: bool,
    task_name: *const c_char,
    run: ts_task_fn,
    user_data: *mut c_void,
    drop: ts_drop_fn,
    out_id: *mut ts_task_id,
) -> ts_error {
    // SAFETY: the caller's pointers, as the header asks for them.
    guard(|| unsafe {
        let out_id = arguments::out_id(out_id)?;
        let name = optional_name(task_name, "the task name")?;
        if let Some(call) = call(timeout_processing, run, user_data, drop)
            && let Some(id) = arguments::scheduler(scheduler)?.submit_plain(name, call)
        {
            out_id.set(id.into());
            return Ok(());
        }
        let task = linear(timeout_processing, name, run, user_data, drop)?;
        out_id.set(arguments::scheduler(scheduler)?.submit_raw(&task)?.into());
        Ok(())
    })
}

/// Checks the options and hands the task in.
///
/// # Safety
/// The handle and the pointers in the options are as the header asks for them.
unsafe fn submit(handle: *mut ts_scheduler, options: *const ts_task_options) -> Result<TaskId> {
    let (mut copy, mut more) = (MaybeUninit::uninit(), More::default());
    // SAFETY: the caller's promise.
    unsafe {
        let options = read_options(options, &mut copy)?;
        arguments::scheduler(handle)?.submit_raw(&raw_task(options, &mut more)?)
    }
}

/// Adds a task with every option; ts_add_task and ts_add_async_task are short
/// for it.
///
/// ```c
/// ts_task_options options = TS_TASK_OPTIONS_INIT;
/// options.name = "thumbnails";
/// options.run = make_thumbnail;
/// options.user_data = path;
/// options.drop = free;
/// options.flags = TS_WAIT_FOR_ROOM;
/// options.wait_seconds = TS_FOREVER;
/// error = ts_submit(NULL, &options, &id);
/// ```
///
/// Errors: as ts_add_task; TS_ERROR_QUEUE_FULL with TS_WAIT_FOR_ROOM when the
/// time to wait is over; TS_ERROR_WOULD_DEADLOCK when it would have to wait
/// for room inside a task, on a thread that holds a claim of the scheduler, or
/// on that of the pump that is to run it.
///
/// Any thread. Never blocks without TS_WAIT_FOR_ROOM. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_submit(
    scheduler: *mut ts_scheduler,
    options: *const ts_task_options,
    out_id: *mut ts_task_id,
) -> ts_error {
    // SAFETY: the caller's pointers, as the header asks for them.
    guard(|| unsafe {
        let out_id = arguments::out_id(out_id)?;
        out_id.set(submit(scheduler, options)?.into());
        Ok(())
    })
}

/// Stops a task. A pending one is cancelled on the spot; one that is run by
/// claims ends when its claim is finished. A running one is told to stop:
/// ts_should_stop says true, and ts_interruptible_sleep returns at once. TS_OK
/// is a promise: the task ends as TS_CANCELLED, without a result; ts_wait tells
/// when. Stopping it again gives TS_OK too.
///
/// Errors: TS_ERROR_NOT_FOUND; TS_ERROR_ALREADY_FINISHED once its function
/// has returned, even if its drop has not; TS_ERROR_ALREADY_STOPPING when a
/// time-out or a shutdown came first.
///
/// Any thread. Never blocks. From a task: yes, also for itself.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_force_stop(scheduler: *mut ts_scheduler, id: ts_task_id) -> ts_error {
    // SAFETY: the caller's handle, as the header asks for it.
    guard(|| unsafe { arguments::scheduler(scheduler) }?.force_stop(id.into()))
}

/// Bans a name: adding a task of that kind and name gives TS_ERROR_BANNED from
/// now on, and pending ones are cancelled. A running one goes on.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_ALREADY_BANNED.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_ban_task_name(
    scheduler: *mut ts_scheduler,
    kind: MaybeUninit<ts_kind>,
    task_name: *const c_char,
) -> ts_error {
    // SAFETY: the caller's pointers, as the header asks for them.
    guard(|| unsafe {
        let (kind, name) = (arguments::kind(kind)?, name(task_name, "task_name")?);
        arguments::scheduler(scheduler)?.ban(kind, name)
    })
}

/// Lifts the ban of a name. Tasks that it cancelled stay cancelled.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_NOT_BANNED.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_allow_task_name(
    scheduler: *mut ts_scheduler,
    kind: MaybeUninit<ts_kind>,
    task_name: *const c_char,
) -> ts_error {
    // SAFETY: the caller's pointers, as the header asks for them.
    guard(|| unsafe {
        let (kind, name) = (arguments::kind(kind)?, name(task_name, "task_name")?);
        arguments::scheduler(scheduler)?.allow(kind, name)
    })
}

/// Cancels the pending tasks of a kind and name, and says how many there were.
/// A running one goes on. out_cancelled may be NULL.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_cancel_all_queued_tasks_by_name(
    scheduler: *mut ts_scheduler,
    kind: MaybeUninit<ts_kind>,
    task_name: *const c_char,
    out_cancelled: *mut usize,
) -> ts_error {
    // SAFETY: the caller's pointers, as the header asks for them.
    guard(|| unsafe {
        let (kind, name) = (arguments::kind(kind)?, name(task_name, "task_name")?);
        let cancelled = arguments::scheduler(scheduler)?.cancel_queued(kind, name)?;
        if let Ok(out) = Out::new(out_cancelled, "out_cancelled") {
            out.set(cancelled);
        }
        Ok(())
    })
}
