//! The Go module, `bindings/go`: it has tests of its own, which are run here under everything that Go
//! has to look for faults; and what they cannot see from inside, how it is built and found.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use support::go::{archive, go, module};
use support::{
    Link, NATIVE_LIBRARIES, STRICT, library, need, output, root, run, scratch, start_command,
};

/// Runs the module's tests.
fn tests(arguments: &[&str], environment: &[(&str, &str)]) {
    let Some(module) = module() else { return };
    let mut go = go(module);
    go.args(["test", "-count=1", "-timeout=15m"]).args(arguments);
    go.envs(environment.iter().copied());
    let ended = start_command(go).end(Duration::from_secs(1200));
    let said = String::from_utf8_lossy(&ended.stdout);
    assert_eq!(ended.status, Some(0), "{said}\n{}", ended.stderr);
    assert!(said.contains("ok  \ttask_scheduling\t"), "{said}");
}

#[test]
fn its_tests_pass_and_its_calls_hand_no_pointer_wrongly() {
    tests(&["./..."], &[("GODEBUG", "cgocheck=1")]);
}

#[test]
fn its_tests_pass_under_the_race_detector() {
    tests(&["-race", "-short", "./..."], &[]);
}

#[test]
fn its_tests_pass_where_every_write_of_a_pointer_is_looked_at() {
    tests(&["-short", "./..."], &[("GOEXPERIMENT", "cgocheck2")]);
}

#[test]
fn it_is_vetted_and_formatted() {
    let Some(module) = module() else { return };
    assert_eq!(output(Command::new("gofmt").arg("-l").arg(module)), "");
    let bench = root().join("benches/go");
    assert_eq!(output(Command::new("gofmt").arg("-l").arg(bench)), "");
    output(go(module).args(["vet", "./..."]));
}

#[test]
fn without_cgo_it_says_what_is_missing() {
    let Some(module) = module() else { return };
    let built = go(module).args(["build", "."]).env("CGO_ENABLED", "0").output().expect("go");
    let said = String::from_utf8_lossy(&built.stderr);
    assert!(!built.status.success());
    assert!(said.contains("needs_cgo__set_CGO_ENABLED_to_1_and_install_a_C_compiler"), "{said}");
    assert_eq!(said.lines().count(), 2, "{said}");
}

/// A module that uses it.
fn consumer(name: &str, module: &Path) -> PathBuf {
    let folder = scratch(name);
    fs::copy(root().join("tests/go/consumer/main.go"), folder.join("main.go")).expect("a copy");
    let text = format!(
        "module consumer\n\ngo 1.24\n\nrequire task_scheduling v0.0.0\n\nreplace task_scheduling => {}\n",
        module.display()
    );
    fs::write(folder.join("go.mod"), text).expect("a file");
    folder
}

#[test]
fn who_vendors_it_has_all_that_it_takes() {
    let Some(module) = module() else { return };
    let folder = consumer("go-vendors", module);
    output(go(&folder).args(["mod", "vendor"]));
    let said = output(go(&folder).args(["run", "-mod=vendor", "."]));
    assert_eq!(said, "42 <nil>\n");
}

