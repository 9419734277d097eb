//! The FIFO of one kind and name.
//!
//! What it is: its name, who runs it, what its handles ask for. How its tasks hang in it is [`fifo`].

mod fifo;

use super::gate::Gate;
use super::slab::{NIL, Place};
use crate::canary::Canary;
use crate::kinds::Kind;
use crate::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, Ordering::*};
use crate::{Result, memory};
use fifo::LATER;
use std::borrow::Cow;
use std::ptr;

/// See the module. Adders and the owner work on lines of their own.
#[derive(Debug)]
#[repr(C, align(128))]
pub struct Lane {
    /// Who works it.
    pub gate: Gate,
    /// First and last of the new tasks. Under the inlet's lock.
    head: AtomicU32,
    tail: AtomicU32,
    /// How many new tasks hang here, and how many were cancelled since that was last looked after.
    /// Under the inlet's lock.
    len: AtomicU32,
    dead: AtomicU32,
    /// Those that hang before the last, the nearest first, as far as they have yet to hear of one that
    /// comes later. Under the inlet's lock.
    recent: [AtomicU32; LATER - 1],
    /// Who runs its tasks: see [`super::outlet`]. Under the inlet's lock.
    outlet: AtomicU32,
    /// How many handles are open, and what they ask for: tasks at once and pending ones; 0 for the
    /// scheduler's. Under the inlet's lock.
    handles: AtomicU32,
    width: AtomicU32,
    capacity: AtomicU32,
    name_len: AtomicU8,
    /// The inlet that it belongs to.
    inlet: AtomicU8,
    /// Adds are refused. Under the inlet's lock.
    banned: AtomicBool,
    /// An add has to look closer: banned, async, counted, or not run by our workers. Under the
    /// inlet's lock.
    special: AtomicBool,
    /// Whether it is async.
    is_async: AtomicBool,
    /// The bytes of the name, owned by the inlet's table. Under the inlet's lock or history's.
    name: AtomicPtr<u8>,
    owners: OwnersLine,
}

#[derive(Debug)]
#[repr(C, align(64))]
struct OwnersLine {
    /// The next task of those that the owner took. Only the owner writes; a cancel may read.
    taken: AtomicU32,
    /// Ended tasks that are still readable, and so need the name. Under history's lock.
    remembered: AtomicU32,
    /// Whether pending ones are counted, for a bound of its own, and the count: what came (under the
    /// inlet's lock) and what left.
    counted: AtomicBool,
    came: AtomicU32,
    left: AtomicU32,
    /// Of a lane with places: how many are taken, and how many of these are still on their way to who
    /// runs them, for one that hangs here; and the task that has started last. Under the inlet's lock.
    running: AtomicU32,
    coming: AtomicU32,
    last_started: AtomicU32,
}

const _: () = assert!(size_of::<Lane>() == 128);

// SAFETY: made of atomics; null pointers and zero numbers are good values.
unsafe impl Place for Lane {
    fn generation(&self) -> u64 {
        0
    }

    fn set_generation(&self, _: u64) {}
}

impl Lane {
    /// Starts a free place as an empty lane. `name` stays where it is until [`Lane::close`].
    pub fn open(&self, inlet: usize, kind: Kind, name: &str) {
        self.inlet.store(inlet as u8, Relaxed);
        self.is_async.store(kind == Kind::Async, Relaxed);
        self.banned.store(false, Relaxed);
        self.owners.counted.store(false, Relaxed);
        self.owners.last_started.store(NIL, Relaxed);
        self.outlet.store(super::outlet::WORKERS, Relaxed);
        self.dead.store(0, Relaxed);
        self.note_special();
        self.name_len.store(name.len() as u8, Relaxed);
        self.name.store(name.as_ptr().cast_mut(), Release);
    }

    /// Forgets the name. Under both locks that guard it.
    pub fn close(&self) {
        if Canary::FreedName.sings() {
            return;
        }
        self.name.store(ptr::null_mut(), Release);
        self.name_len.store(0, Relaxed);
    }

    /// The next task of those that the owner took. Only the owner writes; a cancel may read.
    #[inline]
    pub fn taken(&self) -> &AtomicU32 {
        &self.owners.taken
    }

    /// Ended tasks that are still readable, and so need the name. Under history's lock.
    #[inline]
    pub fn remembered(&self) -> &AtomicU32 {
        &self.owners.remembered
    }

    /// The inlet that it belongs to.
    #[inline]
    pub fn inlet(&self) -> usize {
        self.inlet.load(Relaxed) as usize
    }

    /// Who runs its tasks. Under the inlet's lock, or with a task of it that has not ended.
    #[inline]
    pub fn outlet(&self) -> u32 {
        self.outlet.load(Relaxed)
    }

    /// Others run its tasks from now on. Under the inlet's lock, with nothing in it.
    pub fn set_outlet(&self, outlet: u32) {
        self.outlet.store(outlet, Relaxed);
        self.note_special();
    }

    /// Whether adds are refused. Under the inlet's lock.
    pub fn is_banned(&self) -> bool {
        self.banned.load(Relaxed)
    }

    /// As above.
    pub fn set_banned(&self, banned: bool) {
        self.banned.store(banned && !Canary::DeafBan.sings(), Relaxed);
        self.note_special();
    }

