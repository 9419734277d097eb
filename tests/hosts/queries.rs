//! `examples/queries.c` against a PostgreSQL of our own. What it does on SQLite is in
//! `tests/examples.rs`.

use crate::postgres::Postgres;
use crate::support::{Ended, start_with_input};
use crate::{example, wanted};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

fn tools(name: &str) -> Option<(PathBuf, Postgres)> {
    let program = example("queries")?;
    wanted().then(|| Some((program, Postgres::start(name)?)))?
}

/// What it printed of these lines, and how it ended.
fn run(program: &Path, server: &Postgres, options: &[&str], lines: &[&str]) -> (Ended, String) {
    let file = server.folder.join("statements");
    fs::write(&file, lines.join("\n")).expect("a list");
    let mut command = Command::new(program);
    command.args(options).arg(server.target()).stdin(File::open(&file).expect("a list"));
    let ended = start_with_input(command).end(Duration::from_secs(100));
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    (ended, said)
}

#[test]
fn statements_of_a_table_are_run_in_order_on_one_connection() {
    let Some((program, server)) = tools("queries-order") else { return };
    let mut lines = vec!["setup: CREATE TABLE a (n INT); CREATE TABLE b (n INT)".to_owned()];
    let (ended, _) = run(&program, &server, &[], &[&lines[0]]);
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    lines.clear();
    for number in 0..40 {
        for table in ["a", "b"] {
            // Each inserts one more than there is.
            lines.push(format!("{table}: INSERT INTO {table} SELECT count(*) FROM {table}"));
            if number == 0 {
                lines.push(format!("{table}: CREATE TEMP TABLE mine (n INT)"));
            }
        }
    }
    for table in ["a", "b"] {
        // Only its own connection has that table.
        lines.push(format!("{table}: INSERT INTO mine SELECT pg_backend_pid()"));
        lines.push(format!(
            "{table}: SELECT count(*), min(n), max(n), count(DISTINCT n) FROM {table}"
        ));
    }
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    let (ended, said) = run(&program, &server, &[], &lines);
    assert_eq!(ended.status, Some(0), "{said}{}", ended.stderr);
    assert_eq!(said.matches("    40 | 0 | 39 | 40\n").count(), 2, "{said}");
    assert_eq!(said.matches(": done\n").count(), lines.len());
}

#[test]
fn a_time_out_cancels_the_query_in_the_server_and_keeps_the_connection() {
    let Some((program, server)) = tools("queries-time-out") else { return };
    let lines = [
        "slow: CREATE TEMP TABLE mine (n INT)",
        "slow: SELECT pg_sleep(3600)",
        // Still there: it is the same connection.
        "slow: SELECT count(*) FROM mine",
        "slow: SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3' || '600)%' AND state = 'active'",
    ];
    let (ended, said) = run(&program, &server, &["-t", "0.5"], &lines);
    assert_eq!(ended.status, Some(1), "{said}{}", ended.stderr);
    assert_eq!(
        said,
        "1 slow: done\n2 slow: took longer than 0.5 s and was cancelled\n3 slow: done\n    0\n4 slow: done\n    0\n"
    );
    assert!(server.log().contains("canceling statement due to user request"), "{}", server.log());
}

/// The first holds a lock that the second waits for, longer than it may.
#[test]
fn a_wait_for_a_lock_is_cancelled_too() {
    let Some((program, server)) = tools("queries-lock") else { return };
    let (ended, _) = run(&program, &server, &[], &["t: CREATE TABLE t (n INT)"]);
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    let lines = [
        "holder: BEGIN; LOCK TABLE t; SELECT pg_advisory_lock(1)",
        // Not before the lock is held.
        "waiter: DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory') LOOP PERFORM pg_sleep(0.01); END LOOP; END $$",
        "waiter: INSERT INTO t VALUES (1)",
        "waiter: SELECT 'goes on'",
    ];
    let (ended, said) = run(&program, &server, &["-t", "1"], &lines);
    assert_eq!(ended.status, Some(1), "{said}{}", ended.stderr);
    let end = "3 waiter: took longer than 1 s and was cancelled\n4 waiter: done\n    goes on\n";
    assert!(said.ends_with(end), "{said}");
}

/// The first waits for what the second does.
#[test]
fn tables_go_side_by_side() {
    let Some((program, server)) = tools("queries-beside") else { return };
    let (ended, _) = run(&program, &server, &[], &["t: CREATE TABLE t (n INT)"]);
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    let lines = [
        "a: DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM t) LOOP PERFORM pg_sleep(0.01); END LOOP; END $$",
        "b: INSERT INTO t VALUES (1)",
    ];
    let (ended, said) = run(&program, &server, &["-t", "60"], &lines);
    assert_eq!(ended.status, Some(0), "{said}{}", ended.stderr);
}

#[test]
fn a_connection_that_breaks_fails_its_statement_and_is_made_anew() {
    let Some((program, server)) = tools("queries-break") else { return };
    let lines = [
        "a: SELECT pg_terminate_backend(pg_backend_pid())",
        "a: SELECT 'again'",
        "a: SELECT nothing",
        "a: COPY (SELECT 1) TO STDOUT",
        "a: SELECT 'and again'",
    ];
    let (ended, said) = run(&program, &server, &[], &lines);
    assert_eq!(ended.status, Some(1), "{said}{}", ended.stderr);
    assert!(said.starts_with("1 a: FATAL:  terminating connection"), "{said}");
    assert!(
        said.contains("\n2 a: done\n    again\n3 a: ERROR:  column \"nothing\" does not"),
        "{said}"
    );
    assert!(said.ends_with("\n4 a: COPY has no place here\n5 a: done\n    and again\n"), "{said}");
}
