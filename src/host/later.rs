//! What is put off until the host's code that this thread is in has returned: a drop or an end that
//! comes about inside a destructor, and the news of an end while the host is told of another.
//!
//! They run one after the other, from the outermost call, so a long chain of tasks that own each other
//! needs no stack. Only without memory to put one off does it run inside the other.

use super::Owned;
use super::holdings::Holding;
use super::own::{self, Own};
use crate::memory;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::thread::LocalKey;

/// What waits until the destructor that this thread is in has returned.
pub(super) enum Later {
    Drop(Owned),
    /// The end of this task.
    End(Holding, Box<dyn FnOnce()>),
    /// What comes after those before it.
    Then(Box<dyn FnOnce()>),
}

thread_local! {
    /// The thread is inside a destructor of the host's.
    static DROPPING: Cell<bool> = const { Cell::new(false) };
    static LATER: Own<VecDeque<Later>> = const { Own::new(RefCell::new(VecDeque::new())) };
    static DRAINING: Cell<bool> = const { Cell::new(false) };
    /// How often anything was put off.
    static PUT_OFF: Cell<u64> = const { Cell::new(0) };
    /// The thread is telling the host of an end.
    static TELLING: Cell<bool> = const { Cell::new(false) };
    /// Ends that it brought about meanwhile, to be told of next.
    static NEWS: Own<VecDeque<Box<dyn FnOnce()>>> = const { Own::new(RefCell::new(VecDeque::new())) };
}

/// Sets a flag of this thread while it lives.
struct Flag(&'static LocalKey<Cell<bool>>);

impl Flag {
    fn raise(flag: &'static LocalKey<Cell<bool>>) -> Flag {
        let _ = flag.try_with(|flag| flag.set(true));
        Flag(flag)
    }
}

impl Drop for Flag {
    fn drop(&mut self) {
        let _ = self.0.try_with(|flag| flag.set(false));
    }
}

/// Whether this thread is inside a destructor of the host's.
pub(crate) fn is_dropping() -> bool {
    DROPPING.try_with(Cell::get).unwrap_or(false)
}

/// Calls a destructor, and then, if no other one is under way, what was put off meanwhile.
pub(super) fn dropping(call: impl FnOnce()) {
    {
        let _dropping = Flag::raise(&DROPPING);
        call();
    }
    drain();
}

/// Ends the task when the destructor that this thread is in has returned.
pub(crate) fn end_later(holding: Holding, end: impl FnOnce() + 'static) {
    match memory::boxed_or(end) {
        Ok(end) => put_off(Later::End(holding, end)),
        // Without memory it is done inside the other one.
        Err(end) => end(),
    }
}

/// Does that after all that was put off on this thread so far; without memory for it, at once.
pub(crate) fn after_put_off(then: impl FnOnce() + 'static) {
    match memory::boxed_or(then) {
        Ok(then) => put_off(Later::Then(then)),
        Err(then) => then(),
    }
}

/// How often anything was put off on this thread.
pub(crate) fn times_put_off() -> u64 {
    PUT_OFF.try_with(Cell::get).unwrap_or(0)
}

/// Puts it off until the destructor that this thread is in has returned.
pub(super) fn put_off(what: Later) {
    let _ = PUT_OFF.try_with(|times| times.set(times.get() + 1));
    let now = LATER.try_with(|queue| {
        let mut queue = queue.borrow_mut();
        match queue.try_reserve(1) {
            Ok(()) => {
                queue.push_back(what);
                None
            }
            Err(_) => Some(what),
        }
    });
    // Without memory it is done inside the other one.
    match now {
        Ok(Some(Later::Drop(owned))) => owned.drop_now(),
        Ok(Some(Later::End(_, then) | Later::Then(then))) => then(),
        _ => {}
    }
}

/// Runs what destructors have left behind, from the outermost one.
fn drain() {
    if DRAINING.try_with(Cell::get).unwrap_or(true) {
        return;
    }
    let _draining = Flag::raise(&DRAINING);
    while let Some(next) = own::pop_front(&LATER) {
        match next {
            Later::Drop(owned) => drop(owned),
            Later::End(_, then) | Later::Then(then) => then(),
        }
    }
}

/// Whether anything waits for a destructor to return.
pub(super) fn has_any() -> bool {
    LATER.try_with(|queue| !queue.borrow().is_empty()).unwrap_or(false)
}

/// Adds the tasks whose ends were put off.
pub(super) fn add_ends(all: &mut Vec<Holding>) {
    let _ = LATER.try_with(|queue| {
        all.extend(queue.borrow().iter().filter_map(|later| match later {
            Later::End(holding, _) => Some(*holding),
            Later::Drop(_) | Later::Then(_) => None,
        }));
    });
}

/// What was put off in the parent is the parent's to do.
pub(super) fn forget_all() {
    std::mem::forget(LATER.try_with(|queue| std::mem::take(&mut *queue.borrow_mut())));
    std::mem::forget(NEWS.try_with(|news| std::mem::take(&mut *news.borrow_mut())));
}

/// Whether this thread is telling the host of an end.
pub(crate) fn is_telling() -> bool {
    TELLING.try_with(Cell::get).unwrap_or(false)
}

/// Tells of an end, and then, one after the other, of those that this has brought about here.
pub(crate) fn tell(end: impl FnOnce()) {
    let _telling = Flag::raise(&TELLING);
    end();
    while let Some(next) = own::pop_front(&NEWS) {
        next();
    }
}

/// Tells of an end after the one that this thread [is telling](is_telling) of; without memory for
/// that, inside of it.
pub(crate) fn tell_next(end: impl FnOnce() + 'static) {
    let room = NEWS.try_with(|news| news.borrow_mut().try_reserve(1).is_ok()).unwrap_or(false);
    match if room { memory::boxed_or(end) } else { Err(end) } {
        Ok(end) => {
            let _ = NEWS.try_with(|news| news.borrow_mut().push_back(end));
        }
        Err(end) => end(),
    }
}
