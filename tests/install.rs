//! What `make install` puts somewhere is found there by pkg-config and by CMake, links, runs, and goes
//! again. It is the library of this test that is installed.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use support::{NATIVE_LIBRARIES, STRICT, library_folder, need, output, root, scratch};

/// `scripts/install`, of the library of this test.
fn script(what: &str, variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(root().join("scripts/install"));
    command.arg(what).env("LIBRARIES", library_folder());
    for name in ["PREFIX", "DESTDIR", "LIBDIR", "INCLUDEDIR"] {
        command.env_remove(name);
    }
    output(command.envs(variables.iter().copied()))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

/// A prefix of that name where the library is installed.
fn prefix(name: &str) -> PathBuf {
    let prefix = scratch(name).join("prefix");
    script("install", &[("PREFIX", text(&prefix))]);
    prefix
}

/// Where the tests that only look have it installed.
fn installed() -> &'static Path {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    INSTALLED.get_or_init(|| prefix("install"))
}

fn tools(names: &[&str]) -> bool {
    names.iter().all(|name| need(name))
}

/// All files and links below a folder.
fn files(folder: &Path, found: &mut BTreeSet<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        match entry.file_type().expect("its type").is_dir() {
            true => files(&entry.path(), found),
            false => drop(found.insert(entry.path())),
        }
    }
}

/// What the program is linked with at run time.
fn needed(program: &Path) -> String {
    output(Command::new("readelf").arg("-d").arg(program))
}

/// It was linked in that way, and does its work.
fn works(program: &Path, shared: bool, prefix: &Path) {
    let soname = "libtask_scheduling.so.0";
    assert_eq!(needed(program).contains(soname), shared, "{}", program.display());
    let mut command = Command::new(program);
    command.env("LD_LIBRARY_PATH", prefix.join("lib"));
    let ended = support::start_command(command).end(std::time::Duration::from_secs(60));
    assert_eq!((ended.status, &*ended.stderr), (Some(0), ""), "{}", program.display());
    assert_eq!(String::from_utf8_lossy(&ended.stdout), "42\n");
}

#[test]
fn uninstall_takes_away_all_that_install_brought_and_nothing_else() {
    if !tools(&["ld", "objcopy", "strip", "readelf"]) {
        return;
    }
    let prefix = prefix("install-and-back");
    let variables = [("PREFIX", text(&prefix))];
    let mut there = BTreeSet::new();
    files(&prefix, &mut there);
    let listed: BTreeSet<_> = script("list", &variables).lines().map(PathBuf::from).collect();
    assert_eq!(there, listed);
    for header in ["task_scheduling.h", "task_scheduling.hpp", "task_scheduling_coroutines.hpp"] {
        assert!(there.contains(&prefix.join("include").join(header)), "{header}");
    }

    let strangers = [prefix.join("include/stranger.h"), prefix.join("lib/cmake/stranger.cmake")];
    for stranger in &strangers {
        fs::write(stranger, "").expect("a file");
    }
    script("uninstall", &variables);
    let mut left = BTreeSet::new();
    files(&prefix, &mut left);
    assert_eq!(left, strangers.into());
    for folder in
        ["include/task_scheduling", "lib/cmake/task_scheduling", "share/doc/task_scheduling"]
    {
        assert!(!prefix.join(folder).exists(), "{folder}");
    }
    script("uninstall", &variables); // a second time is no error
}

#[test]
fn the_shared_library_is_found_under_its_three_names() {
    if !tools(&["ld", "objcopy", "strip", "readelf"]) {
        return;
    }
    let lib = installed().join("lib");
    let file = format!("libtask_scheduling.so.{}", env!("CARGO_PKG_VERSION"));
    assert!(fs::symlink_metadata(lib.join(&file)).expect(&file).is_file());
    for (link, to) in
        [("libtask_scheduling.so.0", &*file), ("libtask_scheduling.so", "libtask_scheduling.so.0")]
    {
        assert_eq!(fs::read_link(lib.join(link)).expect(link), Path::new(to));
    }
    let dynamic = needed(&lib.join(&file));
    assert!(dynamic.contains("Library soname: [libtask_scheduling.so.0]"), "{dynamic}");
}

