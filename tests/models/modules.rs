// What the models are made of: the product's own modules, by their files, and the models. Included by
// `tests/loom.rs` and `tests/shuttle.rs`, each of which says in `checker` what runs them.

#[macro_use]
#[path = "../../src/memory.rs"]
#[allow(dead_code)] // the mailbox uses its part
mod memory;

#[path = "../../src/canary.rs"]
mod canary;
#[path = "../../src/clock.rs"]
mod clock;
#[path = "../../src/count.rs"]
mod count;
#[path = "../../src/error.rs"]
mod error;
#[path = "../../src/kinds.rs"]
mod kinds;
#[path = "../../src/mailbox.rs"]
mod mailbox;
#[path = "../../src/margin.rs"]
mod margin;
#[path = "../../src/sync.rs"]
mod sync;

#[path = "../../src/core"]
mod core {
    pub mod backlog;
    pub mod gate;
    pub mod knots;
    pub mod limit;
    pub mod room;
    pub mod word;
}

#[path = "../../src/loops"]
mod loops {
    pub mod handed;
    pub mod queued;
}

#[path = "../../src/platform"]
mod platform {
    pub mod floats;
    pub mod signal;
}

#[path = "../../src/workers"]
mod workers {
    pub mod batch;
    pub mod idle;
    pub mod interrupt;
    pub mod parker;
}

use error::{Error, ErrorCode, Result};

#[path = "batches.rs"]
mod batches;
#[path = "breaking.rs"]
mod breaking;
#[path = "ends.rs"]
mod ends;
#[path = "hosts.rs"]
mod hosts;
#[path = "lanes.rs"]
mod lanes;
#[path = "workers.rs"]
mod pool;
#[path = "tasks.rs"]
mod tasks;
#[path = "waits.rs"]
mod waits;
