//! The built libraries, and what they export as binutils see it.

#![allow(dead_code)] // Each test uses its part.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The shared library that was built together with this test.
pub fn shared_library() -> PathBuf {
    beside_this_test("libtask_scheduling.so")
}

/// The static library that was built together with this test.
pub fn static_library() -> PathBuf {
    beside_this_test("libtask_scheduling.a")
}

fn beside_this_test(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().unwrap().join(name);
    assert!(path.exists(), "{} is not there", path.display());
    path
}

/// The names that the library defines for others, sorted.
pub fn exported(library: &Path) -> Vec<String> {
    let text = output(Command::new("nm").args(["-D", "--defined-only"]).arg(library));
    let mut names: Vec<_> =
        text.lines().map(|line| line.split_whitespace().last().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// The names that a static library defines for others, sorted. Not by nm, which knows no bitcode.
pub fn defined(library: &Path) -> Vec<String> {
    let mut readelf = Command::new("readelf");
    let text = output(readelf.args(["-sW"]).arg(library).stderr(std::process::Stdio::null()));
    let mut names = Vec::new();
    for line in text.lines() {
        let fields: Vec<_> = line.split_whitespace().collect();
        if let [_, _, _, _, "GLOBAL", "DEFAULT", section, name, ..] = fields[..]
            && section != "UND"
        {
            names.push(name.to_owned());
        }
    }
    names.sort();
    names.dedup();
    names
}

/// What the loader says of a shared library, with each symbol that nobody defines.
pub fn lacks(library: &Path) -> String {
    let output = Command::new("ldd").arg("-r").arg(library).output().expect("ldd");
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&text).into_owned()
}

/// What the command prints; it must succeed.
pub fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
