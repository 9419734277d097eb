//! Numbered places of one type, at addresses that never change.
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
use crate::{ErrorCode, Result, platform};
use crossbeam_utils::CachePadded;
use std::ptr::{self, NonNull};

/// No place: index 0 is never handed out.
pub const NIL: u32 = 0;

/// Memory is mapped a block at a time, but only touched, and given back, a chunk at a time.
const BLOCK_BITS: u32 = 16;
const BLOCK: u32 = 1 << BLOCK_BITS;
/// Places in a chunk.
pub const CHUNK: u32 = 1 << 10;
/// Indices keep one bit free for those who tag them.
const BLOCKS: usize = 1 << (31 - BLOCK_BITS);

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
#[repr(C)]
pub struct Handful {
    len: usize,
    places: [u32; HANDFUL],
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

type Blocks<T> = [AtomicPtr<T>; BLOCKS];

/// See the module.
#[derive(Debug)]
pub struct Slab<T> {
    /// Each block's address, once it has one; a mapping of ours.
    blocks: NonNull<Blocks<T>>,
    supply: CachePadded<Mutex<Supply>>,
}

// SAFETY: what is shared are places, which are `Sync`, and a lock.
unsafe impl<T: Place> Send for Slab<T> {}
// SAFETY: as above.
unsafe impl<T: Place> Sync for Slab<T> {}

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

impl Supply {
    /// Takes places back: all handfuls but the last are full, so that no more of them are needed than
    /// there is room for.
    fn take_back(&mut self, mut handful: Handful) {
        let last = self.handfuls.pop();
        if let Some(mut last) = last {
            while !last.is_full() {
                match handful.pop() {
                    Some(index) => last.push(index),
                    None => break,
                }
            }
            self.handfuls.push(last);
        }
        if !handful.is_empty() {
            self.handfuls.push(handful);
        }
    }
}

impl<T: Place> Slab<T> {
    /// A slab with no block.
    pub fn new() -> Result<Slab<T>> {
        Ok(Slab {
            // SAFETY: null pointers are all zero bytes.
            blocks: unsafe { map::<Blocks<T>>(1)? },
            supply: CachePadded::new(Mutex::new(Supply {
                fresh: 0,
                handfuls: Vec::new(),
                bare: Vec::new(),
                again: (0, 0, 0),
            })),
        })
    }

    #[inline]
    fn block(&self, index: u32) -> &AtomicPtr<T> {
        // SAFETY: mapped for as long as the slab lives.
        unsafe { &self.blocks.as_ref()[(index >> BLOCK_BITS) as usize % BLOCKS] }
    }

    /// The place with an index that a stranger gave.
    #[inline]
    pub fn get(&self, index: u32) -> Option<&T> {
        // SAFETY: mapped for as long as the slab lives.
        let blocks = unsafe { self.blocks.as_ref() };
        // A stranger's index may be too high.
        let block = blocks.get((index >> BLOCK_BITS) as usize)?.load(Acquire);
        // SAFETY: a block, once there, stays until the slab is dropped.
        (!block.is_null()).then(|| unsafe { &*block.add((index % BLOCK) as usize) })
    }

    /// The place with an index of ours.
    #[inline]
    pub fn at(&self, index: u32) -> &T {
        let block = self.block(index).load(Relaxed);
        debug_assert!(!block.is_null());
        // SAFETY: indices are handed out after their block was put up, and reach other threads
        // through locks and atomics; the block stays until the slab is dropped.
        unsafe { &*block.add((index % BLOCK) as usize) }
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
        // All that there are come back one day, and then there may be no memory.
        let room = (supply.fresh + SOME) as usize / HANDFUL + 1 - supply.handfuls.len();
        supply.handfuls.try_reserve(room).map_err(|_| ErrorCode::OutOfMemory)?;
        let start = supply.fresh;
        if start as usize >= BLOCKS << BLOCK_BITS {
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
            self.supply.lock().take_back(handful);
        }
    }

    /// Takes one place back.
    pub fn put_back_one(&self, index: u32) {
        let mut handful = Handful::default();
        handful.push(index);
        self.supply.lock().take_back(handful);
    }

    /// Fetches a place into the cache, to be written soon.
    #[inline]
    pub fn prefetch(&self, index: u32) {
        fetch(self.at(index));
    }

    /// Makes sure that the handful from `start` on has memory.
    fn put_up(&self, start: u32) -> Result<()> {
        let block = self.block(start);
        if start.is_multiple_of(BLOCK) {
            // SAFETY: `Place` is good as zero bytes.
            let places = unsafe { map::<T>(BLOCK as usize)? }.as_ptr();
            platform::show_leak_checker(places.cast(), BLOCK as usize * size_of::<T>());
            if start > 0 {
                huge(places.cast(), BLOCK as usize * size_of::<T>());
            }
            block.store(places, Release);
        }
        if start.is_multiple_of(CHUNK) {
            // All pages of a chunk at once; where the system does not know how, one by one.
            // SAFETY: within the block that was just, or earlier, mapped.
            unsafe {
                libc::madvise(
                    block.load(Relaxed).add((start % BLOCK) as usize).cast(),
                    CHUNK as usize * size_of::<T>(),
                    libc::MADV_POPULATE_WRITE,
                );
            }
        }
        Ok(())
    }