#[test]
fn a_library_of_the_system_is_found_by_pkg_config() {
    let Some(module) = module() else { return };
    if !need("pkg-config") {
        return;
    }
    let folder = consumer("go-system", module);
    let prefix = folder.join("prefix");
    let mut install = Command::new(root().join("scripts/install"));
    for name in ["DESTDIR", "LIBDIR", "INCLUDEDIR"] {
        install.env_remove(name);
    }
    install.arg("install").env("PREFIX", &prefix).env("LIBRARIES", support::library_folder());
    output(&mut install);
    let program = folder.join("consumer");
    let mut build = go(&folder);
    build.args(["build", "-tags", "ts_system", "-o"]).arg(&program);
    // Go keeps what pkg-config said to it at another time; a flag that names the prefix has it ask anew.
    build.env("CGO_CFLAGS", format!("-O2 -I{}", prefix.join("share").display()));
    output(build.env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig")));
    let needed = output(Command::new("readelf").arg("-d").arg(&program));
    assert!(needed.contains("libtask_scheduling.so.0"), "{needed}");
    let said = output(Command::new(&program).env("LD_LIBRARY_PATH", prefix.join("lib")));
    assert_eq!(said, "42 <nil>\n");
}

#[test]
fn archives_of_several_libraries_catch_their_own_panics() {
    if !need("cc") || !need("objcopy") || !need("rustc") {
        return;
    }
    let folder = scratch("go-archives");
    let mut archives = Vec::new();
    for name in ["one", "two"] {
        let raw = folder.join(format!("raw_{name}.a"));
        let mut rustc = Command::new("rustc");
        rustc.args(["--edition=2024", "--crate-type=staticlib", "-Copt-level=1", "-Cpanic=unwind"]);
        rustc.args(["--cfg", name, "--check-cfg", "cfg(one,two)", "-o"]).arg(&raw);
        output(rustc.arg(root().join("tests/go/archives/panics.rs")));
        archives.push(folder.join(format!("lib{name}.a")));
        archive(&raw, archives.last().unwrap(), &format!("{name}_*"));
    }
    let (ours, other) = (folder.join("libours.a"), folder.join("libother.a"));
    archive(&library(Link::Static), &ours, "ts_*");
    let mut renames = String::new();
    for line in output(Command::new("nm").args(["-g", "--defined-only"]).arg(&ours)).lines() {
        let Some(name) = line.split(' ').nth(2) else { continue };
        assert!(name.starts_with("ts_"), "{name} is global");
        renames += &format!("{name} other_{name}\n");
    }
    assert!(renames.lines().count() > 50);
    fs::write(folder.join("renames"), renames).expect("a file");
    output(
        Command::new("objcopy")
            .arg(format!("--redefine-syms={}", folder.join("renames").display()))
            .args([&ours, &other]),
    );
    archives.extend([ours, other]);
    for shuffled in [0, 1, 2, 3] {
        archives.rotate_left(shuffled);
        let program = folder.join(format!("program{shuffled}"));
        let mut cc = Command::new("cc");
        cc.args(STRICT).arg("-I").arg(root().join("include")).arg("-o").arg(&program);
        cc.arg(root().join("tests/go/archives/main.c")).args(&archives).args(NATIVE_LIBRARIES);
        output(&mut cc);
        let no_arguments: [&str; 0] = [];
        let ended = run(program, no_arguments);
        assert_eq!((ended.status, &*ended.stderr), (Some(0), ""));
        assert_eq!(String::from_utf8_lossy(&ended.stdout), "ok\n");
    }
}

#[test]
fn the_programs_of_its_pages_do_what_they_say() {
    let Some(module) = module() else { return };
    for (page, name) in [("bindings/go/README.md", "go-readme"), ("docs/go.md", "go-page")] {
        let text = fs::read_to_string(root().join(page)).expect(page);
        let part = |fence: &str| {
            let (_, rest) = text.split_once(&format!("```{fence}\n")).expect(fence);
            rest.split_once("```").expect("its end").0.to_owned()
        };
        let folder = consumer(name, module);
        fs::write(folder.join("main.go"), part("go")).expect("a file");
        assert_eq!(output(go(&folder).args(["run", "."])), part("text"), "{page}");
        output(go(&folder).args(["vet", "."]));
        assert_eq!(output(Command::new("gofmt").arg("-l").arg(&folder)), "", "{page}");
    }
}

/// What README.md shows of it are three lines of somebody's function.
#[test]
fn the_lines_in_the_readme_compile() {
    let Some(module) = module() else { return };
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md");
    let (_, rest) = readme.split_once("```go\n").expect("a block");
    let lines = rest.split_once("```").expect("its end").0;
    let text = format!(
        "package main\n\nimport (\n\t\"context\"\n\n\tts \"task_scheduling\"\n)\n\n\
         func some(ctx context.Context, scheduler *ts.Scheduler, letter string,\n\
         \tdeliver func(context.Context, string) error, makeThumbnail func(context.Context) (int, error)) {{\n\
         {lines}\t_, _ = size, err\n}}\n\nfunc main() {{}}\n"
    );
    let folder = consumer("go-lines", module);
    fs::write(folder.join("main.go"), text).expect("a file");
    output(go(&folder).args(["build", "-o", "/dev/null", "."]));
}
