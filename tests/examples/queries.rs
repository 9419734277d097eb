//! `examples/queries.c` on SQLite.

use crate::example;
use crate::support::{Ended, need, scratch, start, start_with_input};
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// What it printed of these lines on a new database, which is in the folder of that name; and how it
/// ended.
fn run(name: &str, options: &[&str], lines: &[&str]) -> Option<(Ended, String)> {
    run_on(&scratch(name).join("database"), options, lines)
}

fn run_on(database: &Path, options: &[&str], lines: &[&str]) -> Option<(Ended, String)> {
    let program = example("queries")?;
    let file = database.with_file_name("statements");
    fs::write(&file, lines.join("\n")).expect("a list");
    let mut command = Command::new(program);
    command.args(options).arg(database).stdin(File::open(&file).expect("a list"));
    let ended = start_with_input(command).end(Duration::from_secs(100));
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    Some((ended, said))
}

#[test]
fn what_came_of_each_statement_is_said_in_the_order_of_the_lines() {
    let lines = [
        "# a comment, and an empty line",
        "",
        "fruit: CREATE TABLE fruit (name TEXT, price INTEGER)",
        "fruit: INSERT INTO fruit VALUES ('apple', 3), ('pear', NULL)",
        "fruit: SELECT * FROM fruit; SELECT count(*) FROM fruit -- both",
        "other: SELECT 'a: b'",
        "fruit: SELECT no_such",
        "fruit: SELECT 'goes on'",
    ];
    let Some((ended, said)) = run("queries-lines", &[], &lines) else { return };
    assert_eq!(ended.status, Some(1), "{said}{}", ended.stderr);
    assert_eq!(
        said,
        "1 fruit: done
2 fruit: done
3 fruit: done
    apple | 3
    pear | NULL
    2
4 other: done
    a: b
5 fruit: no such column: no_such
6 fruit: done
    goes on
"
    );
    assert!(ended.stderr.starts_with("6 statements in "), "{}", ended.stderr);
    assert!(ended.stderr.ends_with("1 failed, 0 took too long\n"), "{}", ended.stderr);
}

#[test]
fn statements_of_a_table_are_run_in_order_while_tables_share_the_file() {
    let mut lines = Vec::new();
    for table in ["a", "b", "c"] {
        lines.push(format!("{table}: CREATE TABLE {table} (n INTEGER)"));
    }
    for _ in 0..30 {
        for table in ["a", "b", "c"] {
            // Each inserts one more than there is.
            lines.push(format!("{table}: INSERT INTO {table} SELECT count(*) FROM {table}"));
        }
    }
    for table in ["a", "b", "c"] {
        lines.push(format!("{table}: SELECT group_concat(n) FROM {table}"));
    }
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    let Some((ended, said)) = run("queries-order", &[], &lines) else { return };
    assert_eq!(ended.status, Some(0), "{said}{}", ended.stderr);
    let numbers: Vec<_> = (0..30).map(|number| number.to_string()).collect();
    assert_eq!(said.matches(&format!("    {}\n", numbers.join(","))).count(), 3, "{said}");
}

#[test]
fn a_time_out_cancels_an_endless_query_and_the_queue_goes_on() {
    let lines = [
        "t: CREATE TABLE t (n INTEGER)",
        "t: INSERT INTO t WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n",
        "t: SELECT count(*) FROM t",
    ];
    let Some((ended, said)) = run("queries-endless", &["-t", "0.3"], &lines) else { return };
    assert_eq!(ended.status, Some(1), "{said}{}", ended.stderr);
    assert_eq!(
        said,
        "1 t: done\n2 t: took longer than 0.3 s and was cancelled\n3 t: done\n    0\n"
    );
}

/// Another process holds the lock.
#[test]
fn a_wait_for_a_lock_is_cancelled_too() {
    let setup = ["t: CREATE TABLE t (n INTEGER)"];
    let Some((ended, _)) = run("queries-lock", &[], &setup) else { return };
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    if !need("python3") {
        return;
    }
    let hold = "import sqlite3, sys, time
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute('BEGIN EXCLUSIVE')
print('held', flush=True)
time.sleep(3600)";
    let database = Path::new(env!("CARGO_TARGET_TMPDIR")).join("queries-lock/database");
    let mut holder = start("python3", ["-c".as_ref(), hold.as_ref(), database.as_os_str()]);
    holder.until("a lock", |holder| holder.printed() == b"held\n");
    let lines = ["t: INSERT INTO t VALUES (2)", "t: SELECT 'goes on'"];
    let Some((ended, said)) = run_on(&database, &["-t", "0.3"], &lines) else { return };
    assert_eq!(ended.status, Some(1), "{said}{}", ended.stderr);
    assert_eq!(said, "1 t: took longer than 0.3 s and was cancelled\n2 t: done\n    goes on\n");
}

#[test]
fn what_cannot_be_read_or_written_is_no_success() {
    let Some(program) = example("queries") else { return };
    let folder = scratch("queries-lost");
    let mut command = Command::new(&program);
    command.arg(folder.join("database")).stdin(File::open(&folder).expect("a folder"));
    let ended = start_with_input(command).end(Duration::from_secs(100));
    assert_eq!(ended.status, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("standard input: Is a directory"), "{}", ended.stderr);

    let mut command = Command::new("sh");
    command.args(["-c", "echo 'a: SELECT 1' | \"$0\" \"$1\" >/dev/full"]);
    command.arg(&program).arg(folder.join("database"));
    let ended = start_with_input(command).end(Duration::from_secs(100));
    assert_eq!(ended.status, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("standard output: "), "{}", ended.stderr);
}
