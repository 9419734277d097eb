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
use support::build_as_it_says;

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

/// `examples/hosts/NAME.c`, built as it says; `None` when this suite is not wanted or something is missing.
fn host(name: &str) -> Option<PathBuf> {
    wanted().then(|| build_host(name))?
}

/// [`host`], wanted or not.
fn build_host(name: &str) -> Option<PathBuf> {
    build_as_it_says(&format!("examples/hosts/{name}.c"), "hosts")
}

/// `examples/NAME.c`, as [`host`].
fn example(name: &str) -> Option<PathBuf> {
    wanted().then(|| build_as_it_says(&format!("examples/{name}.c"), "hosts"))?
}
