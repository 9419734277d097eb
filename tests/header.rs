//! The header and the list of exported symbols are what the sources say, and what the library has.
//!
//! `TS_UPDATE=1 cargo test --test header` rewrites the header.

mod symbols;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const HEADER: &str = "include/task_scheduling.h";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The sections, each a file of `src/ffi/`, in the order in which a reader needs them.
const SECTIONS: &[&str] = &[
    "errors",
    "schedulers",
    "tasks",
    "inside",
    "async_tasks",
    "information",
    "shutdown",
    "lanes",
    "completions",
    "pumps",
    "claims",
    "configuration",
    "threads",
    "log",
    "version",
];

/// The name that a line of Rust source gives to an item of the header.
fn declared(line: &str) -> Option<&str> {
    let line = line.strip_prefix("pub ")?;
    let rest = ["const ", "enum ", "struct ", "type ", "unsafe extern \"C\" fn "]
        .iter()
        .find_map(|word| line.strip_prefix(word))?;
    let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
    (name.starts_with("ts_") || name.starts_with("TS_")).then_some(name)
}

/// The items of one source as cbindgen prints them, by name.
fn printed(source: &str, names: &[&str]) -> BTreeMap<String, String> {
    let mut config =
        cbindgen::Config::from_file(root().join("cbindgen.toml")).expect("cbindgen.toml");
    config.export.include = names.iter().map(|name| name.to_string()).collect();
    let mut text = Vec::new();
    cbindgen::Builder::new()
        .with_config(config)
        .with_src(root().join(source))
        .generate()
        .expect(source)
        .write(&mut text);
    let text = String::from_utf8(text).unwrap();
    let mut items = BTreeMap::new();
    for item in text.split("\n\n").map(str::trim).filter(|item| !item.is_empty()) {
        let code: String =
            item.lines().filter(|line| !line.trim_start().starts_with("///")).collect();
        let words = code.split(|c: char| !c.is_alphanumeric() && c != '_');
        // A type's name stands at the end or in a typedef's middle, a function's in the middle; in
        // each, it is the one word that this source declares, unless it uses its neighbours too.
        let name = match code.split_once('(') {
            _ if code.starts_with("#define") => words.clone().find(|word| names.contains(word)),
            Some((_, rest)) if code.starts_with("typedef") => rest
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .find(|word| names.contains(word)),
            Some((before, _)) if !code.starts_with("typedef") => {
                before.split([' ', '*']).next_back()
            }
            _ => words.clone().rfind(|word| names.contains(word)),
        };
        let name = name.unwrap_or_else(|| panic!("{source}: whose is this?\n{item}"));
        assert!(items.insert(name.to_owned(), item.to_owned()).is_none(), "{source}: {name} twice");
    }
    items
}

/// The lines of fenced blocks (which rustdoc needs, to leave them alone) indented instead.
fn unfenced(text: &str) -> String {
    let mut fenced = false;
    let mut unfenced = String::new();
    for line in text.lines() {
        if line.trim_start_matches(['/', '*', ' ']).starts_with("```") {
            fenced = !fenced;
        } else if let (true, Some((mark, rest))) =
            (fenced, line.split_once("/ ").or(line.split_once("* ")))
        {
            unfenced += &format!("{mark}{}     {rest}\n", &line[mark.len()..=mark.len()]);
        } else {
            unfenced += &format!("{line}\n");
        }
    }
    unfenced
}

/// The item with a function type that is too long folded; cbindgen folds only functions.
fn folded(item: &str) -> String {
    let Some((doc, code)) = item.rsplit_once('\n').filter(|(_, code)| code.len() > 80) else {
        return item.to_owned();
    };
    let (before, after) = code.split_at(code[..80].rfind(", ").expect(code) + 1);
    let indent = code.rfind('(').expect(code) + 1;
    format!("{doc}\n{before}\n{:indent$}{}", "", after.trim_start())
}

