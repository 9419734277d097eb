//! The workloads, once for every peer in Rust, as workloads.h has them for C and C++. A peer is a
//! program of src/bin that implements [`Peer`] and calls [`main`].

pub mod keyed;
mod tasks;
mod workloads;

pub use tasks::{armed, note_entered, note_reached, slept, threads};
pub use workloads::main;

use std::sync::{Condvar, Mutex};
use std::time::Instant;

pub trait Peer: Send + Sync + 'static {
    const NAME: &'static str;

    /// The reason for a dash.
    fn dash(workload: &str) -> Option<&'static str>;

    /// Threads, as many as processors, and names 0 to names - 1 are there.
    fn start(names: usize) -> Self;

    /// Adds run(data); without a name behind no other.
    fn add(&self, name: Option<usize>, run: fn(u64), data: u64);

    /// W6: a task of the first name that sleeps: note_entered, sleep, note_reached.
    fn sleeper_start(&self) {
        SLEEPER.close();
        self.add(Some(0), sleep_at_gate, 0);
    }

    fn sleeper_stop(&self) {
        SLEEPER.open();
    }

    /// W7: so many that call armed(), sleep until then, and call slept().
    fn sleepers(&self, _count: usize, _due: Instant) {}
}

static SLEEPER: Gate = Gate::new();

fn sleep_at_gate(_: u64) {
    note_entered();
    SLEEPER.wait();
    note_reached();
}

/// A flag with a condition variable.
pub struct Gate(Mutex<bool>, Condvar);

impl Gate {
    const fn new() -> Gate {
        Gate(Mutex::new(false), Condvar::new())
    }

    fn close(&self) {
        *self.0.lock().unwrap() = false;
    }

    fn open(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_one();
    }

    fn wait(&self) {
        let mut open = self.0.lock().unwrap();
        while !*open {
            open = self.1.wait(open).unwrap();
        }
    }
}

/// The version that Cargo.lock has pinned.
fn version(package: &str) -> &'static str {
    let after = include_str!("../Cargo.lock")
        .split_once(&format!("name = \"{package}\"\nversion = \""))
        .map_or("", |(_, after)| after);
    after.split('"').next().unwrap_or("")
}
