//! What is measured, from the first add to the last task, and main.

use crate::tasks::*;
use crate::{Gate, Peer, version};
use std::fs;
use std::hint;
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicU64, Ordering::*};
use std::thread;
use std::time::{Duration, Instant};

struct Figure {
    figure: f64,
    unit: &'static str,
    more: String,
}

fn figure(figure: f64, unit: &'static str) -> Figure {
    Figure { figure, unit, more: String::new() }
}

fn each(took: Duration, tasks: usize) -> f64 {
    took.as_nanos() as f64 / tasks as f64
}

fn resident() -> f64 {
    let text = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: f64 = text
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse().ok())
        .unwrap_or_else(|| fail("no statm"));
    // SAFETY: it reads a number.
    pages * unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as f64
}

fn without_name<P: Peer>(tasks: usize) -> Figure {
    let peer = P::start(0);
    let begin = Instant::now();
    for _ in 0..tasks {
        peer.add(None, run_unnamed, 0);
    }
    until(|| unnamed_ran() >= tasks, Duration::from_micros(50));
    let took = begin.elapsed();
    drop(peer);
    if unnamed_ran() != tasks {
        fail("a task ran twice");
    }
    figure(each(took, tasks), "ns")
}

fn produce<P: Peer>(peer: &P, first: usize, step: usize, tasks: usize, names: usize) {
    let (mut name, mut number) = (first, 0);
    for _ in (first..tasks).step_by(step) {
        peer.add(Some(name), run_named, numbered(name, number));
        name += step;
        if name >= names {
            name = first;
            number += 1;
        }
    }
}

fn with_names<P: Peer>(tasks: usize, names: usize, producers: usize) -> Figure {
    expect(tasks, names);
    let peer = P::start(names);
    let begin = Instant::now();
    if producers == 1 {
        produce(&peer, 0, 1, tasks, names);
    } else {
        thread::scope(|scope| {
            for first in 0..producers {
                let peer = &peer;
                scope.spawn(move || produce(peer, first, producers, tasks, names));
            }
        });
    }
    let took = until_ended() - begin;
    drop(peer);
    check_all_ran();
    figure(each(took, tasks), "ns")
}

static ITERATIONS: AtomicU64 = AtomicU64::new(0);

fn work(count: u64) {
    let mut value = count;
    for _ in 0..count {
        value = hint::black_box(
            value.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407),
        );
    }
    hint::black_box(value);
}

fn run_work(_: u64) {
    work(ITERATIONS.load(Relaxed));
    run_unnamed(0);
}

fn bare(tasks: usize) -> f64 {
    let left = AtomicIsize::new(tasks as isize);
    let begin = Instant::now();
    thread::scope(|scope| {
        for _ in 0..threads() {
            scope.spawn(|| {
                while left.fetch_sub(16, Relaxed) > 0 {
                    for _ in 0..16 {
                        work(ITERATIONS.load(Relaxed));
                    }
                }
            });
        }
    });
    begin.elapsed().as_secs_f64()
}

fn efficiency<P: Peer>(tasks: usize) -> Figure {
    let mut best = Duration::MAX;
    for _ in 0..20 {
        let begin = Instant::now();
        work(1_000_000);
        best = best.min(begin.elapsed());
    }
    ITERATIONS.store((4.6e-6 / best.as_secs_f64() * 1e6) as u64, Relaxed);
    let mut without = bare(tasks / 2);
    let peer = P::start(0);
    let begin = Instant::now();
    for _ in 0..tasks {
        peer.add(None, run_work, 0);
    }
    until(|| unnamed_ran() >= tasks, Duration::from_micros(50));
    let took = begin.elapsed().as_secs_f64();
    drop(peer);
    if unnamed_ran() != tasks {
        fail("a task ran twice");
    }
    without += bare(tasks / 2);
    figure(without / took, "of 1")
}

/// The caller stays busy: it does not give way to what it waits for.
fn until_set(flag: &AtomicBool) {
    let begin = Instant::now();
    let mut round = 0u64;
    while !flag.load(Acquire) {
        hint::spin_loop();
        round += 1;
        if round.is_multiple_of(1_000_000) && begin.elapsed() > Duration::from_secs(120) {
            fail("hangs: a task did not run");
        }
    }
}

fn latency<P: Peer>(times: usize, stopping: bool) -> Figure {
    let peer = P::start(1);
    let mut took = Vec::with_capacity(times);
    for _ in 0..times {
        REACHED.store(false, Relaxed);
        ENTERED.store(false, Relaxed);
        if stopping {
            peer.sleeper_start();
            until_set(&ENTERED);
        }
        thread::sleep(Duration::from_micros(300));
        let begin = nanoseconds();
        if stopping {
            peer.sleeper_stop();
        } else {
            peer.add(Some(0), run_note, 0);
        }
        until_set(&REACHED);
        took.push(reached_at().saturating_sub(begin) as f64 / 1e3);
    }
    took.sort_by(f64::total_cmp);
    Figure {
        figure: took[times / 2],
        unit: "us",
        more: format!(", \"p99\": {:.1}", took[times * 99 / 100]),
    }
}

