//! What README.md and docs/ say can be done: every program in them compiles and prints what they say,
//! every command runs.
//!
//! Blocks are run in the order of the document, in a folder of its own with the repository's folders in
//! it and a home of its own. A block of C, C++ or CMake is the file that later commands name; whatever
//! they build as `hello` is run. Programs in Go are run by tests/go.rs.

mod documents;
mod support;

use documents::{documents, read};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use support::{CPP_COMPILERS, Link, build_c, build_cpp, need, root, scratch, start_command};

/// Commands that are not run here, each with the reason.
const NOT_HERE: &[(&str, &str)] = &[
    ("make demo", ".ci/run runs it, on another folder"),
    ("make test", "it is what runs this test"),
    ("make bench", "it measures for a quarter of an hour"),
    ("make check-speed", ".ci/run runs it"),
    ("benches/peers/compare", "it measures for minutes; tests/benches.rs runs it on small figures"),
    ("benches/run", "it measures for minutes"),
];

/// What fragments, which are no whole programs, take for granted.
const FRAGMENTS: &str = "#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <task_scheduling.h>
#include <unistd.h>
";

struct Block {
    /// The document and the line, for whoever has to mend it.
    at: String,
    language: String,
    text: String,
}

impl Block {
    fn is_program(&self) -> bool {
        self.text.contains("int main(")
    }
}

fn blocks(document: &Path) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut inside = false;
    for (at, line) in read(document).lines().enumerate() {
        match line.strip_prefix("```") {
            Some(_) if inside => inside = false,
            Some(language) => {
                inside = true;
                let at = format!("{}:{}", document.display(), at + 1);
                found.push(Block { at, language: language.to_owned(), text: String::new() });
            }
            None if inside => {
                let text = &mut found.last_mut().expect("a block").text;
                text.push_str(line);
                text.push('\n');
            }
            None => {}
        }
    }
    assert!(!inside, "{}: a block does not end", document.display());
    found
}

/// What a program is said to print: the text behind it.
fn printed(blocks: &[Block], at: usize) -> &str {
    let next = blocks.get(at + 1).filter(|next| next.language == "text");
    &next.unwrap_or_else(|| panic!("{}: what does it print?", blocks[at].at)).text
}

fn prints(command: Command, text: &str, at: &str) {
    let ended = start_command(command).end(Duration::from_secs(60));
    assert_eq!((ended.status, &*ended.stderr), (Some(0), ""), "{at}");
    assert_eq!(String::from_utf8_lossy(&ended.stdout), text, "{at}");
}

#[test]
fn every_block_says_what_it_is() {
    for block in documents().iter().flat_map(|document| blocks(document)) {
        let known = ["c", "cpp", "go", "sh", "cmake", "yaml", "text"];
        assert!(known.contains(&&*block.language), "{}: ```{}", block.at, block.language);
    }
}

#[test]
fn the_first_program_has_25_lines() {
    let first = blocks(&root().join("README.md")).into_iter().find(|block| block.is_program());
    assert_eq!(first.expect("a program").text.lines().count(), 25);
}

#[test]
fn every_program_prints_what_follows_it() {
    let folder = scratch("docs-programs");
    let mut count = 0;
    for document in documents() {
        let blocks = blocks(&document);
        for (at, block) in blocks.iter().enumerate().filter(|(_, block)| block.is_program()) {
            count += 1;
            let says = printed(&blocks, at);
            let source = folder.join(format!("program{count}.{}", block.language));
            fs::write(&source, &block.text).expect("a file");
            let source = source.to_str().expect("text");
            let programs: Vec<_> = match &*block.language {
                "c" => [Link::Static, Link::Shared]
                    .iter()
                    .map(|link| build_c(source, &["-std=c99"], *link))
                    .collect(),
                "cpp" => CPP_COMPILERS
                    .iter()
                    .map(|compiler| build_cpp(compiler, source, &["-std=c++20"], Link::Shared))
                    .collect(),
                other => panic!("{}: a program in {other}?", block.at),
            };
            for program in programs.into_iter().flatten() {
                prints(Command::new(program), says, &block.at);
            }
        }
    }
    assert!(count >= 2);
}

