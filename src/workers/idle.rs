//! Who of the workers is awake, and when another one is woken.
//!
//! A wake costs a hundred times what a small task costs, so it is done rarely; and a task must not
//! wait because a wake was saved. Each worker is in one of four parts:
//!
//! * **active**: runs tasks from its batch;
//! * **searcher** (at most one): awake, looks for tasks, for some microseconds;
//! * **sentry** (at most one): naps, and looks every [`NAP`] whether the active ones still get on;
//! * **parked**: sleeps until it is woken.
//!
//! What holds: *when something is ready, or left in the batch of a worker that may block, then
//! there is a searcher, or a sentry beside an active worker, or a wake under way, or no worker is
//! left to wake.* It holds because of four rules.
//!
//! 1. Who makes something ready then looks at the summary, and wakes one if neither a searcher nor
//!    such a sentry is there ([`Idle::must_wake`], [`Idle::wake`]). Who fills its batch beside a
//!    searcher and leaves something for others does the same under the lock ([`Idle::cover`]).
//! 2. Who stops searching because it found something wakes another one if anything is left, in its
//!    batch or elsewhere ([`Idle::found`]).
//! 3. Who stops searching, or standing sentry, because it found nothing looks once more after it
//!    said so, at what is ready and at every batch ([`Idle::park`], [`Idle::sentry_parks`]).
//! 4. A wake whose thread could not be made goes to one who parked meanwhile ([`Idle::stillborn`]).
//!
//! Who searches takes what is ready first, and so may never come to a batch. Therefore active workers
//! and the sentry also look for one that does not get on and has more in its own ([`super::peers`]).
//!
//! The rules meet in the middle by locks. For what is ready they are those under which tasks become
//! so: the adder makes its task ready under such a lock and then loads the summary; the parting
//! worker (and the one that found the last thing there was) stores the summary and then looks under
//! each of the locks. Whichever has a lock first, one of the two sees the other. All else is
//! decided under one lock, which nobody takes per task; a batch is filled before its owner takes it.

use crate::canary::Canary;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering::*};
use crossbeam_utils::CachePadded;
use std::time::Duration;

/// How long a sentry naps between looks.
pub const NAP: Duration = Duration::from_micros(100);

/// What a woken worker is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Look for tasks.
    Search,
    /// Nap and watch.
    Watch,
    /// End its thread.
    Leave,
}

/// What has become of a worker that had nothing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parting {
    /// It is parked; the last one, if nobody was awake any more.
    Parked { last: bool },
    /// It saw something after all, and is the searcher.
    Searches,
    /// It is to leave, as all are.
    Leaves,
}

/// What an active worker has become that left the work to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stepped {
    /// It stands sentry.
    Watches,
    /// It is parked.
    Parked,
}

/// What a wake has to do, outside the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// Nothing.
    Nobody,
    /// Tell this parked worker its part.
    Parked(usize, Part),
    /// Start another worker with this part.
    Spawn(Part),
}

#[derive(Debug, Default)]
struct State {
    searcher: bool,
    sentry: Option<usize>,
    /// Active ones and the searcher.
    awake: usize,
    /// The one that parked last is woken first.
    parked: Vec<usize>,
    /// Worker threads there are, in whatever part.
    alive: usize,
    /// How many there may be.
    most: usize,
    /// The active ones were seen not to get on: wake the next without a nap.
    blocked: bool,
    /// Every worker is to leave.
    closing: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Idle {
    state: CachePadded<Mutex<State>>,
    /// What adders look at; see [`State::summary`].
    summary: CachePadded<AtomicU64>,
    /// So many active workers keep all processors busy.
    processors: usize,
    /// What an active worker last saw: its tasks are so short that another one would only be in its
    /// way. A hint: a sentry puts right what it gets wrong.
    brisk: AtomicBool,
}

const SEARCHER: u64 = 1;
const SENTRY: u64 = 2;
const FULL: u64 = 4;
const AWAKE: u64 = 0xffff << 16;
const ALIVE: u64 = 0xffff << 32;

impl State {
    fn summary(&self) -> u64 {
        u64::from(self.searcher) * SEARCHER
            | u64::from(self.sentry.is_some()) * SENTRY
            | u64::from(self.parked.is_empty() && self.alive >= self.most) * FULL
            | (self.awake as u64) << 16
            | (self.alive as u64) << 32
    }

