//! The 64 bytes that are a task, and the box for what only few tasks have.
//!
//! Fields are atomics so that a reader who comes at the wrong time reads an old value instead of
//! undefined behaviour; who may write which, and when, is said at each. Some are used twice: what
//! the start needs is not needed after the end.

use super::report::Report;
use super::slab::Place;
use super::word::Word;
use crate::host::{DropFn, Owned, TaskFn};
use crate::id::GENERATION_BITS;
use crate::platform::annotate;
use crate::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering::*};
use crate::task::Value;
use crate::{Result, memory};
use std::ffi::c_void;
use std::ptr;

/// The last generation: a place that has used it up is retired.
pub const LAST_GENERATION: u64 = (1 << GENERATION_BITS) - 1;

/// See the module.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Record {
    /// Decides everything.
    pub word: Word,
    /// The function; after the end, when it ended (nanoseconds).
    function: AtomicPtr<c_void>,
    /// The host's; after the end, the code that the function returned.
    user_data: AtomicPtr<c_void>,
    /// The destructor of `user_data`, or null; after the end of one that reports, whether its
    /// `on_end` has yet to return.
    drop: AtomicPtr<c_void>,
    /// What few tasks have, or null. While the task has not ended its waiting room's lock guards
    /// it, afterwards history's.
    extra: AtomicPtr<Extra>,
    /// When it was added: nanoseconds, the low bits a count of adds in the same tick.
    added: AtomicU64,
    /// When it started (nanoseconds), or 0; before the start, with the bit [`OWN_TIMEOUT`], the
    /// nanoseconds that it may run, or with the bit [`LATER`] a task that comes later in its lane.
    started: AtomicU64,
    /// The next in its queue (under the lock of its inlet, or its lane's owner's); for a task
    /// without a name, its inlet.
    pub link: AtomicU32,
    /// Its lane, or [`super::slab::NIL`] without a name.
    pub lane: AtomicU32,
}

const _: () = assert!(size_of::<Record>() == 64);

/// What `started` holds is a time-out. No clock comes so far in 292 years.
const OWN_TIMEOUT: u64 = 1 << 63;
/// What `started` holds is an index.
const LATER: u64 = 1 << 62;

// SAFETY: made of atomics; null pointers and zero numbers are good values.
unsafe impl Place for Record {
    fn generation(&self) -> u64 {
        self.word.load().generation()
    }

    fn set_generation(&self, generation: u64) {
        self.word.free(generation);
    }
}

/// What few tasks have.
#[derive(Debug, Default)]
pub struct Extra {
    /// What it said went wrong.
    pub error: Option<Box<str>>,
    /// What it left.
    pub result: Option<Outcome>,
    /// Who is told of its end.
    pub report: Option<Report>,
}

/// A result that nobody has taken yet; dropping it calls the host.
#[derive(Debug)]
pub struct Outcome {
    /// The pointer and what frees it.
    pub owned: Owned,
    /// As the task said.
    pub size: usize,
}

impl Outcome {
    /// Moves it out to the host.
    pub fn into_value(self) -> Value {
        let size = self.size;
        let (data, drop) = self.owned.into_parts();
        Value { data, size, drop }
    }
}

impl Record {
    /// Fills a free place, all but the word. The caller owns the place.
    #[inline]
    pub fn fill(
        &self,
        function: *mut c_void,
        user_data: *mut c_void,
        drop: Option<DropFn>,
        lane: u32,
        added: u64,
    ) {
        self.function.store(function, Relaxed);
        self.user_data.store(user_data, Relaxed);
        self.drop.store(drop.map_or(ptr::null_mut(), |drop| drop as *mut c_void), Relaxed);
        self.extra.store(ptr::null_mut(), Relaxed);
        self.added.store(added, Relaxed);
        self.started.store(0, Relaxed);
        self.lane.store(lane, Relaxed);
    }

    /// When it was added.
    pub fn added(&self) -> u64 {
        self.added.load(Relaxed)
    }

    /// When it started, or 0.
    pub fn started(&self) -> u64 {
        match self.started.load(Relaxed) {
            not_yet if not_yet & (OWN_TIMEOUT | LATER) != 0 => 0,
            started => started,
        }
    }

    /// Sets a time-out of its own (nanoseconds). After [`Record::fill`], before the task is opened.
    #[inline]
    pub fn set_timeout(&self, timeout: u64) {
        self.started.store(timeout | OWN_TIMEOUT, Relaxed);
    }

    /// The time-out of its own (nanoseconds), if it has one. By who runs the task, before the start
    /// is noted.
    #[inline]
    pub fn timeout(&self) -> Option<u64> {
        let timeout = self.started.load(Relaxed);
        (timeout & OWN_TIMEOUT != 0).then_some(timeout & !OWN_TIMEOUT)
    }

    /// Notes a task that comes later in its lane. While it hangs there, under the inlet's lock.
    #[inline]
    pub fn note_later(&self, index: u32) {
        if self.started.load(Relaxed) == 0 {
            self.started.store(LATER | u64::from(index), Relaxed);
        }
    }

