//! What a worker has taken and not begun, where others can still take it away.
//!
//! A batch is filled only when it is empty, and then emptied from the front by its owner and by
//! thieves alike, each by one step on the cursor. The cursor counts fillings, so that a step which
//! saw an earlier filling fails. So a task that blocks holds up nothing behind it in the batch.

use crate::sync::atomic::{AtomicU32, AtomicU64, Ordering::*};

/// How much a batch holds.
pub const BATCH: usize = if cfg!(ts_loom) { 4 } else { 32 };

/// See the module. Items are numbers here.
#[derive(Debug)]
pub struct Batch {
    items: [AtomicU32; BATCH],
    /// Filling (bits 16 and up), length (8–15), how many are taken (0–7).
    cursor: AtomicU64,
}

fn split(cursor: u64) -> (u64, usize, usize) {
    (cursor >> 16, (cursor >> 8 & 0xff) as usize, (cursor & 0xff) as usize)
}

impl Batch {
    /// An empty one.
    pub fn new() -> Batch {
        Batch { items: std::array::from_fn(|_| AtomicU32::new(0)), cursor: AtomicU64::new(0) }
    }

    /// Fills it; by the owner, when it is empty.
    pub fn fill(&self, items: impl ExactSizeIterator<Item = u32>) {
        let (filling, len, taken) = split(self.cursor.load(Relaxed));
        debug_assert!(len == taken && items.len() <= BATCH);
        let count = items.len() as u64;
        for (place, item) in self.items.iter().zip(items) {
            place.store(item, Relaxed);
        }
        self.cursor.store((filling + 1) << 16 | count << 8, Release);
    }

    /// How much is left.
    pub fn len(&self) -> usize {
        let (_, len, taken) = split(self.cursor.load(Relaxed));
        len - taken
    }

    /// Takes the first; the owner or a thief.
    #[inline]
    pub fn pop(&self) -> Option<u32> {
        let mut seen = self.cursor.load(Acquire);
        loop {
            let (_, len, taken) = split(seen);
            if len == taken {
                return None;
            }
            let item = self.items[taken].load(Relaxed);
            match self.cursor.compare_exchange_weak(seen, seen + 1, AcqRel, Acquire) {
                Ok(_) => return Some(item),
                Err(now) => seen = now,
            }
        }
    }

    /// Takes half of what is left, rounded up, into `out`; how many.
    pub fn steal(&self, out: &mut [u32; BATCH]) -> usize {
        let mut seen = self.cursor.load(Acquire);
        loop {
            let (_, len, taken) = split(seen);
            let count = (len - taken).div_ceil(2);
            if count == 0 {
                return 0;
            }
            for (to, place) in out.iter_mut().zip(&self.items[taken..taken + count]) {
                *to = place.load(Relaxed);
            }
            match self.cursor.compare_exchange_weak(seen, seen + count as u64, AcqRel, Acquire) {
                Ok(_) => return count,
                Err(now) => seen = now,
            }
        }
    }
}
