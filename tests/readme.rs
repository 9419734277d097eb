//! The program in the README compiles, and prints what the README says.

mod support;

use std::fs;
use support::{Link, build_c, root, run, scratch};

/// The first block of that language.
fn block<'a>(text: &'a str, language: &str) -> &'a str {
    let start = text.split_once(&format!("```{language}\n")).expect(language).1;
    start.split_once("```\n").expect("the end of a block").0
}

#[test]
fn the_program_prints_what_the_readme_says() {
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md");
    let source = scratch("readme").join("hello.c");
    fs::write(&source, block(&readme, "c")).expect("a file");
    for link in [Link::Static, Link::Shared] {
        let Some(program) = build_c(source.to_str().expect("text"), &["-std=c99"], link) else {
            return;
        };
        let no_arguments: [&str; 0] = [];
        let ended = run(program, no_arguments);
        assert_eq!(ended.status, Some(0), "{}", ended.stderr);
        assert_eq!(String::from_utf8_lossy(&ended.stdout), block(&readme, "text"));
        assert_eq!(ended.stderr, "");
    }
}
