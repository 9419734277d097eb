//! The Go module as tests use it.

use super::{Link, library, need, output, root, scratch, skip};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Packs a static library as `bindings/go` links it: only what fits the pattern stays visible.
pub fn archive(from: &Path, to: &Path, pattern: &str) {
    output(Command::new(root().join("scripts/go-archive")).arg(from).arg(to).arg(pattern));
}

/// Copies a folder, but for the library that make has built.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let (name, to) = (path.file_name().expect("a name"), to.join(path.file_name().unwrap()));
        match path.is_dir() {
            true => copy(&path, &to),
            false if name == "sum.go" || path.extension().is_some_and(|it| it == "a") => {}
            false => drop(fs::copy(&path, &to).expect("a copy")),
        }
    }
}

/// Whether Go is there, and as new as the module asks for; a distribution's may not be. See [`need`].
pub fn need_go() -> bool {
    if !need("go") {
        return false;
    }
    let manifest = fs::read_to_string(root().join("bindings/go/go.mod")).expect("go.mod");
    let oldest = manifest.lines().find_map(|line| line.strip_prefix("go ")).expect("a version");
    let there = output(go(root()).args(["env", "GOVERSION"]));
    let numbers = |text: &str| -> Vec<u32> {
        text.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
    };
    let is_new = numbers(&there) >= numbers(oldest);
    if !is_new {
        skip(&format!("{} is installed, and Go {oldest} is needed", there.trim()));
    }
    is_new
}

/// The module beside a header, as in the repository, but with the library of this test. `None` where
/// something is missing that it takes.
pub fn module() -> Option<&'static Path> {
    static MODULE: OnceLock<Option<PathBuf>> = OnceLock::new();
    let made = MODULE.get_or_init(|| {
        if !need_go() || !need("cc") || !need("objcopy") {
            return None;
        }
        let folder = scratch(concat!("go-module-", env!("CARGO_CRATE_NAME")));
        let module = folder.join("bindings/go");
        copy(&root().join("bindings/go"), &module);
        fs::create_dir_all(folder.join("include")).expect("a folder");
        let header = "include/task_scheduling.h";
        fs::copy(root().join(header), folder.join(header)).expect("a copy");
        let arch = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        let name = format!("internal/archive/libtask_scheduling_linux_{arch}.a");
        archive(&library(Link::Static), &module.join(name), "ts_*");
        let fetched = go(&module).args(["mod", "download"]).output().expect("go");
        if !fetched.status.success() {
            skip(&format!("go mod download: {}", String::from_utf8_lossy(&fetched.stderr)));
            return None;
        }
        Some(module)
    });
    if made.is_none() {
        need_go();
    }
    made.as_deref()
}

/// The go command there, with nothing of the caller's settings.
pub fn go(folder: &Path) -> Command {
    let mut go = Command::new("go");
    go.current_dir(folder)
        .env("CGO_ENABLED", "1")
        .env("GOFLAGS", "-buildvcs=false")
        .env("GOTOOLCHAIN", "local")
        .env_remove("CGO_CFLAGS")
        .env_remove("CGO_LDFLAGS");
    go
}
