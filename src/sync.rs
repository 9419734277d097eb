//! Locks and atomics, from one place.
//!
//! The product uses std's (futexes without global state, so that a forked child inherits no locked
//! table), checker builds parking_lot's (ThreadSanitizer misreads std's), models loom's or
//! shuttle's. A poisoned lock is taken as it is: no lock of ours is held while host code runs, and
//! our own code under locks does not leave things half done.

#[cfg(ts_loom)]
pub use loom::sync::atomic;
#[cfg(ts_shuttle)]
pub use shuttle::sync::atomic;
#[cfg(not(any(ts_loom, ts_shuttle)))]
pub use std::sync::atomic;

#[cfg(ts_loom)]
use loom::sync as base;
#[cfg(all(ts_checker, not(any(ts_loom, ts_shuttle))))]
use parking_lot as base;
#[cfg(ts_shuttle)]
use shuttle::sync as base;
#[cfg(not(any(ts_loom, ts_shuttle, ts_checker)))]
use std::sync as base;

use atomic::Ordering::Relaxed;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

/// A mutual exclusion lock.
#[derive(Debug, Default)]
pub struct Mutex<T>(base::Mutex<T>);

/// What a locked [`Mutex`] gives.
#[derive(Debug)]
pub struct MutexGuard<'a, T> {
    base: base::MutexGuard<'a, T>,
    held: Held,
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.base
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.base
    }
}

impl<T> Mutex<T> {
    /// A free lock.
    pub fn new(value: T) -> Mutex<T> {
        Mutex(base::Mutex::new(value))
    }

    /// Takes the lock.
    #[inline(always)]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        #[cfg(all(ts_checker, not(any(ts_loom, ts_shuttle))))]
        let base = self.0.lock();
        #[cfg(not(all(ts_checker, not(any(ts_loom, ts_shuttle)))))]
        let base = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        MutexGuard { base, held: Held::new() }
    }
}

/// Counts the locks that a thread holds, where debug assertions are on.
#[derive(Debug)]
struct Held(());

#[cfg(all(debug_assertions, not(any(ts_loom, ts_shuttle))))]
mod held {
    use super::Held;
    use std::cell::Cell;

    thread_local! {
        static HELD: Cell<usize> = const { Cell::new(0) };
    }

    impl Held {
        pub(super) fn new() -> Held {
            let _ = HELD.try_with(|held| held.set(held.get() + 1));
            Held(())
        }
    }

    impl Drop for Held {
        fn drop(&mut self) {
            let _ = HELD.try_with(|held| held.set(held.get() - 1));
        }
    }

    /// The host's code is about to run: no lock of ours is held on this thread.
    pub fn assert_none_held() {
        let held = HELD.try_with(Cell::get).unwrap_or(0);
        assert!(held == 0, "{held} locks are held while host code runs");
    }
}

#[cfg(not(all(debug_assertions, not(any(ts_loom, ts_shuttle)))))]
mod held {
    use super::Held;

    impl Held {
        #[inline(always)]
        pub(super) fn new() -> Held {
            Held(())
        }
    }

    /// Looks where debug assertions are on.
    #[inline(always)]
    pub fn assert_none_held() {}
}

#[cfg(not(any(ts_loom, ts_shuttle)))]
pub use held::assert_none_held;

/// A condition variable, for one mutex. Telling when nobody waits costs next to nothing, where the
/// base would ask the system.
///
/// The hand-off: who waits is counted under the mutex, before he looks at what the mutex guards for
/// the last time; who tells has changed that under the mutex before. So he either finds the count,
/// or the other finds the change.
#[derive(Debug, Default)]
pub struct Condvar {
    base: base::Condvar,
    waiters: Waiters,
}

/// How many wait.
#[derive(Debug)]
struct Waiters(atomic::AtomicUsize);

impl Default for Waiters {
    fn default() -> Waiters {
        Waiters(atomic::AtomicUsize::new(0))
    }
}

impl Condvar {
    /// One that nobody waits on.
    pub fn new() -> Condvar {
        Condvar::default()
    }

    fn count(&self, change: impl FnOnce(usize) -> usize) {
        // Under the mutex, so that no step of another falls between.
        self.waiters.0.store(change(self.waiters.0.load(Relaxed)), Relaxed);
    }

    /// Waits to be notified; may also return without.
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.count(|waiters| waiters + 1);
        let MutexGuard { base, held } = guard;
        #[cfg(all(ts_checker, not(any(ts_loom, ts_shuttle))))]
        let base = {
            let mut base = base;
            self.base.wait(&mut base);
            base
        };
        #[cfg(not(all(ts_checker, not(any(ts_loom, ts_shuttle)))))]
        let base = self.base.wait(base).unwrap_or_else(|poisoned| poisoned.into_inner());
        self.count(|waiters| waiters - 1);
        MutexGuard { base, held }
    }

    /// Waits to be notified for at most `time`; may also return before.
    pub fn wait_for<'a, T>(&self, guard: MutexGuard<'a, T>, time: Duration) -> MutexGuard<'a, T> {
        // Models know no time: there a wait ends by a notification alone.
        #[cfg(any(ts_loom, ts_shuttle))]
        {
            let _ = time;
            self.wait(guard)
        }
        #[cfg(not(any(ts_loom, ts_shuttle)))]
        {
            self.count(|waiters| waiters + 1);
            let MutexGuard { base, held } = guard;
            #[cfg(ts_checker)]
            let base = {
                let mut base = base;
                self.base.wait_for(&mut base, time);
                base
            };
            #[cfg(not(ts_checker))]
            let base = match self.base.wait_timeout(base, time) {
                Ok((base, _)) => base,
                Err(poisoned) => poisoned.into_inner().0,
            };
            self.count(|waiters| waiters - 1);
            MutexGuard { base, held }
        }
    }

    /// Wakes one that waits.
    #[inline]
    pub fn notify_one(&self) {
        if self.waiters.0.load(Relaxed) > 0 {
            self.base.notify_one();
        }
    }

    /// Wakes all that wait.
    #[inline]
    pub fn notify_all(&self) {
        if self.waiters.0.load(Relaxed) > 0 {
            self.base.notify_all();
        }
    }
}
