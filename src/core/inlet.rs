//! Where tasks come in: a few independent doors, so that adders do not meet.
//!
//! A name belongs to one inlet (by its hash) and a task without a name goes through its thread's.
//! An inlet's lock guards its names, the new tasks of its lanes, what is ready, and its free
//! records: an add takes one lock, once.
//!
//! Lock order: bound → inlet → history → slab supply. Nobody holds two inlets at once.

use super::slab::Handful;
use super::sweeps::Sweeps;
use crate::Result;
use crate::kinds::Kind;
use crate::margin::Margin;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, AtomicUsize, Ordering::*};
use crossbeam_utils::CachePadded;
use hashbrown::HashTable;
use std::collections::VecDeque;

/// How many inlets a scheduler has.
pub const INLETS: usize = 8;

/// Something a worker can take: a lane with tasks, or a task without a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item(u32);

const LANE: u32 = 1 << 31;

impl Item {
    /// A lane, which whoever takes it will own.
    pub fn lane(index: u32) -> Item {
        Item(index | LANE)
    }

    /// A task without a name.
    pub fn task(index: u32) -> Item {
        Item(index)
    }

    /// As a number, for places that store numbers.
    pub fn to_bits(self) -> u32 {
        self.0
    }

    /// From [`Item::to_bits`].
    pub fn from_bits(bits: u32) -> Item {
        Item(bits)
    }

    /// The lane's index, or else the task's.
    #[inline]
    pub fn split(self) -> std::result::Result<u32, u32> {
        if self.0 & LANE != 0 { Ok(self.0 & !LANE) } else { Err(self.0) }
    }
}

/// A name and its lane.
#[derive(Debug)]
pub struct Entry {
    pub hash: u64,
    pub lane: u32,
    pub kind: Kind,
    /// The lane points into this.
    pub name: Box<str>,
}

/// What the lock guards. What every add looks at comes first, in as few lines as it takes: they go from
/// processor to processor with the lock.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Door {
    /// No adds: the scheduler shuts down.
    pub closed: bool,
    /// How much room `ready` has beside what can be taken.
    pub margin: Margin,
    /// Adds that may be let in before the bound is counted again.
    pub budget: u64,
    /// Lanes by name.
    pub names: HashTable<Entry>,
    /// What can be taken.
    pub ready: VecDeque<Item>,
    /// Free records, and free lanes.
    pub free: Handful,
    pub free_lanes: Handful,
    /// Free slots, of who hands out claims.
    pub slots: Handful,
    /// When to look for names that can be forgotten.
    pub sweeps: Sweeps,
    /// Lanes whose names have others now; and when to look which of them can go.
    pub left: Vec<Entry>,
    pub sweep_left_at: usize,
    /// Names whose adds are refused.
    pub banned: HashTable<(u64, Kind, Box<str>)>,
    /// Cancelled tasks without a name, still in `ready`.
    pub dead: usize,
}

/// See the module.
#[derive(Debug)]
#[repr(C)]
pub struct Inlet {
    /// Linear tasks accepted here. Written under the lock, in whose line it is.
    pub added: AtomicUsize,
    door: Mutex<Door>,
    /// How long `ready` is: a hint for who looks without the lock.
    pub ready: CachePadded<AtomicUsize>,
    /// Async tasks, likewise.
    pub added_async: AtomicUsize,
    /// Tasks that started and ended by claims, as far as that was counted here. Written under the
    /// lock.
    pub left: AtomicU64,
    pub ended: AtomicU64,
}

impl Inlet {
    /// An empty one.
    pub fn new() -> Inlet {
        Inlet {
            added: AtomicUsize::new(0),
            door: Mutex::new(Door::default()),
            ready: CachePadded::new(AtomicUsize::new(0)),
            added_async: AtomicUsize::new(0),
            left: AtomicU64::new(0),
            ended: AtomicU64::new(0),
        }
    }

    /// Takes the lock.
    #[inline]
    pub fn lock(&self) -> crate::sync::MutexGuard<'_, Door> {
        self.door.lock()
    }

    /// Puts something at the end of what is ready; [`Door::make_room`] was called.
    #[inline]
    pub fn push_ready(&self, door: &mut Door, item: Item) {
        door.ready.push_back(item);
        self.ready.store(door.ready.len(), Relaxed);
    }
}

impl Door {
    /// Makes room in `ready` for one that is about to be added, and for whatever may be put back there
    /// of `unfinished` ones; or says that memory ran out.
    #[inline]
    pub fn make_room(&mut self, unfinished: impl FnOnce() -> usize) -> Result<()> {
        // A lane may be taken and put back though its tasks have ended.
        let others = || unfinished() + self.names.len() + self.left.len();
        self.margin.spend(&mut self.ready, 1, others)
    }

    /// The lane of a name.
    #[inline]
    pub fn find(&self, hash: u64, kind: Kind, name: &[u8]) -> Option<u32> {
        self.find_soon(hash, kind, name, |_| ())
    }

    /// The same, for who needs the lane at once: `soon` can fetch it while its name is compared, which is
    /// a way to memory as well.
    #[inline(always)]
    pub fn find_soon(&self, hash: u64, kind: Kind, name: &[u8], soon: impl Fn(u32)) -> Option<u32> {
        let same = |entry: &Entry| {
            entry.hash == hash && {
                soon(entry.lane);
                is_same(entry.name.as_bytes(), name) && entry.kind == kind
            }
        };
        self.names.find(hash, same).map(|entry| entry.lane)
    }

    /// Whether the name is banned.
    pub fn is_banned(&self, hash: u64, kind: Kind, name: &[u8]) -> bool {
        !self.banned.is_empty()
            && self
                .banned
                .find(hash, |(_, its, text)| *its == kind && text.as_bytes() == name)
                .is_some()
    }
}

/// Whether two names are the same. Most are short, and the hash has said so already: a call takes
/// longer than the look.
#[inline(always)]
fn is_same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    if let 8..=16 = one.len() {
        return ends_are_same::<8>(one, other);
    }
    if let 4..8 = one.len() {
        return ends_are_same::<4>(one, other);
    }
    is_same_at_length(one, other)
}

/// Whether they begin and end with the same `SIZE` bytes, of names of at most twice that.
#[inline(always)]
fn ends_are_same<const SIZE: usize>(one: &[u8], other: &[u8]) -> bool {
    one.first_chunk::<SIZE>() == other.first_chunk()
        && one.last_chunk::<SIZE>() == other.last_chunk()
}

#[inline(never)]
fn is_same_at_length(one: &[u8], other: &[u8]) -> bool {
    one == other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart_by_any_byte_of_theirs() {
        for len in 1..40 {
            let name: Vec<u8> = (0..len).map(|at| b'a' + at % 26).collect();
            assert!(is_same(&name, &name.clone()));
            assert!(!is_same(&name, &name[1..]));
            for at in 0..name.len() {
                let mut other = name.clone();
                other[at] ^= 1;
                assert!(!is_same(&name, &other), "byte {at} of {len}");
            }
        }
    }
}