#[test]
fn the_static_library_is_stripped_and_shows_only_its_own_names() {
    if !tools(&["ld", "objcopy", "strip", "readelf", "nm"]) {
        return;
    }
    let library = installed().join("lib/libtask_scheduling.a");
    let sections = output(Command::new("readelf").arg("-SW").arg(&library));
    assert!(!sections.contains(".debug_"), "{sections}");
    let names = output(Command::new("nm").args(["-g", "--defined-only"]).arg(&library));
    let names: Vec<_> = names.lines().filter_map(|line| line.split(' ').nth(2)).collect();
    let listed = fs::read_to_string(root().join("include/symbols.txt")).expect("symbols.txt");
    let listed: Vec<_> = listed
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(' ').next())
        .collect();
    let sorted: BTreeSet<_> = names.into_iter().collect();
    assert_eq!(sorted, listed.into_iter().collect());
}

/// Builds it as somebody would, with what `pkg-config` says.
fn with_pkg_config(prefix: &Path, compiler: &[&str], source: &str, ask: &[&str], program: &Path) {
    let said = output(
        Command::new("pkg-config")
            .args(ask)
            .env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig"))
            .env_remove("PKG_CONFIG_SYSROOT_DIR"),
    );
    let mut build = Command::new(compiler[0]);
    build.args(&compiler[1..]).args(STRICT).current_dir(root().join("tests/install"));
    build.arg(source).arg("-o").arg(program).args(said.split_whitespace());
    output(&mut build);
}

const PROGRAMS: [(&[&str], &str); 3] = [
    (&["cc", "-std=c11"], "program.c"),
    (&["c++", "-std=c++17"], "program.cpp"),
    (&["c++", "-std=c++20"], "coroutine.cpp"),
];

#[test]
fn pkg_config_says_what_a_program_needs() {
    if !tools(&["pkg-config", "cc", "c++", "ld", "objcopy", "strip", "readelf"]) {
        return;
    }
    let folder = scratch("install-pkg-config");
    for (compiler, source) in PROGRAMS {
        for (name, shared) in [("task_scheduling", true), ("task_scheduling-static", false)] {
            let program = folder.join(format!("{source}-{name}"));
            with_pkg_config(installed(), compiler, source, &["--cflags", "--libs", name], &program);
            works(&program, shared, installed());
        }
    }
    let version = output(
        Command::new("pkg-config")
            .args(["--modversion", "task_scheduling"])
            .env("PKG_CONFIG_PATH", installed().join("lib/pkgconfig")),
    );
    assert_eq!(version.trim(), env!("CARGO_PKG_VERSION"));
}

/// `-static`, with no shared library at all.
#[test]
fn pkg_config_says_what_a_static_program_needs() {
    if !tools(&["pkg-config", "cc", "ld", "objcopy", "strip", "readelf"]) {
        return;
    }
    let program = scratch("install-static").join("program");
    let ask = ["--static", "--cflags", "--libs", "task_scheduling"];
    with_pkg_config(installed(), &["cc", "-static"], "program.c", &ask, &program);
    assert!(needed(&program).contains("no dynamic section"));
    works(&program, false, installed());
}

#[test]
fn what_was_moved_is_found_where_it_is() {
    if !tools(&["pkg-config", "cc", "cmake", "ld", "objcopy", "strip", "readelf"]) {
        return;
    }
    let first = prefix("install-moved");
    let second = first.with_file_name("elsewhere");
    fs::rename(&first, &second).expect("another name");
    let program = first.with_file_name("program");
    let ask = ["--cflags", "--libs", "task_scheduling-static"];
    with_pkg_config(&second, &["cc", "-std=c11"], "program.c", &ask, &program);
    works(&program, false, &second);
    let built = cmake(&second, "install-moved-cmake", &["-DWANTED_VERSION=0.1...<0.2"], "c_shared");
    works(&built.expect("a project that builds").join("c_shared"), true, &second);
}

