//! The examples that need no server, each built by the command that it opens with: `stream.c`,
//! `spool.c`, and `queries.c` on SQLite. `treesum.c` and `fetch.c` have files of their own; what needs
//! servers is in `tests/hosts`.

#[path = "examples/queries.rs"]
mod queries;
#[path = "examples/spool.rs"]
mod spool;
#[path = "examples/stream.rs"]
mod stream;
mod support;

use std::fs;
use std::path::PathBuf;
use support::{build_as_it_says, root};

/// `examples/NAME.c`; `None` when something is missing that it takes.
fn example(name: &str) -> Option<PathBuf> {
    build_as_it_says(&format!("examples/{name}.c"), "test")
}

#[test]
fn the_list_of_the_examples_names_each() {
    let list = fs::read_to_string(root().join("examples/README.md")).expect("README.md");
    for folder in ["", "hosts/"] {
        for entry in fs::read_dir(root().join("examples").join(folder)).expect("a folder") {
            let name = entry.expect("an entry").file_name().into_string().expect("text");
            if name.ends_with(".c") || name.ends_with(".cpp") {
                assert!(list.contains(&format!("({folder}{name})")), "{folder}{name}");
            }
        }
    }
}
