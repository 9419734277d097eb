//! What the library does, seen from C: `tests/c/<theme>.c` holds the tests of one theme, each named
//! after the property that it proves. Every program is compiled as C99, C11 and C17, linked static
//! and shared, and run; `cargo test --test behaviour -- --nocapture` prints the name of each test.

mod support;

use std::time::Duration;
use support::{Link, build_c, run_tests};

fn theme(name: &str) {
    // For scripts/coverage: the code that runs is the same in all of them.
    if std::env::var_os("TS_ONE_STANDARD").is_some() {
        return theme_as(name, "-std=c11", Link::Static);
    }
    for standard in ["-std=c99", "-std=c11", "-std=c17"] {
        for link in [Link::Static, Link::Shared] {
            theme_as(name, standard, link);
        }
    }
}

fn theme_as(name: &str, standard: &str, link: Link) {
    theme_with(name, &[standard, "-g"], link);
}

fn theme_with(name: &str, flags: &[&str], link: Link) {
    let Some(program) = build_c(&format!("tests/c/{name}.c"), flags, link) else {
        return;
    };
    let standard = flags[0];
    run_tests(&format!("{name} {standard} {link:?}"), program, Duration::from_secs(300));
}

#[test]
fn lanes() {
    theme("lanes");
}

#[test]
fn names() {
    // It takes its time, so once.
    theme_as("names", "-std=c99", Link::Static);
}

#[test]
fn limits() {
    theme("limits");
}

#[test]
fn stopping() {
    theme("stopping");
}

#[test]
fn failures() {
    theme("failures");
}

#[test]
fn breaking() {
    // It takes its time, and C11's atomics.
    theme_as("breaking", "-std=c11", Link::Static);
    theme_as("breaking", "-std=c17", Link::Shared);
}

#[test]
fn ladder() {
    theme_as("ladder", "-std=c11", Link::Static);
    theme_as("ladder", "-std=c17", Link::Shared);
}

#[test]
fn manners() {
    theme_as("manners", "-std=c11", Link::Static);
    theme_with("manners", &["-std=c17", "-g", "-Wl,--no-as-needed,-lm"], Link::Shared);
}

#[test]
fn no_threads() {
    // Only what is linked in can be made to fail.
    theme_with("no_threads", &["-std=c11", "-g", "-Wl,--wrap=pthread_create"], Link::Static);
}

#[test]
fn forks() {
    theme("forks");
}

#[test]
fn forks_held() {
    // Only what is linked in can be seen to be called.
    let wraps = "-Wl,--wrap=pthread_atfork,--wrap=clock_gettime";
    theme_with("forks_held", &["-std=c11", "-g", wraps], Link::Static);
}

#[test]
fn forks_inside() {
    theme_as("forks_inside", "-std=c11", Link::Static);
    theme_as("forks_inside", "-std=c17", Link::Shared);
}

#[test]
fn forks_busy() {
    theme_as("forks_busy", "-std=c11", Link::Static);
    theme_as("forks_busy", "-std=c17", Link::Shared);
}

#[test]
fn exits() {
    theme_as("exits", "-std=c11", Link::Static);
    theme_as("exits", "-std=c17", Link::Shared);
}

#[test]
fn no_memory() {
    theme_as("no_memory", "-std=c11", Link::Static);
    theme_as("no_memory", "-std=c17", Link::Shared);
}

#[test]
fn memory_inside() {
    theme_as("memory_inside", "-std=c11", Link::Static);
    theme_as("memory_inside", "-std=c17", Link::Shared);
}

#[test]
fn every_call() {
    theme_as("every_call", "-std=c11", Link::Static);
    theme_as("every_call", "-std=c17", Link::Shared);
    // None is left out.
    let read = |path| std::fs::read_to_string(support::root().join(path)).expect("a file");
    let calls = read("tests/c/every_call.c");
    let symbols = read("include/symbols.txt");
    for name in symbols.split_whitespace().filter(|word| word.starts_with("ts_")) {
        assert!(calls.contains(&format!("{name}(")), "{name} is not called");
    }
}

#[test]
fn lifecycle() {
    theme("lifecycle");
}

#[test]
fn lifecycle_inside() {
    theme("lifecycle_inside");
}

#[test]
fn waits() {
    theme("waits");
}

#[test]
fn waits_cycles() {
    theme("waits_cycles");
}

#[test]
fn waits_no_cycles() {
    theme("waits_no_cycles");
}

#[test]
fn within() {
    theme("within");
}

#[test]
fn inside() {
    theme("inside");
}

#[test]
fn log_inside() {
    theme("log_inside");
}

#[test]
fn closing() {
    theme("closing");
}

#[test]
fn seed() {
    theme("seed");
}

#[test]
fn async_tasks() {
    theme("async");
}

#[test]
fn async_stops() {
    theme("async_stops");
}

#[test]
fn async_wakes() {
    theme("async_wakes");
}

#[test]
fn async_waits() {
    theme("async_waits");
}

#[test]
fn async_fds() {
    theme("async_fds");
}

#[test]
fn async_bad() {
    theme("async_bad");
}

#[test]
fn seed_async() {
    theme("seed_async");
}

#[test]
fn claims() {
    theme("claims");
}

#[test]
fn claims_fd() {
    theme("claims_fd");
}

#[test]
fn claims_meeting() {
    // It takes its time.
    theme_as("claims_meeting", "-std=c99", Link::Static);
    theme_as("claims_meeting", "-std=c17", Link::Shared);
}

#[test]
fn claims_lent() {
    theme("claims_lent");
}

#[test]
fn lending() {
    theme("lending");
}

#[test]
fn who_ends() {
    theme("who_ends");
}

#[test]
fn last_drops() {
    theme("last_drops");
}

#[test]
fn claims_stops() {
    theme("claims_stops");
}

#[test]
fn claims_waits() {
    theme("claims_waits");
}

#[test]
fn bursts() {
    theme("bursts");
}

#[test]
fn ready() {
    theme("ready");
}

#[test]
fn pumps() {
    theme("pumps");
}

#[test]
fn completions() {
    theme("completions");
}

#[test]
fn ends() {
    theme("ends");
}

#[test]
fn drops_inside() {
    theme("drops_inside");
}

#[test]
fn handles() {
    theme("handles");
}

#[test]
fn handing_over() {
    theme("handing_over");
}

#[test]
fn handle_limits() {
    theme("handle_limits");
}

#[test]
fn sizes() {
    theme("sizes");
}

#[test]
fn bad_hosts() {
    theme("bad_hosts");
}