/// A header that is newer than what was built.
#[test]
fn what_was_built_before_the_header_is_not_installed_with_it() {
    if !tools(&["ld", "objcopy", "strip", "readelf"]) {
        return;
    }
    let folder = scratch("install-old");
    let parts = ["scripts", "include", "bindings", "packaging", "Cargo.toml", "build.rs"];
    let all = parts.iter().chain(&["LICENSE-MIT", "LICENSE-APACHE", "CHANGELOG.md"]);
    output(Command::new("cp").arg("-r").args(all.map(|part| root().join(part))).arg(&folder));
    let symbols = folder.join("include/symbols.txt");
    let listed = fs::read_to_string(&symbols).expect("symbols.txt");
    fs::write(&symbols, listed + "ts_of_tomorrow 0.2.0\n").expect("a file");
    let mut install = Command::new(folder.join("scripts/install"));
    install.arg("install").env("LIBRARIES", library_folder()).env("PREFIX", folder.join("prefix"));
    let said = install.output().expect("the script");
    let words = String::from_utf8_lossy(&said.stderr);
    assert!(!said.status.success() && words.contains("has no ts_of_tomorrow"), "{words}");
    assert!(!folder.join("prefix").exists());
}

/// readelf speaks French then, where its translations are installed.
#[test]
fn who_installs_may_speak_another_language() {
    if !tools(&["cmake", "make", "cc", "c++", "ld", "objcopy", "strip", "readelf"]) {
        return;
    }
    let prefix = scratch("install-elsewhere").join("prefix");
    let variables = [("PREFIX", text(&prefix)), ("LC_ALL", "C.UTF-8"), ("LANGUAGE", "fr")];
    script("install", &variables);
    let built = cmake(&prefix, "install-elsewhere-cmake", &[], "c_shared");
    works(&built.expect("a project that builds").join("c_shared"), true, &prefix);
}

/// As a distribution does: put together in a folder of its own, with other names for folders.
#[test]
fn a_staged_install_knows_nothing_of_its_stage() {
    if !tools(&["pkg-config", "cc", "ld", "objcopy", "strip", "readelf"]) {
        return;
    }
    let stage = scratch("install-staged");
    let variables = [
        ("DESTDIR", text(&stage)),
        ("PREFIX", "/usr"),
        ("LIBDIR", "lib/some-linux-gnu"),
        ("INCLUDEDIR", "/usr/include/scheduling"),
    ];
    script("install", &variables);
    let mut there = BTreeSet::new();
    files(&stage, &mut there);
    for file in there.iter().filter(|file| !fs::symlink_metadata(file).unwrap().is_symlink()) {
        let bytes = fs::read(file).expect("a file");
        let stage = text(&stage).as_bytes();
        assert!(!bytes.windows(stage.len()).any(|part| part == stage), "{}", file.display());
    }
    let lib = stage.join("usr/lib/some-linux-gnu");
    assert!(stage.join("usr/include/scheduling/task_scheduling/task.hpp").exists());
    let flags = output(
        Command::new("pkg-config")
            .args(["--cflags", "--libs", "task_scheduling-static"])
            .env("PKG_CONFIG_PATH", lib.join("pkgconfig")),
    );
    let program = stage.join("program");
    let mut build = Command::new("cc");
    build.arg(root().join("tests/install/program.c")).arg("-o").arg(&program);
    output(build.args(flags.split_whitespace()));
    works(&program, false, &stage);
    let at = format!("-Dtask_scheduling_DIR={}", lib.join("cmake/task_scheduling").display());
    let built = cmake(&stage, "install-staged-cmake", &[&at], "c_static");
    works(&built.expect("a project that builds").join("c_static"), false, &stage);
}