/// One section: its heading, then its items in the order of the source.
fn section(source: &str) -> String {
    let rust = read(source);
    let names: Vec<_> = rust.lines().filter_map(declared).collect();
    let items = printed(source, &names);
    let mut heading = rust.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim_end);
    let title = heading.next().expect(source).trim();
    let mut text = format!("\n/*\n * {:-<76}\n", format!("{title} "));
    for line in heading {
        text += format!(" *{line}").trim_end();
        text += "\n";
    }
    text += " */\n";
    let mut raw = false;
    for line in rust.lines() {
        if let Some(line) = line.strip_prefix("//#") {
            text += if raw { "" } else { "\n" };
            text += line;
            text += "\n";
        } else if let Some(name) = declared(line) {
            let item = items.get(name).unwrap_or_else(|| panic!("{source}: {name} is not printed"));
            let apart = !(item.contains("#define")
                && text.lines().next_back().unwrap().starts_with("#define"));
            text += if apart { "\n" } else { "" };
            text += &folded(item);
            text += "\n";
        }
        raw = line.starts_with("//#");
    }
    for (mark, value) in [
        ("@major@", env!("CARGO_PKG_VERSION_MAJOR")),
        ("@minor@", env!("CARGO_PKG_VERSION_MINOR")),
        ("@patch@", env!("CARGO_PKG_VERSION_PATCH")),
        ("@version@", env!("CARGO_PKG_VERSION")),
    ] {
        text = text.replace(mark, value);
    }
    unfenced(&text)
}

fn generated() -> String {
    let mut text = read("src/ffi/prologue.h");
    for name in SECTIONS {
        text += &section(&format!("src/ffi/{name}.rs"));
    }
    text + "\n" + &read("src/ffi/epilogue.h")
}

/// The header as it is checked in; rewritten first if that was asked for.
fn header() -> &'static str {
    static HEADER_TEXT: OnceLock<String> = OnceLock::new();
    HEADER_TEXT.get_or_init(|| {
        if std::env::var_os("TS_UPDATE").is_some_and(|value| value == "1") {
            fs::write(root().join(HEADER), generated()).unwrap();
        }
        read(HEADER)
    })
}

/// The functions of the header, each with the lines of its description.
fn functions() -> Vec<(String, Vec<String>)> {
    let header = header();
    let body = &header[header.find("extern \"C\" {").unwrap()..];
    let mut functions = Vec::new();
    for item in body.split("\n\n") {
        let (doc, code): (Vec<_>, Vec<_>) = item.lines().partition(|line| line.starts_with("///"));
        let code = code.join(" ");
        if code.starts_with("typedef")
            || code.starts_with('#')
            || code.starts_with("/*")
            || !code.ends_with(");")
        {
            continue;
        }
        let name = code.split('(').next().unwrap().split([' ', '*']).next_back().unwrap();
        let doc = doc.iter().map(|line| line.trim_start_matches('/').trim().to_owned()).collect();
        functions.push((name.to_owned(), doc));
    }
    functions
}

#[test]
fn the_header_is_what_the_sources_say() {
    let generated = generated();
    let checked_in = header();
    for (at, (is, should)) in checked_in.lines().zip(generated.lines()).enumerate() {
        assert_eq!(
            is,
            should,
            "{HEADER}:{}: TS_UPDATE=1 cargo test --test header rewrites it",
            at + 1
        );
    }
    assert_eq!(checked_in.len(), generated.len(), "{HEADER} ends too early or too late");
}

#[test]
fn every_public_module_of_the_face_is_a_section() {
    let source = read("src/ffi/mod.rs");
    let mut modules: Vec<_> = source
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .collect();
    let mut sections = SECTIONS.to_vec();
    modules.sort();
    sections.sort();
    assert_eq!(modules, sections);
}

#[test]
fn lines_have_at_most_80_columns() {
    for (at, line) in header().lines().enumerate() {
        assert!(line.chars().count() <= 80, "{HEADER}:{}: {line}", at + 1);
        assert_eq!(line, line.trim_end(), "{HEADER}:{}: blanks at the end", at + 1);
    }
}

