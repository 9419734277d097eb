//! `examples/spool.c`: every file is counted once, and the end is clean.

use crate::example;
use crate::support::{Running, need, run, scratch, start, start_command};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// A folder with these files to be counted.
fn spool(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let folder = scratch(name);
    fs::create_dir(folder.join("in")).expect("a folder");
    for (file, text) in files {
        put(&folder, file, text);
    }
    folder
}

fn put(folder: &Path, file: &str, text: &str) {
    let part = folder.join("in").join(format!("{file}.part"));
    fs::write(&part, text).expect("a file");
    fs::rename(&part, folder.join("in").join(file)).expect("a file");
}

fn names(folder: &Path, part: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder.join(part)) else { return Vec::new() };
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
        .collect();
    names.sort();
    names
}

fn begin(program: &Path, folder: &Path, options: &[&str]) -> Running {
    let options = options.iter().map(|option| option.as_ref());
    start(program, options.chain([folder.as_os_str()]))
}

/// Tells it to end; what it printed.
fn end(running: Running, status: i32) -> String {
    running.signal(libc::SIGTERM);
    ended(running, status)
}

fn ended(running: Running, status: i32) -> String {
    let ended = running.end(Duration::from_secs(60));
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert_eq!(ended.status, Some(status), "{said}{}", ended.stderr);
    said
}

fn totals(program: &Path, folder: &Path) -> String {
    let ended = run(program, ["-t".as_ref(), folder.as_os_str()]);
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    String::from_utf8_lossy(&ended.stdout).into_owned()
}

#[test]
fn files_are_added_up_and_bad_ones_put_aside() {
    let Some(program) = example("spool") else { return };
    let files = [
        ("one", "apples 3\npears 2\n"),
        ("two", "apples 40\nred apples -1"),
        ("bad", "apples 1000\nno number\n"),
        ("huge", "apples 99999999999999999999\n"),
    ];
    let folder = spool("spool-sums", &files);
    fs::write(folder.join("in/three.part"), "apples 5000\n").expect("a file");
    let mut running = begin(&program, &folder, &["-a", "0.01"]);
    let left = |folder: &Path| names(folder, "in").len();
    running.until("files that are counted", |_| left(&folder) == 1);
    put(&folder, "four", "pears 7\n");
    running.until("another file", |_| left(&folder) == 1);
    let said = end(running, 0);
    assert!(said.starts_with("3 files aggregated, 2 bad, 0 removed; 0 hooks;"), "{said}");
    assert_eq!(names(&folder, "in"), ["three.part"]);
    assert_eq!(names(&folder, "out"), ["four", "one", "two"]);
    assert_eq!(names(&folder, "bad"), ["bad", "huge"]);
    let totals = totals(&program, &folder);
    assert_eq!(totals, "apples 43 in 2 lines\npears 9 in 2 lines\nred apples -1 in 1 lines\n");
}

/// Each time it is killed where it has counted a file and not yet moved it.
#[test]
fn a_crash_loses_no_file_and_counts_none_twice() {
    let Some(program) = example("spool") else { return };
    if !need("strace") {
        return;
    }
    let files: Vec<_> = (0..9).map(|at| (at.to_string(), format!("sum {}\n", 1 << at))).collect();
    let files: Vec<_> = files.iter().map(|(name, text)| (&**name, &**text)).collect();
    let folder = spool("spool-crash", &files);
    for crash in 1..=3 {
        let mut strace = Command::new("strace");
        let calls = "renameat,renameat2";
        strace.args(["-f", "-o", "/dev/null", "-e", &format!("trace={calls}")]);
        strace.args(["-e", &format!("inject={calls}:signal=KILL:when=2"), "--"]);
        strace.arg(&program).args(["-a", "0.01"]).arg(&folder);
        let ended = start_command(strace).end(Duration::from_secs(60));
        assert_eq!(ended.status, None, "{}", ended.stderr);
        assert_eq!(names(&folder, "out").len(), crash);
    }
    let mut running = begin(&program, &folder, &["-a", "0.01"]);
    running.until("files that are counted", |_| names(&folder, "in").is_empty());
    end(running, 0);
    assert_eq!(names(&folder, "out").len(), 9);
    assert_eq!(totals(&program, &folder), "sum 511 in 9 lines\n");
    // A file of the same name is another one.
    put(&folder, "0", "sum 1000\n");
    let mut running = begin(&program, &folder, &["-a", "0.01"]);
    running.until("a file that is counted", |_| names(&folder, "in").is_empty());
    end(running, 0);
    assert_eq!(totals(&program, &folder), "sum 1511 in 10 lines\n");
}

