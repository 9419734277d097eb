//! The harnesses of `benches/peers` run, and find what they are there to find; the driver judges as
//! `docs/benchmarks.md` says. Nothing is measured here.

mod support;

use std::process::Command;
use support::{Link, NATIVE_LIBRARIES, STRICT, build_c, need, output, root, run, scratch};

/// The mutex pool with its per-key queue; flags break it.
fn mutex_pool(name: &str, flags: &[&str]) -> Option<std::path::PathBuf> {
    if !need("g++") {
        return None;
    }
    let program = scratch(name).join("mutex");
    output(
        Command::new("g++")
            .current_dir(root())
            .args(["-std=c++17", "-O1"])
            .args(STRICT)
            .args(flags)
            .args(["benches/peers/mutex.cpp", "-o"])
            .arg(&program)
            .args(NATIVE_LIBRARIES),
    );
    Some(program)
}

#[test]
fn ours_does_every_workload() {
    for flags in [&["-std=c11"][..], &["-std=c11", "-DBY_HANDLE"]] {
        let Some(program) = build_c("benches/peers/ours.c", flags, Link::Static) else { return };
        for workload in ["W1", "W1k", "W2", "W3", "W3x4", "W4", "W5", "W6", "W7", "W8", "W9"] {
            let small: &[&str] = match workload {
                "W1k" | "W3" | "W3x4" => &[workload, "5000", "100"],
                "W5" | "W6" => &[workload, "20"],
                "W7" => &[workload, "1000", "2"],
                "W8" => &[workload, "1"],
                _ => &[workload, "5000"],
            };
            let ended = run(&program, small);
            let said = String::from_utf8_lossy(&ended.stdout);
            assert_eq!(ended.status, Some(0), "{workload}: {}", ended.stderr);
            assert!(said.contains(&format!("\"workload\": \"{workload}\"")), "{said}");
            assert!(said.contains("\"figure\": "), "{said}");
        }
    }
}

#[test]
fn a_harness_fails_when_tasks_of_a_name_change_places() {
    let Some(sound) = mutex_pool("benches-sound", &[]) else { return };
    let ended = run(sound, ["W9", "1000"]);
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    let Some(broken) = mutex_pool("benches-order", &["-DBREAK_ORDER"]) else { return };
    let ended = run(broken, ["W9", "1000"]);
    assert_eq!(ended.status, Some(1));
    assert!(ended.stderr.contains("did not run in the order of their adds"), "{}", ended.stderr);
}

#[test]
fn a_harness_fails_when_a_task_runs_twice() {
    let Some(broken) = mutex_pool("benches-twice", &["-DRUN_ONE_TWICE"]) else { return };
    let ended = run(broken, ["W1", "1000"]);
    assert_eq!(ended.status, Some(1));
    assert!(ended.stderr.contains("ran twice"), "{}", ended.stderr);
}

#[test]
fn the_driver_judges_as_its_page_says() {
    if !need("python3") {
        return;
    }
    let ended = run("python3", [root().join("benches/peers/test_driver.py")]);
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("\nOK"), "{}", ended.stderr);
}
