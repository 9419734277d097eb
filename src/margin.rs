//! Room in a queue for whatever may still come into it.
//!
//! Each task that was accepted comes into a queue of its scheduler so and so often before it ends, at
//! its add and later; and then there may be no memory. So an add first makes sure of room for all of
//! it, and for what else was accepted and has not ended. That is counted once in so many adds, and
//! until then a margin is used up. So what comes after an add finds its room.

use crate::{ErrorCode, Result};
use std::collections::VecDeque;

/// Adds between two counts.
pub const STEP: usize = 64;

/// See the module.
#[derive(Debug, Default)]
pub struct Margin(usize);

impl Margin {
    /// An add is about to come. `others`: how often what is there already may come yet, at most; it
    /// comes itself up to `times`.
    #[inline]
    pub fn spend<T>(
        &mut self,
        queue: &mut VecDeque<T>,
        times: usize,
        others: impl FnOnce() -> usize,
    ) -> Result<()> {
        self.spend_with(|adds| {
            let room = others().saturating_add(adds * times);
            queue.try_reserve(room).map_err(|_| ErrorCode::OutOfMemory.into())
        })
    }

    /// As [`Margin::spend`], with what makes room for so many adds.
    #[inline]
    pub fn spend_with(&mut self, reserve: impl FnOnce(usize) -> Result<()>) -> Result<()> {
        if self.0 == 0 {
            cold(|| reserve(STEP))?;
            self.0 = STEP;
        }
        self.0 -= 1;
        Ok(())
    }

    /// As [`Margin::spend`], where nothing has to be counted for it; else false, and nothing is spent.
    #[inline]
    pub fn try_spend(&mut self) -> bool {
        let has = self.0 > 0;
        self.0 -= usize::from(has);
        has
    }

    /// The room was given back, or is another queue's.
    pub fn void(&mut self) {
        self.0 = 0;
    }
}

#[cold]
fn cold<T>(work: impl FnOnce() -> T) -> T {
    work()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_accepted_finds_room() {
        let (mut margin, mut queue) = (Margin::default(), VecDeque::new());
        for accepted in 0..1000usize {
            // None of those before has come yet.
            margin.spend(&mut queue, 2, || 2 * accepted).unwrap();
            assert!(queue.capacity() >= 2 * (accepted + 1));
            queue.push_back(accepted);
            queue.pop_front();
        }
    }
}
