//! C programs against the built library, shared and static.

mod symbols;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a program needs besides a static `libtask_scheduling.a`.
const STATIC_FLAGS: &[&str] = &["-lpthread", "-ldl", "-lm"];

/// Compiles `tests/c/<name>.c` and links it; the library stands in `directory`.
fn build(name: &str, directory: &Path, standard: &str, flags: &[&str]) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = directory.join(format!("{name}-{standard}"));
    symbols::output(
        Command::new("gcc")
            .args([&format!("-std={standard}"), "-Wall", "-Wextra", "-Werror", "-pedantic", "-I"])
            .arg(root.join("include"))
            .arg(root.join(format!("tests/c/{name}.c")))
            .arg("-o")
            .arg(&program)
            .arg(format!("-L{}", directory.display()))
            .arg("-ltask_scheduling")
            .args(flags),
    );
    program
}

/// An empty directory with the library under the name that the linker looks for.
fn directory(name: &str, library: &Path, as_name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    symlink(library, path.join(as_name)).unwrap();
    path
}

#[test]
fn bad_arguments_get_their_own_sentence() {
    let library = symbols::shared_library();
    let directory = directory("shared", &library, "libtask_scheduling.so");
    symlink(&library, directory.join("libtask_scheduling.so.0")).unwrap();
    for standard in ["c99", "c11", "c17"] {
        let program = build("bad_arguments", &directory, standard, &[]);
        symbols::output(Command::new(program).env("LD_LIBRARY_PATH", &directory));
    }
}

#[test]
fn a_thread_may_call_until_its_very_end() {
    let library = symbols::shared_library();
    let directory = directory("late", &library, "libtask_scheduling.so");
    symlink(&library, directory.join("libtask_scheduling.so.0")).unwrap();
    let program = build("late_calls", &directory, "c11", &["-lpthread"]);
    symbols::output(Command::new(program).env("LD_LIBRARY_PATH", &directory));
}

#[test]
fn the_static_library_needs_only_the_flags_that_are_documented() {
    let library = symbols::static_library();
    let directory = directory("static", &library, "libtask_scheduling.a");
    let program = build("bad_arguments", &directory, "c11", STATIC_FLAGS);
    symbols::output(&mut Command::new(program));
}
