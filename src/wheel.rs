//! A timer wheel of plain records: 24 bytes a timer, and a handful of steps to set, clear or expire
//! one, however many there are.
//!
//! Time is counted in ticks of about a millisecond. Level 0 has a slot for each of the next 64
//! ticks, level 1 one for each 64 of those, and so on; a timer hangs in the slot of the highest
//! level in which its tick differs from the present one, and moves down as time comes closer. A
//! timer never expires early: its tick is its deadline rounded up.

use crate::{ErrorCode, Result};

/// No timer.
pub const NIL: u32 = u32::MAX;
/// Nanoseconds of a tick, as a power of two.
const TICK_BITS: u32 = 20;
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;
/// 64 to the seventh ticks are a hundred years.
const LEVELS: usize = 7;
/// No timer is further ahead: one turn of the highest level, but for the slot of the present.
const FAR: u64 = (SLOTS as u64 - 1) << (SLOT_BITS * (LEVELS as u32 - 1));

#[derive(Clone, Copy, Debug)]
struct Timer {
    /// When it expires, in ticks.
    tick: u64,
    /// Neighbours in its slot, or the next free one.
    before: u32,
    next: u32,
    /// What its owner wants to be told.
    key: u32,
    /// Which slot it hangs in; [`FREE`] for none.
    slot: u16,
}

const FREE: u16 = u16::MAX;

/// See the module.
#[derive(Debug)]
pub struct Wheel {
    now: u64,
    timers: Vec<Timer>,
    free: u32,
    /// The first timer of every slot.
    slots: Vec<u32>,
    /// Which slots of a level hold timers.
    used: [u64; LEVELS],
    count: usize,
}

impl Wheel {
    /// No timers; `now` in nanoseconds.
    pub fn new(now: u64) -> Wheel {
        Wheel {
            now: now >> TICK_BITS,
            timers: Vec::new(),
            free: NIL,
            slots: vec![NIL; LEVELS * SLOTS],
            used: [0; LEVELS],
            count: 0,
        }
    }

    /// How many there are places for already, in use or not.
    pub fn places(&self) -> usize {
        self.timers.len()
    }

    /// Makes sure that so many more timers can be set.
    pub fn reserve(&mut self, more: usize) -> Result<()> {
        self.timers.try_reserve(more).map_err(|_| ErrorCode::OutOfMemory.into())
    }

    /// Makes sure that so many timers can be set at once, in all.
    pub fn make_room(&mut self, all: usize) -> Result<()> {
        self.reserve(all.saturating_sub(self.timers.len()))
    }

    /// Sets a timer; its number is good until it expires or is cleared.
    pub fn set(&mut self, deadline: u64, key: u32) -> u32 {
        let tick = deadline.div_ceil(1 << TICK_BITS).clamp(self.now + 1, self.now + FAR - 1);
        let timer = Timer { tick, before: NIL, next: NIL, key, slot: FREE };
        let number = match self.free {
            NIL => {
                self.timers.push(timer);
                (self.timers.len() - 1) as u32
            }
            free => {
                self.free = self.timers[free as usize].next;
                self.timers[free as usize] = timer;
                free
            }
        };
        self.hang(number);
        self.count += 1;
        number
    }

    /// Clears a timer that has not expired.
    pub fn clear(&mut self, number: u32) {
        self.unhang(number);
        self.release(number);
    }

    /// The nanoseconds at which to look again, if there is any timer: when the next one expires
    /// or comes down a level.
    pub fn next(&self) -> Option<u64> {
        (0..LEVELS).find_map(|level| {
            let shift = SLOT_BITS * level as u32;
            let here = (self.now >> shift) as usize % SLOTS;
            // Slots behind the present one belong to the next turn.
            let ahead = self.used[level].rotate_right(here as u32);
            (ahead != 0).then(|| {
                let slot = (self.now >> shift) + u64::from(ahead.trailing_zeros());
                (slot << shift) << TICK_BITS
            })
        })
    }

    /// When the timer expires that is the next to do so, if there is any.
    pub fn earliest(&self) -> Option<u64> {
        (0..LEVELS).find_map(|level| {
            let here = (self.now >> (SLOT_BITS * level as u32)) as usize % SLOTS;
            let ahead = self.used[level].rotate_right(here as u32);
            if ahead == 0 {
                return None;
            }
            // All of this slot expire before any in another one.
            let slot = (here + ahead.trailing_zeros() as usize) % SLOTS;
            let mut number = self.slots[level * SLOTS + slot];
            let mut earliest = u64::MAX;
            while number != NIL {
                earliest = earliest.min(self.timers[number as usize].tick);
                number = self.timers[number as usize].next;
            }
            Some(earliest << TICK_BITS)
        })
    }

    /// When a timer expires.
    pub fn due(&self, number: u32) -> u64 {
        self.timers[number as usize].tick << TICK_BITS
    }

