//! The suite that needs what the world runs: nginx. `make test-hosts` installs it and
//! runs this; without `TS_HOSTS=1` the tests say that they are passed over.

#[path = "../support/mod.rs"]
mod support;

mod fetch;
mod nginx;

use std::io::Write;

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
