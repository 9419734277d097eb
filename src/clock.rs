//! Time, from one place: nanoseconds of the monotonic clock.
//!
//! [`coarse`] is the kernel's last tick (some milliseconds old, 3 ns to read) and is what records
//! are stamped with; [`precise`] is for deadlines. Points in time that the host sees are counted
//! from the Unix epoch by an offset that is taken once per process, so that a jump of the wall
//! clock never makes a duration negative.

use crate::platform::floats::calculate;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn read(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is good for the call; these clocks always exist on Linux.
    unsafe { libc::clock_gettime(clock, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// The last tick of the kernel's clock.
#[inline]
pub fn coarse() -> u64 {
    read(libc::CLOCK_MONOTONIC_COARSE)
}

/// The time now.
#[inline]
pub fn precise() -> u64 {
    read(libc::CLOCK_MONOTONIC)
}

/// What a monotonic reading is in seconds since the Unix epoch.
pub fn since_epoch(nanoseconds: u64) -> f64 {
    // The bits of a number of seconds; 0 is not known yet. No lock: a fork might find it held.
    static OFFSET: AtomicU64 = AtomicU64::new(0);
    calculate(|| {
        let mut offset = OFFSET.load(Relaxed);
        if offset == 0 {
            let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
            let fresh = (wall.as_secs_f64() - precise() as f64 / 1e9).to_bits();
            // Of two who read the clocks at once the first one counts.
            let first = OFFSET.compare_exchange(0, fresh, Relaxed, Relaxed);
            offset = first.map_or_else(|other| other, |_| fresh);
        }
        f64::from_bits(offset) + nanoseconds as f64 / 1e9
    })
}

/// The longest time that is ever waited for at once; more is as good as for ever.
const LONGEST: f64 = 1e9;

/// Seconds as a duration; what is too long for one is cut to some thirty years.
pub fn duration(seconds: f64) -> Duration {
    calculate(|| Duration::try_from_secs_f64(seconds.min(LONGEST)).unwrap_or(Duration::ZERO))
}

/// The moment that lies this many seconds ahead; none for infinity.
pub fn deadline_in(seconds: f64) -> Option<u64> {
    deadline_from(precise(), seconds)
}

/// The moment that lies this many seconds after another; none for infinity.
pub fn deadline_from(moment: u64, seconds: f64) -> Option<u64> {
    (seconds < LONGEST).then(|| moment + duration(seconds).as_nanos() as u64)
}

/// How long it is until `deadline`; none when it has passed.
pub fn until(deadline: u64) -> Option<Duration> {
    deadline.checked_sub(precise()).filter(|left| *left > 0).map(Duration::from_nanos)
}