    /// Picks one to wake, if there is one; the caller has seen that it is needed.
    fn pick(&mut self, part: Part) -> Wake {
        if self.closing {
            return Wake::Nobody;
        }
        let wake = if let Some(worker) = self.parked.pop() {
            if part == Part::Watch {
                self.sentry = Some(worker);
            }
            Wake::Parked(worker, part)
        } else if self.alive < self.most && self.parked.try_reserve(self.alive + 1).is_ok() {
            // There is room for each of them to park.
            self.alive += 1;
            // A new one's number is not known yet; it says it itself.
            if part == Part::Watch {
                self.sentry = Some(usize::MAX);
            }
            Wake::Spawn(part)
        } else {
            return Wake::Nobody;
        };
        if part == Part::Search {
            self.searcher = true;
            self.awake += 1;
        }
        wake
    }

    /// Picks one for what is left to others, for a worker that is active: to search while
    /// processors are free and tasks are not brisk, else to stand sentry.
    fn cover(&mut self, processors: usize, brisk: bool) -> Wake {
        if self.searcher || self.sentry.is_some() {
            return Wake::Nobody;
        }
        let search = self.blocked || self.awake < processors && !brisk;
        self.pick(if search { Part::Search } else { Part::Watch })
    }
}

impl Idle {
    /// With no worker, and at most so many.
    pub fn new(most: usize, processors: usize) -> Idle {
        let idle = Idle {
            state: CachePadded::new(Mutex::new(State { most, ..State::default() })),
            summary: CachePadded::new(AtomicU64::new(0)),
            processors,
            brisk: AtomicBool::new(false),
        };
        idle.change(|_| ());
        idle
    }

    fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.state.lock();
        let out = change(&mut state);
        self.summary.store(state.summary(), Release);
        out
    }

    /// Whether there is no worker at all.
    #[inline]
    pub fn is_deserted(&self) -> bool {
        self.summary.load(Acquire) & ALIVE == 0
    }

    /// How many worker threads there are.
    pub fn alive(&self) -> usize {
        self.state.lock().alive
    }

    /// Whether who has just made something ready has to wake somebody.
    #[inline]
    pub fn must_wake(&self) -> bool {
        if Canary::LostWake.sings() {
            return false;
        }
        let summary = self.summary.load(Acquire);
        let watched = summary & SENTRY != 0 && summary & AWAKE != 0;
        summary & (SEARCHER | FULL) == 0 && !watched
    }

    /// Picks one to search, if it is still needed.
    pub fn wake(&self) -> Wake {
        self.change(|state| {
            if state.searcher || state.sentry.is_some() && state.awake > 0 {
                return Wake::Nobody;
            }
            match state.sentry {
                // Nobody is left for it to watch: it searches itself.
                Some(worker) if worker != usize::MAX => {
                    state.sentry = None;
                    state.searcher = true;
                    state.awake += 1;
                    Wake::Parked(worker, Part::Search)
                }
                _ => {
                    let watch = state.sentry.is_none() && state.awake > 0 && self.is_brisk();
                    state.pick(if watch { Part::Watch } else { Part::Search })
                }
            }
        })
    }

    /// Whether tasks are short, as an active worker saw it last.
    #[inline]
    pub fn is_brisk(&self) -> bool {
        self.brisk.load(Relaxed)
    }

    /// Says so.
    pub fn set_brisk(&self, brisk: bool) {
        if self.is_brisk() != brisk {
            self.brisk.store(brisk, Relaxed);
        }
    }

