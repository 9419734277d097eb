//! The queue text is the one that the Python package `task_scheduling` 1.1.10 prints, run beside
//! this library on the same scenario.
//!
//! Ids are numbered in the order in which they appear and times are masked. One difference is
//! wanted: a task that failed is shown as failed; in the package it stays "running" for ever. The
//! scenario keeps away from what else is broken there (tasks that are stopped vanish, a second
//! waiting task of a name makes its scheduler spin).

mod support;

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;
use support::{root, seed_python};
use task_scheduling::{Kind, Scheduler, State, TaskId, TaskOptions};

/// The texts of the package, by the names of the moments.
fn package(python: PathBuf) -> Vec<(String, String)> {
    let mut command = Command::new(python);
    command.arg(root().join("tests/golden/seed.py")).env("PYTHONIOENCODING", "utf-8");
    let ended = support::start_command(command).end(Duration::from_secs(100));
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    let text = String::from_utf8(ended.stdout).expect("UTF-8");
    let (_, text) = text.split_once("== ").expect("a text");
    text.split("\n== ")
        .map(|section| {
            let (name, text) = section.split_once('\n').expect("a name and a text");
            (name.to_owned(), format!("{}\n", text.trim_end_matches('\n')))
        })
        .collect()
}

fn options(name: &str) -> TaskOptions<'_> {
    TaskOptions { name: Some(name), ..TaskOptions::default() }
}

/// The same scenario here.
fn library() -> Vec<(String, String)> {
    let scheduler = Scheduler::new("").unwrap();
    let mut texts = Vec::new();
    let mut show = |name: &str, settled: bool| {
        let text = |kind, ids| scheduler.queue_info(kind, ids).unwrap();
        texts.push((format!("{name} with ids"), text(Kind::Linear, true)));
        if settled {
            texts.push((format!("{name} without ids"), text(Kind::Linear, false)));
            texts.push((format!("{name} asyncio"), text(Kind::Async, true)));
        }
    };
    let end = |id: TaskId| scheduler.wait_end(id, 30.0).unwrap();

    show("empty", true);
    for _ in 0..2 {
        let sleep = |_: &_| -> Result<(), String> {
            std::thread::sleep(Duration::from_millis(50));
            Ok(())
        };
        assert_eq!(end(scheduler.submit(options("quick"), sleep).unwrap()), State::Completed);
    }
    show("completed", true);
    for number in 1..=12 {
        let words = format!("no paper in tray {number}, näher: \"{number}\"");
        let name = format!("bad {number}");
        let id = scheduler.submit(options(&name), move |_| Err(words)).unwrap();
        assert_eq!(end(id), State::Failed);
    }
    show("failed", true);
    let doors = ["slow", "slow", "lone"].map(|name| {
        let (open, door) = mpsc::channel::<()>();
        let wait = move |_: &_| {
            let _ = door.recv();
            Ok(())
        };
        (scheduler.submit(options(name), wait).unwrap(), open)
    });
    for at in [0, 2] {
        while scheduler.state(doors[at].0).unwrap() != State::Running {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    show("running", false);
    for (id, open) in doors {
        drop(open);
        assert_eq!(end(id), State::Completed);
    }
    show("over", true);
    texts
}

/// The word that follows the mark, and what comes after that word.
fn word_after<'a>(line: &'a str, mark: &str, end: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let at = line.find(mark)? + mark.len();
    let (word, rest) = line[at..].split_once(end)?;
    Some((&line[..at], word, rest))
}

/// The text without what differs from run to run; what it looks like is checked.
fn mask(text: &str, ids: &mut HashMap<String, usize>) -> String {
    let mut masked = String::new();
    for line in text.split_inclusive('\n') {
        let mut line = line.to_owned();
        for mark in ["Task ID: ", ", ID: "] {
            if let Some((before, id, rest)) = word_after(&line, mark, ", ") {
                assert_eq!(id.len(), 36, "{line}");
                let next = ids.len() + 1;
                let number = *ids.entry(id.to_owned()).or_insert(next);
                line = format!("{before}#{number}, {rest}");
            }
        }
        if let Some((before, time, rest)) = word_after(&line, "Elapsed Time: ", " ")
            && time != "NaN"
        {
            let (whole, part) = time.split_once('.').expect("two decimals");
            assert!(whole.parse::<u32>().is_ok_and(|seconds| seconds < 100), "{line}");
            assert!(part.len() == 2 && part.parse::<u32>().is_ok(), "{line}");
            line = format!("{before}0.00 {rest}");
        }
        if let Some((before, time, rest)) = word_after(&line, "Error time: ", ", ") {
            let shape: String =
                time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
            assert_eq!(shape, "0000-00-00 00:00:00", "{line}");
            line = format!("{before}then, {rest}");
        }
        masked += &line;
    }
    masked
}

/// The package's text as it would be if failed tasks were shown as failed.
fn mended(text: &str) -> String {
    let failed = text.matches("Name: bad ").count();
    let mut mended = String::new();
    for line in text.split_inclusive('\n') {
        if line.starts_with("Name: bad ") {
            assert!(line.contains("Status: running, "), "the package was mended: {line}");
            mended += &line.replace("Status: running, ", "Status: failed (Task failed), ");
        } else if let Some((before, running, rest)) =
            word_after(line, "Running tasks count: ", ", ")
        {
            let running: usize = running.parse().expect("a count");
            assert_eq!(rest, "Failed tasks count: 0\n");
            mended += &format!("{before}{}, Failed tasks count: {failed}\n", running - failed);
        } else {
            mended += line;
        }
    }
    mended
}

#[test]
fn the_queue_text_is_that_of_the_python_package() {
    let Some(python) = seed_python() else { return };
    let (theirs, ours) = (package(python), library());
    let mut ids = (HashMap::new(), HashMap::new());
    for ((name, theirs), (our_name, ours)) in theirs.iter().zip(&ours) {
        assert_eq!(name, our_name);
        let theirs = mended(&mask(theirs, &mut ids.0));
        assert_eq!(mask(ours, &mut ids.1), theirs, "{name}:\n{ours}");
    }
    assert_eq!(theirs.len(), ours.len());
    assert_eq!(ids.0.len(), 17);
}
