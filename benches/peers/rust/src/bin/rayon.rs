//! rayon: a pool, and a per-key queue on top.

use peers::keyed::{self, Lane};
use peers::{Peer, threads};

struct Rayon {
    pool: rayon::ThreadPool,
    lanes: &'static [Lane],
}

impl Peer for Rayon {
    const NAME: &'static str = "rayon +KQ";

    fn dash(workload: &str) -> Option<&'static str> {
        (workload == "W7").then_some("it has no timers")
    }

    fn start(names: usize) -> Rayon {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads()).build().unwrap();
        Rayon { pool, lanes: keyed::lanes(names) }
    }

    fn add(&self, name: Option<usize>, run: fn(u64), data: u64) {
        let Some(name) = name else { return self.pool.spawn(move || run(data)) };
        let lane = &self.lanes[name];
        if lane.add((run, data)) {
            self.pool.spawn(|| lane.drain());
        }
    }
}

fn main() {
    peers::main::<Rayon>("rayon");
}
