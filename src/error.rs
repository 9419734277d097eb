//! Every error the library gives: one table of code, C name and sentence.
//!
//! The C header's `ts_error` and the wrappers' copies are tested against this table.

use std::borrow::Cow;
use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $name:literal, $text:literal;)*) => {
        /// What went wrong, as a number that never changes.
        #[repr(i32)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[$doc])* $variant = $number,)*
        }

        /// Every code with its number, its C name and its sentence.
        pub const TABLE: &[(ErrorCode, i32, &str, &str)] = &[
            $((ErrorCode::$variant, $number, $name, $text),)*
        ];
    };
}

codes! {
    /// Told to stop.
    Stopped = 1, "TS_STOPPED", "the task was told to stop";
    /// Not ready yet.
    NotYet = 2, "TS_NOT_YET", "it is not ready yet";
    /// An argument is not allowed.
    InvalidArgument = 3, "TS_ERROR_INVALID_ARGUMENT", "an argument is not allowed";
    /// No such task.
    NotFound = 4, "TS_ERROR_NOT_FOUND", "there is no such task";
    /// The name is banned.
    Banned = 5, "TS_ERROR_BANNED", "the task name is banned";
    /// The name was banned before.
    AlreadyBanned = 6, "TS_ERROR_ALREADY_BANNED", "the task name is banned already";
    /// The name is not banned.
    NotBanned = 7, "TS_ERROR_NOT_BANNED", "the task name is not banned";
    /// No room for another pending task.
    QueueFull = 8, "TS_ERROR_QUEUE_FULL", "the queue is full";
    /// The scheduler is shutting down.
    ShuttingDown = 9, "TS_ERROR_SHUTTING_DOWN", "the scheduler is shutting down";
    /// The task has not ended.
    NotFinished = 10, "TS_ERROR_NOT_FINISHED", "the task has not finished";
    /// The task has ended, or its function has returned.
    AlreadyFinished = 11, "TS_ERROR_ALREADY_FINISHED", "the task has finished already";
    /// Another cause is stopping the task.
    AlreadyStopping = 12, "TS_ERROR_ALREADY_STOPPING", "the task is being stopped for another reason";
    /// The task left no result.
    NoResult = 13, "TS_ERROR_NO_RESULT", "the task has no result";
    /// The time to wait is over.
    TimedOut = 14, "TS_ERROR_TIMED_OUT", "the time to wait is over";
    /// The call would wait for its own caller.
    WouldDeadlock = 15, "TS_ERROR_WOULD_DEADLOCK", "the call would wait for its own caller";
    /// The task is of the other kind.
    WrongKind = 16, "TS_ERROR_WRONG_KIND", "that does not fit the kind of the task";
    /// The call belongs to another thread.
    WrongThread = 17, "TS_ERROR_WRONG_THREAD", "that call belongs to another thread";
    /// The configuration is not allowed.
    Config = 18, "TS_ERROR_CONFIG", "the configuration is not allowed";
    /// Memory ran out.
    OutOfMemory = 19, "TS_ERROR_OUT_OF_MEMORY", "memory ran out";
    /// The operating system refused.
    System = 20, "TS_ERROR_SYSTEM", "the operating system refused";
    /// The scheduler belongs to the parent process.
    Forked = 21, "TS_ERROR_FORKED", "the scheduler belongs to the parent process";
    /// A panic was caught.
    Panic = 22, "TS_ERROR_PANIC", "a panic was caught inside the library";
    /// Something else holds it.
    InUse = 23, "TS_ERROR_IN_USE", "it is in use by others";
}

impl ErrorCode {
    /// The code's number in C.
    pub fn number(self) -> i32 {
        self as i32
    }

    fn row(self) -> &'static (ErrorCode, i32, &'static str, &'static str) {
        &TABLE[self as usize - 1]
    }

    /// The code's name in C.
    pub fn name(self) -> &'static str {
        self.row().2
    }

    /// The code's sentence.
    pub fn text(self) -> &'static str {
        self.row().3
    }
}

/// An error with its code, and words for what was wrong with what.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Error {
    code: ErrorCode,
    message: Cow<'static, str>,
}

impl Error {
    /// An error with words of its own.
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Error {
        Error { code, message: message.into() }
    }

    /// The code.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// The words.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl From<ErrorCode> for Error {
    fn from(code: ErrorCode) -> Error {
        Error { code, message: Cow::Borrowed(code.text()) }
    }
}

impl From<fmt::Error> for Error {
    /// A text that could not be written: nothing else can go wrong with one.
    fn from(_: fmt::Error) -> Error {
        ErrorCode::OutOfMemory.into()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// What a fallible call of this library returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_finds_its_own_row() {
        for (at, (code, number, name, text)) in TABLE.iter().enumerate() {
            assert_eq!(*number, at as i32 + 1);
            assert_eq!((code.number(), code.name(), code.text()), (*number, *name, *text));
        }
    }
}