    /// How many are active or search, as it was a moment ago.
    #[inline]
    pub fn awake(&self) -> usize {
        ((self.summary.load(Relaxed) & AWAKE) >> 16) as usize
    }

    /// Calls with each of the first `count` workers that is neither parked nor the sentry.
    pub fn each_active(&self, count: usize, each: impl FnMut(usize)) {
        let state = self.state.lock();
        let rests = |worker: &usize| state.sentry == Some(*worker) || state.parked.contains(worker);
        (0..count).filter(|worker| !rests(worker)).for_each(each);
    }

    /// Whether another one beside this active worker seems to be awake.
    #[inline]
    pub fn has_company(&self) -> bool {
        self.awake() > 1
    }

    /// An active worker whose tasks are brisk, and whose batch is empty, leaves the work to another
    /// one: it stands sentry, or parks where there is one. None while nobody else is awake.
    pub fn step_down(&self, worker: usize) -> Option<Stepped> {
        self.change(|state| {
            if state.awake < 2 || state.closing {
                return None;
            }
            state.awake -= 1;
            state.blocked = false;
            Some(match state.sentry {
                None => {
                    state.sentry = Some(worker);
                    Stepped::Watches
                }
                Some(_) => {
                    state.parked.push(worker);
                    Stepped::Parked
                }
            })
        })
    }

    /// Picks one for the first task of all, if there is no worker.
    pub fn populate(&self) -> Wake {
        self.change(|state| match state.alive {
            0 => state.pick(Part::Search),
            _ => Wake::Nobody,
        })
    }

    /// A wake's thread could not be made. Who parked meanwhile, since that one was under way, takes its
    /// part: no other thread is made.
    pub fn stillborn(&self, part: Part) -> Wake {
        self.change(|state| {
            state.alive -= 1;
            match part {
                Part::Search => {
                    state.searcher = false;
                    state.awake -= 1;
                }
                _ => state.sentry = None,
            }
            if state.parked.is_empty() { Wake::Nobody } else { state.pick(part) }
        })
    }

    /// An active worker has run out: true when it is the searcher now.
    pub fn search(&self) -> bool {
        self.change(|state| !std::mem::replace(&mut state.searcher, true))
    }

    /// The searcher has found something and is active now. If something is `left` for others, or
    /// `look` sees something, another one is picked.
    pub fn found(&self, left: bool, look: impl FnOnce() -> bool) -> Wake {
        let wake = self.change(|state| {
            state.searcher = false;
            if left { state.cover(self.processors, self.is_brisk()) } else { Wake::Nobody }
        });
        // What came while adders still took us for the searcher is seen here.
        if !left && look() { self.cover() } else { wake }
    }

    /// An active worker has filled its batch, and something is left for others: another one is
    /// picked, if nobody searches or watches.
    pub fn cover(&self) -> Wake {
        self.change(|state| state.cover(self.processors, self.is_brisk()))
    }

    /// An awake worker with nothing to do parks, and looks once more. It leaves instead while the
    /// pool closes: a closing tells only those to leave that were parked when it began.
    pub fn park(&self, worker: usize, searcher: bool, look: impl FnOnce() -> bool) -> Parting {
        let parked = self.change(|state| {
            state.awake -= 1;
            if searcher {
                state.searcher = false;
            }
            state.blocked = false;
            if state.closing {
                return None;
            }
            state.parked.push(worker);
            Some(state.awake == 0)
        });
        parked.map_or(Parting::Leaves, |last| self.parked(worker, last, look))
    }

    fn parked(&self, worker: usize, last: bool, look: impl FnOnce() -> bool) -> Parting {
        if look() && self.unpark(worker) { Parting::Searches } else { Parting::Parked { last } }
    }

    /// A parked worker that has seen something after all searches, unless somebody does or it was
    /// told another part already: true when it searches.
    fn unpark(&self, worker: usize) -> bool {
        self.change(|state| {
            let Some(at) = state.parked.iter().position(|other| *other == worker) else {
                return false;
            };
            if state.searcher || state.closing {
                return false;
            }
            state.parked.remove(at);
            state.searcher = true;
            state.awake += 1;
            true
        })
    }

