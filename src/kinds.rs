//! The small enumerations that every other module speaks in.
//!
//! Their numbers are part of the C face and never change.

use std::ffi::c_int;

/// What sort of function a task is.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An ordinary blocking function; one at a time per name.
    Linear = 1,
    /// A poll function on an event loop; a few at a time per name.
    Async = 2,
}

impl Kind {
    /// The kind with this number, if there is one.
    pub fn from_number(number: c_int) -> Option<Kind> {
        match number {
            1 => Some(Kind::Linear),
            2 => Some(Kind::Async),
            _ => None,
        }
    }

    /// The word that the queue text uses: `line` or `asyncio`.
    pub fn queue_word(self) -> &'static str {
        match self {
            Kind::Linear => "line",
            Kind::Async => "asyncio",
        }
    }

    /// The word that the log uses: `linear` or `asyncio`.
    pub fn log_word(self) -> &'static str {
        match self {
            Kind::Linear => "linear",
            Kind::Async => "asyncio",
        }
    }
}

/// Where a task stands.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Accepted, not started.
    Pending = 1,
    /// Its function was called and has not returned.
    Running = 2,
    /// Returned 0.
    Completed = 3,
    /// Returned another number, or panicked.
    Failed = 4,
    /// Stopped by the watchdog, and has returned.
    Timeout = 5,
    /// Stopped by a force stop, a cancel, a ban or a shutdown, and will not run any more.
    Cancelled = 6,
}

impl State {
    /// Whether nothing can change this state any more.
    pub fn is_final(self) -> bool {
        !matches!(self, State::Pending | State::Running)
    }

    /// The word that the queue text uses.
    pub fn word(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::Running => "running",
            State::Completed => "completed",
            State::Failed => "failed",
            State::Timeout => "timeout",
            State::Cancelled => "cancelled",
        }
    }
}

/// What a task may ask for when it is submitted, as bits.
pub mod flags {
    /// Stop the task when it has run for its time-out.
    pub const TIMEOUT_PROCESSING: u32 = 1;
    /// Ban the task's name when the task fails.
    pub const BAN_ON_FAILURE: u32 = 2;
    /// Keep the record until it is forgotten.
    pub const KEEP: u32 = 4;
    /// Wait for room when the queue is full.
    pub const WAIT_FOR_ROOM: u32 = 8;
    /// Break blocking system calls when the task is stopped.
    pub const INTERRUPT_BLOCKING: u32 = 16;
    /// Give the lane to its next task when this one is stuck.
    pub const RELEASE_LANE_WHEN_STUCK: u32 = 32;
    /// Every bit that has a meaning.
    pub const ALL: u32 = 63;
}
