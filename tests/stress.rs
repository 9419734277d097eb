//! Random calls from many threads, from tasks and from drops, and every promise holds; see
//! `tests/c/promises.h` for what is promised. `scripts/check-sanitizers` runs the same program on
//! instrumented libraries.

mod support;

use std::process::Command;
use std::time::Duration;
use support::{Link, build_c, start_command};

fn stress(program: &str) {
    let source = format!("tests/c/{program}.c");
    let Some(program) = build_c(&source, &["-std=c11", "-O2"], Link::Static) else {
        return;
    };
    for seed in 1..=3 {
        let mut command = Command::new(&program);
        command.args(["20000", &seed.to_string()]).env("STRESS_SECONDS", "100");
        let ended = start_command(command).end(Duration::from_secs(110));
        let shown = String::from_utf8_lossy(&ended.stdout).into_owned();
        assert_eq!(ended.status, Some(0), "seed {seed}: {shown}{}", ended.stderr);
        print!("{shown}");
    }
}

#[test]
fn random_calls_break_no_promise() {
    stress("stress");
}

#[test]
fn random_tasks_of_hosts_break_no_promise() {
    stress("stress_hosts");
}

#[test]
fn random_async_tasks_break_no_promise() {
    let flags = ["-std=c11", "-O2"];
    let Some(program) = build_c("tests/c/stress_async.c", &flags, Link::Static) else { return };
    let mut command = Command::new(&program);
    // ASYNC_TASKS=1000000 for more of them.
    let tasks = std::env::var("ASYNC_TASKS").unwrap_or_else(|_| "200000".to_owned());
    command.args([&tasks, "1"]).env("STRESS_SECONDS", "400");
    let ended = start_command(command).end(Duration::from_secs(410));
    let shown = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert_eq!(ended.status, Some(0), "{shown}{}", ended.stderr);
    print!("{shown}");
}
