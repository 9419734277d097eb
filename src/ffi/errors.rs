//! Errors
//!
//! The numbers never change; later versions may add some at the end.

use super::arguments::number;
use super::guard::{guard_or, last_message};
use crate::error::ErrorCode;
use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;

/// What came of a call.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ts_error {
    /// Done.
    TS_OK = 0,
    /// A sleep ended early: the task was told to stop.
    TS_STOPPED = 1,
    /// Not ready yet: ask again later.
    TS_NOT_YET = 2,
    /// A parameter has a value that is not allowed. The message says which
    /// parameter, and what it may be.
    TS_ERROR_INVALID_ARGUMENT = 3,
    /// No such task: it was never added, its record is gone, or the id belongs
    /// to another scheduler.
    TS_ERROR_NOT_FOUND = 4,
    /// The task name is banned.
    TS_ERROR_BANNED = 5,
    /// The task name was banned before.
    TS_ERROR_ALREADY_BANNED = 6,
    /// The task name is not banned.
    TS_ERROR_NOT_BANNED = 7,
    /// As many tasks are pending as the configuration allows.
    TS_ERROR_QUEUE_FULL = 8,
    /// A shutdown is under way.
    TS_ERROR_SHUTTING_DOWN = 9,
    /// The task has not ended.
    TS_ERROR_NOT_FINISHED = 10,
    /// The task has ended, or its function has returned.
    TS_ERROR_ALREADY_FINISHED = 11,
    /// The task is being stopped for another reason, which came first.
    TS_ERROR_ALREADY_STOPPING = 12,
    /// The task set no result, or its result was taken or dropped.
    TS_ERROR_NO_RESULT = 13,
    /// The time to wait is over.
    TS_ERROR_TIMED_OUT = 14,
    /// The call would wait for its own caller.
    TS_ERROR_WOULD_DEADLOCK = 15,
    /// The call does not fit the kind of the task.
    TS_ERROR_WRONG_KIND = 16,
    /// The call belongs to another thread.
    TS_ERROR_WRONG_THREAD = 17,
    /// The configuration is not allowed: an unknown key, a value out of range,
    /// a file that cannot be read. The message says where.
    TS_ERROR_CONFIG = 18,
    /// Memory ran out.
    TS_ERROR_OUT_OF_MEMORY = 19,
    /// The operating system refused, for example a new thread.
    TS_ERROR_SYSTEM = 20,
    /// The scheduler was made before a fork, by the parent process.
    TS_ERROR_FORKED = 21,
    /// A fault inside the library was caught. Please report it.
    TS_ERROR_PANIC = 22,
    /// Others hold it now: tasks of the name are run by somebody else, or a
    /// handle of its lane asks for something else.
    TS_ERROR_IN_USE = 23,
}

use ts_error::*;

/// Every error, by its number.
const ALL: [(ts_error, &CStr); 24] = [
    (TS_OK, c"TS_OK"),
    (TS_STOPPED, c"TS_STOPPED"),
    (TS_NOT_YET, c"TS_NOT_YET"),
    (TS_ERROR_INVALID_ARGUMENT, c"TS_ERROR_INVALID_ARGUMENT"),
    (TS_ERROR_NOT_FOUND, c"TS_ERROR_NOT_FOUND"),
    (TS_ERROR_BANNED, c"TS_ERROR_BANNED"),
    (TS_ERROR_ALREADY_BANNED, c"TS_ERROR_ALREADY_BANNED"),
    (TS_ERROR_NOT_BANNED, c"TS_ERROR_NOT_BANNED"),
    (TS_ERROR_QUEUE_FULL, c"TS_ERROR_QUEUE_FULL"),
    (TS_ERROR_SHUTTING_DOWN, c"TS_ERROR_SHUTTING_DOWN"),
    (TS_ERROR_NOT_FINISHED, c"TS_ERROR_NOT_FINISHED"),
    (TS_ERROR_ALREADY_FINISHED, c"TS_ERROR_ALREADY_FINISHED"),
    (TS_ERROR_ALREADY_STOPPING, c"TS_ERROR_ALREADY_STOPPING"),
    (TS_ERROR_NO_RESULT, c"TS_ERROR_NO_RESULT"),
    (TS_ERROR_TIMED_OUT, c"TS_ERROR_TIMED_OUT"),
    (TS_ERROR_WOULD_DEADLOCK, c"TS_ERROR_WOULD_DEADLOCK"),
    (TS_ERROR_WRONG_KIND, c"TS_ERROR_WRONG_KIND"),
    (TS_ERROR_WRONG_THREAD, c"TS_ERROR_WRONG_THREAD"),
    (TS_ERROR_CONFIG, c"TS_ERROR_CONFIG"),
    (TS_ERROR_OUT_OF_MEMORY, c"TS_ERROR_OUT_OF_MEMORY"),
    (TS_ERROR_SYSTEM, c"TS_ERROR_SYSTEM"),
    (TS_ERROR_FORKED, c"TS_ERROR_FORKED"),
    (TS_ERROR_PANIC, c"TS_ERROR_PANIC"),
    (TS_ERROR_IN_USE, c"TS_ERROR_IN_USE"),
];

impl From<ErrorCode> for ts_error {
    fn from(code: ErrorCode) -> ts_error {
        ALL[code.number() as usize].0
    }
}

/// The name of an error, such as "TS_ERROR_BANNED"; "unknown" for any other
/// number. Never NULL; nothing to free.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_error_name(error: MaybeUninit<ts_error>) -> *const c_char {
    guard_or(c"unknown".as_ptr(), || {
        let row = usize::try_from(number(error)).ok().and_then(|number| ALL.get(number));
        row.map_or(c"unknown", |row| row.1).as_ptr()
    })
}

/// What was wrong with what, in words, when a call of this thread last
/// returned anything but TS_OK; "" before that. Never NULL; nothing to free.
/// The text holds until this thread's next such call.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_last_error_message() -> *const c_char {
    guard_or(c"".as_ptr(), last_message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::TABLE;

    #[test]
    fn the_c_face_has_the_codes_of_the_table() {
        assert_eq!(ALL.len(), TABLE.len() + 1);
        for (at, (error, name)) in ALL.into_iter().enumerate() {
            assert_eq!(error as usize, at);
            assert_eq!(format!("{error:?}"), name.to_str().unwrap());
        }
        for (code, number, name, _) in TABLE {
            let error = ts_error::from(*code);
            assert_eq!((error as i32, ALL[error as usize].1.to_str().unwrap()), (*number, *name));
        }
    }

    #[test]
    fn unknown_errors_have_a_name_too() {
        for number in [-1, 24, i32::MIN, i32::MAX] {
            // SAFETY: checked by number.
            let name =
                unsafe { ts_error_name(std::mem::transmute::<i32, MaybeUninit<ts_error>>(number)) };
            // SAFETY: a static text.
            assert_eq!(unsafe { CStr::from_ptr(name) }, c"unknown");
        }
    }
}
