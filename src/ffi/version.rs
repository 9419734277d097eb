//! Version
//!
//! The macros tell the version that a program was compiled with, ts_version the
//! one that it runs with.

use super::guard::guard_or;
use std::ffi::c_char;

//##define TS_VERSION_MAJOR @major@
//##define TS_VERSION_MINOR @minor@
//##define TS_VERSION_PATCH @patch@
//##define TS_VERSION "@version@"

/// The version of the library, such as "1.2.3". Nothing to free.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_version() -> *const c_char {
    guard_or(c"".as_ptr(), || concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast())
}
