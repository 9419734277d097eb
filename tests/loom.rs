//! Every order of steps that two or three threads can take at the hand-offs, tried by loom.
//!
//! `make check-models` runs this (`RUSTFLAGS="--cfg ts_loom" cargo test --release --test loom`). The
//! modules are the product's own, by their files; each model is named after what it shows, and
//! fails when that is broken. Keep them tiny: a step more is ten times the orders.
#![cfg(ts_loom)]
#![allow(dead_code)]

include!("models/modules.rs");

/// What the models are written for; `tests/shuttle.rs` has another.
mod checker {
    pub use loom::{cell, model, sync, thread};
}