    /// That task, or one that was. By who runs the task, before the start is noted.
    #[inline]
    pub fn later(&self) -> Option<u32> {
        let later = self.started.load(Relaxed);
        (later & (OWN_TIMEOUT | LATER) == LATER).then_some(later as u32)
    }

    /// Notes the start. The caller runs the task.
    #[inline]
    pub fn set_started(&self, now: u64) {
        self.started.store(now, Relaxed);
    }

    /// The function and what it gets. The caller runs the task.
    #[inline]
    pub fn call(&self) -> (TaskFn, *mut c_void) {
        let function = self.function.load(Relaxed);
        // SAFETY: `fill` was given this pointer from a `TaskFn`, and the task has not ended.
        let function = unsafe { std::mem::transmute::<*mut c_void, TaskFn>(function) };
        (function, self.user_data.load(Relaxed))
    }

    /// The function, as the host gave it, and what it gets. The caller hands the task out.
    pub fn raw_call(&self) -> (*mut c_void, *mut c_void) {
        (self.function.load(Relaxed), self.user_data.load(Relaxed))
    }

    /// In place of the function, which was handed out: the slot of its claim. By who holds it.
    pub fn set_slot(&self, slot: u32) {
        self.function.store(ptr::without_provenance_mut(slot as usize), Release);
    }

    /// The slot of its claim, of a task that was handed out and has not ended; for any other one
    /// some number.
    pub fn slot(&self) -> u32 {
        self.function.load(Acquire).addr() as u32
    }

    /// Whether the end has something to drop beside what is in the box.
    #[inline]
    pub fn has_drop(&self) -> bool {
        !self.drop.load(Relaxed).is_null()
    }

    /// Of a task that reports: whether the next of its name waits until its `on_end` has returned. By who
    /// ends it, before that can be seen, and then by who has told of it.
    pub fn set_telling(&self, telling: bool) {
        let mark = if telling { ptr::without_provenance_mut(1) } else { ptr::null_mut() };
        self.drop.store(mark, Release);
    }

    /// As above, of one that has ended.
    pub fn is_telling(&self) -> bool {
        !self.drop.load(Acquire).is_null()
    }

    /// `user_data` with its destructor. Once, by who ends the task.
    pub fn take_user_data(&self) -> Owned {
        let drop = self.drop.load(Relaxed);
        self.drop.store(ptr::null_mut(), Relaxed);
        // SAFETY: `fill` was given this pointer from a `DropFn`; null is none.
        let drop = unsafe { std::mem::transmute::<*mut c_void, Option<DropFn>>(drop) };
        Owned::new(self.user_data.load(Relaxed), drop)
    }

    /// Notes the end, before the final state is visible. By who ends the task.
    #[inline]
    pub fn set_ended(&self, now: u64, code: i32) {
        // The low bits of when it was added may be ahead of the clock, which its start minded too.
        let now = now.max(self.added());
        self.function.store(ptr::without_provenance_mut(now as usize), Relaxed);
        self.user_data.store(ptr::without_provenance_mut(code as u32 as usize), Relaxed);
    }

    /// When it ended; of an ended task.
    pub fn ended(&self) -> u64 {
        self.function.load(Relaxed).addr() as u64
    }

    /// What the function returned; of an ended task.
    pub fn code(&self) -> i32 {
        self.user_data.load(Relaxed).addr() as u32 as i32
    }

    /// Whether there is a box.
    #[inline]
    pub fn has_extra(&self) -> bool {
        !self.extra.load(Acquire).is_null()
    }

    /// Puts the box up before the task is opened.
    pub fn set_extra(&self, extra: Box<Extra>) {
        self.extra.store(Box::into_raw(extra), Relaxed);
    }

    /// Takes the box down: once, by who ended the task or lets it go.
    #[inline]
    pub fn take_extra(&self) -> Option<Box<Extra>> {
        if self.extra.load(Relaxed).is_null() {
            return None;
        }
        self.take_down()
    }

    #[inline(never)]
    fn take_down(&self) -> Option<Box<Extra>> {
        let extra = self.extra.swap(ptr::null_mut(), AcqRel);
        // Whoever drops what is in it comes after who put it there.
        annotate::acquire(self);
        // SAFETY: from `Box::into_raw`, and swapped out only once.
        (!extra.is_null()).then(|| unsafe { Box::from_raw(extra) })
    }

    /// Works on the box, made at first use. The caller holds the lock that guards it.
    pub fn with_extra<R>(&self, work: impl FnOnce(&mut Extra) -> R) -> Result<R> {
        let mut extra = match self.take_extra() {
            Some(extra) => extra,
            None => memory::boxed(Extra::default())?,
        };
        let out = work(&mut extra);
        self.set_extra(extra);
        Ok(out)
    }

    /// Looks at the box, if there is one. The caller holds the lock that guards it.
    pub fn see_extra<R>(&self, look: impl FnOnce(&mut Extra) -> R) -> Option<R> {
        let extra = self.extra.load(Acquire);
        // SAFETY: put up by `set_extra`, taken down only under the lock that the caller holds.
        unsafe { extra.as_mut() }.map(look)
    }
}
