//! Tasks that check: each name's run in the order of their adds, each runs once.

use std::process;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::*};
use std::thread;
use std::time::{Duration, Instant};

/// Of a name: the number its next task must have. A line of the cache each.
#[derive(Default)]
#[repr(align(64))]
struct Check {
    next: AtomicU64,
    count: u64,
}

static CHECKS: OnceLock<Box<[Check]>> = OnceLock::new();
static NAMES_LEFT: AtomicUsize = AtomicUsize::new(0);
static OUT_OF_ORDER: AtomicUsize = AtomicUsize::new(0);
static ENDED: OnceLock<Instant> = OnceLock::new();

pub fn fail(why: &str) -> ! {
    eprintln!("{why}");
    process::exit(1)
}

pub fn threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Nothing takes so long unless it hangs.
pub fn until(done: impl Fn() -> bool, step: Duration) {
    let begin = Instant::now();
    while !done() {
        thread::sleep(step);
        if begin.elapsed() > Duration::from_secs(120) {
            fail("hangs: a task did not run");
        }
    }
}

pub fn numbered(name: usize, number: u64) -> u64 {
    (name as u64) << 32 | number
}

pub fn expect(tasks: usize, names: usize) {
    let check = |name| Check {
        next: AtomicU64::new(0),
        count: (tasks / names + usize::from(name < tasks % names)) as u64,
    };
    if CHECKS.set((0..names).map(check).collect()).is_err() {
        fail("expected twice");
    }
    NAMES_LEFT.store(names.min(tasks), Relaxed);
}

pub fn run_named(data: u64) {
    let number = data & 0xffff_ffff;
    let own = &CHECKS.get().unwrap()[(data >> 32) as usize];
    if own.next.load(Relaxed) != number {
        OUT_OF_ORDER.fetch_add(1, Relaxed);
    }
    own.next.store(number + 1, Relaxed);
    if number + 1 == own.count && NAMES_LEFT.fetch_sub(1, AcqRel) == 1 {
        let _ = ENDED.set(Instant::now());
    }
}

/// When the last task ended.
pub fn until_ended() -> Instant {
    until(|| ENDED.get().is_some(), Duration::from_micros(50));
    *ENDED.get().unwrap()
}

pub fn check_all_ran() {
    if OUT_OF_ORDER.load(Relaxed) != 0 {
        fail("tasks of a name did not run in the order of their adds");
    }
    if CHECKS.get().unwrap().iter().any(|check| check.next.load(Relaxed) != check.count) {
        fail("a task was lost, or ran twice");
    }
}

// Without a name each thread counts for itself.
#[repr(align(64))]
struct Slot(AtomicUsize);

static SLOTS: [Slot; 1024] = [const { Slot(AtomicUsize::new(0)) }; 1024];
static TAKEN: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static OWN: &'static Slot = &SLOTS[TAKEN.fetch_add(1, Relaxed)];
}

pub fn run_unnamed(_: u64) {
    OWN.with(|own| own.0.store(own.0.load(Relaxed) + 1, Relaxed));
}

pub fn unnamed_ran() -> usize {
    SLOTS.iter().map(|slot| slot.0.load(Relaxed)).sum()
}

// W5, W6.
static BEGAN: OnceLock<Instant> = OnceLock::new();
static REACHED_AT: AtomicU64 = AtomicU64::new(0);
pub static REACHED: AtomicBool = AtomicBool::new(false);
pub static ENTERED: AtomicBool = AtomicBool::new(false);

pub fn nanoseconds() -> u64 {
    BEGAN.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

pub fn reached_at() -> u64 {
    REACHED_AT.load(Relaxed)
}

pub fn note_reached() {
    REACHED_AT.store(nanoseconds(), Relaxed);
    REACHED.store(true, Release);
}

pub fn note_entered() {
    ENTERED.store(true, Release);
}

pub fn run_note(_: u64) {
    note_reached();
}

// W7.
static SLEPT: AtomicUsize = AtomicUsize::new(0);
static ARMED: AtomicUsize = AtomicUsize::new(0);

pub fn armed() {
    ARMED.fetch_add(1, Relaxed);
}

pub fn armed_count() -> usize {
    ARMED.load(Relaxed)
}

pub fn slept() {
    SLEPT.fetch_add(1, Relaxed);
}

pub fn slept_count() -> usize {
    SLEPT.load(Relaxed)
}