#[test]
fn what_is_old_is_removed_and_what_is_young_stays() {
    let Some(program) = example("spool") else { return };
    let folder = spool("spool-clean", &[("one", "apples 3\n"), ("two", "apples 4\n")]);
    let mut running = begin(&program, &folder, &["-a", "0.01", "-c", "0.01"]);
    running.until("files that are counted", |_| names(&folder, "in").is_empty());
    end(running, 0);
    assert_eq!(names(&folder, "out"), ["one", "two"]);
    let mut running = begin(&program, &folder, &["-c", "0.01", "-k", "0"]);
    running.until("a folder that is clean", |_| names(&folder, "out").is_empty());
    let said = end(running, 0);
    assert!(said.contains(" 2 removed;"), "{said}");
}

/// With a hook that says its process, and goes on for long.
fn with_hook(name: &str, hook: &str) -> Option<(PathBuf, Running)> {
    let program = example("spool")?;
    let folder = spool(name, &[("one", "apples 3\n")]);
    let (sign, hook) = (folder.join("sign"), format!("echo $$ >sign; {hook}"));
    let mut running = begin(&program, &folder, &["-a", "0.01", "-g", "0.1", "-x", &hook]);
    running.until("a hook", |_| fs::read(&sign).is_ok_and(|text| text.ends_with(b"\n")));
    Some((sign, running))
}

/// Whether its process has ended; nobody may have asked how.
fn is_gone(sign: &Path) -> bool {
    let number = fs::read_to_string(sign).expect("a number");
    let stat = fs::read_to_string(format!("/proc/{}/stat", number.trim())).unwrap_or_default();
    stat.is_empty() || stat.contains(") Z ")
}

#[test]
fn the_end_says_what_still_ran_and_stops_it() {
    let Some((sign, running)) = with_hook("spool-long", "exec sleep 3600") else { return };
    let said = end(running, 1);
    assert!(said.starts_with("still running: hook, for "), "{said}");
    assert!(!said.contains("does not heed"), "{said}");
    assert!(said.contains("\n1 files aggregated,"), "{said}");
    assert!(is_gone(&sign));
}

#[test]
fn the_end_comes_even_if_a_hook_heeds_nothing() {
    let hook = "trap '' TERM; while :; do sleep 3600; done";
    let Some((sign, running)) = with_hook("spool-deaf", hook) else { return };
    let said = end(running, 3);
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 2, "{said}");
    assert!(lines[0].starts_with("still running: hook, for "), "{said}");
    assert!(lines[1].starts_with("does not heed the stop: hook, for "), "{said}");
    // It has been killed; that is not waited for.
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_gone(&sign) {
        assert!(Instant::now() < deadline, "the hook is not gone");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_hook_s_end_is_seen_where_ends_of_children_were_ignored() {
    let Some(program) = example("spool") else { return };
    let folder = spool("spool-ignored", &[("one", "apples 3\n")]);
    let mut command = std::process::Command::new("env");
    command.arg("--ignore-signal=CHLD").arg(&program);
    command.args(["-a", "0.01", "-g", "60", "-x", "echo done >done"]).arg(&folder);
    let mut running = start_command(command);
    running.until("a hook", |_| folder.join("done").exists());
    running.signal(libc::SIGTERM);
    let said = ended(running, 0);
    assert!(said.contains("; 1 hooks;") && !said.contains("still"), "{said}");
}

/// More often than may be pending.
#[test]
fn a_hook_that_takes_longer_than_files_keep_away_comes_once_for_all_of_them() {
    const FILES: usize = 50;
    let Some(program) = example("spool") else { return };
    let folder = spool("spool-often", &[]);
    let hook = "echo >>begun; while [ ! -e go ]; do sleep 0.01; done";
    let mut running = begin(&program, &folder, &["-a", "0.01", "-g", "60", "-x", hook]);
    for number in 0..FILES {
        put(&folder, &number.to_string(), "apples 1\n");
        running.until("a file that is counted", |_| names(&folder, "out").len() == number + 1);
        running.until("a hook", |_| folder.join("begun").exists());
    }
    fs::write(folder.join("go"), "").expect("a file");
    let begun = |folder: &Path| fs::read(folder.join("begun")).map_or(0, |text| text.len());
    running.until("a second hook", |_| begun(&folder) == 2);
    let said = end(running, 0);
    assert!(said.contains("50 files aggregated, 0 bad, 0 removed; 2 hooks;"), "{said}");
    assert_eq!(begun(&folder), 2);
}

#[test]
fn a_hook_ends_before_the_program_does() {
    let hook = "while [ ! -e go ]; do sleep 0.01; done; echo done >done";
    let Some(program) = example("spool") else { return };
    let folder = spool("spool-patient", &[("one", "apples 3\n")]);
    let hook = format!("echo $$ >sign; {hook}");
    let mut running = begin(&program, &folder, &["-a", "0.01", "-g", "60", "-x", &hook]);
    running.until("a hook", |_| folder.join("sign").exists());
    running.signal(libc::SIGTERM);
    fs::write(folder.join("go"), "").expect("a file");
    let said = ended(running, 0);
    assert!(!said.contains("still"), "{said}");
    assert_eq!(fs::read_to_string(folder.join("done")).expect("a file"), "done\n");
}
