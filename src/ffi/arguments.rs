//! What C hands in, checked: each wrong argument gets its own sentence.
//!
//! No function here reads more of a text than the text may have, plus one byte, and none keeps a
//! reference longer than the export that called it.

use super::schedulers::ts_scheduler;
use super::tasks::{ts_kind, ts_task_id, ts_token};
use crate::TaskId;
use crate::error::{Error, ErrorCode, Result};
use crate::kinds::Kind;
use crate::scheduler::Scheduler;
use crate::token::{self, Token};
use std::borrow::Cow;
use std::ffi::c_char;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

/// The longest task name, in bytes.
pub(super) const NAME_MAX: usize = 255;
/// The longest duration other than for ever, in seconds: some 31 years.
const SECONDS_MAX: f64 = 1e9;
/// The largest `size` of a struct that is believed.
const STRUCT_MAX: usize = 4096;

/// The error for an argument that is not allowed.
#[cold]
pub(super) fn invalid(words: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorCode::InvalidArgument, words)
}

/// The error for a pointer that must not be NULL.
#[cold]
pub(super) fn null(what: &str) -> Error {
    invalid(words!("{what} is NULL"))
}

/// Checks an array of so many places, which may be NULL if there are none.
#[inline]
pub(super) fn array<T>(array: *const T, count: usize, what: &str) -> Result<()> {
    if count > 0 && array.is_null() { Err(null(what)) } else { Ok(()) }
}

/// Checks an array that is written into, and how much room it has: there has to be some.
#[inline]
pub(super) fn room<T>(array: *mut T, capacity: usize) -> Result<()> {
    if array.is_null() {
        return Err(null("array"));
    }
    if capacity == 0 {
        return Err(invalid("capacity is 0; it is at least 1"));
    }
    Ok(())
}

/// The scheduler behind the handle; NULL is the default one.
///
/// # Safety
/// NULL, or a handle that has not been freed.
#[inline]
pub(super) unsafe fn scheduler<'a>(handle: *const ts_scheduler) -> Result<&'a Scheduler> {
    if handle.is_null() {
        return Scheduler::default_instance();
    }
    // SAFETY: the caller's promise; a handle is what `ts_scheduler_new` made of a box.
    let scheduler = unsafe { &*handle.cast::<Scheduler>() };
    if !scheduler.is_of_this_process() {
        return Err(ErrorCode::Forked.into());
    }
    Ok(scheduler)
}

/// The token behind the pointer; NULL is that of the linear task this thread is running, if any.
///
/// # Safety
/// NULL, or the token of a task whose call has not returned.
#[inline]
pub(super) unsafe fn token_or_current<'a>(token: *const ts_token) -> Option<&'a Token> {
    if token.is_null() {
        return token::current();
    }
    // SAFETY: the caller's promise; tasks are called with a pointer to a `Token`.
    Some(unsafe { &*token.cast::<Token>() })
}

/// As [`token_or_current`]; no task is an error.
///
/// # Safety
/// As there.
pub(super) unsafe fn token<'a>(token: *const ts_token) -> Result<&'a Token> {
    // SAFETY: the caller's promise.
    unsafe { token_or_current(token) }.ok_or_else(|| {
        Error::new(
            ErrorCode::WrongThread,
            "token is NULL and this thread is running no linear task",
        )
    })
}

/// An output of the caller's.
pub(super) struct Out<T>(NonNull<T>);

impl<T> Out<T> {
    /// An output that keeps what it holds unless the call succeeds.
    pub(super) fn new(place: *mut T, what: &str) -> Result<Out<T>> {
        NonNull::new(place).map(Out).ok_or_else(|| null(what))
    }

    /// An output that holds `before` unless the call succeeds.
    ///
    /// # Safety
    /// NULL or writable.
    pub(super) unsafe fn cleared(place: *mut T, before: T, what: &str) -> Result<Out<T>> {
        let out = Out::new(place, what)?;
        // SAFETY: the caller's promise.
        unsafe { out.0.write(before) };
        Ok(out)
    }

    /// Gives the caller the value.
    ///
    /// # Safety
    /// The place is writable.
    pub(super) unsafe fn set(self, value: T) {
        // SAFETY: the caller's promise.
        unsafe { self.0.write(value) };
    }
}

/// An output for an id: all zeroes unless the call succeeds.
///
/// # Safety
/// NULL or writable.
pub(super) unsafe fn out_id(place: *mut ts_task_id) -> Result<Out<ts_task_id>> {
    // SAFETY: the caller's promise.
    unsafe { Out::cleared(place, TaskId::NIL.into(), "out_id") }
}

/// A kind, by its number.
pub(super) fn kind(kind: MaybeUninit<ts_kind>) -> Result<Kind> {
    let number = number(kind);
    Kind::from_number(number)
        .ok_or_else(|| invalid(words!("kind is {number}; it is TS_LINEAR (1) or TS_ASYNC (2)")))
}