/// `<who>. <whether it blocks>. From a task: <whether>.`
#[test]
fn every_function_says_where_it_may_be_called() {
    for (name, doc) in functions() {
        let line = doc.last().unwrap_or_else(|| panic!("{name} has no description"));
        let parts: Vec<_> = line.split(". ").collect();
        let good = matches!(parts[..], [who, blocks, task]
            if (who.starts_with("Any thread") || who.starts_with("The task's thread"))
                && (blocks.starts_with("Never blocks") || blocks.starts_with("Blocks"))
                && ["From a task: yes", "From a task: no", "From a task: only"].iter().any(|word| task.starts_with(word))
                && task.ends_with('.'));
        assert!(good, "{name}: the last line of its description is not the fixed one: {line}");
    }
}

#[test]
fn the_list_of_symbols_is_the_header_and_the_library() {
    let list = read("include/symbols.txt");
    let mut listed = Vec::new();
    for line in list.lines().filter(|line| !line.starts_with('#')) {
        let (name, version) = line.split_once(' ').unwrap_or_else(|| panic!("symbols.txt: {line}"));
        let numbers: Vec<u32> =
            version.split('.').map(|number| number.parse().expect(line)).collect();
        assert_eq!(numbers.len(), 3, "symbols.txt: {line}");
        listed.push(name.to_owned());
    }
    let mut sorted = listed.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(listed, sorted, "symbols.txt is sorted, and has nothing twice");

    let mut in_header: Vec<_> = functions().into_iter().map(|(name, _)| name).collect();
    in_header.sort();
    assert_eq!(listed, in_header, "symbols.txt (left) and the header (right)");

    if !cfg!(target_os = "linux") {
        return;
    }
    assert_eq!(
        listed,
        symbols::exported(&symbols::shared_library()),
        "symbols.txt (left) and the library (right)"
    );
}

/// Beside ours, a static library brings the names of what Rust it is made of; a program's own names
/// begin with none of these.
#[test]
fn the_static_library_defines_the_same_names() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let defined = symbols::defined(&symbols::static_library());
    let ours: Vec<_> = defined.iter().filter(|name| name.starts_with("ts_")).cloned().collect();
    let mut in_header: Vec<_> = functions().into_iter().map(|(name, _)| name).collect();
    in_header.sort();
    assert_eq!(ours, in_header, "the static library (left) and the header (right)");
    for name in defined {
        let of_rust = ["ts_", "_R", "_ZN", "rust_", "__rust", "__rdl_", "__rg_", "__"];
        assert!(of_rust.iter().any(|begin| name.starts_with(begin)), "{name} is for everybody");
    }
}

/// What `-z defs` sees to when it is linked: its own libraries give all that it needs.
#[test]
fn the_shared_library_lacks_nothing() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let folder = scratch("lacks");
    let (source, lacking) = (folder.join("lacking.c"), folder.join("lacking.so"));
    fs::write(&source, "void nobody_has_it(void);\nvoid calls(void) { nobody_has_it(); }\n")
        .unwrap();
    let mut build = Command::new("gcc");
    symbols::output(build.args(["-shared", "-fPIC", "-o"]).arg(&lacking).arg(&source));
    assert!(symbols::lacks(&lacking).contains("nobody_has_it"));
    assert!(!symbols::lacks(&symbols::shared_library()).contains("undefined symbol"));
}

/// Both libraries may be linked into one program: with the names that tree-sitter 0.20.7 exports, and
/// those that later ones may.
#[test]
fn no_name_is_tree_sitters() {
    let list = read("tests/symbols/tree_sitter.txt");
    let theirs: Vec<_> = list.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(theirs.len() > 100 && theirs.iter().all(|name| name.starts_with("ts_")));
    for name in symbols::defined(&symbols::static_library()) {
        assert!(!theirs.contains(&&*name), "{name} is tree-sitter's too");
    }
    const THEIRS: &[&str] = &[
        "ts_parser_",
        "ts_tree_",
        "ts_node_",
        "ts_query_",
        "ts_language_",
        "ts_lexer_",
        "ts_stack_",
        "ts_subtree_",
        "ts_external_scanner_",
        "ts_range_array_",
        "ts_lookahead_iterator_",
        "ts_wasm_",
        "ts_current_malloc",
        "ts_current_calloc",
        "ts_current_realloc",
        "ts_current_free",
        "ts_set_allocator",
    ];
    for (name, _) in functions() {
        assert!(!THEIRS.iter().any(|theirs| name.starts_with(theirs)), "{name}");
    }
}

