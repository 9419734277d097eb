//! Numbered places of one type, in chunks whose addresses never change.
//!
//! An index stays good to look at as long as the slab lives, whatever became of what it named: a
//! stale id reads a word and finds another generation there. Free places move between threads by
//! the handful.
//!
//! Memory of a chunk whose places are all free can be given back ([`Slab::trim`]); its addresses
//! stay, and its places go on with generations above every one that was ever used there.
//!
//! Lock order: the supply's lock is taken last, with no other taken under it.

use crate::sync::Mutex;
use crate::sync::atomic::{AtomicPtr, Ordering::*};
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
    /// The last generation used here.
    fn generation(&self) -> u64;
    /// Starts a place of fresh memory with a generation behind it.
    fn set_generation(&self, generation: u64);
}

/// How many free places a handful has at most.
pub const HANDFUL: usize = 64;

/// Some free places, on their way from one thread to another.
#[derive(Clone, Debug)]
pub struct Handful {
    places: [u32; HANDFUL],
    len: usize,
}

impl Default for Handful {
    fn default() -> Handful {
        Handful { places: [NIL; HANDFUL], len: 0 }
    }
}

impl Handful {
    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether no more go in.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.len == HANDFUL
    }

    /// Puts one in.
    #[inline]
    pub fn push(&mut self, index: u32) {
        self.places[self.len] = index;
        self.len += 1;
    }

    /// Takes one out.
    #[inline]
    pub fn pop(&mut self) -> Option<u32> {
        self.len = self.len.checked_sub(1)?;
        Some(self.places[self.len])
    }

    /// What will be taken out after so many others.
    #[inline]
    pub fn peek(&self, ahead: usize) -> Option<u32> {
        self.len.checked_sub(ahead + 1).map(|at| self.places[at])
    }
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
    /// What came back.
    handfuls: Vec<Handful>,
    /// Chunks whose memory was given back, with the highest generation used in each.
    bare: Vec<(u32, u64)>,
    /// What is left of such a chunk that is in use again: from, to, and that generation.
    again: (u32, u32, u64),
}

impl<T: Place> Slab<T> {
    /// A slab with no chunk.
    pub fn new() -> Slab<T> {
        Slab {
            shelves: (0..SHELVES).map(|_| AtomicPtr::new(ptr::null_mut())).collect(),
            supply: Mutex::new(Supply {
                fresh: 0,
                handfuls: Vec::new(),
                bare: Vec::new(),
                again: (0, 0, 0),
            }),
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

    /// Some free places, at least one.
    pub fn refill(&self) -> Result<Handful> {
        const SOME: u32 = HANDFUL as u32;
        let mut supply = self.supply.lock();
        if let Some(handful) = supply.handfuls.pop() {
            return Ok(handful);
        }
        if supply.again.0 == supply.again.1
            && let Some((chunk, generation)) = supply.bare.pop()
        {
            supply.again = (chunk * CHUNK, (chunk + 1) * CHUNK, generation);
        }
        let (start, end, generation) = supply.again;
        if start < end {
            supply.again.0 = start + SOME;
            return Ok(self.gather(start, start + SOME, generation));
        }
        let start = supply.fresh;
        if start > LAST - SOME {
            return Err(ErrorCode::OutOfMemory.into());
        }
        self.put_up(start)?;
        // A handful never crosses a chunk: both sizes are powers of two.
        supply.fresh = start + SOME;
        Ok(self.gather(start, start + SOME, 0))
    }

    /// The places from `start` on, lowest first, with that generation behind them.
    fn gather(&self, start: u32, end: u32, generation: u64) -> Handful {
        let mut handful = Handful::default();
        for index in (start.max(1)..end).rev() {
            if generation > 0 {
                self.at(index).set_generation(generation);
            }
            handful.push(index);
        }
        handful
    }

    /// Takes places back.
    pub fn put_back(&self, handful: Handful) {
        if !handful.is_empty() {
            self.supply.lock().handfuls.push(handful);
        }
    }

    /// Takes one place back.
    pub fn put_back_one(&self, index: u32) {
        let mut supply = self.supply.lock();
        match supply.handfuls.last_mut() {
            Some(last) if !last.is_full() => last.push(index),
            _ => {
                let mut handful = Handful::default();
                handful.push(index);
                supply.handfuls.push(handful);
            }
        }
    }

    /// Fetches a place into the cache, to be written soon.
    #[inline]
    pub fn prefetch(&self, index: u32) {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::{_MM_HINT_ET0, _mm_prefetch};
            // SAFETY: a prefetch reads nothing, whatever the address.
            unsafe { _mm_prefetch::<_MM_HINT_ET0>(ptr::from_ref(self.at(index)).cast()) };
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = index;
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
    /// caller holds; all that can still be used are in the supply afterwards.
    pub fn trim(&self, extra: Vec<Handful>) {
        let mut supply = self.supply.lock();
        let mut handfuls = std::mem::take(&mut supply.handfuls);
        handfuls.extend(extra);
        let mut free: Vec<u32> = Vec::new();
        for handful in &handfuls {
            free.extend(&handful.places[..handful.len]);
        }
        drop(handfuls);
        free.sort_unstable();
        let mut kept = Vec::new();
        for run in free.chunk_by(|a, b| a >> CHUNK_BITS == b >> CHUNK_BITS) {
            let chunk = run[0] >> CHUNK_BITS;
            if run.len() as u32 == CHUNK - u32::from(chunk == 0) {
                let top = run.iter().map(|index| self.at(*index).generation()).max().unwrap_or(0);
                // SAFETY: the chunk is a mapping of ours; zero bytes are good places, and whoever
                // still looks at one finds generation 0, which no id has.
                unsafe {
                    let address: *const T = self.at(run[0]);
                    let start = address.sub((run[0] % CHUNK) as usize);
                    libc::madvise(
                        start.cast_mut().cast(),
                        CHUNK as usize * size_of::<T>(),
                        libc::MADV_DONTNEED,
                    );
                }
                supply.bare.push((chunk, top));
            } else {
                kept.extend_from_slice(run);
            }
        }
        for places in kept.chunks(HANDFUL) {
            let mut handful = Handful::default();
            places.iter().rev().for_each(|index| handful.push(*index));
            supply.handfuls.push(handful);
        }
        supply.handfuls.shrink_to_fit();
        // Low chunks are taken first, so that a small working set stays together.
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
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_POPULATE,
            -1,
            0,
        )
    };
    if address == libc::MAP_FAILED {
        Err(ErrorCode::OutOfMemory.into())
    } else {
        Ok(address.cast())
    }
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
