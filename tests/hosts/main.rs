//! The suite that needs what the world runs: libuv, SDL2, wrk, nginx, PostgreSQL, libcurl, libxml2.
//! `make test-hosts` installs it and runs this; without `TS_HOSTS=1` the tests say that they are passed
//! over.

#[path = "../support/mod.rs"]
mod support;

mod crawl;
mod fetch;
mod http;
mod loops;
mod module;
mod nginx;
mod postgres;
mod queries;
mod requests;
mod server;
mod web;

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use support::{Link, build_as_it_says, build_c_with, need, output, skip};

/// Whether this suite is wanted.
fn wanted() -> bool {
    if std::env::var_os("TS_HOSTS").is_some_and(|value| value == "1") {
        return true;
    }
    let test = std::thread::current().name().unwrap_or("test").to_owned();
    // Not println!, which the harness keeps to itself.
    let _ = writeln!(std::io::stderr(), "{test}: only with TS_HOSTS=1 (make test-hosts)");
    false
}

/// `examples/hosts/NAME.c`, built with what pkg-config says of these packages; `None` when this suite is
/// not wanted or something is missing.
fn host(name: &str, packages: &[&str]) -> Option<PathBuf> {
    wanted().then(|| build_host(name, packages))?
}

/// [`host`], wanted or not.
fn build_host(name: &str, packages: &[&str]) -> Option<PathBuf> {
    if !need("cc") {
        return None;
    }
    let mut flags = vec!["-std=c11".to_owned(), "-O2".to_owned(), "-Iexamples".to_owned()];
    let mut libraries = Vec::new();
    if !packages.is_empty() {
        if !need("pkg-config") {
            return None;
        }
        let there = Command::new("pkg-config").arg("--exists").args(packages).status();
        if !there.is_ok_and(|status| status.success()) {
            skip(&format!("{} is not installed (scripts/setup hosts)", packages.join(" or ")));
            return None;
        }
        let said = |what: &str| {
            let said = output(Command::new("pkg-config").arg(what).args(packages));
            said.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        flags.extend(said("--cflags"));
        libraries = said("--libs");
    }
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let libraries: Vec<_> = libraries.iter().map(String::as_str).collect();
    build_c_with(&format!("examples/hosts/{name}.c"), &flags, &libraries, Link::Static)
}

/// `examples/NAME.c`, as [`host`], built as it says.
fn example(name: &str) -> Option<PathBuf> {
    wanted().then(|| build_as_it_says(&format!("examples/{name}.c"), "hosts"))?
}
