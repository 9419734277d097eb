//! Numbered places of one type, in chunks whose addresses never change.
//!
//! An index stays good to look at as long as the slab lives, whatever became of what it named: a
//! stale id reads a word and finds another generation there. Free places hang together in chains
//! and move between threads a chain at a time.
//!
//! Memory of a chunk whose places are all free can be given back ([`Slab::trim`]); its addresses
//! stay, and its places go on with generations above every one that was ever used there.
//!
//! Lock order: the supply's lock is taken last, with no other taken under it.

use crate::sync::Mutex;
use crate::sync::atomic::{AtomicPtr, AtomicU32, Ordering::*};
use crate::{ErrorCode, Result};
use std::ptr;

/// No place: index 0 is never handed out.
pub const NIL: u32 = 0;

const CHUNK_BITS: u32 = 10;
/// Places in a chunk.
pub const CHUNK: u32 = 1 << CHUNK_BITS;
const SHELF_BITS: u32 = 10;
const SHELF: usize = 1 << SHELF_BITS;
const SHELVES: usize = 1 << (32 - CHUNK_BITS - SHELF_BITS);
/// The highest index; one bit is left free for those who tag indices.
const LAST: u32 = (1 << 31) - 1;

/// What can live in a slab.
///
/// # Safety
/// All zero bytes are a good value, and shared references to one may be used from any thread: a
/// type made of atomics.
pub unsafe trait Place: Sync {
    /// The next free place in a chain, while this one is free.
    fn link(&self) -> &AtomicU32;
    /// The last generation used here.
    fn generation(&self) -> u64;
    /// Starts a place of fresh memory with a generation behind it.
    fn set_generation(&self, generation: u64);
}

/// Free places, linked.
#[derive(Debug, Default)]
pub struct Chain {
    /// The first, or [`NIL`].
    pub head: u32,
    /// How many.
    pub len: u32,
}

type Shelf<T> = [AtomicPtr<T>; SHELF];

/// See the module.
#[derive(Debug)]
pub struct Slab<T> {
    shelves: Box<[AtomicPtr<Shelf<T>>]>,
    supply: Mutex<Supply>,
}

#[derive(Debug)]
struct Supply {
    /// The next index that was never handed out.
    fresh: u32,
    /// Chains that came back.
    chains: Vec<Chain>,
    /// Chunks whose memory was given back, with the highest generation used in each.
    bare: Vec<(u32, u64)>,
}

impl<T: Place> Slab<T> {
    /// A slab with no chunk.
    pub fn new() -> Slab<T> {
        Slab {
            shelves: (0..SHELVES).map(|_| AtomicPtr::new(ptr::null_mut())).collect(),
            supply: Mutex::new(Supply { fresh: 1, chains: Vec::new(), bare: Vec::new() }),
        }
    }

    /// The place with an index that a stranger gave.
    #[inline]
    pub fn get(&self, index: u32) -> Option<&T> {
        let shelf = self.shelves[(index >> (CHUNK_BITS + SHELF_BITS)) as usize].load(Acquire);
        // SAFETY: a shelf and a chunk, once set, stay until the slab is dropped.
        unsafe {
            let chunk = shelf.as_ref()?[(index >> CHUNK_BITS) as usize % SHELF].load(Acquire);
            (!chunk.is_null()).then(|| &*chunk.add((index % CHUNK) as usize))
        }
    }

    /// The place with an index of ours.
    #[inline]
    pub fn at(&self, index: u32) -> &T {
        let shelf = self.shelves[(index >> (CHUNK_BITS + SHELF_BITS)) as usize].load(Acquire);
        debug_assert!(!shelf.is_null() && index != NIL);
        // SAFETY: indices are handed out after their chunk was put up, and reach other threads
        // through locks and atomics; shelf and chunk stay until the slab is dropped.
        unsafe {
            let chunk = (&*shelf)[(index >> CHUNK_BITS) as usize % SHELF].load(Acquire);
            &*chunk.add((index % CHUNK) as usize)
        }
    }

    /// Every index that was ever handed out is below this one.
    pub fn end(&self) -> u32 {
        self.supply.lock().fresh
    }

    /// A chain of free places, at least one.
    pub fn refill(&self) -> Result<Chain> {
        const FRESH: u32 = 64;
        let mut supply = self.supply.lock();
        if let Some(chain) = supply.chains.pop() {
            return Ok(chain);
        }
        if let Some((chunk, generation)) = supply.bare.pop() {
            return Ok(self.string(chunk * CHUNK, CHUNK, generation));
        }
        let start = supply.fresh;
        if start > LAST - FRESH {
            return Err(ErrorCode::OutOfMemory.into());
        }
        self.put_up(start)?;
        // A refill never crosses a chunk: both sizes are powers of two, but for the first.
        let len = FRESH - start % FRESH;
        supply.fresh = start + len;
        Ok(self.string(start, len, 0))
    }