    /// Gives memory of wholly free chunks back to the system. Other threads may take places and bring
    /// some back meanwhile: what is looked through is out of the supply, and no lock is held.
    pub fn trim(&self) {
        let (mut free, mut kept, mut bare) = (Vec::<u32>::new(), Vec::new(), Vec::new());
        {
            let mut supply = self.supply.lock();
            let count = supply.handfuls.iter().map(|handful| handful.len).sum();
            let chunks = count / (CHUNK as usize - 1);
            if free.try_reserve_exact(count).is_err()
                || kept.try_reserve_exact(count).is_err()
                || bare.try_reserve_exact(chunks).is_err()
                || supply.bare.try_reserve(chunks).is_err()
            {
                // Where there is no memory, none is given back.
                return;
            }
            // The room for all of them stays.
            for handful in supply.handfuls.drain(..) {
                free.extend(&handful.places[..handful.len]);
            }
        }
        free.sort_unstable();
        for run in free.chunk_by(|a, b| a / CHUNK == b / CHUNK) {
            match self.strip(run) {
                Some(chunk) => bare.push(chunk),
                None => kept.extend_from_slice(run),
            }
        }
        let mut supply = self.supply.lock();
        for places in kept.chunks(HANDFUL) {
            let mut handful = Handful::default();
            places.iter().rev().for_each(|index| handful.push(*index));
            supply.take_back(handful);
        }
        self.strip_behind(supply.fresh);
        supply.bare.append(&mut bare);
        // Low chunks are taken first, so that a small working set stays together.
        supply.bare.sort_unstable_by(|a, b| b.cmp(a));
    }

    /// Gives back what large pages brought beside what was asked for, behind the last chunk. Under the
    /// supply's lock, so that nobody is about to use it.
    fn strip_behind(&self, fresh: u32) {
        let start = fresh.next_multiple_of(CHUNK);
        let left = start.next_multiple_of(BLOCK) - start;
        if fresh > BLOCK && left > 0 {
            // SAFETY: within the last block that was mapped; nothing was ever written there.
            unsafe {
                let address = self.block(start).load(Relaxed).add((start % BLOCK) as usize);
                let size = left as usize * size_of::<T>();
                libc::madvise(address.cast(), size, libc::MADV_DONTNEED);
            }
        }
    }

    /// Gives back the memory of the chunk that these free places are in, if they are all of it: its
    /// number, and the highest generation used there.
    fn strip(&self, run: &[u32]) -> Option<(u32, u64)> {
        let chunk = run[0] / CHUNK;
        if run.len() as u32 != CHUNK - u32::from(chunk == 0) {
            return None;
        }
        let top = run.iter().map(|index| self.at(*index).generation()).max().unwrap_or(0);
        // SAFETY: the chunk is a mapping of ours; zero bytes are good places, and whoever still looks
        // at one finds generation 0, which no id has.
        unsafe {
            let address: *const T = self.at(run[0]);
            let start = address.sub((run[0] % CHUNK) as usize);
            libc::madvise(
                start.cast_mut().cast(),
                CHUNK as usize * size_of::<T>(),
                libc::MADV_DONTNEED,
            );
        }
        Some((chunk, top))
    }
}

/// Fetches a place into the cache, to be written soon.
#[inline]
pub fn fetch<T>(place: &T) {
    let place: *const T = place;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch changes nothing, whatever the address. (The intrinsic only fetches to read,
    // and the write would go to the other core once more.)
    unsafe {
        std::arch::asm!("prefetchw [{}]", in(reg) place, options(nostack, preserves_flags));
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}

/// Asks for large pages, where the system knows any: a queue that long is walked from page to page. The
/// first block does without, so that a small program stays small.
fn huge(start: *mut libc::c_void, size: usize) {
    #[cfg(target_os = "linux")]
    // SAFETY: a mapping of ours; this changes what backs it, not what is in it.
    unsafe {
        libc::madvise(start, size, libc::MADV_HUGEPAGE);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (start, size);
}

/// Fresh memory for `count` values, all zero.
///
/// # Safety
/// Zero bytes are a good `U`.
unsafe fn map<U>(count: usize) -> Result<NonNull<U>> {
    // SAFETY: an anonymous private mapping at an address of the kernel's choice.
    let address = unsafe {
        libc::mmap(
            ptr::null_mut(),
            count * size_of::<U>(),
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        )
    };
    match NonNull::new(address.cast()) {
        Some(start) if address != libc::MAP_FAILED => Ok(start),
        _ => Err(ErrorCode::OutOfMemory.into()),
    }
}

impl<T> Drop for Slab<T> {
    fn drop(&mut self) {
        // SAFETY: mapped with these sizes in `new` and `put_up`, and nobody looks any more.
        unsafe {
            for block in self.blocks.as_ref() {
                let block = block.load(Relaxed);
                if block.is_null() {
                    // They are put up in order.
                    break;
                }
                platform::hide_from_leak_checker(block.cast(), BLOCK as usize * size_of::<T>());
                libc::munmap(block.cast(), BLOCK as usize * size_of::<T>());
            }
            libc::munmap(self.blocks.as_ptr().cast(), size_of::<Blocks<T>>());
        }
    }
}
