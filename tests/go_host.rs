//! The library inside a Go program, through cgo against the C header: `tests/go/<name>`.

mod support;

use std::process::Command;
use std::time::Duration;
use support::{Link, NATIVE_LIBRARIES, library, need, output, root, scratch, start};

/// Builds and runs a Go program, which prints `ok`.
fn host(name: &str) {
    if !need("go") || !need("cc") {
        return;
    }
    let (folder, root) = (scratch(&format!("go-{name}")), root());
    let program = folder.join(name);
    let include = |folder: &str| format!("-I{}", root.join(folder).display());
    let libraries = format!("{} {}", library(Link::Static).display(), NATIVE_LIBRARIES.join(" "));
    let mut go = Command::new("go");
    go.current_dir(root.join("tests/go").join(name))
        .args(["build", "-o"])
        .arg(&program)
        .env("CGO_ENABLED", "1")
        .env("CGO_CFLAGS", format!("-O1 -g {} {}", include("include"), include("tests/c")))
        .env("CGO_LDFLAGS", libraries)
        .env("GOFLAGS", "-mod=mod")
        .env("GOTOOLCHAIN", "local");
    output(&mut go);
    let no_arguments: [&str; 0] = [];
    // Each batch has its own guard against hanging; this one is for all of them.
    let ended = start(program, no_arguments).end(Duration::from_secs(300));
    assert_eq!((ended.status, &*ended.stderr), (Some(0), ""));
    assert_eq!(String::from_utf8_lossy(&ended.stdout), "ok\n");
}

#[test]
fn blocking_calls_are_broken_inside_a_busy_go_program() {
    host("breaking");
}