    /// Links `len` places from `start` on.
    fn string(&self, start: u32, len: u32, generation: u64) -> Chain {
        // Index 0 belongs to the first chunk and to nobody.
        let (start, len) = if start == NIL { (1, len - 1) } else { (start, len) };
        for index in start..start + len {
            let place = self.at(index);
            if generation > 0 {
                place.set_generation(generation);
            }
            place.link().store(if index + 1 == start + len { NIL } else { index + 1 }, Relaxed);
        }
        Chain { head: start, len }
    }

    /// Takes places back.
    pub fn put_back(&self, chain: Chain) {
        if chain.len > 0 {
            self.supply.lock().chains.push(chain);
        }
    }

    /// Makes sure that the chunk of `index` has memory.
    fn put_up(&self, index: u32) -> Result<()> {
        let shelf_at = &self.shelves[(index >> (CHUNK_BITS + SHELF_BITS)) as usize];
        if shelf_at.load(Acquire).is_null() {
            // SAFETY: an array of null pointers is all zero bytes.
            shelf_at.store(unsafe { map::<Shelf<T>>(1)? }, Release);
        }
        // SAFETY: just set, and never taken away.
        let chunk_at =
            unsafe { &(&*shelf_at.load(Acquire))[(index >> CHUNK_BITS) as usize % SHELF] };
        if chunk_at.load(Acquire).is_null() {
            // SAFETY: `Place` is good as zero bytes.
            chunk_at.store(unsafe { map::<T>(CHUNK as usize)? }, Release);
        }
        Ok(())
    }

    /// Gives memory of wholly free chunks back to the system. `extra` are free places that the
    /// caller holds; all that can still be used come back as chains in the supply.
    pub fn trim(&self, extra: Vec<Chain>) {
        let mut supply = self.supply.lock();
        let mut free = std::mem::take(&mut supply.chains);
        free.extend(extra);
        let mut indices = Vec::new();
        for chain in free {
            let mut index = chain.head;
            while index != NIL {
                indices.push(index);
                index = self.at(index).link().load(Relaxed);
            }
        }
        indices.sort_unstable();
        for run in indices.chunk_by(|a, b| a >> CHUNK_BITS == b >> CHUNK_BITS) {
            let chunk = run[0] >> CHUNK_BITS;
            let whole = CHUNK - u32::from(chunk == 0);
            if run.len() as u32 == whole {
                let top = run.iter().map(|index| self.at(*index).generation()).max().unwrap_or(0);
                // SAFETY: the chunk is a mapping of ours; zero bytes are good places, and whoever
                // still looks at one finds generation 0, which no id has.
                unsafe {
                    let address: *const T = self.get(chunk * CHUNK).expect("put up");
                    libc::madvise(
                        address.cast_mut().cast(),
                        CHUNK as usize * size_of::<T>(),
                        libc::MADV_DONTNEED,
                    );
                }
                supply.bare.push((chunk, top));
            } else {
                for (at, index) in run.iter().enumerate() {
                    self.at(*index).link().store(run.get(at + 1).copied().unwrap_or(NIL), Relaxed);
                }
                supply.chains.push(Chain { head: run[0], len: run.len() as u32 });
            }
        }
        supply.chains.shrink_to_fit();
        // Low chunks first, so that a small working set stays together.
        supply.bare.sort_unstable_by(|a, b| b.cmp(a));
    }
}

/// Fresh memory for `count` values, all zero.
///
/// # Safety
/// Zero bytes are a good `U`.
unsafe fn map<U>(count: usize) -> Result<*mut U> {
    // SAFETY: an anonymous private mapping at an address of the kernel's choice.
    let address = unsafe {
        libc::mmap(
            ptr::null_mut(),
            count * size_of::<U>(),
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if address == libc::MAP_FAILED { Err(ErrorCode::OutOfMemory.into()) } else { Ok(address.cast()) }
}

impl<T> Drop for Slab<T> {
    fn drop(&mut self) {
        for shelf in &self.shelves {
            let shelf = shelf.load(Relaxed);
            if shelf.is_null() {
                continue;
            }
            // SAFETY: mapped with these sizes in `put_up`, and nobody looks any more.
            unsafe {
                for chunk in &*shelf {
                    let chunk = chunk.load(Relaxed);
                    if !chunk.is_null() {
                        libc::munmap(chunk.cast(), CHUNK as usize * size_of::<T>());
                    }
                }
                libc::munmap(shelf.cast(), size_of::<Shelf<T>>());
            }
        }
    }
}