/// Builds the project of `tests/install`. The error is what CMake says when it is not content.
fn cmake(prefix: &Path, name: &str, options: &[&str], what: &str) -> Result<PathBuf, String> {
    let built = scratch(name);
    let mut configure = Command::new("cmake");
    configure.arg("-S").arg(root().join("tests/install")).arg("-B").arg(&built);
    configure.arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display())).args(options);
    configure.env_remove("CMAKE_PREFIX_PATH");
    let configured = configure.output().expect("cmake");
    if !configured.status.success() {
        return Err(String::from_utf8_lossy(&configured.stderr).into_owned());
    }
    output(Command::new("cmake").arg("--build").arg(&built).args(["--target", what]));
    Ok(built)
}

#[test]
fn cmake_finds_both_libraries() {
    if !tools(&["cmake", "make", "cc", "c++", "ld", "objcopy", "strip", "readelf"]) {
        return;
    }
    let options = ["-DWANTED_VERSION=0.1", "-DWANTED_COMPONENTS=COMPONENTS;shared;static"];
    let built =
        cmake(installed(), "install-cmake", &options, "all").expect("a project that builds");
    for program in ["c", "cpp", "coroutine"] {
        works(&built.join(format!("{program}_shared")), true, installed());
        works(&built.join(format!("{program}_static")), false, installed());
    }
}

#[test]
fn cmake_is_refused_what_is_not_there() {
    if !tools(&["cmake", "make", "cc", "c++", "ld", "objcopy", "strip", "readelf"]) {
        return;
    }
    let refused = [
        ("-DWANTED_VERSION=0.999", "compatible with requested version"),
        ("-DWANTED_VERSION=1.0", "compatible with requested version"),
        ("-DWANTED_VERSION=0.0.1...<0.1", "compatible with requested version"),
        ("-DWANTED_VERSION=0.0.1...0.0.9", "compatible with requested version"),
        ("-DWANTED_COMPONENTS=COMPONENTS;gpu", "has shared and static, and no gpu"),
    ];
    for (option, words) in refused {
        let said = cmake(installed(), "install-cmake-refused", &[option], "all").expect_err(option);
        let said: Vec<_> = said.split_whitespace().collect();
        assert!(said.join(" ").contains(words), "{option}: {said:?}");
    }
}

/// Whatever the library is made of may need more, some day.
#[test]
fn the_native_libraries_are_those_that_rustc_names() {
    if !cfg!(target_os = "linux") {
        return;
    }
    // A static library that is this one and nothing else.
    let folder = scratch("native-libraries");
    let (source, made) = (folder.join("named.rs"), folder.join("named.a"));
    fs::write(&source, "pub use task_scheduling as _;\n").expect("a file");
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into()));
    rustc.args(["--edition=2024", "--crate-type=staticlib", "--print=native-static-libs"]);
    rustc.arg("-L").arg(format!("dependency={}", library_folder().display()));
    let library = library_folder().join("libtask_scheduling.rlib");
    rustc.arg("--extern").arg(format!("task_scheduling={}", library.display()));
    let said = rustc.arg(&source).arg("-o").arg(&made).output().expect("rustc");
    let said = String::from_utf8_lossy(&said.stderr);
    let line = said.lines().find_map(|line| line.strip_prefix("note: native-static-libs: "));
    let named: BTreeSet<_> = line.unwrap_or_else(|| panic!("{said}")).split(' ').collect();
    let file = fs::read_to_string(root().join("packaging/native-libraries")).expect("a file");
    let ours: BTreeSet<_> = file.split_whitespace().collect();
    // The compiler links these anyway.
    let anyway = BTreeSet::from(["-lgcc_s", "-lc"]);
    // Parts of libc that are nothing since glibc 2.34, and of which the library has no symbol.
    let nothing = BTreeSet::from(["-lutil", "-lrt"]);
    let rest: BTreeSet<_> = named.difference(&anyway).filter(|it| !nothing.contains(*it)).collect();
    assert_eq!(rest, ours.iter().collect::<BTreeSet<_>>(), "rustc says {named:?}");

    assert_eq!(NATIVE_LIBRARIES.join(" "), file.trim());
    let go = fs::read_to_string(root().join("bindings/go/cgo.go")).expect("cgo.go");
    assert!(go.contains(&format!("#cgo !ts_system LDFLAGS: {file}")), "bindings/go/cgo.go");
}
