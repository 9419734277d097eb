//! Which pages there are for people to read.
#![allow(dead_code)] // each test uses its part

use std::fs;
use std::path::{Path, PathBuf};

/// The top of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// README.md, and the pages of docs/.
pub fn documents() -> Vec<PathBuf> {
    let mut found = vec![root().join("README.md")];
    for entry in fs::read_dir(root().join("docs")).expect("docs") {
        found.push(entry.expect("an entry").path());
    }
    found.retain(|path| path.extension().is_some_and(|it| it == "md"));
    found.sort();
    found
}

/// A file as text.
pub fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
