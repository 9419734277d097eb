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
//! when a task may run and knows no threads; `workers` are the threads that run linear tasks, `loops`
//! those that run async ones, `hosts` how the host runs them without a thread of ours; `threads` makes
//! every thread.
//! Beside them: `host` is the one place that calls the host's code, `sync` and `clock` are where locks
//! and time come from, `memory` and `margin` where it may be missing, `platform` is what the system has
//! to be asked for by hand, and `canary` knows the faults that checks have to find.

// The locks and atomics of models do not fit everywhere: `tests/models/modules.rs` takes the pieces that
// are modelled by their files, and the crate itself is empty there.
#![cfg(not(any(ts_loom, ts_shuttle)))]

#[macro_use]
mod memory;

mod canary;
mod clock;
pub mod completions;
pub mod config;
mod core;
mod count;
mod counted;
pub mod error;
pub mod ffi;
pub mod host;
pub mod hosts;
pub mod id;
mod info;
pub mod kinds;
pub mod lane;
pub mod log;
mod loops;
mod mailbox;
mod margin;
mod platform;
mod processors;
mod run;
pub mod scheduler;
mod sync;
pub mod task;
mod threads;
pub mod token;
mod wheel;
mod workers;

pub use error::{Error, ErrorCode, Result};
pub use id::TaskId;
pub use kinds::{Kind, State, flags};
pub use lane::{Lane, LaneOptions};
pub use scheduler::{Scheduler, SchedulerOptions};
pub use task::{Completion, Function, More, RawTask, Runner, TaskOptions, TaskStatus, Value};
pub use token::Token;
