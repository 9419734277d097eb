//! A task scheduler that any program can link.
//!
//! Tasks of the same name queue behind each other; tasks of different names run side by side; each
//! can be timed out, stopped, banned by name, watched and waited for.
//!
//! ```
//! use task_scheduling::{Scheduler, State, TaskOptions};
//!
//! let scheduler = Scheduler::new("line_task_max: 4")?;
//! let mail = TaskOptions { name: Some("mail"), ..TaskOptions::default() };
//! let id = scheduler.submit(mail, |token| match token.should_stop() {
//!     true => Err("told to stop".to_owned()),
//!     false => Ok(()),
//! })?;
//! assert_eq!(scheduler.wait_end(id, f64::INFINITY)?, State::Completed);
//! # Ok::<(), task_scheduling::Error>(())
//! ```
//!
//! From the outside in: `ffi` is the C face; [`scheduler`] puts everything together; `core` decides
//! when a task may run and knows no threads; `workers` are the threads that run linear tasks.
//! Beside them: `host` is the one place that calls the host's code, `sync` and `clock` are where
//! locks and time come from, `platform` is what the system has to be asked for by hand.

#[cfg(not(ts_loom))]
mod clock;
#[cfg(not(ts_loom))]
pub mod config;
#[cfg(not(ts_loom))]
mod core;
pub mod error;
#[cfg(not(ts_loom))]
pub mod ffi;
#[cfg(not(ts_loom))]
pub mod host;
#[cfg(not(ts_loom))]
pub mod id;
#[cfg(not(ts_loom))]
mod info;
pub mod kinds;
#[cfg(not(ts_loom))]
pub mod log;
#[cfg(not(ts_loom))]
pub mod loops;
#[cfg(not(ts_loom))]
mod platform;
#[cfg(not(ts_loom))]
pub mod scheduler;
mod sync;
#[cfg(not(ts_loom))]
pub mod task;
#[cfg(not(ts_loom))]
pub mod token;
#[cfg(not(ts_loom))]
mod workers;

pub use error::{Error, ErrorCode, Result};
#[cfg(not(ts_loom))]
pub use id::TaskId;
pub use kinds::{Kind, State, flags};
#[cfg(not(ts_loom))]
pub use scheduler::Scheduler;
#[cfg(not(ts_loom))]
pub use task::{Function, RawTask, TaskOptions, TaskStatus, Value};
#[cfg(not(ts_loom))]
pub use token::Token;
