//! The timer wheel alone, against a plain list of deadlines: bytes become timers that are set and
//! cleared, near, far and past, and steps of time of every size. A timer expires in its tick, once and
//! never early; what the wheel says comes next is never later than what does.
#![allow(dead_code)]

#[path = "../../src/wheel.rs"]
mod wheel;

use wheel::Wheel;

/// What the wheel says when there is no memory.
#[derive(Debug)]
pub enum ErrorCode {
    OutOfMemory,
}

pub type Result<T> = std::result::Result<T, ErrorCode>;

const TICK: u64 = 1 << 20;
/// The wheel looks no further ahead than that: later timers expire then.
const FAR: u64 = (63 << 36) - 1;

struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// A number of any size: some bytes, shifted.
    fn number(&mut self) -> Option<u64> {
        let shift = u32::from(self.byte()? % 64);
        let low = u64::from(self.byte()?) << 8 | u64::from(self.byte()?);
        Some((low << shift).min(u64::MAX - TICK))
    }
}

struct Known {
    number: u32,
    key: u32,
    due: u64,
}

fn play(input: &mut Input<'_>) -> Option<()> {
    let mut now = input.number()?;
    let mut wheel = Wheel::new(now);
    let mut known: Vec<Known> = Vec::new();
    let mut key = 0;
    loop {
        let tick = now / TICK;
        match input.byte()? % 4 {
            0 | 1 if known.len() < 64 => {
                let deadline = input.number()?;
                // In ticks: rounded up, and ahead.
                let due = deadline.div_ceil(TICK).clamp(tick + 1, tick + FAR);
                known.push(Known { number: wheel.set(deadline, key), key, due });
                let last = known.last()?;
                assert_eq!(wheel.due(last.number), due << 20);
                key += 1;
            }
            2 if !known.is_empty() => {
                let at = usize::from(input.byte()?) % known.len();
                wheel.clear(known.swap_remove(at).number);
            }
            _ => {
                now = now.saturating_add(input.number()?).min(u64::MAX - TICK);
                let tick = now / TICK;
                wheel.advance(now, |key| {
                    let at = known
                        .iter()
                        .position(|timer| timer.key == key)
                        .expect("set, and not expired");
                    assert!(known.swap_remove(at).due <= tick, "early");
                });
                assert!(known.iter().all(|timer| timer.due > tick), "late");
            }
        }
        let earliest = known.iter().map(|timer| timer.due << 20).min();
        assert_eq!(wheel.earliest(), earliest);
        assert_eq!(wheel.next().is_some(), earliest.is_some());
        assert!(
            wheel.next() <= earliest && wheel.next().is_none_or(|next| next / TICK >= now / TICK)
        );
        wheel.trim();
    }
}

/// # Safety
/// Called by the fuzzer: `size` bytes are there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn LLVMFuzzerTestOneInput(bytes: *const u8, size: usize) -> i32 {
    // SAFETY: as above.
    play(&mut Input(unsafe { std::slice::from_raw_parts(bytes, size) }));
    0
}
