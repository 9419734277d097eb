//! A host that is built with ThreadSanitizer and links the library as it is built for everybody: a
//! million tasks whose plain data is handed over by the library's promises alone bring no report, and
//! each of the host's own mistakes does. `tests/c/tsan_host.c` is that host.
//!
//! That the checker is not to look at what the library does among itself, which it cannot see whole,
//! the host says by one suppression: see `docs/sanitizers.md`.

mod support;

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use support::{Ended, Link, build, need, skip, start_command};

/// What ends a program in which the checker has reported something.
const REPORTED: i32 = 66;

/// Compilers with a ThreadSanitizer, which each bring their own.
const COMPILERS: [&str; 2] = ["gcc", "clang-19"];

fn host(compiler: &str) -> Option<PathBuf> {
    if !cfg!(target_os = "linux") || !need(compiler) {
        return None;
    }
    let flags = ["-std=c11", "-g", "-O1", "-fsanitize=thread"];
    build(compiler, &["tests/c/tsan_host.c"], &flags, Link::Shared)
}

fn run(host: &PathBuf, argument: &str) -> Ended {
    let mut command = Command::new(host);
    // The program says all that it wants.
    command.arg(argument).env_remove("TSAN_OPTIONS");
    start_command(command).end(Duration::from_secs(240))
}

/// Whether the checker works here: it needs a layout of memory that not every kernel gives.
fn works(host: &PathBuf) -> bool {
    let ended = run(host, "10");
    let works = !ended.stderr.contains("unexpected memory mapping");
    if !works {
        skip("ThreadSanitizer does not like this kernel's memory layout");
    }
    works
}

#[test]
fn a_million_tasks_bring_no_report() {
    for (compiler, tasks) in COMPILERS.into_iter().zip(["1000000", "50000"]) {
        let Some(host) = host(compiler).filter(works) else { continue };
        let ended = run(&host, tasks);
        assert_eq!(ended.stderr, "", "{compiler}");
        assert_eq!(ended.status, Some(0), "{compiler}");
        let said = String::from_utf8_lossy(&ended.stdout);
        let ran: u64 = said.trim_end().trim_end_matches(" tasks").parse().expect(&said);
        assert!(ran >= tasks.parse().unwrap(), "{said}");
    }
}

#[test]
fn the_hosts_own_mistakes_are_found() {
    for compiler in COMPILERS {
        let Some(host) = host(compiler).filter(works) else { continue };
        for (mistake, place) in [
            ("shared_counter", "bump"),
            ("written_after_the_add", "written_after_the_add"),
            ("read_before_the_end", "read_before_the_end"),
            ("claims_that_share", "run_claim"),
        ] {
            let ended = run(&host, mistake);
            let said = &ended.stderr;
            assert_eq!(ended.status, Some(REPORTED), "{compiler}: {mistake}\n{said}");
            assert!(said.contains("WARNING: ThreadSanitizer: data race"), "{mistake}\n{said}");
            assert!(said.contains(place), "{compiler}: {mistake}\n{said}");
        }
    }
}
