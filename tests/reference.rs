//! Doxygen makes pages of the header without a warning, and nothing of the header is missing in them.

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;
use support::{need, root, scratch};

/// Has doxygen read that header; what it complains of.
fn pages(header: &Path, to: &Path) -> String {
    let settings = fs::read_to_string(root().join("docs/reference/Doxyfile")).expect("Doxyfile");
    let file = to.join("Doxyfile");
    let own = format!(
        "{settings}\nINPUT = {}\nSTRIP_FROM_PATH = {}\nOUTPUT_DIRECTORY = {}\n",
        header.display(),
        header.parent().expect("a folder").display(),
        to.display()
    );
    fs::write(&file, own).expect("a file");
    let said = Command::new("doxygen").arg(&file).current_dir(root()).output().expect("doxygen");
    let words = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(said.status.success(), words.is_empty(), "{words}");
    words
}

#[test]
fn pages_of_the_header_are_made_without_a_warning() {
    if !need("doxygen") || !need("awk") {
        return;
    }
    let folder = scratch("reference");
    assert_eq!(pages(&root().join("include/task_scheduling.h"), &folder), "");

    let mut text = String::new();
    for entry in fs::read_dir(folder.join("html")).expect("html") {
        let path = entry.expect("an entry").path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("group__") {
            text += &fs::read_to_string(path).expect("a page");
        }
    }
    let listed = fs::read_to_string(root().join("include/symbols.txt")).expect("symbols.txt");
    for line in listed.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(' ').next().expect(line);
        assert!(text.contains(&format!("{name}()</h2>")), "no page describes {name}");
    }
    // Each section of the header is a page of its own.
    let header = fs::read_to_string(root().join("include/task_scheduling.h")).expect("the header");
    for line in header.lines().filter(|line| line.starts_with(" * ") && line.ends_with("-----")) {
        let title = line.trim_matches([' ', '*', '-']);
        assert!(
            text.contains(&format!("<div class=\"title\">{title}</div>")),
            "no page for {title}"
        );
    }
}

#[test]
fn what_is_not_described_is_complained_of() {
    if !need("doxygen") || !need("awk") {
        return;
    }
    let folder = scratch("reference-bad");
    let header = fs::read_to_string(root().join("include/task_scheduling.h")).expect("the header");
    let header = header.replace("/// The version of the library", "// The version of the library");
    let bad = folder.join("task_scheduling.h");
    let bare = header.replace(
        "///\n/// Any thread. Never blocks. From a task: yes.\nconst char *ts_version",
        "const char *ts_version",
    );
    fs::write(&bad, bare).expect("a file");
    let said = pages(&bad, &folder);
    assert!(said.contains("ts_version") && said.contains("is not documented"), "{said}");
}
