//! The one call that every export's body is.
//!
//! No panic passes it, `errno` is the same after it as before, and the words of an error are left
//! for `ts_last_error_message`. Those words lie in a fixed buffer of the thread that has no
//! destructor, so that they can be written and read without memory to spare, and as late in a
//! thread's life as its last destructors.

use super::errors::ts_error;
use crate::error::{Error, ErrorCode, Result};
use crate::host;
use std::any::Any;
use std::cell::UnsafeCell;
use std::ffi::{c_char, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Bytes of the message, the NUL included.
const MESSAGE_SIZE: usize = 1024;

thread_local! {
    static MESSAGE: UnsafeCell<[u8; MESSAGE_SIZE]> = const { UnsafeCell::new([0; MESSAGE_SIZE]) };
}

/// Runs the body of an export that returns a `ts_error`.
#[inline]
pub(super) fn guard(body: impl FnOnce() -> Result<()>) -> ts_error {
    let errno = errno();
    let error = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => ts_error::TS_OK,
        Ok(Err(error)) => failed(&error),
        Err(panic) => failed(&panicked(panic)),
    };
    set_errno(errno);
    error
}

/// Runs the body of an export that cannot fail; `otherwise` is what a panic gives.
#[inline]
pub(super) fn guard_or<T>(otherwise: T, body: impl FnOnce() -> T) -> T {
    let errno = errno();
    let value = catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| {
        failed(&panicked(panic));
        otherwise
    });
    set_errno(errno);
    value
}

/// The words of this thread's last error; valid until its next one.
pub(super) fn last_message() -> *const c_char {
    MESSAGE.try_with(|message| message.get() as *const c_char).unwrap_or(c"".as_ptr())
}

#[cold]
fn failed(error: &Error) -> ts_error {
    let words = shorten(error.message(), MESSAGE_SIZE - 1).as_bytes();
    let _ = MESSAGE.try_with(|message| {
        // SAFETY: this thread's own buffer, which nothing else borrows while this runs; the words
        // are not in it, since no `Error` is made from it.
        let message = unsafe { &mut *message.get() };
        message[..words.len()].copy_from_slice(words);
        message[words.len()..].fill(0);
    });
    error.code().into()
}

#[cold]
fn panicked(panic: Box<dyn Any + Send>) -> Error {
    if host::has_left(&*panic).is_some() {
        let text = "this process was forked inside a function that the call made";
        return Error::new(ErrorCode::Forked, text);
    }
    let words = match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(words), _) => words,
        (_, Some(words)) => words.as_str(),
        _ => "no words were given",
    };
    let error =
        Error::new(ErrorCode::Panic, words!("a panic was caught inside the library: {words}"));
    // Dropping a payload is code like any other: it could panic again.
    std::mem::forget(panic);
    error
}

/// The longest beginning of `text` that has at most `size` bytes and ends between characters.
pub(super) fn shorten(text: &str, size: usize) -> &str {
    let mut end = size.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(any(target_os = "linux", target_os = "emscripten", target_os = "dragonfly"))]
fn errno_place() -> *mut c_int {
    // SAFETY: no requirements.
    unsafe { libc::__errno_location() }
}

#[cfg(any(target_os = "android", target_os = "netbsd", target_os = "openbsd"))]
fn errno_place() -> *mut c_int {
    // SAFETY: no requirements.
    unsafe { libc::__errno() }
}

#[cfg(any(target_os = "macos", target_os = "ios", target_os = "freebsd"))]
fn errno_place() -> *mut c_int {
    // SAFETY: no requirements.
    unsafe { libc::__error() }
}

#[inline]
fn errno() -> c_int {
    // SAFETY: this thread's own `errno`.
    unsafe { *errno_place() }
}

#[inline]
fn set_errno(value: c_int) {
    // SAFETY: this thread's own `errno`.
    unsafe { *errno_place() = value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CStr;

    fn words() -> String {
        // SAFETY: our own buffer, NUL-terminated.
        unsafe { CStr::from_ptr(last_message()) }.to_str().unwrap().to_owned()
    }

    #[test]
    fn a_panic_becomes_an_error() {
        assert_eq!(guard(|| panic!("for the test")), ts_error::TS_ERROR_PANIC);
        assert_eq!(words(), "a panic was caught inside the library: for the test");
        assert_eq!(guard(|| std::panic::panic_any(7)), ts_error::TS_ERROR_PANIC);
        assert!(guard_or(true, || panic!("again, {}", 1)));
        assert_eq!(words(), "a panic was caught inside the library: again, 1");
    }

    #[test]
    fn the_message_holds_until_the_next_failure_of_the_thread() {
        std::thread::spawn(|| {
            assert_eq!(words(), "");
            assert_eq!(guard(|| Err(ErrorCode::NoResult.into())), ts_error::TS_ERROR_NO_RESULT);
            assert_eq!(guard(|| Ok(())), ts_error::TS_OK);
            std::thread::spawn(|| guard(|| Err(ErrorCode::Banned.into()))).join().unwrap();
            assert_eq!(words(), "the task has no result");
            let long = "é".repeat(MESSAGE_SIZE);
            guard(|| Err(Error::new(ErrorCode::Config, long)));
            assert_eq!(words(), "é".repeat((MESSAGE_SIZE - 1) / 2));
            guard(|| Err(Error::new(ErrorCode::Config, "short")));
            assert_eq!(words(), "short");
        })
        .join()
        .unwrap();
    }

    #[test]
    fn errno_is_kept() {
        set_errno(77);
        guard(|| {
            set_errno(5);
            Err(ErrorCode::System.into())
        });
        assert_eq!(errno(), 77);
    }
}
