//! The C face: one file per section of the header.
//!
//! The header is made from these files (see `tests/header.rs`): a file's first comment becomes the
//! section's heading, its items follow in the order in which they stand here, and lines that begin
//! with `//#` are copied as they are. So the documentation in them is written for the C reader;
//! fenced blocks in it become indented ones.
//!
//! What always holds here:
//!
//! * each export is written out, and its body is one call of [`guard`], which lets no panic out,
//!   keeps `errno` and remembers the words of an error;
//! * what C hands in is checked before the scheduler is asked ([`arguments`], and of tasks [`options`]);
//! * nothing is kept here but the last error message.

#![allow(non_camel_case_types)]
#![allow(clippy::missing_safety_doc)] // What a C caller owes stands in the header, once.

mod arguments;
mod guard;
mod options;

pub mod async_tasks;
pub mod claims;
pub mod completions;
pub mod configuration;
pub mod errors;
pub mod information;
pub mod inside;
pub mod lanes;
pub mod log;
pub mod pumps;
pub mod schedulers;
pub mod shutdown;
pub mod tasks;
pub mod threads;
pub mod version;
