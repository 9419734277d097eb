//! Every order of steps that two or three threads can take at the hand-offs, tried by loom.
//!
//! `make check-models` runs this (`RUSTFLAGS="--cfg ts_loom" cargo test --release --test loom`). The
//! modules are the product's own, by their files; each model is named after what it shows, and
//! fails when that is broken. Keep them tiny: a step more is ten times the orders.
#![cfg(ts_loom)]
#![allow(dead_code)]

#[macro_use]
#[path = "../src/memory.rs"]
#[allow(dead_code)] // the mailbox uses its part
mod memory;

#[path = "../src/canary.rs"]
mod canary;
#[path = "../src/clock.rs"]
mod clock;
#[path = "../src/count.rs"]
mod count;
#[path = "../src/error.rs"]
mod error;
#[path = "../src/kinds.rs"]
mod kinds;
#[path = "../src/mailbox.rs"]
mod mailbox;
#[path = "../src/sync.rs"]
mod sync;

#[path = "../src/core"]
mod core {
    pub mod gate;
    pub mod knots;
    pub mod limit;
    pub mod room;
    pub mod word;
}

#[path = "../src/loops"]
mod loops {
    pub mod handed;
    pub mod queued;
}

#[path = "../src/platform"]
mod platform {
    pub mod floats;
    pub mod signal;
}

#[path = "../src/workers"]
mod workers {
    pub mod batch;
    pub mod idle;
    pub mod interrupt;
    pub mod parker;
}

use error::{Error, ErrorCode, Result};

/// What the models are written for; `tests/shuttle.rs` has another.
mod checker {
    pub use loom::{cell, model, sync, thread};
}

#[path = "models/batches.rs"]
mod batches;
#[path = "models/breaking.rs"]
mod breaking;
#[path = "models/hosts.rs"]
mod hosts;
#[path = "models/lanes.rs"]
mod lanes;
#[path = "models/workers.rs"]
mod pool;
#[path = "models/tasks.rs"]
mod tasks;
#[path = "models/waits.rs"]
mod waits;
