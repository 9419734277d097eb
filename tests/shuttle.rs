//! The models of `tests/loom.rs`, and larger ones, in random orders of steps, by shuttle.
//!
//! loom tries every order, and so is for two or three threads; this is for more of them. It knows
//! sequential consistency alone: what atomics order is loom's and ThreadSanitizer's business. `make
//! check-models` runs it (`RUSTFLAGS="--cfg ts_shuttle" cargo test --release --test shuttle`);
//! `SHUTTLE_ORDERS` says how many orders of each.
#![cfg(ts_shuttle)]
#![allow(dead_code)]

include!("models/modules.rs");

/// What the models are written for; `tests/loom.rs` has another.
mod checker {
    pub use shuttle::{sync, thread};

    /// Runs it in so many orders.
    pub fn model(run: impl Fn() + Send + Sync + 'static) {
        let orders = std::env::var("SHUTTLE_ORDERS").ok().and_then(|orders| orders.parse().ok());
        shuttle::check_random(run, orders.unwrap_or(2000));
    }

    pub mod cell {
        use std::cell;
        use std::sync::atomic::{AtomicBool, Ordering::*};

        /// A cell that reports two who are at it at the same time.
        #[derive(Debug, Default)]
        pub struct UnsafeCell<T> {
            value: cell::UnsafeCell<T>,
            busy: AtomicBool,
        }

        // SAFETY: used by models alone, which look that only one is at it.
        unsafe impl<T: Send> Sync for UnsafeCell<T> {}

        impl<T> UnsafeCell<T> {
            pub fn new(value: T) -> UnsafeCell<T> {
                UnsafeCell { value: cell::UnsafeCell::new(value), busy: AtomicBool::new(false) }
            }

            pub fn with<R>(&self, work: impl FnOnce(*const T) -> R) -> R {
                self.with_mut(|value| work(value))
            }

            pub fn with_mut<R>(&self, work: impl FnOnce(*mut T) -> R) -> R {
                assert!(!self.busy.swap(true, SeqCst), "two are at a cell");
                let out = work(self.value.get());
                self.busy.store(false, SeqCst);
                out
            }
        }
    }
}
