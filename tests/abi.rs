//! What programs that were compiled with the header of the last release rely on still holds: symbols,
//! parameters, the layouts of structs, the numbers of enumerations. `abi/task_scheduling.abi`
//! describes that release; abidiff says what has changed since.
//!
//! Described is the header, as C sees it: a library of its functions with nothing in them, with debug
//! information. That the real library is what the header says is looked at by `tests/header.rs` and
//! `tests/c/layout.c`; what rustc says of its own types would change with every rustc.
//!
//! A function, a number at the end of an enumeration and a field at the end of a struct that begins
//! with its size may be added. `make abi`, with a release, writes the description anew.

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;
use support::{need, root, scratch};

const HEADER: &str = "include/task_scheduling.h";
const RELEASE: &str = "abi/task_scheduling.abi";

/// The functions that a header declares, defined.
fn definitions(header: &str) -> String {
    let mut text = String::from("#include \"task_scheduling.h\"\n");
    for item in header.split("\n\n") {
        let code: Vec<_> = item.lines().filter(|line| !line.starts_with("///")).collect();
        let code = code.join("\n");
        if let Some(declared) = code.strip_suffix(");")
            && !code.starts_with("typedef")
            && !code.starts_with(['#', '/', ' '])
        {
            text += &format!("{declared})\n{{\n    __builtin_trap();\n}}\n\n");
        }
    }
    text
}

/// The description of what this header promises.
fn describe(header: &str, folder: &Path) -> String {
    fs::write(folder.join("task_scheduling.h"), header).unwrap();
    fs::write(folder.join("empty.c"), definitions(header)).unwrap();
    let library = folder.join("libtask_scheduling.so");
    support::output(
        Command::new("gcc")
            .current_dir(folder)
            .args(["-g", "-O0", "-shared", "-fPIC", "-Wl,-soname,libtask_scheduling.so.0"])
            .args(["empty.c", "-o"])
            .arg(&library),
    );
    support::output(
        Command::new("abidw")
            .args(["--no-corpus-path", "--no-comp-dir-path", "--no-show-locs", "--no-elf-needed"])
            .args(["--no-architecture", "--no-parameter-names", "--no-write-default-sizes"])
            .arg("--headers-dir")
            .arg(folder)
            .arg(&library),
    )
}

fn header() -> String {
    fs::read_to_string(root().join(HEADER)).unwrap()
}

fn here() -> bool {
    cfg!(all(target_os = "linux", target_arch = "x86_64"))
        && need("gcc")
        && need("abidw")
        && need("abidiff")
}

/// How many fields a struct has in a description.
fn fields(description: &str, name: &str) -> Option<usize> {
    let begin = description.find(&format!("<class-decl name='{name}' size-in-bits"))?;
    let whole = description[begin..].split("</class-decl>").next()?;
    Some(whole.matches("<data-member ").count())
}

/// The header with as many fields in the structs that begin with their size as they have in the
/// description: those behind them are no change for who sets the old size.
fn cut(header: &str, description: &str) -> String {
    let cut_struct = |item: &str| {
        let name = item.rsplit_once("} ")?.1.trim_end_matches(';');
        let (head, body) = item.rsplit_once("} ")?.0.split_once("typedef struct {\n")?;
        let is_field = |line: &&str| !line.trim_start().starts_with("///");
        if body.lines().find(is_field)?.trim() != "size_t size;" {
            return None;
        }
        let known = fields(description, name)?;
        let old: Vec<_> = body.lines().filter(is_field).take(known).collect();
        Some(format!("{head}typedef struct {{\n{}\n}} {name};", old.join("\n")))
    };
    let items = header.split("\n\n");
    let items = items.map(|item| cut_struct(item).unwrap_or_else(|| item.to_owned()));
    items.collect::<Vec<_>>().join("\n\n")
}

