//! Faults from outside: signals at 1 kHz, system calls that end early or begin late, descriptors and
//! threads that run out. `docs/testing.md` has the table of faults; `scripts/check-faults` has those
//! that are injected by strace.

mod support;

use std::process::Command;
use std::time::Duration;
use support::{Link, build, build_c, run_tests, start_command};

const HANG: Duration = Duration::from_secs(120);

fn theme(name: &str, standard: &str, link: Link) {
    let source = format!("tests/c/{name}.c");
    let Some(program) = build_c(&source, &[standard, "-g"], link) else { return };
    run_tests(&format!("{name} {standard} {link:?}"), program, HANG);
}

#[test]
fn signals_at_1_khz_change_nothing() {
    theme("storm", "-std=c11", Link::Static);
    theme("storm", "-std=c17", Link::Shared);
}

#[test]
fn limits_of_the_system_are_errors_and_no_hang() {
    let Some(program) = build_c("tests/c/at_limits.c", &["-std=gnu11", "-g"], Link::Static) else {
        return;
    };
    let ended = start_command(Command::new(program)).end(HANG);
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    match ended.stderr.trim() {
        "" => {}
        skipped => support::skip(skipped),
    }
}

/// Runs a program while waits end early and begin late.
fn cut_short(program: &str, arguments: &[&str]) {
    let wraps = ["syscall", "epoll_wait", "poll"].map(|call| format!("-Wl,--wrap={call}"));
    let mut flags = vec!["-std=gnu11", "-O2"];
    flags.extend(wraps.iter().map(String::as_str));
    let source = format!("tests/c/{program}.c");
    let Some(built) = build("cc", &[&source, "tests/c/eintr.c"], &flags, Link::Static) else {
        return;
    };
    let mut command = Command::new(&built);
    command.args(arguments).env("STRESS_SECONDS", "100");
    let ended = start_command(command).end(HANG);
    let shown = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert_eq!(ended.status, Some(0), "{shown}{}", ended.stderr);
    let cut = shown.lines().find_map(|line| line.strip_suffix(" calls were cut")?.parse().ok());
    assert!(cut.unwrap_or(0) > 20, "hardly any call was cut: {shown}");
    print!("{shown}");
}

#[test]
fn waits_that_end_early_break_no_promise() {
    // Random calls, with every promise watched.
    cut_short("stress", &["5000", "1"]);
    cut_short("stress_hosts", &["5000", "1"]);
    cut_short("stress_async", &["20000", "1"]);
}

#[test]
fn waits_that_end_for_nothing_last_their_time() {
    cut_short("storm", &[]);
}
