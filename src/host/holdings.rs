//! What a thread has to end: a wait for one of these, on the same thread, would be for ever.
//!
//! A thread has to end the task that it runs, those inside which it runs that one, the cancelled ones
//! that it is ending, and those whose ends it has [put off](super::later).

use super::later;
use super::own::{self, Own};
use std::cell::{Cell, RefCell};

thread_local! {
    /// The task that this thread runs and has to end, and the lane that it holds until then.
    static HOLDING: Cell<Holding> = const { Cell::new(Holding { core: 0, index: 0, lane: 0 }) };
    /// Those inside which it runs that one: a pump may be run inside a task.
    static OUTER: Own<Vec<Holding>> = const { Own::new(RefCell::new(Vec::new())) };
    /// The cancelled tasks that this thread is ending, the outermost first.
    static ENDING: Own<Vec<Holding>> = const { Own::new(RefCell::new(Vec::new())) };
}

/// A task that a thread has to end, and its lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holding {
    /// Which core, by its address.
    pub core: usize,
    /// The task's record.
    pub index: u32,
    /// Its lane, or 0.
    pub lane: u32,
}

/// While it lives, this is what the thread runs and has to end.
pub(crate) struct Held(Holding);

impl Held {
    #[inline]
    pub(crate) fn enter(holding: Holding) -> Held {
        Held(HOLDING.try_with(|held| held.replace(holding)).unwrap_or(holding))
    }
}

impl Drop for Held {
    #[inline]
    fn drop(&mut self) {
        let _ = HOLDING.try_with(|held| held.set(self.0));
    }
}

/// While it lives, the thread is ending this cancelled task.
pub(crate) struct Ending(bool);

impl Ending {
    pub(crate) fn enter(holding: Holding) -> Ending {
        // Without memory for it, a wait for it that is for ever is not found to be so.
        Ending(own::push(&ENDING, holding))
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if self.0 {
            own::pop(&ENDING);
        }
    }
}

/// All that this thread has to end, now or when the destructor that it is in has returned: the
/// tasks that it runs, and the cancelled ones that it ends.
#[cold]
pub(crate) fn holdings() -> Vec<Holding> {
    let mut all = Vec::new();
    let _ = HOLDING.try_with(|held| all.push(held.get()));
    let _ = OUTER.try_with(|outer| all.extend(outer.borrow().iter()));
    let _ = ENDING.try_with(|ending| all.extend(ending.borrow().iter()));
    later::add_ends(&mut all);
    all.retain(|held| held.core != 0);
    all
}

/// Whether this thread has to end anything.
pub(crate) fn holds_any() -> bool {
    HOLDING.try_with(|held| held.get().core != 0).unwrap_or(false)
        || ENDING.try_with(|ending| !ending.borrow().is_empty()).unwrap_or(false)
        || later::has_any()
}

/// While it lives, tasks may be run inside of the one that this thread runs already.
pub(crate) struct Nesting(bool);

impl Nesting {
    pub(crate) fn enter() -> Nesting {
        let outer = HOLDING.try_with(Cell::get).ok().filter(|outer| outer.core != 0);
        Nesting(outer.is_some_and(|outer| own::push(&OUTER, outer)))
    }
}

impl Drop for Nesting {
    fn drop(&mut self) {
        if self.0 {
            own::pop(&OUTER);
        }
    }
}