    /// A parked worker leaves for good, unless it was told a part meanwhile: true when it is gone.
    pub fn leave_parked(&self, worker: usize) -> bool {
        self.change(|state| {
            let Some(at) = state.parked.iter().position(|other| *other == worker) else {
                return false;
            };
            state.parked.remove(at);
            state.alive -= 1;
            true
        })
    }

    /// An awake worker leaves if there are more than there may be: true when it is gone. Else the flag
    /// that says so is cleared: here, so that whoever lowers the limit, and then sets it, is later.
    pub fn leave_surplus(&self, searcher: bool, surplus: &AtomicBool) -> bool {
        self.change(|state| {
            if state.alive <= state.most {
                if !state.closing {
                    surplus.store(false, Relaxed);
                }
                return false;
            }
            state.alive -= 1;
            state.awake -= 1;
            if searcher {
                state.searcher = false;
            }
            true
        })
    }

    /// An awake worker, or a parked one that was told to, leaves because of the closing.
    pub fn leave_closing(&self, awake: bool, searcher: bool) {
        self.change(|state| {
            state.alive -= 1;
            if awake {
                state.awake -= 1;
            }
            if searcher {
                state.searcher = false;
            }
        });
    }

    /// A new worker that stands sentry says its number.
    pub fn name_sentry(&self, worker: usize) {
        self.change(|state| {
            if state.sentry == Some(usize::MAX) {
                state.sentry = Some(worker);
            }
        });
    }

    /// Whether this worker is the sentry: what told it so may have come late.
    pub fn is_sentry(&self, worker: usize) -> bool {
        self.state.lock().sentry == Some(worker)
    }

    /// The sentry searches: the active ones get on badly (`blocked`), or a processor is free. False
    /// when it was told another part already.
    pub fn sentry_searches(&self, worker: usize, blocked: bool) -> bool {
        self.change(|state| {
            if state.sentry != Some(worker) {
                return false;
            }
            state.blocked = blocked;
            if state.searcher {
                return false;
            }
            state.sentry = None;
            state.searcher = true;
            state.awake += 1;
            true
        })
    }

    /// The sentry is not needed and parks, and looks once more. None when it was told another part
    /// already, or all are to leave.
    pub fn sentry_parks(&self, worker: usize, look: impl FnOnce() -> bool) -> Option<Parting> {
        let mine = self.change(|state| {
            let mine = state.sentry == Some(worker) && !state.closing;
            if mine {
                state.sentry = None;
                state.parked.push(worker);
            }
            mine
        });
        mine.then(|| self.parked(worker, false, look))
    }

    /// The sentry leaves because of the closing. False when it was told another part already.
    pub fn sentry_leaves(&self, worker: usize) -> bool {
        self.change(|state| {
            let mine = state.sentry == Some(worker);
            if mine {
                state.sentry = None;
                state.alive -= 1;
            }
            mine
        })
    }

    /// Changes how many workers there may be. It is counted here, so that of two who change what
    /// counts the later one counts both.
    pub fn set_most(&self, most: impl FnOnce() -> usize) {
        self.change(|state| state.most = most());
    }

    /// Whether there are more workers than there may be, or all are to leave.
    pub fn has_surplus(&self) -> bool {
        let state = self.state.lock();
        state.alive > state.most || state.closing
    }

    /// Every worker is to leave. The parked ones are returned to be told; the others notice it, the
    /// sentry at its next look: it may be one that has yet to hear that it is.
    pub fn close(&self) -> Vec<usize> {
        self.change(|state| {
            state.closing = true;
            std::mem::take(&mut state.parked)
        })
    }

    /// Whether every worker is to leave.
    pub fn is_closing(&self) -> bool {
        self.state.lock().closing
    }

    /// Workers may be made again.
    pub fn reopen(&self) {
        self.change(|state| state.closing = false);
    }
}