/// The number that C put where an enumeration belongs.
pub(super) fn number<E>(value: MaybeUninit<E>) -> i32 {
    const { assert!(size_of::<E>() == 4) };
    // SAFETY: C passed four bytes, whatever they are, and any are an `i32`.
    unsafe { value.as_ptr().cast::<i32>().read() }
}

/// A text of at most `max` bytes.
///
/// # Safety
/// NULL, or NUL-terminated, or at least `max + 1` readable bytes; unchanged for `'a`.
pub(super) unsafe fn text<'a>(text: *const c_char, max: usize, what: &str) -> Result<&'a str> {
    if text.is_null() {
        return Err(null(what));
    }
    // SAFETY: the caller's promise.
    let bytes =
        unsafe { std::slice::from_raw_parts(text.cast::<u8>(), libc::strnlen(text, max + 1)) };
    if bytes.len() > max {
        return Err(invalid(words!("{what} is longer than {max} bytes")));
    }
    std::str::from_utf8(bytes)
        .map_err(|error| invalid(words!("{what} is not UTF-8 at byte {}", error.valid_up_to())))
}

/// The beginning of a text, as much as fits into `max` bytes.
///
/// # Safety
/// As for [`text`].
pub(super) unsafe fn beginning<'a>(text: *const c_char, max: usize, what: &str) -> Result<&'a str> {
    if text.is_null() {
        return Err(null(what));
    }
    // SAFETY: the caller's promise.
    let bytes =
        unsafe { std::slice::from_raw_parts(text.cast::<u8>(), libc::strnlen(text, max + 1)) };
    let cut = bytes.len() > max;
    let bytes = &bytes[..bytes.len().min(max)];
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(error) if cut && error.error_len().is_none() => {
            Ok(std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default())
        }
        Err(error) => Err(invalid(words!("{what} is not UTF-8 at byte {}", error.valid_up_to()))),
    }
}

/// A task name.
///
/// # Safety
/// As for [`text`].
#[inline]
pub(super) unsafe fn name<'a>(name: *const c_char, what: &str) -> Result<&'a [u8]> {
    if name.is_null() {
        return Err(null(what));
    }
    // Whether it is UTF-8 is looked at where a name is new: in the scheduler.
    // SAFETY: the caller's promise.
    let bytes =
        unsafe { std::slice::from_raw_parts(name.cast::<u8>(), libc::strnlen(name, NAME_MAX + 1)) };
    if bytes.is_empty() || bytes.len() > NAME_MAX {
        return Err(wrong_length(bytes, what));
    }
    Ok(bytes)
}

#[cold]
fn wrong_length(bytes: &[u8], what: &str) -> Error {
    invalid(match bytes.is_empty() {
        true => words!("{what} is empty; a name has 1 to {NAME_MAX} bytes"),
        false => words!("{what} is longer than {NAME_MAX} bytes"),
    })
}

/// A task name, or NULL for none.
///
/// # Safety
/// As for [`text`].
pub(super) unsafe fn optional_name<'a>(
    text: *const c_char,
    what: &str,
) -> Result<Option<&'a [u8]>> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise.
    unsafe { name(text, what) }.map(Some)
}

/// A duration that ends.
pub(super) fn seconds(seconds: f64, what: &str) -> Result<f64> {
    if (0.0..=SECONDS_MAX).contains(&seconds) {
        return Ok(seconds);
    }
    Err(invalid(words!("{what} is {}; it is 0 to 1e9", shown(seconds))))
}

/// A duration that may be `TS_FOREVER`.
pub(super) fn seconds_or_forever(seconds: f64, what: &str) -> Result<f64> {
    if (0.0..=SECONDS_MAX).contains(&seconds) || seconds == f64::INFINITY {
        return Ok(seconds);
    }
    Err(invalid(words!("{what} is {}; it is 0 to 1e9, or TS_FOREVER", shown(seconds))))
}

fn shown(seconds: f64) -> Cow<'static, str> {
    match seconds {
        _ if seconds.is_nan() => "not a number".into(),
        f64::INFINITY => "infinite".into(),
        _ => words!("{seconds:e}"),
    }
}

/// The `size` that begins a struct of the caller's, where it is believable.
///
/// # Safety
/// NULL, or a pointer to a struct that begins with its size.
pub(super) unsafe fn struct_size(
    place: *const usize,
    smallest: usize,
    what: &str,
    macro_name: &str,
) -> Result<usize> {
    if place.is_null() {
        return Err(null(what));
    }
    // SAFETY: the caller's promise.
    let size = unsafe { place.read_unaligned() };
    if !(smallest..=STRUCT_MAX).contains(&size) {
        return Err(invalid(words!(
            "the size in {what} is {size}; it is {smallest} to {STRUCT_MAX}, and {macro_name} sets it"
        )));
    }
    Ok(size)
}

