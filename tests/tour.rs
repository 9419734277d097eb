//! The tour: the README of the Python package `task_scheduling`, function by function, in C, in C++, in
//! Go, and with the package itself.

mod support;

use std::fs;
use std::process::Command;
use std::time::Duration;
use support::go::{copy, go, module};
use support::{build_as_it_says, output, root, seed_python, start_command};

/// What all three print.
fn outcome() -> String {
    fs::read_to_string(root().join("examples/tour.txt")).expect("tour.txt")
}

/// Runs it; what it printed.
fn printed(command: Command) -> String {
    let ended = start_command(command).end(Duration::from_secs(200));
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    String::from_utf8(ended.stdout).expect("UTF-8")
}

#[test]
fn in_c_it_has_the_outcome() {
    let Some(program) = build_as_it_says("examples/tour.c", "test") else { return };
    assert_eq!(printed(Command::new(program)), outcome());
}

#[test]
fn in_cpp_it_has_the_outcome() {
    let Some(program) = build_as_it_says("examples/tour.cpp", "test") else { return };
    assert_eq!(printed(Command::new(program)), outcome());
}

/// Beside a copy of the module that has the library of this test.
#[test]
fn in_go_it_has_the_outcome() {
    let Some(module) = module() else { return };
    let folder = module.join("../../examples/tour");
    copy(&root().join("examples/tour"), &folder);
    assert_eq!(output(Command::new("gofmt").arg("-l").arg(&folder)), "");
    output(go(&folder).args(["vet", "."]));
    let program = folder.join("tour");
    output(go(&folder).args(["build", "-o"]).arg(&program).arg("."));
    assert_eq!(printed(Command::new(program)), outcome());
}

/// The lines with a "+" are what it does not have, or does in another way: `tour.c` says why.
#[test]
fn the_python_package_has_the_outcome_where_it_can() {
    let Some(python) = seed_python() else { return };
    let mut command = Command::new(python);
    command.arg(root().join("tests/tour/seed.py")).env("PYTHONIOENCODING", "utf-8");
    let theirs = printed(command);
    let ours: String =
        outcome().split_inclusive('\n').filter(|line| !line.starts_with("  + ")).collect();
    assert_eq!(ours, theirs);
}

/// Every function that its README has, and no other.
#[test]
fn it_goes_through_every_function() {
    let functions = [
        "add_task",
        "ban_task_name",
        "allow_task_name",
        "cancel_all_queued_tasks_by_name",
        "force_stop_task",
        "get_task_result",
        "get_all_queue_info",
        "get_task_status",
        "shutdown",
        "interruptible_sleep",
        "update_config",
    ];
    let outcome = outcome();
    let stops: Vec<_> = outcome.lines().filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(stops, functions);
}
