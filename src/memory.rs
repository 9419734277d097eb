//! What may run out of memory, and says so instead of ending the process.
//!
//! The standard library's collections abort where there is none. So what an add needs is asked for
//! by these, or by `try_reserve`, before anything is changed; and what has accepted a task needs
//! none to run and end it. `docs/fork-and-exit.md` lists what aborts all the same.

use crate::{ErrorCode, Result};
use std::alloc::{Layout, alloc};
use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt::{self, Write};

/// A text that may be lost: formats as `format!` does.
macro_rules! words {
    ($($argument:tt)*) => {
        $crate::memory::words(format_args!($($argument)*))
    };
}

/// See [`words!`]. Where there is no memory for the text, that is what it says.
#[cold]
pub fn words(arguments: fmt::Arguments<'_>) -> Cow<'static, str> {
    if let Some(text) = arguments.as_str() {
        return Cow::Borrowed(text);
    }
    let mut text = Text(String::new());
    match text.write_fmt(arguments) {
        Ok(()) => Cow::Owned(text.0),
        Err(fmt::Error) => Cow::Borrowed("memory ran out"),
    }
}

/// A text that grows only where there is memory.
#[derive(Debug, Default)]
pub struct Text(pub String);

impl Write for Text {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        // One more, for the NUL that C wants.
        self.0.try_reserve(more.len() + 1).map_err(|_| fmt::Error)?;
        self.0.push_str(more);
        Ok(())
    }
}

/// A copy of a text, if there is memory for it.
pub fn copied(text: &str) -> Result<String> {
    let mut copy = String::new();
    copy.try_reserve_exact(text.len()).map_err(|_| ErrorCode::OutOfMemory)?;
    copy.push_str(text);
    Ok(copy)
}

/// The text with its NUL.
pub fn for_c(text: Cow<'static, str>) -> Result<Vec<u8>> {
    let text = match text {
        Cow::Owned(text) => text,
        Cow::Borrowed(text) => copied(text)?,
    };
    let mut bytes = text.into_bytes();
    bytes.try_reserve_exact(1).map_err(|_| ErrorCode::OutOfMemory)?;
    bytes.push(0);
    Ok(bytes)
}

/// Gives room of a queue back, but for so many: where there is memory for the smaller one.
pub fn shrink<T>(queue: &mut VecDeque<T>, to: usize) {
    let to = to.max(queue.len());
    let mut smaller = VecDeque::new();
    if queue.capacity() > to && smaller.try_reserve_exact(to).is_ok() {
        smaller.extend(queue.drain(..));
        *queue = smaller;
    }
}

/// A box, if there is memory for it.
pub fn boxed<T>(value: T) -> Result<Box<T>> {
    boxed_or(value).map_err(|_| ErrorCode::OutOfMemory.into())
}

/// A box, or else the value.
pub fn boxed_or<T>(value: T) -> std::result::Result<Box<T>, T> {
    let layout = Layout::new::<T>();
    if layout.size() == 0 {
        return Ok(Box::new(value));
    }
    // SAFETY: memory of this layout, which is not of size 0, is written before it is a box's.
    unsafe {
        let place = alloc(layout).cast::<T>();
        if place.is_null() {
            return Err(value);
        }
        place.write(value);
        Ok(Box::from_raw(place))
    }
}

/// Bytes that were not looked at yet, shown as text.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a>(pub &'a [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in self.0.utf8_chunks() {
            f.write_str(part.valid())?;
            if !part.invalid().is_empty() {
                f.write_char(char::REPLACEMENT_CHARACTER)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_as_ever_where_there_is_memory() {
        assert_eq!(words!("{} and {:>3}", 1, "é"), "1 and   é");
        assert!(matches!(words!("constant"), Cow::Borrowed("constant")));
        assert_eq!(Shown(b"a\xffb\xc3").to_string(), String::from_utf8_lossy(b"a\xffb\xc3"));
        assert_eq!(*boxed([7; 9]).unwrap(), [7; 9]);
    }
}
