//! The C++ wrapper, `bindings/cpp/`: `tests/cpp/<theme>.cpp` holds the tests of one theme, each named
//! after the property that it proves. Every theme is run with both compilers, at different standards
//! and with and without optimisation; what those leave out of the matrix is compiled only.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use support::{
    CPP_COMPILERS, Link, STRICT, build, build_cpp, need, output, root, run, run_tests, scratch,
};

/// The headers that a program includes, and the first standard that has what each needs.
const HEADERS: [(&str, u32); 2] =
    [("task_scheduling.hpp", 17), ("task_scheduling_coroutines.hpp", 20)];
const STANDARDS: [(u32, &str); 3] = [(17, "-std=c++17"), (20, "-std=c++20"), (23, "-std=c++23")];

/// Beyond [`STRICT`], what each compiler can complain of that a careful program has on.
fn careful(compiler: &str) -> &'static [&'static str] {
    const COMMON: &[&str] = &[
        "-Wconversion",
        "-Wsign-conversion",
        "-Wshadow",
        "-Wold-style-cast",
        "-Wnon-virtual-dtor",
        "-Woverloaded-virtual",
        "-Wextra-semi",
        "-Wsuggest-override",
        "-Wdeprecated",
    ];
    const EVERYTHING: &[&str] = &[
        "-Weverything",
        // Not about faults: older standards, layout, and what only a library that is compiled can heed.
        "-Wno-c++98-compat-pedantic",
        "-Wno-pre-c++17-compat",
        "-Wno-pre-c++20-compat-pedantic",
        "-Wno-padded",
        "-Wno-weak-vtables",
        "-Wno-unsafe-buffer-usage",
        "-Wno-switch-default",
    ];
    if compiler == "g++" { COMMON } else { EVERYTHING }
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every header of the wrapper.
fn headers() -> Vec<PathBuf> {
    let mut all = Vec::new();
    for folder in ["bindings/cpp", "bindings/cpp/task_scheduling"] {
        let entries = fs::read_dir(root().join(folder)).expect("a folder");
        all.extend(entries.map(|entry| entry.expect("an entry").path()));
    }
    all.retain(|path| path.extension().is_some_and(|extension| extension == "hpp"));
    all.sort();
    all
}

/// Compiles and does not link.
fn check(compiler: &str, source: &Path, flags: &[&str]) {
    let mut command = Command::new(compiler);
    command.current_dir(root()).args(STRICT).args(["-fsyntax-only", "-Iinclude", "-Ibindings/cpp"]);
    output(command.args(flags).args(["-x", "c++"]).arg(source));
}

/// A theme with g++ at one standard, and with clang at another.
fn theme(name: &str, flags: [&[&str]; 2]) {
    for (compiler, flags) in CPP_COMPILERS.into_iter().zip(flags) {
        let source = format!("tests/cpp/{name}.cpp");
        let Some(program) = build_cpp(compiler, &source, flags, Link::Shared) else { return };
        run_tests(&format!("{name} {compiler} {flags:?}"), program, Duration::from_secs(300));
    }
}

#[test]
fn tasks() {
    theme("tasks", [&["-std=c++17"], &["-std=c++23", "-O2"]]);
}

#[test]
fn scheduler() {
    theme("scheduler", [&["-std=c++20", "-O2"], &["-std=c++17"]]);
}

#[test]
fn hosts() {
    theme("hosts", [&["-std=c++17"], &["-std=c++20", "-O2"]]);
}

#[test]
fn coroutines() {
    // Without optimisation g++ does not make jumps of the transfers.
    theme("coroutines", [&["-std=c++20"], &["-std=c++23", "-O2"]]);
}

#[test]
fn without_exceptions() {
    let flags = ["-std=c++20", "-fno-exceptions", "-fno-rtti"];
    theme("without_exceptions", [&flags, &flags]);
}

#[test]
fn allocations() {
    theme("allocations", [&["-std=c++17", "-O2"], &["-std=c++20"]]);
}

#[test]
fn stress() {
    theme("stress", [&["-std=c++20", "-O2"], &["-std=c++17"]]);
}

#[test]
fn exits() {
    theme("exits", [&["-std=c++17"], &["-std=c++20", "-O2"]]);
}

#[test]
fn two_files_are_one_program() {
    for (compiler, other_flags) in CPP_COMPILERS.into_iter().zip(["-fno-exceptions", "-fno-rtti"]) {
        if !need(compiler) {
            return;
        }
        let object = scratch(&format!("two-units-{compiler}")).join("other.o");
        output(
            Command::new(compiler)
                .current_dir(root())
                .args(STRICT)
                .args(["-std=c++20", other_flags, "-Iinclude", "-Ibindings/cpp", "-c"])
                .arg("tests/cpp/two_units_other.cpp")
                .arg("-o")
                .arg(&object),
        );
        let sources = ["tests/cpp/two_units.cpp", object.to_str().expect("text")];
        let flags = ["-std=c++17", "-Ibindings/cpp"];
        let Some(program) = build(compiler, &sources, &flags, Link::Static) else { return };
        run_tests(compiler, program, Duration::from_secs(60));
    }
}

#[test]
fn a_task_that_leaves_by_pthread_exit_ends_the_process() {
    let source = "tests/cpp/leaves.cpp";
    let Some(program) = build_cpp("g++", source, &["-std=c++17"], Link::Static) else { return };
    let no_arguments: [&str; 0] = [];
    let ended = run(program, no_arguments);
    assert_eq!(ended.status, None, "{ended:?}");
    assert!(ended.stdout.is_empty());
}

#[test]
fn each_header_compiles_alone_without_a_warning() {
    let folder = scratch("cpp-alone");
    let compiler = "clang++-19"; // with everything that it can complain of
    if !need(compiler) {
        return;
    }
    for header in headers() {
        let source = folder.join(header.with_extension("cpp").file_name().expect("a name"));
        fs::write(&source, format!("#include \"{}\"\n", header.display())).expect("a file");
        check(compiler, &source, &[&["-std=c++20"], careful(compiler)].concat());
    }
}

#[test]
fn the_headers_compile_twice_at_every_standard() {
    let folder = scratch("cpp-twice");
    for (header, first) in HEADERS {
        let source = folder.join(header).with_extension("cpp");
        let include = format!("#include <{header}>\n");
        let uses = "int main() { return ts::default_scheduler().try_add(\"a\", [] { return 1; }).has_value(); }\n";
        fs::write(&source, format!("{include}{include}{uses}")).expect("a file");
        for compiler in CPP_COMPILERS.into_iter().filter(|compiler| need(compiler)) {
            for (_, standard) in STANDARDS.into_iter().filter(|(number, _)| *number >= first) {
                for flags in [&[][..], &["-fno-exceptions", "-fno-rtti"]] {
                    if !flags.is_empty() && standard != "-std=c++20" {
                        continue; // that much of the matrix is enough
                    }
                    check(compiler, &source, &[&[standard], flags, careful(compiler)].concat());
                }
            }
        }
    }
}

/// The examples of a header's comments: indented, and with a statement among the lines.
fn examples(text: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    for line in text.lines() {
        let comment = line.trim_start().trim_start_matches('/');
        let is_comment = line.trim_start().starts_with("//");
        let example = all.last_mut().expect("one");
        match comment.strip_prefix("     ") {
            Some(code) if is_comment => *example += &format!("{code}\n"),
            _ if is_comment && comment.trim().is_empty() && !example.is_empty() => *example += "\n",
            _ if !example.is_empty() => all.push(String::new()),
            _ => {}
        }
    }
    all.retain(|example| example.lines().any(|line| line.ends_with([';', '{', '}'])));
    all
}

/// What the short examples use that they do not show.
const AROUND: &str = r#"
#include <task_scheduling_coroutines.hpp>
#include <atomic>
#include <iostream>
using namespace std::chrono_literals;
[[maybe_unused]] static void make_thumbnail(const ts::Token &) {}
template <class Callback> void start_something(Callback &&callback) { callback(1); }
"#;

#[test]
fn each_example_of_the_comments_compiles_and_the_programs_run() {
    let folder = scratch("cpp-examples");
    let mut programs = 0;
    let mut snippets = 0;
    for header in headers() {
        let text = read(&header);
        for (number, example) in examples(&text).into_iter().enumerate() {
            let stem = header.file_stem().expect("a name").to_string_lossy();
            let source = folder.join(format!("{stem}-{number}.cpp"));
            let is_program = example.contains("int main()");
            let whole = match is_program {
                true => example
                    .lines()
                    .take_while(|line| !line.starts_with("c++ "))
                    .map(|line| format!("{line}\n"))
                    .collect(),
                false if example.contains("co_await") => {
                    format!(
                        "{AROUND}ts::Async<> example(ts::Scheduler &scheduler, int socket, std::atomic<int> &answer)\n{{\n{example}}}\n"
                    )
                }
                false => {
                    format!("{AROUND}void example(ts::Scheduler &scheduler)\n{{\n{example}}}\n")
                }
            };
            fs::write(&source, whole).expect("a file");
            if !is_program {
                snippets += 1;
                for compiler in ["g++"].into_iter().filter(|compiler| need(compiler)) {
                    check(
                        compiler,
                        &source,
                        &["-std=c++20", "-Wno-unused", "-Wno-unused-parameter"],
                    );
                }
                continue;
            }
            programs += 1;
            let standard = if stem.contains("coroutines") { "-std=c++20" } else { "-std=c++17" };
            let source = source.to_str().expect("text");
            let Some(program) = build_cpp("g++", source, &[standard], Link::Static) else { return };
            let no_arguments: [&str; 0] = [];
            let ended = run(program, no_arguments);
            assert_eq!(ended.status, Some(0), "{stem}: {}", ended.stderr);
            let said = match programs {
                1 => {
                    "hello, world\nthe task 'slow' ran for too long and was stopped\nno such page: failed\n"
                }
                _ => "tick 1\ntick 2\ntick 3\n147\n",
            };
            assert_eq!(String::from_utf8_lossy(&ended.stdout), said, "{stem}");
        }
    }
    assert_eq!(programs, 2);
    assert!(snippets >= 6, "{snippets}");
}

/// The names that C gives to numbers: the enumerators by their enumeration, and the flags.
fn c_names() -> BTreeMap<String, Vec<String>> {
    let header = read("include/task_scheduling.h");
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut found = Vec::new();
    for line in header.lines() {
        if let Some((name, _)) =
            line.strip_prefix("    TS_").and_then(|rest| rest.split_once(" = "))
        {
            found.push(format!("TS_{name}"));
        } else if let Some(name) =
            line.strip_prefix("} ts_").and_then(|rest| rest.strip_suffix(';'))
        {
            names.insert(name.to_owned(), std::mem::take(&mut found));
        } else if let Some(rest) = line.strip_prefix("#define TS_")
            && let Some((name, number)) = rest.split_once(' ')
            && number.parse::<u32>().is_ok()
        {
            names.entry("flags".to_owned()).or_default().push(format!("TS_{name}"));
        }
    }
    names
}

#[test]
fn every_enumerator_flag_and_function_of_c_has_its_place_in_the_wrapper() {
    let code: String = headers()
        .into_iter()
        .flat_map(|path| read(path).lines().map(str::to_owned).collect::<Vec<_>>())
        .filter(|line| !line.trim_start().starts_with("//"))
        .map(|line| line + "\n")
        .collect();
    let words: BTreeSet<_> = code.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let names = c_names();
    for (enumeration, enumerators) in &names {
        for name in enumerators {
            let is_value =
                enumeration == "flags" || name == "TS_OK" || code.contains(&format!("= {name},"));
            assert!(words.contains(name.as_str()) && is_value, "{enumeration}: {name} is missing");
        }
    }
    for (enumeration, least) in [
        ("error", 24),
        ("state", 6),
        ("kind", 2),
        ("poll", 3),
        ("log_level", 4),
        ("runner", 3),
        ("thread_event", 2),
        ("flags", 9),
    ] {
        assert!(names[enumeration].len() >= least, "{enumeration}: {:?}", names[enumeration]);
    }
    // What the wrapper does in another way.
    let others = ["ts_add_async_task", "ts_get_task_result", "ts_value_free"];
    for line in read("include/symbols.txt").lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(' ').next().expect("a name");
        assert!(words.contains(name) || others.contains(&name), "{name} is not in the wrapper");
    }
}

#[test]
fn programs_need_nothing_of_c() {
    for path in [
        "examples/treesum.cpp",
        "examples/fetch.cpp",
        "examples/tour.cpp",
        "tests/cpp/tasks.cpp",
        "tests/cpp/hosts.cpp",
        "tests/cpp/coroutines.cpp",
    ] {
        let text = read(path);
        let found = text
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .find(|word| word.starts_with("ts_") || word.starts_with("TS_"));
        assert_eq!(found, None, "{path}");
    }
}
