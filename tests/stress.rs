//! Random calls from many threads, from tasks and from drops, and every promise holds; see
//! `tests/c/promises.h` for what is promised. `scripts/check-sanitizers` runs the same program on
//! instrumented libraries.

mod support;

use std::process::Command;
use std::time::Duration;
use support::{Link, build_c, start_command};

#[test]
fn random_calls_break_no_promise() {
    let Some(program) = build_c("tests/c/stress.c", &["-std=c11", "-O2"], Link::Static) else {
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