    /// Lets time go on to `now` (nanoseconds); the keys of what expired go to `expired`.
    pub fn advance(&mut self, now: u64, mut expired: impl FnMut(u32)) {
        let to = now >> TICK_BITS;
        while self.now < to {
            // Straight to the next slot that holds something.
            let next = self.next().map_or(u64::MAX, |at| at >> TICK_BITS);
            if next > to {
                self.now = to;
                return;
            }
            self.now = next.max(self.now + 1);
            for level in (0..LEVELS).rev() {
                let shift = SLOT_BITS * level as u32;
                if level > 0 && self.now & ((1 << shift) - 1) != 0 {
                    continue;
                }
                let slot = level * SLOTS + (self.now >> shift) as usize % SLOTS;
                let mut number = std::mem::replace(&mut self.slots[slot], NIL);
                self.used[level] &= !(1 << (slot % SLOTS));
                while number != NIL {
                    let timer = self.timers[number as usize];
                    if timer.tick <= self.now {
                        self.release(number);
                        expired(timer.key);
                    } else {
                        self.hang(number);
                    }
                    number = timer.next;
                }
            }
        }
    }

    /// Gives memory of many timers back when there is none.
    pub fn trim(&mut self) {
        const FEW: usize = 128;
        if self.count > 0 {
            return;
        }
        self.timers.clear();
        self.free = NIL;
        if self.timers.capacity() > FEW {
            // A few stay, for when there is no memory.
            let mut smaller = Vec::new();
            if smaller.try_reserve_exact(FEW).is_ok() {
                self.timers = smaller;
            }
        }
    }

    fn hang(&mut self, number: u32) {
        let tick = self.timers[number as usize].tick;
        // The highest group of six bits in which the tick differs from now.
        let differs = (tick ^ self.now) | 1;
        let level = ((63 - differs.leading_zeros()) / SLOT_BITS) as usize;
        let level = level.min(LEVELS - 1);
        let slot = level * SLOTS + (tick >> (SLOT_BITS * level as u32)) as usize % SLOTS;
        let first = self.slots[slot];
        let timer = &mut self.timers[number as usize];
        (timer.before, timer.next, timer.slot) = (NIL, first, slot as u16);
        if first != NIL {
            self.timers[first as usize].before = number;
        }
        self.slots[slot] = number;
        self.used[level] |= 1 << (slot % SLOTS);
    }

    fn unhang(&mut self, number: u32) {
        let Timer { before, next, slot, .. } = self.timers[number as usize];
        let slot = slot as usize;
        if next != NIL {
            self.timers[next as usize].before = before;
        }
        if before != NIL {
            self.timers[before as usize].next = next;
            return;
        }
        self.slots[slot] = next;
        if next == NIL {
            self.used[slot / SLOTS] &= !(1 << (slot % SLOTS));
        }
    }

    fn release(&mut self, number: u32) {
        let timer = &mut self.timers[number as usize];
        (timer.next, timer.slot) = (self.free, FREE);
        self.free = number;
        self.count -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: u64 = 1 << TICK_BITS;

    #[test]
    fn timers_expire_in_their_tick_and_never_early() {
        // A simple generator is enough to spread deadlines over all levels.
        let mut seed = 7u64;
        let mut random = move || {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            seed >> 20
        };
        let mut wheel = Wheel::new(123 * TICK);
        let mut now = 123 * TICK;
        let mut due = std::collections::HashMap::new();
        for key in 0..20_000u32 {
            let deadline = now + random() % (TICK << (random() % 30));
            let number = wheel.set(deadline, key);
            if random() % 4 == 0 {
                wheel.clear(number);
            } else {
                due.insert(key, deadline);
            }
            if key % 16 == 0 {
                now += random() % (TICK << (random() % 12));
                wheel.advance(now, |key| {
                    assert!(due.remove(&key).expect("set and not cleared") <= now);
                });
                assert!(due.values().all(|deadline| deadline + 2 * TICK > now));
            }
        }
        while let Some(next) = wheel.next() {
            now = now.max(next);
            wheel.advance(now, |key| assert!(due.remove(&key).expect("set") <= now));
        }
        assert!(due.is_empty());
    }

    #[test]
    fn a_timer_as_far_as_can_be_is_ahead() {
        for now in [0, 5 * TICK, u64::MAX / 3, u64::MAX / 2 + 1] {
            let mut wheel = Wheel::new(now);
            let timer = wheel.set(u64::MAX, 1);
            assert!(wheel.next().is_some_and(|next| next > now && next <= wheel.due(timer)));
            assert_eq!(wheel.earliest(), Some(wheel.due(timer)));
            // In a few steps, not tick by tick.
            wheel.advance(wheel.due(timer) - 1, |_| panic!("early"));
            let mut expired = 0;
            wheel.advance(wheel.due(timer), |_| expired += 1);
            assert_eq!((expired, wheel.next()), (1, None));
        }
    }

    #[test]
    fn cleared_timers_leave_nothing() {
        let mut wheel = Wheel::new(0);
        let numbers: Vec<_> = (0..1000).map(|key| wheel.set(key * TICK, key as u32)).collect();
        numbers.into_iter().for_each(|number| wheel.clear(number));
        assert_eq!(wheel.next(), None);
        wheel.trim();
        assert_eq!(wheel.timers.capacity(), 128);
    }
}
