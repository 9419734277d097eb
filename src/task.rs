//! A task as it is handed in, and what is told of it afterwards.

use crate::completions::Completions;
use crate::host::{DropFn, EndFn, PollFn, TaskFn};
use crate::hosts::pump::Pump;
use crate::id::TaskId;
use crate::kinds::{Kind, State};
use crate::lane::Lane;
use std::ffi::c_void;

/// The function of a task.
#[derive(Clone, Copy, Debug)]
pub enum Function {
    /// Runs once, on a worker.
    Linear(TaskFn),
    /// Polled on an event loop until it is ready.
    Async(PollFn),
    /// Whatever the host does with `user_data`, of a task that it runs by claims.
    Host,
}

impl Function {
    /// The kind that goes with the function.
    pub fn kind(self) -> Kind {
        match self {
            Function::Linear(_) | Function::Host => Kind::Linear,
            Function::Async(_) => Kind::Async,
        }
    }
}

/// A linear task that asks for nothing: what is called, and what frees what that gets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub function: TaskFn,
    pub user_data: *mut c_void,
    pub drop: Option<DropFn>,
}

/// A task with every option, as [`crate::Scheduler::submit_raw`] takes it.
///
/// Nothing is taken over until the submit succeeds: a refused task's `drop` is not called.
#[derive(Clone, Copy, Debug)]
pub struct RawTask<'a> {
    /// The name, 1 to 255 bytes of UTF-8; `None` queues behind nothing.
    pub name: Option<&'a [u8]>,
    /// What to call.
    pub function: Function,
    /// Handed to the function.
    pub user_data: *mut c_void,
    /// Called once with `user_data` when the function can no longer run.
    pub drop: Option<DropFn>,
    /// Seconds that the task may run with [`crate::flags::TIMEOUT_PROCESSING`]; 0 means the
    /// configuration's `watch_dog_time`.
    pub timeout_seconds: f64,
    /// Seconds to wait for room with [`crate::flags::WAIT_FOR_ROOM`]; infinity is for ever.
    pub wait_seconds: f64,
    /// [`crate::flags`].
    pub flags: u32,
    /// What few tasks ask for.
    pub more: Option<&'a More<'a>>,
}

/// What few tasks ask for.
#[derive(Clone, Copy, Debug, Default)]
pub struct More<'a> {
    /// A lane of the same scheduler, in place of a name.
    pub lane: Option<&'a Lane>,
    /// Who runs it; `None` for who runs its lane, or by default.
    pub runner: Option<Runner<'a>>,
    /// Where its end is reported.
    pub completions: Option<&'a Completions>,
    /// What is handed back with its end.
    pub completion_data: Option<*mut c_void>,
    /// Called last, with the second, which the third drops after that.
    pub on_end: Option<(EndFn, *mut c_void, Option<DropFn>)>,
}

/// Who runs linear tasks.
#[derive(Clone, Copy, Debug)]
pub enum Runner<'a> {
    /// The scheduler's own threads.
    Workers,
    /// The host, by claims.
    Claims,
    /// This pump, of the same scheduler.
    Pump(&'a Pump),
}

/// How a task ended, as completion queues and `on_end` functions hear it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Completion {
    /// The bytes of its id, as they lie in memory.
    pub(crate) id: [u64; 2],
    /// What its owner gave for this.
    pub data: *mut c_void,
    /// The final state.
    pub state: State,
    /// What its function returned, where it failed.
    pub code: i32,
}

// SAFETY: the pointer is the host's, to be handed back on any thread.
unsafe impl Send for Completion {}

impl Completion {
    /// The task's id.
    pub fn id(&self) -> TaskId {
        TaskId::from_halves(self.id)
    }
}

/// Options of a task that is a Rust closure.
#[derive(Clone, Copy, Debug, Default)]
pub struct TaskOptions<'a> {
    /// The name; `None` queues behind nothing.
    pub name: Option<&'a str>,
    /// Seconds that the task may run with [`crate::flags::TIMEOUT_PROCESSING`]; 0 means the
    /// configuration's `watch_dog_time`.
    pub timeout_seconds: f64,
    /// Seconds to wait for room with [`crate::flags::WAIT_FOR_ROOM`]; infinity is for ever.
    pub wait_seconds: f64,
    /// [`crate::flags`].
    pub flags: u32,
}

/// Bit of [`TaskStatus::flags`]: told to stop longer than `stuck_grace` ago and still running.
pub const STATUS_STUCK: u32 = 1;

/// Everything that is known of a task at one moment.
#[derive(Clone, Debug)]
pub struct TaskStatus {
    /// Its id.
    pub id: TaskId,
    /// Seconds since the Unix epoch when it was accepted.
    pub added_at: f64,
    /// The same as it was stamped: adds of one thread differ in it, which seconds do not tell apart.
    pub(crate) stamp: u64,
    /// Seconds since the Unix epoch when its function was called, or 0.
    pub started_at: f64,
    /// Seconds since the Unix epoch when it ended, or 0.
    pub ended_at: f64,
    /// Where it stands.
    pub state: State,
    /// Its kind.
    pub kind: Kind,
    /// The final state that it is being stopped towards, while it still runs.
    pub stopping: Option<State>,
    /// What its function returned, where it failed.
    pub code: i32,
    /// [`STATUS_STUCK`].
    pub flags: u32,
    /// Its name; empty for none.
    pub name: String,
    /// What it said went wrong; empty for nothing.
    pub error: String,
}

/// A result moved out of a task: the host frees it with `drop`, where there is one.
#[derive(Debug)]
pub struct Value {
    /// The bytes, or the host's own pointer.
    pub data: *mut c_void,
    /// How many bytes, as the task said.
    pub size: usize,
    /// What frees `data`; for bytes that were copied, a function of ours.
    pub drop: Option<DropFn>,
}