    /// Whether an add has to look closer. Under the inlet's lock.
    #[inline]
    pub fn is_special(&self) -> bool {
        self.special.load(Relaxed)
    }

    fn note_special(&self) {
        let special = self.is_banned() || self.has_places() || self.is_counted();
        self.special.store(special, Relaxed);
    }

    /// How many handles are open. Under the inlet's lock.
    #[inline]
    pub fn handles(&self) -> u32 {
        self.handles.load(Relaxed)
    }

    /// As above.
    pub fn set_handles(&self, handles: u32) {
        self.handles.store(handles, Relaxed);
    }

    /// What its handles ask for: tasks at once, 0 for the default. Under the inlet's lock.
    pub fn width(&self) -> usize {
        self.width.load(Relaxed) as usize
    }

    /// As above.
    pub fn set_width(&self, width: u32) {
        self.width.store(width, Relaxed);
    }

    /// What its handles ask for: pending tasks, 0 for no bound of its own. Under the inlet's lock.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.capacity.load(Relaxed) as usize
    }

    /// As above; with nothing in it, or no handle left.
    pub fn set_capacity(&self, capacity: u32) {
        self.capacity.store(capacity, Relaxed);
        self.owners.came.store(0, Relaxed);
        self.owners.left.store(0, Relaxed);
        self.owners.counted.store(capacity > 0, Relaxed);
        self.note_special();
    }

    /// Whether its tasks wait for places: all but those that our workers run.
    #[inline]
    pub fn has_places(&self) -> bool {
        self.outlet() != super::outlet::WORKERS || self.is_async.load(Relaxed)
    }

    /// Whether nothing is in it and nobody works it. Under the inlet's lock.
    pub fn is_at_rest(&self) -> bool {
        self.gate.is_idle()
    }

    /// Of a lane with places: the task that has started last, or [`NIL`]. Under the inlet's lock.
    pub fn last_started(&self) -> u32 {
        self.owners.last_started.load(Relaxed)
    }

    /// As above.
    pub fn set_last_started(&self, index: u32) {
        self.owners.last_started.store(index, Relaxed);
    }

    /// Of a lane without places: whether nothing is pending in it, though it may be worked. Under the
    /// inlet's lock.
    pub fn is_empty(&self) -> bool {
        self.head.load(Relaxed) == NIL && self.owners.taken.load(Relaxed) == NIL
    }

    /// Whether its pending tasks are counted: without places that takes a count.
    #[inline]
    pub fn is_counted(&self) -> bool {
        self.owners.counted.load(Relaxed)
    }

    /// A pending one came. Under the inlet's lock.
    #[inline]
    pub fn count_came(&self) {
        self.owners.came.store(self.owners.came.load(Relaxed).wrapping_add(1), Relaxed);
    }

    /// A pending one left: started, or cancelled.
    pub fn count_left(&self) {
        self.owners.left.fetch_add(1, SeqCst);
    }

    /// How many are pending, where that is counted. Under the inlet's lock.
    pub fn counted(&self) -> usize {
        self.owners.came.load(Relaxed).wrapping_sub(self.owners.left.load(SeqCst)) as usize
    }

    /// Of a lane with places: how many have one. Under the inlet's lock.
    pub fn running(&self) -> usize {
        self.owners.running.load(Relaxed) as usize
    }

    /// As above.
    pub fn set_running(&self, running: usize) {
        self.owners.running.store(running as u32, Relaxed);
    }

    /// Of a lane with places: so many are on their way. Under the inlet's lock.
    pub fn coming(&self) -> usize {
        self.owners.coming.load(Relaxed) as usize
    }

    /// As above.
    pub fn set_coming(&self, coming: usize) {
        self.owners.coming.store(coming as u32, Relaxed);
    }

    /// Of a lane with places: how many wait for one, dead ones not counted. Under the inlet's lock.
    pub fn waiting(&self) -> usize {
        self.alive().saturating_sub(self.coming())
    }

    /// Of a lane with places: how many hang here and are not dead. Under the inlet's lock.
    pub fn alive(&self) -> usize {
        self.len.load(Relaxed).saturating_sub(self.dead.load(Relaxed)) as usize
    }

    /// Of a lane with places: may be swept from now on if it holds nothing. Under the inlet's lock.
    pub fn rest_if_empty(&self) {
        if self.running() == 0 && self.head.load(Relaxed) == NIL {
            self.gate.rest();
        }
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        if self.is_async.load(Relaxed) { Kind::Async } else { Kind::Linear }
    }

    /// As [`Lane::name`], if there is memory for it.
    pub fn copy_name(&self) -> Result<String> {
        self.with_name(memory::copied)
    }

    /// Its name. The caller holds the inlet's lock, or history's with a task of this lane there.
    pub fn name(&self) -> Cow<'static, str> {
        self.with_name(|name| words!("{name}"))
    }

    fn with_name<R>(&self, see: impl FnOnce(&str) -> R) -> R {
        let (bytes, len) = (self.name.load(Acquire), self.name_len.load(Relaxed) as usize);
        if bytes.is_null() {
            return see("");
        }
        // SAFETY: the table owns the bytes until `close`, which the caller's lock holds off; they
        // were checked to be UTF-8 when the lane was made.
        see(unsafe { std::str::from_utf8_unchecked(std::slice::from_raw_parts(bytes, len)) })
    }
}
