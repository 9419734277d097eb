//! Every function of the header is called from everywhere it may be called, and gives there what
//! the table in `tests/c/everywhere_table.h` says. `docs/callbacks.md` shows that table.
//!
//! `TS_UPDATE=1 cargo test --test everywhere` rewrites it there.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;
use support::{Link, build_c, root, run, run_tests};

const PAGE: &str = "docs/callbacks.md";
const BEGIN: &str = "<!-- the table: from tests/c/everywhere_table.h -->\n";
const END: &str = "<!-- the end of the table -->\n";

/// The places, as the page heads their columns; see `tests/c/everywhere.h`.
const PLACES: [(&str, &str); 16] = [
    ("plain", "on a thread of the host's, inside nothing"),
    ("task", "a linear task, on a worker"),
    ("poll", "the function of an async task"),
    ("drop", "a `drop` of `user_data`, after a linear task has run"),
    ("async drop", "the same, of an async task"),
    ("cancelled drop", "the same, of a task that never ran: in `ts_force_stop`"),
    ("result drop", "the `drop` of a result: in `ts_task_forget`"),
    ("on_end", "`on_end` of a linear task"),
    ("on_end drop", "`on_end_drop`"),
    ("async on_end", "`on_end` of an async task"),
    ("ready", "`ready` of a pump, on the thread of the add"),
    ("pump", "a task that a pump runs"),
    ("claim", "a thread that has started a claim, and is inside nothing"),
    ("log", "the log function"),
    ("thread start", "the function for threads, of a worker that starts"),
    ("thread end", "the same, of one that ends"),
];

struct Row {
    function: String,
    how: String,
    codes: Vec<char>,
}

fn program(standard: &str, link: Link) -> Option<PathBuf> {
    build_c("tests/c/everywhere.c", &[standard, "-g"], link)
}

fn table() -> Option<Vec<Row>> {
    let ended = run(program("-std=c11", Link::Static)?, ["--table"]);
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    let text = String::from_utf8(ended.stdout).unwrap();
    let row = |line: &str| {
        let mut parts = line.split('|').map(str::to_owned);
        let (function, how, codes) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Row { function, how, codes: codes.chars().filter(|code| *code != ' ').collect() })
    };
    Some(text.lines().map(|line| row(line).unwrap_or_else(|| panic!("{line}"))).collect())
}

/// The letters of the table, as `tests/c/everywhere.h` has them.
const LETTERS: [(char, &str); 8] = [
    ('D', "TS_ERROR_WOULD_DEADLOCK"),
    ('F', "TS_ERROR_QUEUE_FULL"),
    ('I', "TS_ERROR_INVALID_ARGUMENT"),
    ('K', "TS_ERROR_WRONG_KIND"),
    ('N', "TS_ERROR_NOT_FINISHED"),
    ('T', "TS_ERROR_TIMED_OUT"),
    ('W', "TS_ERROR_WRONG_THREAD"),
    ('Y', "TS_NOT_YET"),
];

/// What the page says in a field.
fn shown(code: char) -> String {
    match code {
        'o' => "✓".into(),
        '.' => String::new(),
        'D' => "**D**".into(),
        other if LETTERS.iter().any(|(letter, _)| *letter == other) => other.into(),
        other => panic!("no such code: {other}"),
    }
}

/// The table as the page shows it: what differs by place, and then the names of all the rest.
fn page(rows: &[Row]) -> String {
    let mut text = String::from("| call |");
    PLACES.iter().for_each(|(name, _)| text += &format!(" {name} |"));
    text += "\n|---|";
    text += &"---|".repeat(PLACES.len());
    text += "\n";
    let mut same: BTreeMap<&str, bool> = BTreeMap::new();
    for row in rows {
        let plain = row.codes.iter().all(|code| *code == 'o');
        *same.entry(&row.function).or_insert(true) &= plain;
        if !plain {
            let call = format!("`{}` {}", row.function, row.how);
            text += &format!("| {} |", call.trim_end());
            row.codes.iter().for_each(|code| text += &format!(" {} |", shown(*code)));
            text += "\n";
        }
    }
    let same: Vec<_> =
        same.iter().filter(|(_, same)| **same).map(|(name, _)| format!("`{name}`")).collect();
    let letters = LETTERS.map(|(letter, name)| format!("{letter} `{name}`"));
    text += &format!("\n✓ `TS_OK`, {}; empty: there is no such call.\n", letters.join(", "));
    text += &format!("\n✓ everywhere: {}.\n", same.join(", "));
    text += "\nThe places:\n\n";
    PLACES.iter().for_each(|(name, what)| text += &format!("* **{name}**: {what}\n"));
    text
}

#[test]
fn every_call_gives_what_the_table_says() {
    for (standard, link) in
        [("-std=c99", Link::Static), ("-std=c11", Link::Static), ("-std=c17", Link::Shared)]
    {
        let Some(program) = program(standard, link) else { return };
        let what = format!("everywhere {standard} {link:?}");
        run_tests(&what, program, Duration::from_secs(120));
    }
}

#[test]
fn every_function_has_a_row() {
    let Some(rows) = table() else { return };
    let list = fs::read_to_string(root().join("include/symbols.txt")).unwrap();
    let listed: BTreeSet<_> = list
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    let in_table: BTreeSet<_> = rows.iter().map(|row| &*row.function).collect();
    assert_eq!(listed, in_table, "include/symbols.txt (left) and the table (right)");
    for row in &rows {
        assert_eq!(row.codes.len(), PLACES.len(), "{} {}", row.function, row.how);
    }
}

/// What the header says in each function's last line.
#[test]
fn the_header_says_so() {
    let Some(rows) = table() else { return };
    let header = fs::read_to_string(root().join("include/task_scheduling.h")).unwrap();
    let task = PLACES.iter().position(|(name, _)| *name == "task").unwrap();
    for row in &rows {
        let code = header
            .split("\n\n")
            .find(|item| item.starts_with("///") && item.contains(&format!("{}(", row.function)))
            .filter(|item| item.contains("From a task:"))
            .unwrap_or_else(|| panic!("{} is not described", row.function));
        let deadlocks = row.codes[task] == 'D';
        if code.contains("From a task: no") {
            assert!(deadlocks, "{} {}: may be called from a task", row.function, row.how);
        }
        if deadlocks && !code.contains("From a task: no") {
            assert!(code.contains("TS_ERROR_WOULD_DEADLOCK"), "{} {}", row.function, row.how);
        }
    }
}

#[test]
fn the_page_shows_the_table() {
    let Some(rows) = table() else { return };
    let path = root().join(PAGE);
    let page_now = fs::read_to_string(&path).unwrap();
    let (before, rest) = page_now.split_once(BEGIN).expect("where the table begins");
    let (_, after) = rest.split_once(END).expect("where the table ends");
    let wanted = format!("{before}{BEGIN}\n{}\n{END}{after}", page(&rows));
    if std::env::var_os("TS_UPDATE").is_some_and(|value| value == "1") {
        fs::write(&path, &wanted).unwrap();
    } else {
        assert_eq!(page_now, wanted, "TS_UPDATE=1 cargo test --test everywhere rewrites {PAGE}");
    }
}
