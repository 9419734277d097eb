//! tokio: a task is spawned; names have a per-key queue on top.

use peers::keyed::{self, Lane};
use peers::{Peer, armed, note_entered, note_reached, slept, threads};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;

struct Spawn {
    runtime: Runtime,
    lanes: &'static [Lane],
    stop: Arc<Notify>,
}

impl Peer for Spawn {
    const NAME: &'static str = "tokio spawn +KQ";

    fn dash(_: &str) -> Option<&'static str> {
        None
    }

    fn start(names: usize) -> Spawn {
        let runtime =
            Builder::new_multi_thread().worker_threads(threads()).enable_time().build().unwrap();
        Spawn { runtime, lanes: keyed::lanes(names), stop: Arc::new(Notify::new()) }
    }

    fn add(&self, name: Option<usize>, run: fn(u64), data: u64) {
        let Some(name) = name else {
            self.runtime.spawn(async move { run(data) });
            return;
        };
        let lane = &self.lanes[name];
        if lane.add((run, data)) {
            self.runtime.spawn(async { lane.drain() });
        }
    }

    /// A sleep that ends early when it is told to.
    fn sleeper_start(&self) {
        let stop = self.stop.clone();
        self.runtime.spawn(async move {
            note_entered();
            let _ = tokio::time::timeout(Duration::from_secs(1000), stop.notified()).await;
            note_reached();
        });
    }

    fn sleeper_stop(&self) {
        self.stop.notify_one();
    }

    fn sleepers(&self, count: usize, due: Instant) {
        for _ in 0..count {
            self.runtime.spawn(async move {
                armed();
                tokio::time::sleep_until(due.into()).await;
                slept();
            });
        }
    }
}

fn main() {
    peers::main::<Spawn>("tokio");
}
