//! The scheduler, as Rust and the C face use it.

use crate::error::Result;
use crate::id::TaskId;
use crate::kinds::{Kind, State};
use crate::task::{RawTask, TaskOptions, TaskStatus, Value};
use crate::token::Token;

/// One instance: its names, limits and threads.
#[derive(Debug)]
pub struct Scheduler {}

#[allow(unused_variables, missing_docs)]
impl Scheduler {
    /// A scheduler with the built-in configuration changed by this YAML text (empty: unchanged).
    pub fn new(config_yaml: &str) -> Result<Scheduler> { todo!() }
    /// The process-wide one, made at first use.
    pub fn default_instance() -> Result<&'static Scheduler> { todo!() }
    /// Adds a task that is a C function.
    ///
    /// # Safety
    /// The function takes `user_data` and may be called on any thread; so may `drop`.
    pub unsafe fn submit_raw(&self, task: &RawTask<'_>) -> Result<TaskId> { todo!() }
    /// Adds a task that is a Rust closure.
    pub fn submit<F>(&self, options: TaskOptions<'_>, function: F) -> Result<TaskId>
    where F: FnOnce(&Token) -> std::result::Result<(), String> + Send + 'static { todo!() }
    pub fn force_stop(&self, id: TaskId) -> Result<()> { todo!() }
    pub fn ban(&self, kind: Kind, name: &[u8]) -> Result<()> { todo!() }
    pub fn allow(&self, kind: Kind, name: &[u8]) -> Result<()> { todo!() }
    /// How many were cancelled.
    pub fn cancel_queued(&self, kind: Kind, name: &[u8]) -> Result<usize> { todo!() }
    pub fn result(&self, id: TaskId) -> Result<Value> { todo!() }
    pub fn status(&self, id: TaskId) -> Result<TaskStatus> { todo!() }
    pub fn state(&self, id: TaskId) -> Result<State> { todo!() }
    /// Waits until the task has ended; 0 asks, infinity waits for ever; NotFinished when 0 and it
    /// has not ended, TimedOut when the time is over.
    pub fn wait(&self, id: TaskId, seconds: f64) -> Result<TaskStatus> { todo!() }
    /// As `wait`, without the status.
    pub fn wait_end(&self, id: TaskId, seconds: f64) -> Result<State> { todo!() }
    pub fn tasks(&self, kind: Kind) -> Result<Vec<TaskStatus>> { todo!() }
    pub fn queue_info(&self, kind: Kind, show_id: bool) -> Result<String> { todo!() }
    pub fn forget(&self, id: TaskId) -> Result<()> { todo!() }
    pub fn update_config(&self, key: &str, value: &str) -> Result<()> { todo!() }
    pub fn load_config(&self, path: &str) -> Result<()> { todo!() }
    pub fn config(&self, key: &str) -> Result<String> { todo!() }
    pub fn shutdown(&self, force: bool) -> Result<()> { todo!() }
    /// Forced shutdown for good, then frees; inside a task nothing is freed, and the log says so.
    pub fn free(self: Box<Self>) { todo!() }
}