/// What programs rely on that were compiled with what `release` describes, and that does not hold
/// with this header, in abidiff's words; none if all does.
fn broken(release: &Path, header: &str, folder: &Path) -> Option<String> {
    let now = folder.join("now.abi");
    let description = fs::read_to_string(release).unwrap();
    fs::write(&now, describe(&cut(header, &description), folder)).unwrap();
    let output =
        Command::new("abidiff").arg("--no-added-syms").args([release, &now]).output().unwrap();
    let code = output.status.code().expect("an end of its own");
    // 1 and 2 are abidiff's own troubles; 4 is a change, 8 one that breaks every program.
    assert_eq!(code & 3, 0, "abidiff: {}", String::from_utf8_lossy(&output.stderr));
    (code != 0).then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn what_programs_rely_on_has_not_changed() {
    if !here() {
        return;
    }
    let folder = scratch("abi");
    let release = root().join(RELEASE);
    if std::env::var_os("TS_UPDATE").is_some_and(|value| value == "1") {
        fs::write(&release, describe(&header(), &folder)).unwrap();
    }
    if let Some(broken) = broken(&release, &header(), &folder) {
        panic!("programs that were compiled with the last release would break:\n{broken}");
    }
}

/// A header in which this stands in place of that.
fn with(this: &str, that: &str) -> String {
    let header = header();
    assert_eq!(header.matches(this).count(), 1, "{this}");
    header.replace(this, that)
}

/// What a change of the header of today breaks.
fn broken_by(name: &str, after: &str) -> Option<String> {
    let folder = scratch(&format!("abi-{name}"));
    let before = folder.join("before.abi");
    fs::write(&before, describe(&header(), &folder)).unwrap();
    broken(&before, after, &folder)
}

#[test]
fn a_change_that_breaks_programs_is_found_and_explained() {
    if !here() {
        return;
    }
    for (name, this, that, words) in [
        ("function", "const char *ts_version(void);\n", "", "ts_version"),
        (
            "parameter",
            "ts_scheduler *scheduler, bool force_cleanup);",
            "ts_scheduler *scheduler, int64_t force_cleanup);",
            "int64_t",
        ),
        (
            "field",
            "    double timeout_seconds;\n",
            "    double timeout_seconds;\n    double more;\n",
            "more",
        ),
        ("width", "    int32_t thread_nice;\n", "    int64_t thread_nice;\n", "thread_nice"),
        ("number", "TS_ERROR_PANIC = 22", "TS_ERROR_PANIC = 24", "TS_ERROR_PANIC"),
        (
            "grown",
            "    ts_drop_fn drop;\n} ts_value;",
            "    ts_drop_fn drop;\n    void *more;\n} ts_value;",
            "more",
        ),
        (
            "callback",
            "typedef void (*ts_ready_fn)(void *user_data);",
            "typedef int (*ts_ready_fn)(void *user_data);",
            "ts_ready_fn",
        ),
    ] {
        let changed = broken_by(name, &with(this, that));
        let changed = changed.unwrap_or_else(|| panic!("{name}: abidiff saw no change"));
        assert!(changed.contains(words), "{name}:\n{changed}");
    }
}

#[test]
fn a_change_that_breaks_none_is_let_through() {
    if !here() {
        return;
    }
    for (name, this, that) in [
        (
            "added",
            "const char *ts_version(void);\n",
            "const char *ts_version(void);\n\nint ts_more(void);\n",
        ),
        (
            "end",
            "    ts_drop_fn on_end_drop;\n} ts_task_options;",
            "    ts_drop_fn on_end_drop;\n    void *more;\n} ts_task_options;",
        ),
        (
            "numbers",
            "    TS_ERROR_IN_USE = 23,\n",
            "    TS_ERROR_IN_USE = 23,\n    TS_ERROR_MORE = 24,\n",
        ),
    ] {
        assert_eq!(broken_by(name, &with(this, that)), None, "{name}");
    }
}
