//! Faults that can be put in on purpose, to see that the checks find them.
//!
//! They are there only in builds with `--cfg ts_canary`; the environment variable `TS_CANARY` names
//! the one that sings. `scripts/check-canaries` says which check has to hear which.

macro_rules! canaries {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// A fault, named after what goes wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Canary {
            $($(#[$doc])* $name,)*
        }

        #[cfg(ts_canary)]
        const ALL: &[Canary] = &[$(Canary::$name,)*];
    };
}

canaries! {
    /// A parked worker is not woken for a new task.
    LostWake,
    /// The owner of a lane leaves it without a look for tasks that were announced.
    LaneLeft,
    /// A worker does not note an end that history has yet to take in.
    LostNote,
    /// A signal is sent to a thread that has left the task.
    LateSignal,
    /// Nobody looks again when there is room for one more claim.
    HeldClaims,
    /// A loop does not say that it looks for a waker to come back.
    ForgottenWaker,
    /// A task that returns does not look whether a stop came first.
    TwoEnds,
    /// `drop` is called twice.
    DoubleDrop,
    /// `drop` is called when a running task is told to stop.
    EarlyDrop,
    /// `drop` is not called.
    LostDrop,
    /// A task goes before the last one of its lane.
    SwappedOrder,
    /// Cancelling a pending task leaves it as it was.
    RunAfterCancel,
    /// A record's next task has the id of the last one.
    ReusedId,
    /// A shutdown does not wait for what runs.
    EarlyShutdown,
    /// One more async task of a name than may be.
    WideLane,
    /// A banned name takes tasks.
    DeafBan,
    /// Deadlines are not kept.
    LostDeadline,
    /// A completion queue does not get an end.
    LostEnd,
    /// A result is dropped under a lock.
    DropUnderLock,
    /// What a task did is not ordered before its final state.
    UnorderedEnd,
    /// A lane forgets its name while a task is remembered that has it.
    FreedName,
    /// A name is not freed with its lane.
    LeakedName,
}

#[cfg(not(ts_canary))]
impl Canary {
    /// Whether this fault is put in: never.
    #[inline(always)]
    pub const fn sings(self) -> bool {
        false
    }
}

#[cfg(ts_canary)]
impl Canary {
    /// Whether this fault is put in.
    pub fn sings(self) -> bool {
        use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
        // Relaxed: it must not order what a checker looks for.
        static CHOSEN: AtomicU8 = AtomicU8::new(0);
        const NONE: u8 = u8::MAX;
        let chosen = match CHOSEN.load(Relaxed) {
            0 => {
                let name = std::env::var("TS_CANARY").unwrap_or_default();
                let of_name = |canary: &&Canary| format!("{canary:?}") == name;
                let found = ALL.iter().find(of_name);
                assert!(found.is_some() || name.is_empty(), "there is no canary {name}");
                let chosen = found.map_or(NONE, |canary| *canary as u8 + 1);
                CHOSEN.store(chosen, Relaxed);
                chosen
            }
            chosen => chosen,
        };
        chosen == self as u8 + 1
    }
}
