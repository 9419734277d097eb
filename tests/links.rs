//! What the pages name is there: links, names of C, C++ and Go, errors, symbols.

mod documents;

use documents::{documents, read, root};
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

/// Everything for people to read, with the folder that its links are from.
fn pages() -> Vec<PathBuf> {
    let mut found = documents();
    for name in ["CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "bindings/go/README.md"] {
        found.push(root().join(name));
    }
    found
}

#[test]
fn every_link_leads_somewhere() {
    let mut count = 0;
    for page in pages() {
        // Of every other part, which are those between blocks.
        let text: String = read(&page).split("```").step_by(2).collect();
        for target in text.split("](").skip(1).map(|rest| rest.split(')').next().expect("an end")) {
            let (path, _) = target.split_once('#').unwrap_or((target, ""));
            if path.contains("://") || path.is_empty() {
                continue;
            }
            count += 1;
            let to = page.parent().expect("a folder").join(path);
            assert!(to.exists(), "{}: ({target})", page.display());
        }
    }
    assert!(count > 30);
}

#[test]
fn every_page_is_found_from_the_readme() {
    let readme = read(&root().join("README.md"));
    for document in documents().iter().filter(|path| path.parent() != Some(root())) {
        let link = format!("](docs/{})", document.file_name().unwrap().to_str().unwrap());
        assert!(readme.contains(&link), "README.md has no {link}");
    }
}

/// A name that the header does not have (any more).
#[test]
fn every_name_of_c_is_in_the_header() {
    let header = read(&root().join("include/task_scheduling.h"));
    let word = |c: char| !c.is_ascii_alphanumeric() && c != '_';
    let names: BTreeSet<_> = header.split(word).collect();
    // Of builds and tests, not of the interface.
    let others = ["ts_system", "ts_add_", "TS_HOSTS", "TS_UPDATE"];
    for page in pages() {
        for (at, line) in read(&page).lines().enumerate() {
            for name in line.split(word).filter(|it| it.starts_with("ts_") || it.starts_with("TS_"))
            {
                let known = names.contains(name) || others.contains(&name) || name == "ts_";
                assert!(known, "{}:{}: {name}", page.display(), at + 1);
            }
        }
    }
}

#[test]
fn every_error_has_its_line() {
    let header = read(&root().join("include/task_scheduling.h"));
    let (_, rest) = header.split_once("typedef enum {").expect("ts_error");
    let (errors, _) = rest.split_once("} ts_error;").expect("ts_error");
    let page = read(&root().join("docs/errors.md"));
    let (_, table) = page.split_once("\n| error |").expect("the table");
    let mut count = 0;
    for name in errors.lines().filter_map(|line| line.trim().split_once(" = ")) {
        count += 1;
        assert!(table.contains(&format!("`{}`", name.0)), "docs/errors.md has no {}", name.0);
    }
    assert!(count > 20);
}

/// The names of C++ and Go in the table beside the Python package's are functions there.
#[test]
fn every_function_of_the_table_is_there() {
    let sources = |folder: &str, extension: &str| {
        let mut text = String::new();
        for entry in fs::read_dir(root().join(folder)).expect(folder) {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|it| it == extension) {
                text += &read(&path);
            }
        }
        text
    };
    let cpp = sources("bindings/cpp/task_scheduling", "hpp");
    let go = sources("bindings/go", "go");
    let readme = read(&root().join("README.md"));
    let (_, rest) = readme.split_once("\n| Python |").expect("the table");
    let table = rest.split("\n\n").next().expect("the table");
    let mut count = 0;
    for line in table.lines().skip(2) {
        let cells: Vec<_> = line.split('|').collect();
        for (cell, text, generic) in [(cells[3], &cpp, "<"), (cells[4], &go, "[")] {
            for name in cell.split('`').skip(1).step_by(2) {
                count += 1;
                let name = name.rsplit([':', '.', ' ']).next().expect("a name");
                let found =
                    [format!(" {name}("), format!(") {name}("), format!(" {name}{generic}")];
                assert!(found.iter().any(|it| text.contains(it.as_str())), "{line}: {name}");
            }
        }
    }
    assert!(count > 25);
}

#[test]
fn every_symbol_has_its_line_in_the_changelog() {
    let changes = read(&root().join("CHANGELOG.md"));
    let symbols = read(&root().join("include/symbols.txt"));
    for line in symbols.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(' ').next().expect(line);
        assert!(changes.contains(&format!("`{name}`")), "CHANGELOG.md has no {name}");
    }
}
