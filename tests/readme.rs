//! The programs in the README compile, and print what the README says.

mod support;

use std::fs;
use std::path::PathBuf;
use support::{CPP_COMPILERS, Link, build_c, build_cpp, root, run, scratch};

/// The first block of that language, and what follows it.
fn block<'a>(text: &'a str, language: &str) -> (&'a str, &'a str) {
    let start = text.split_once(&format!("```{language}\n")).expect(language).1;
    start.split_once("```\n").expect("the end of a block")
}

/// The program that was built of the README's block, run.
fn prints(program: PathBuf, text: &str) {
    let no_arguments: [&str; 0] = [];
    let ended = run(program, no_arguments);
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert_eq!(String::from_utf8_lossy(&ended.stdout), text);
    assert_eq!(ended.stderr, "");
}

#[test]
fn the_program_prints_what_the_readme_says() {
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md");
    let (code, rest) = block(&readme, "c");
    let source = scratch("readme").join("hello.c");
    fs::write(&source, code).expect("a file");
    for link in [Link::Static, Link::Shared] {
        let source = source.to_str().expect("text");
        let Some(program) = build_c(source, &["-std=c99"], link) else { return };
        prints(program, block(rest, "text").0);
    }
}

#[test]
fn the_cpp_program_prints_what_the_readme_says() {
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md");
    let (code, rest) = block(&readme, "cpp");
    let source = scratch("readme-cpp").join("hello.cpp");
    fs::write(&source, code).expect("a file");
    for compiler in CPP_COMPILERS {
        let source = source.to_str().expect("text");
        let Some(program) = build_cpp(compiler, source, &["-std=c++20"], Link::Shared) else {
            return;
        };
        prints(program, block(rest, "text").0);
    }
}
