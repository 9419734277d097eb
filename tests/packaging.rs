//! What distributions are told in Cargo.toml, for cargo-c, is what `make install` does.

mod support;

use std::fs;
use support::root;

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A section of Cargo.toml.
fn section<'a>(manifest: &'a str, name: &str) -> &'a str {
    let (_, rest) =
        manifest.split_once(&format!("\n[{name}]\n")).unwrap_or_else(|| panic!("no {name}"));
    rest.split("\n[").next().expect("a section")
}

#[test]
fn cargo_c_gives_the_library_the_same_names() {
    let manifest = read("Cargo.toml");
    let library = section(&manifest, "package.metadata.capi.library");
    assert!(library.contains("name = \"task_scheduling\""), "{library}");
    // libtask_scheduling.so.0 until 1.0, as build.rs says.
    assert!(library.contains("version_suffix_components = 1"), "{library}");
    let abi = env!("CARGO_PKG_VERSION_MAJOR");
    assert!(read("build.rs").contains(&format!("let abi = {abi};")));
    let config = section(&manifest, "package.metadata.capi.pkg_config");
    assert!(config.contains("filename = \"task_scheduling\""), "{config}");
    assert!(section(&manifest, "features").contains("capi = []"));
}

#[test]
fn cargo_c_installs_the_same_headers() {
    let manifest = read("Cargo.toml");
    assert!(section(&manifest, "package.metadata.capi.header").contains("generation = false"));
    let assets = section(&manifest, "package.metadata.capi.install.include");
    let mut theirs = Vec::new();
    for line in assets.lines().filter(|line| line.contains("from = ")) {
        let mut texts = line.split('"').skip(1).step_by(2);
        let (from, to) = (texts.next().expect(line), texts.next().expect(line));
        let (folder, file) = from.rsplit_once('/').expect(from);
        for entry in fs::read_dir(root().join(folder)).expect(folder) {
            let name = entry.expect("an entry").file_name().into_string().expect("text");
            if name == file || (file == "*.hpp" && name.ends_with(".hpp")) {
                theirs.push(format!("/usr/local/include/{to}/{name}").replace("//", "/"));
            }
        }
    }
    let mut list = std::process::Command::new(root().join("scripts/install"));
    for name in ["PREFIX", "DESTDIR", "LIBDIR", "INCLUDEDIR"] {
        list.env_remove(name);
    }
    let list = support::output(list.arg("list"));
    let mut ours: Vec<_> = list.lines().filter(|path| path.contains("/include/")).collect();
    theirs.sort();
    ours.sort();
    assert_eq!(ours, theirs);
}