/// A fragment is the inside of a function, or stands beside functions.
#[test]
fn every_fragment_compiles() {
    if !need("cc") {
        return;
    }
    let folder = scratch("docs-fragments");
    for document in documents() {
        let blocks = blocks(&document);
        for block in blocks.iter().filter(|block| block.language == "c" && !block.is_program()) {
            let begins = block.text.lines().find(|line| !line.starts_with('#') && !line.is_empty());
            let beside = block.text.lines().any(|line| line == "{")
                && begins.is_some_and(|line| !line.starts_with("if") && !line.starts_with("while"));
            let text = match beside {
                true => format!("{FRAGMENTS}\n{}", block.text),
                false => format!(
                    "{FRAGMENTS}\nvoid run_the_loop_once(void);\nvoid fragment(ts_scheduler *scheduler);\n\
                     void fragment(ts_scheduler *scheduler)\n{{\n(void)scheduler;\n{}}}\n",
                    block.text
                ),
            };
            let source = folder.join("fragment.c");
            fs::write(&source, text).expect("a file");
            let mut compile = Command::new("cc");
            compile.args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-Wno-unused"]);
            compile.arg("-fsyntax-only").arg("-I").arg(root().join("include")).arg(&source);
            let said = compile.output().expect("cc");
            assert!(
                said.status.success(),
                "{}: {}",
                block.at,
                String::from_utf8_lossy(&said.stderr)
            );
        }
    }
}

/// A folder in which commands find what they name, and a home beside it.
fn sandbox(document: &Path) -> PathBuf {
    let name = document.file_stem().expect("a name").to_str().expect("text");
    let folder = scratch(&format!("docs-commands-{name}"));
    let here = folder.join("here");
    for part in ["here", "home"] {
        fs::create_dir(folder.join(part)).expect("a folder");
    }
    for part in ["include", "bindings", "examples", "scripts", "tests"] {
        std::os::unix::fs::symlink(root().join(part), here.join(part)).expect("a link");
    }
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or(root().join("target"), |it| root().join(it));
    std::os::unix::fs::symlink(target, here.join("target")).expect("a link");
    here
}

/// Runs commands there. `make` is the repository's.
fn run(commands: &str, here: &Path, at: &str) {
    let script = format!(
        "make() {{ command make --no-print-directory -C '{}' \"$@\"; }}\n{commands}",
        root().display()
    );
    let homes = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let mut sh = Command::new("sh");
    sh.current_dir(here).args(["-eu", "-c", &script]).env("HOME", here.with_file_name("home"));
    for (name, folder) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
        if std::env::var_os(name).is_none() {
            sh.env(name, homes.join(folder));
        }
    }
    for name in [
        "PREFIX",
        "DESTDIR",
        "LIBDIR",
        "INCLUDEDIR",
        "MAKEFLAGS",
        "MAKELEVEL",
        "CARGO_MANIFEST_DIR",
    ] {
        sh.env_remove(name);
    }
    let ended = start_command(sh).end(Duration::from_secs(1800)); // a build among others
    let said = String::from_utf8_lossy(&ended.stdout);
    assert_eq!(ended.status, Some(0), "{at}\n{commands}\n{said}\n{}", ended.stderr);
}

#[test]
fn every_command_runs_and_what_it_builds_works() {
    if !["cc", "c++", "make", "cmake", "pkg-config", "ld", "objcopy"].iter().all(|tool| need(tool))
    {
        return;
    }
    let mut left_out = BTreeSet::new();
    for document in documents() {
        let blocks = blocks(&document);
        if !blocks.iter().any(|block| block.language == "sh") {
            continue;
        }
        let here = sandbox(&document);
        let mut exported = String::new();
        for block in &blocks {
            let file = match &*block.language {
                "c" if block.is_program() => "hello.c",
                "cpp" if block.is_program() => "hello.cpp",
                "cmake" => "CMakeLists.txt",
                _ => "",
            };
            if !file.is_empty() {
                fs::write(here.join(file), &block.text).expect("a file");
            }
            if block.language != "sh" {
                continue;
            }
            for paragraph in block.text.split("\n\n") {
                let mut commands = exported.clone();
                for line in paragraph.lines() {
                    if let Some((begin, _)) =
                        NOT_HERE.iter().find(|(begin, _)| line.starts_with(begin))
                    {
                        left_out.insert(*begin);
                        continue;
                    }
                    commands += &format!("{line}\n");
                    if line.starts_with("export ") {
                        exported += &format!("{line}\n");
                    }
                }
                run(&commands, &here, &block.at);
                // C++ overwrites what C has left there.
                let says = if paragraph.contains("hello.cpp") { "cpp" } else { "c" };
                let mut built = false;
                for program in ["hello", "build-hello/hello"] {
                    let program = here.join(program);
                    if program.exists() {
                        let source =
                            blocks.iter().position(|it| it.language == says && it.is_program());
                        let says = printed(&blocks, source.expect("its source"));
                        prints(Command::new(&program), says, &format!("{}\n{paragraph}", block.at));
                        fs::remove_file(&program).expect("its end");
                        built = true;
                    }
                }
                let builds = [" -o ", "--build"].iter().any(|it| paragraph.contains(it));
                assert_eq!(built, builds, "{}\n{paragraph}", block.at);
            }
        }
    }
    let all: BTreeSet<_> = NOT_HERE.iter().map(|(begin, _)| *begin).collect();
    assert_eq!(left_out, all, "what is left out (left) and what is said to be (right)");
}
