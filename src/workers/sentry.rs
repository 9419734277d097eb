//! What a sentry sees: whether the active workers get on, and whether another one is needed.
//!
//! Something that is left to others is a reason to wake one when no worker has begun anything since
//! the last look: what the active ones run blocks. A thread that only waits for a processor looks the
//! same, and another thread would make that worse; so after brisk tasks the sentry asks the system.
//! Who wants to run, and has not used a processor since the look before, will get on when it has one.
//!
//! One that blocks may have more in its batch, and the others may get on for ever without coming to
//! that: so that it has to be fetched is a reason of its own.

use super::Shared;
use crate::clock;
use crate::platform::doing;
use crate::sync::atomic::Ordering::*;

/// So many tasks between two looks are a sign that the active ones get on.
const STEADY: u64 = 8;
/// After so many looks at which a worker had not got on, it does not use a processor: longer than
/// the system lets one thread run while others wait.
const BLOCKED: u32 = 100;
/// So long (nanoseconds) brisk workers that have no processor are waited for.
const PATIENCE: u64 = 50_000_000;
/// Who has used less of a time than one part in so many had no processor.
const PART: u64 = 4;

/// What a look comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Another worker is needed; `blocked`: the active ones do not get on.
    Needed { blocked: bool },
    /// The same, for what lies in the batch of this one, which does not get on.
    HeldUp(usize),
    /// Neither is it, nor a sentry.
    NotNeeded,
    /// The next look will tell.
    Perhaps,
}

/// What a look counts.
#[derive(Debug, Default)]
struct Progress {
    /// How many tasks were begun since the last look.
    done: u64,
    /// How many workers have got on lately.
    busy: usize,
    /// One of the others, who has more in its batch.
    holder: Option<usize>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Sentry {
    /// How many tasks each worker has taken on so far, and at how many looks it had not got on.
    seen: Vec<(u64, u32)>,
    /// When it was first seen that nobody had got on, though somebody wanted to (nanoseconds), and what
    /// processor time the active ones had used by then.
    starved: Option<(u64, u64)>,
}

impl Sentry {
    /// One who begins to watch now.
    pub fn new(shared: &Shared) -> Sentry {
        let mut sentry = Sentry::default();
        // What was done before says nothing.
        sentry.count(shared);
        sentry
    }

    /// Looks around; `left`: something is left to others.
    pub fn look(&mut self, shared: &Shared, left: bool) -> Verdict {
        let Progress { done, busy, holder } = self.count(shared);
        if done > 0 {
            self.starved = None;
        }
        if let Some(worker) = holder {
            return Verdict::HeldUp(worker);
        }
        if !left {
            return if done < STEADY { Verdict::NotNeeded } else { Verdict::Perhaps };
        }
        let brisk = shared.idle.is_brisk();
        if done == 0 {
            if brisk && self.is_starved(shared) {
                return Verdict::Perhaps;
            }
            self.starved = None;
            shared.idle.set_brisk(false);
            return Verdict::Needed { blocked: true };
        }
        // Brisk tasks are left to one.
        match !brisk && busy.min(shared.idle.awake()) < shared.processors {
            true => Verdict::Needed { blocked: false },
            false => Verdict::Perhaps,
        }
    }

    /// Whether the active workers do not get on because they have no processor.
    #[cold]
    fn is_starved(&mut self, shared: &Shared) -> bool {
        let Some(used) = time_of_willing(shared) else { return false };
        let now = clock::precise();
        let Some((since, before)) = self.starved else {
            self.starved = Some((now, used));
            return true;
        };
        now - since < PATIENCE && used.saturating_sub(before) * PART < now - since
    }

    /// Counts what was begun since the last look.
    fn count(&mut self, shared: &Shared) -> Progress {
        let mut progress = Progress::default();
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
            progress.done += now - *was;
            *was = now;
            // One that did not get on lately may only have no processor.
            progress.busy += usize::from(*looks < BLOCKED);
            if *looks >= BLOCKED && slot.batch.len() > 0 {
                progress.holder = Some(at);
            }
        }
        progress
    }
}

/// The processor time that the active workers have used, if one of them runs or would if it had a
/// processor.
fn time_of_willing(shared: &Shared) -> Option<u64> {
    // More than there are processors for, whoever they are.
    let (mut threads, mut count) = ([0; 64], 0);
    {
        let slots = shared.slots.lock();
        shared.idle.each_active(slots.len(), |worker| {
            if let Some(place) = threads.get_mut(count) {
                *place = slots[worker].thread.load(Relaxed);
                count += 1;
            }
        });
    }
    let threads = &threads[..count];
    let used = threads.iter().filter_map(|thread| doing::processor_time(*thread)).sum();
    threads.iter().any(|thread| doing::wants_to_run(*thread)).then_some(used)
}

#[cfg(test)]
mod tests {
    use super::super::Pool;
    use super::*;
    use crate::config::{self, Settings};
    use crate::core::Core;
    use crate::host::ThreadHook;
    use crate::threads::Threads;
    use std::ptr;
    use std::sync::Arc;

    /// A pool without a thread, and two slots. Tasks are brisk.
    fn stage() -> Arc<Shared> {
        let settings = Arc::new(Settings::new(&config::defaults()));
        // SAFETY: there is no function, and nothing to drop.
        let hook = unsafe { ThreadHook::new(None, ptr::null_mut(), None) };
        let maker = Arc::new(Threads::new(settings.clone(), hook));
        let shared = Pool::new(Arc::new(Core::new(0, 0).unwrap()), settings, maker).0;
        shared.new_slot();
        shared.new_slot();
        shared.idle.set_brisk(true);
        shared
    }

    /// The second worker begins some tasks.
    fn get_on(shared: &Shared) {
        let begun = &shared.slots.lock()[1].counts.left;
        begun.store(begun.load(Relaxed) + 10, Relaxed);
    }

    #[test]
    fn what_one_holds_up_is_seen_though_another_gets_on() {
        let shared = stage();
        shared.slots.lock()[0].batch.fill([7].into_iter());
        let mut sentry = Sentry::new(&shared);
        // It has looked once already.
        for _ in 2..BLOCKED {
            get_on(&shared);
            assert_eq!(sentry.look(&shared, true), Verdict::Perhaps);
        }
        get_on(&shared);
        assert_eq!(sentry.look(&shared, true), Verdict::HeldUp(0));
    }

    #[test]
    fn what_was_done_before_it_watched_says_nothing() {
        let shared = stage();
        get_on(&shared);
        let mut sentry = Sentry::new(&shared);
        assert_eq!(sentry.look(&shared, false), Verdict::NotNeeded);
        get_on(&shared);
        assert_eq!(sentry.look(&shared, true), Verdict::Perhaps);
    }
}