#[test]
fn the_shared_library_has_its_soname_and_stays_loaded() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let dynamic =
        symbols::output(Command::new("readelf").arg("-dW").arg(symbols::shared_library()));
    assert!(dynamic.contains("Library soname: [libtask_scheduling.so.0]"), "{dynamic}");
    assert!(dynamic.contains("NODELETE"), "{dynamic}");
}

/// A directory of this test's own, empty.
fn scratch(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("header").join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

const STANDARDS: &[(&str, &str)] = &[
    ("gcc", "c99"),
    ("gcc", "c11"),
    ("gcc", "c17"),
    ("g++", "c++11"),
    ("g++", "c++17"),
    ("g++", "c++20"),
];

/// Compiles the text with every warning an error; `flags` come last.
fn compile(compiler: &str, standard: &str, source: &Path, flags: &[&str]) {
    symbols::output(
        Command::new(compiler)
            .args([
                &format!("-std={standard}"),
                "-Wall",
                "-Wextra",
                "-Werror",
                "-pedantic",
                "-Wconversion",
            ])
            .arg("-I")
            .arg(root().join("include"))
            .args(["-x", if compiler == "g++" { "c++" } else { "c" }])
            .arg(source)
            .args(flags),
    );
}

#[test]
fn the_header_compiles_alone() {
    header();
    let source = scratch("alone").join("alone.c");
    fs::write(&source, "#include <task_scheduling.h>\n#include <task_scheduling.h>\n").unwrap();
    for (compiler, standard) in STANDARDS {
        compile(compiler, standard, &source, &["-fsyntax-only"]);
    }
}

#[test]
fn its_macros_and_layouts_hold_in_c_and_cpp() {
    header();
    let source = root().join("tests/c/layout.c");
    for (compiler, standard) in STANDARDS {
        compile(compiler, standard, &source, &["-fsyntax-only"]);
    }
}

#[test]
fn its_first_program_compiles() {
    let header = header();
    let program: String = header
        .lines()
        .skip_while(|line| !line.ends_with("A complete program:"))
        .skip(1)
        .take_while(|line| !line.contains("cc hello.c"))
        .map(|line| {
            line.trim_start_matches(" *").strip_prefix("     ").unwrap_or("").to_owned() + "\n"
        })
        .collect();
    assert!(program.contains("int main(void)"), "{program}");
    let directory = scratch("program");
    let source = directory.join("hello.c");
    fs::write(&source, program).unwrap();
    for (compiler, standard) in STANDARDS.iter().filter(|(compiler, _)| *compiler == "gcc") {
        compile(compiler, standard, &source, &["-fsyntax-only"]);
    }
}

#[test]
fn the_macros_give_the_version_of_the_library() {
    // SAFETY: no requirements.
    let version = unsafe { std::ffi::CStr::from_ptr(task_scheduling::ffi::version::ts_version()) };
    assert_eq!(version.to_str().unwrap(), env!("CARGO_PKG_VERSION"));
    assert!(header().contains(&format!("#define TS_VERSION \"{}\"", env!("CARGO_PKG_VERSION"))));
    let numbers = ["MAJOR", "MINOR", "PATCH"].map(|part| {
        let mark = format!("#define TS_VERSION_{part} ");
        let header = header();
        header[header.find(&mark).unwrap() + mark.len()..].lines().next().unwrap().to_owned()
    });
    assert_eq!(numbers.join("."), env!("CARGO_PKG_VERSION"));
}