/// A copy of an option struct of the caller's, which may be older (what it lacks is zero) or newer
/// (what we do not know must be zero). `smallest` is the size of the struct when it first came out.
///
/// # Safety
/// NULL, or a struct as the header asks for it: as many readable bytes as its first field, the size,
/// says. Zeroes must be a value of every field of `T`, as any bytes that C put there must be.
pub(super) unsafe fn options<T>(
    place: *const T,
    smallest: usize,
    what: &str,
    macro_name: &str,
) -> Result<T> {
    let known = size_of::<T>();
    // SAFETY: the caller's promise.
    unsafe {
        let size = struct_size(place.cast(), smallest, what, macro_name)?;
        let mut options = MaybeUninit::<T>::zeroed();
        let copied = size.min(known);
        std::ptr::copy_nonoverlapping(place.cast::<u8>(), options.as_mut_ptr().cast(), copied);
        let rest = std::slice::from_raw_parts(place.cast::<u8>().add(copied), size - copied);
        if rest.iter().any(|byte| *byte != 0) {
            return Err(invalid(words!(
                "{what} asks for something that this version of the library does not have: a field behind its first {known} bytes is not 0"
            )));
        }
        Ok(options.assume_init())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[repr(C)]
    struct Known {
        size: usize,
        old: usize,
        new: usize,
    }

    #[test]
    fn options_of_another_size_are_read_as_far_as_both_know_them() {
        let host = [0, 7, 8, 9usize];
        let read = |size: usize, last: usize| {
            let host = [size, host[1], host[2], last];
            // SAFETY: as many bytes as the size says.
            unsafe { options::<Known>(host.as_ptr().cast(), 16, "options", "INIT") }
        };
        // An older host's: what it lacks is zero, whatever lies behind it.
        let older = read(16, 9).unwrap();
        assert_eq!((older.size, older.old, older.new), (16, 7, 0));
        let same = read(24, 9).unwrap();
        assert_eq!((same.old, same.new), (7, 8));
        assert_eq!(read(32, 0).unwrap().new, 8);
        assert!(words(read(32, 9)).contains("a field behind its first 24 bytes is not 0"));
        assert_eq!(
            words(read(15, 0)),
            "the size in options is 15; it is 16 to 4096, and INIT sets it"
        );
    }

    fn words<T>(result: Result<T>) -> String {
        let error = result.map(|_| ()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
        error.message().to_owned()
    }

    #[test]
    fn names_are_checked() {
        // SAFETY: NUL-terminated texts.
        unsafe {
            assert_eq!(name(c"n".as_ptr(), "name").unwrap(), b"n");
            assert_eq!(optional_name(std::ptr::null(), "name").unwrap(), None);
            assert_eq!(words(name(std::ptr::null(), "name")), "name is NULL");
            assert_eq!(
                words(name(c"".as_ptr(), "name")),
                "name is empty; a name has 1 to 255 bytes"
            );
            let long = std::ffi::CString::new(vec![b'x'; 255]).unwrap();
            assert_eq!(name(long.as_ptr(), "name").unwrap().len(), 255);
            // No NUL at all: only the first 256 bytes are read.
            let long = [b'x'; 256];
            assert_eq!(words(name(long.as_ptr().cast(), "name")), "name is longer than 255 bytes");
        }
    }

    #[test]
    fn a_beginning_ends_between_characters() {
        // SAFETY: NUL-terminated texts.
        unsafe {
            assert_eq!(beginning(c"abc".as_ptr(), 3, "text").unwrap(), "abc");
            assert_eq!(beginning(c"aéb".as_ptr(), 2, "text").unwrap(), "a");
            assert_eq!(
                words(beginning(c"ab\xffcd".as_ptr(), 4, "text")),
                "text is not UTF-8 at byte 2"
            );
            assert_eq!(
                words(beginning(c"a\xc3".as_ptr(), 4, "text")),
                "text is not UTF-8 at byte 1"
            );
        }
    }

    #[test]
    fn seconds_are_checked() {
        assert_eq!(seconds(0.0, "seconds"), Ok(0.0));
        assert_eq!(seconds(1e9, "seconds"), Ok(1e9));
        assert_eq!(seconds_or_forever(f64::INFINITY, "seconds"), Ok(f64::INFINITY));
        for (wrong, shown) in [
            (f64::NAN, "not a number"),
            (f64::INFINITY, "infinite"),
            (f64::NEG_INFINITY, "-inf"),
            (-1.0, "-1e0"),
            (1e300, "1e300"),
        ] {
            assert_eq!(
                words(seconds(wrong, "seconds")),
                format!("seconds is {shown}; it is 0 to 1e9")
            );
            assert!(wrong == f64::INFINITY || seconds_or_forever(wrong, "seconds").is_err());
        }
    }
}
