//! What a sentry sees: whether the active workers get on, and whether another one is needed.
//!
//! Something that is left to others is a reason to wake one when no worker has begun anything since
//! the last look: what the active ones run blocks. A thread that only waits for a processor looks the
//! same, and another thread would make that worse; so after brisk tasks the sentry asks the system,
//! and believes for some looks that a thread which wants to run is about to get on.

use super::Shared;
use crate::platform::doing;
use crate::sync::atomic::Ordering::*;

/// So many tasks between two looks are a sign that the active ones get on.
const STEADY: u64 = 8;
/// After so many looks at which a worker had not got on, it does not use a processor: longer than
/// the system lets one thread run while others wait.
const BLOCKED: u32 = 100;
/// So many looks a brisk worker that wants to run and does not get on is given.
const PATIENCE: u32 = 10;

/// What a look comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Another worker is needed; `blocked`: the active ones do not get on.
    Needed { blocked: bool },
    /// Neither is it, nor a sentry.
    NotNeeded,
    /// The next look will tell.
    Perhaps,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Sentry {
    /// How many tasks each worker has taken on so far, and at how many looks it had not got on.
    seen: Vec<(u64, u32)>,
    /// At how many looks nobody had got on, though somebody wanted to.
    starved: u32,
}

impl Sentry {
    /// Looks around; `left`: something is left to others.
    pub fn look(&mut self, shared: &Shared, left: bool) -> Verdict {
        let (done, busy) = self.count(shared);
        if done > 0 {
            self.starved = 0;
        }
        if !left {
            return if done < STEADY { Verdict::NotNeeded } else { Verdict::Perhaps };
        }
        let brisk = shared.idle.is_brisk();
        if done == 0 {
            if brisk && self.starved < PATIENCE && wants_to_run(shared) {
                self.starved += 1;
                return Verdict::Perhaps;
            }
            shared.idle.set_brisk(false);
            return Verdict::Needed { blocked: true };
        }
        // Brisk tasks are left to one.
        match !brisk && busy.min(shared.idle.awake()) < shared.processors {
            true => Verdict::Needed { blocked: false },
            false => Verdict::Perhaps,
        }
    }

    /// How many tasks were begun since the last look, and how many workers have got on lately.
    fn count(&mut self, shared: &Shared) -> (u64, usize) {
        let (mut done, mut busy) = (0, 0);
        for (at, slot) in shared.slots.lock().iter().enumerate() {
            let now = slot.counts.left.load(Relaxed);
            if at == self.seen.len() {
                // Without memory it is not looked at.
                match self.seen.try_reserve(1) {
                    Ok(()) => self.seen.push((now, 0)),
                    Err(_) => break,
                }
            }
            let (was, looks) = &mut self.seen[at];
            *looks = if *was == now { *looks + 1 } else { 0 };
            done += now - *was;
            *was = now;
            // One that did not get on lately may only have no processor.
            busy += usize::from(*looks < BLOCKED);
        }
        (done, busy)
    }
}

/// Whether some active worker runs, or would if it had a processor.
#[cold]
fn wants_to_run(shared: &Shared) -> bool {
    let slots = shared.slots.lock();
    shared.idle.any_active(
        |worker| {
            slots.get(worker).is_some_and(|slot| doing::wants_to_run(slot.thread.load(Relaxed)))
        },
        slots.len(),
    )
}
