//! A plug-in that is loaded, used and closed 200 times: linked against the shared library, with the
//! static library in it, and the shared library itself.

mod support;

use support::{Link, build, library, run};

fn unloads(plugin: Option<Link>) {
    // The host has nothing of the library but its header.
    let flags = ["-std=c11", "-g", "-Wl,--as-needed"];
    let Some(host) = build("cc", &["tests/c/unloading.c"], &flags, Link::Shared) else { return };
    let (file, kind) = match plugin {
        None => (library(Link::Shared), "library"),
        Some(link) => {
            let flags = ["-std=c99", "-g", "-shared", "-fPIC"];
            let built = build("cc", &["tests/c/plugin.c"], &flags, link).expect("a compiler");
            (built, if link == Link::Static { "plugin" } else { "linked" })
        }
    };
    let ended = run(host, [file.as_os_str(), kind.as_ref()]);
    print!("{plugin:?}: {}", String::from_utf8_lossy(&ended.stdout));
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""));
}

#[test]
fn the_library_itself_may_be_closed_again_and_again() {
    unloads(None);
}

#[test]
fn a_plug_in_that_is_linked_against_it_may_be() {
    unloads(Some(Link::Shared));
}

#[test]
fn a_plug_in_that_has_it_inside_may_be() {
    unloads(Some(Link::Static));
}
