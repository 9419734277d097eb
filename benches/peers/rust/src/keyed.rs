//! "+KQ": the per-key queue that people write on top of a pool which has none. A lane is a list under a
//! mutex; the first task of an idle lane hands the lane to the pool, and whoever drains it takes all
//! that waits at once. As ../../keyed.hpp.

use std::mem;
use std::sync::Mutex;

pub type Task = (fn(u64), u64);

#[derive(Default)]
#[repr(align(64))]
pub struct Lane(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: Vec<Task>,
    busy: bool,
}

pub fn lanes(count: usize) -> &'static [Lane] {
    Vec::leak((0..count).map(|_| Lane::default()).collect())
}

impl Lane {
    /// Whether the lane was idle: then drain it, on the pool.
    pub fn add(&self, task: Task) -> bool {
        let mut state = self.0.lock().unwrap();
        state.waiting.push(task);
        !mem::replace(&mut state.busy, true)
    }

    pub fn drain(&self) {
        let mut batch = Vec::new();
        loop {
            {
                let mut state = self.0.lock().unwrap();
                batch.clear();
                if state.waiting.is_empty() {
                    state.busy = false;
                    return;
                }
                mem::swap(&mut batch, &mut state.waiting);
            }
            for (run, data) in &batch {
                run(*data);
            }
        }
    }
}