fn sleepers<P: Peer>(count: usize, seconds: usize) -> Figure {
    let peer = P::start(0);
    let step = Duration::from_micros(500);
    peer.sleepers(1, Instant::now());
    until(|| slept_count() == 1, step);
    let before = resident();
    let begin = Instant::now();
    let due = begin + Duration::from_secs(seconds as u64);
    peer.sleepers(count, due);
    until(|| armed_count() == count + 1, step);
    let created = Instant::now();
    let bytes = (resident() - before) / count as f64;
    if created + Duration::from_millis(500) > due || slept_count() != 1 {
        fail("creating took too long");
    }
    until(|| slept_count() == count + 1, step);
    let more = format!(
        ", \"create_ns\": {:.1}, \"expire_ns\": {:.1}",
        each(created - begin, count),
        each(Instant::now() - due, count)
    );
    Figure { figure: bytes, unit: "bytes", more }
}

/// Of all threads but the one that asks.
fn wake_ups() -> u64 {
    // SAFETY: it reads a number.
    let own = unsafe { libc::gettid() }.to_string();
    let count = |path: std::path::PathBuf| {
        let text = fs::read_to_string(path.join("status")).ok()?;
        let line = text.lines().find(|line| line.starts_with("voluntary_ctxt_switches"))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    };
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    tasks
        .flatten()
        .filter(|task| task.file_name() != *own)
        .filter_map(|task| count(task.path()))
        .sum()
}

fn idle<P: Peer>(seconds: usize) -> Figure {
    expect(10_000, 100);
    let peer = P::start(100);
    produce(&peer, 0, 1, 10_000, 100);
    until_ended();
    thread::sleep(Duration::from_secs(1));
    let before = wake_ups();
    thread::sleep(Duration::from_secs(seconds as u64));
    let woke = wake_ups() - before;
    drop(peer);
    check_all_ran();
    figure(woke as f64, "wake-ups")
}

static STARTED: Gate = Gate::new();
static RELEASE: Gate = Gate::new();

fn run_blocker(_: u64) {
    STARTED.open();
    RELEASE.wait();
}

fn queued<P: Peer>(tasks: usize) -> Figure {
    expect(tasks, 1);
    let peer = P::start(1);
    peer.add(Some(0), run_blocker, 0);
    STARTED.wait();
    let before = resident();
    let begin = Instant::now();
    produce(&peer, 0, 1, tasks, 1);
    let took = begin.elapsed();
    let bytes = (resident() - before) / tasks as f64;
    RELEASE.open();
    until_ended();
    drop(peer);
    check_all_ran();
    Figure { figure: bytes, unit: "bytes", more: format!(", \"add_ns\": {:.1}", each(took, tasks)) }
}

/// `package` is what Cargo.lock is asked for the version of.
pub fn main<P: Peer>(package: &str) {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |at: usize, default| {
        arguments.get(at).map_or(default, |text| text.parse().unwrap_or(default))
    };
    let workload = arguments.get(1).map_or("", String::as_str);
    let about = format!(
        "\"peer\": \"{}\", \"workload\": \"{workload}\", \"version\": \"{}\"",
        P::NAME,
        version(package)
    );
    if let Some(reason) = P::dash(workload) {
        println!("{{{about}, \"dash\": \"{reason}\"}}");
        return;
    }
    let million = number(2, 1_000_000);
    let its = match workload {
        "W1" => without_name::<P>(million),
        "W1k" => with_names::<P>(million, number(3, 10_000), 1),
        "W2" => with_names::<P>(million, 1, 1),
        "W3" => with_names::<P>(million, number(3, 1_000), 1),
        "W3x4" => with_names::<P>(million, number(3, 1_000), 4),
        "W4" => efficiency::<P>(number(2, 200_000)),
        "W5" => latency::<P>(number(2, 1_000), false),
        "W6" => latency::<P>(number(2, 1_000), true),
        "W7" => sleepers::<P>(million, number(3, 10)),
        "W8" => idle::<P>(number(2, 10)),
        "W9" => queued::<P>(million),
        _ => fail("no such workload"),
    };
    println!("{{{about}, \"figure\": {:.2}, \"unit\": \"{}\"{}}}", its.figure, its.unit, its.more);
    // A peer that has no way to end its threads keeps them.
    std::process::exit(0);
}
