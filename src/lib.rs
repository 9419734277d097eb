//! A task scheduler that any program can link.
//!
//! Tasks of the same name queue behind each other; tasks of different names run side by side.

pub mod error;
pub mod ffi;
pub mod host;
pub mod id;
pub mod kinds;
pub mod log;
pub mod scheduler;
pub mod task;
pub mod token;

pub use error::{Error, ErrorCode, Result};
pub use id::TaskId;
pub use kinds::{Kind, State, flags};
pub use scheduler::Scheduler;
pub use task::{Function, RawTask, TaskOptions, TaskStatus, Value};
pub use token::Token;
