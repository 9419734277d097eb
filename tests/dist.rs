//! The archive of `make dist` works where no Rust is: unpacked anywhere, with the commands of its own
//! README, and on the glibc that its name says. It has the library of this test in it.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;
use support::{library_folder, need, output, root, scratch, skip, start_command};

const TOOLS: [&str; 8] = ["cc", "ld", "objcopy", "strip", "readelf", "tar", "gzip", "python3"];

/// The archive; `None` where something is missing that it takes to make it.
fn archive() -> Option<&'static Path> {
    static ARCHIVE: OnceLock<Option<PathBuf>> = OnceLock::new();
    let made = ARCHIVE.get_or_init(|| {
        if !TOOLS.iter().all(|tool| need(tool)) {
            return None;
        }
        let folder = scratch("dist");
        Some(folder.join(made_in(&folder)))
    });
    made.as_deref()
}

/// Makes one there, and says its name.
fn made_in(folder: &Path) -> String {
    let mut dist = Command::new(root().join("scripts/dist"));
    name_of(&output(dist.arg(folder).env("LIBRARIES", library_folder())))
}

/// The name of the archive that was made, out of what the script said.
fn name_of(said: &str) -> String {
    let path = Path::new(said.lines().last().expect("a line"));
    path.file_name().expect("a name").to_str().expect("text").to_owned()
}

/// The folder that comes out of it.
fn unpacked(name: &str) -> Option<PathBuf> {
    let archive = archive()?;
    let folder = scratch(name);
    output(Command::new("tar").arg("-C").arg(&folder).arg("-xzf").arg(archive));
    let name = archive.file_name()?.to_str()?.strip_suffix(".tar.gz")?;
    Some(folder.join(name))
}

#[test]
fn the_archive_has_all_that_is_installed_and_whose_it_is() {
    let Some(folder) = unpacked("dist-contents") else { return };
    for path in [
        "README",
        "include/task_scheduling.h",
        "include/task_scheduling.hpp",
        "include/task_scheduling/task.hpp",
        "lib/libtask_scheduling.a",
        "lib/libtask_scheduling.so",
        "lib/pkgconfig/task_scheduling.pc",
        "lib/cmake/task_scheduling/task_scheduling-config.cmake",
        "share/doc/task_scheduling/LICENSE-MIT",
        "share/doc/task_scheduling/LICENSE-APACHE",
    ] {
        assert!(folder.join(path).exists(), "{path}");
    }
    // Every crate that Cargo.toml names is linked, and so is Rust's library.
    let cargo = fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml");
    let (_, rest) = cargo.split_once("\n[dependencies]\n").expect("dependencies");
    let named = rest.split("\n\n").next().expect("a section").lines();
    let there: Vec<_> = fs::read_dir(folder.join("share/doc/task_scheduling/third-party"))
        .expect("licences")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    for line in named {
        let key = line.split(' ').next().expect("a key");
        let package =
            line.split_once("package = \"").map(|(_, rest)| rest.split('"').next().unwrap());
        let begin = format!("{}-", package.unwrap_or(key));
        let its = there
            .iter()
            .find(|path| path.file_name().unwrap().to_str().unwrap().starts_with(&begin));
        let its = its.unwrap_or_else(|| panic!("no licence of {begin}"));
        assert!(fs::read_dir(its).expect("a folder").count() > 0, "{}", its.display());
    }
    assert!(there.iter().any(|path| path.ends_with("rust")));
}

#[test]
fn the_same_library_gives_the_same_archive() {
    let Some(first) = archive() else { return };
    let folder = scratch("dist-again");
    // With files for nobody else, if the archive did not say so.
    let mut dist = Command::new("sh");
    dist.args(["-c", "umask 077; exec \"$0\" \"$1\""])
        .arg(root().join("scripts/dist"))
        .arg(&folder);
    let second = folder.join(name_of(&output(dist.env("LIBRARIES", library_folder()))));
    assert!(fs::read(first).expect("the first") == fs::read(second).expect("the second"));
}

/// A PATH with a C compiler, CMake and pkg-config, and nothing of Rust's.
fn path_without_rust(folder: &Path) -> Option<PathBuf> {
    let bin = folder.join("bin");
    fs::create_dir_all(&bin).expect("a folder");
    let path = std::env::var_os("PATH").expect("a PATH");
    for tool in
        ["cc", "c++", "as", "ld", "ar", "ranlib", "make", "cmake", "pkg-config", "sh", "uname"]
    {
        let found =
            std::env::split_paths(&path).map(|from| from.join(tool)).find(|it| it.is_file());
        let Some(found) = found else {
            skip(&format!("{tool} is not installed (scripts/setup)"));
            return None;
        };
        std::os::unix::fs::symlink(found, bin.join(tool)).expect("a link");
    }
    Some(bin)
}

/// The commands of its README, as they stand there.
#[test]
fn it_works_as_its_readme_says_and_without_rust() {
    let Some(folder) = unpacked("dist-used") else { return };
    let Some(path) = path_without_rust(folder.parent().expect("a folder")) else { return };
    let readme = fs::read_to_string(folder.join("README")).expect("README");
    let blocks: Vec<_> = readme
        .split("\n\n")
        .filter(|block| block.starts_with("    "))
        .map(|block| block.lines().map(str::trim).collect::<Vec<_>>().join("\n"))
        .collect();
    assert_eq!(blocks.len(), 4, "{readme}");
    fs::copy(root().join("tests/install/program.c"), folder.join("hello.c")).expect("a copy");
    let project = "cmake_minimum_required(VERSION 3.13)\nproject(hello C)\nadd_executable(hello hello.c)\n\
        find_package(task_scheduling REQUIRED)\ntarget_link_libraries(hello task_scheduling::static)\n";
    fs::write(folder.join("CMakeLists.txt"), project).expect("a file");
    for block in blocks {
        let program = folder.join("hello");
        let _ = fs::remove_file(&program);
        // The dots are whatever else there is to say: here, where.
        let block = block.replace(
            " ...",
            " -B built -DCMAKE_RUNTIME_OUTPUT_DIRECTORY=$PWD . && cmake --build built",
        );
        let shell = |script: &str| {
            let mut sh = Command::new(path.join("sh"));
            sh.env_clear().env("PATH", &path).current_dir(&folder).arg("-ec").arg(script);
            sh
        };
        output(&mut shell(&block));
        let ended = start_command(shell("./hello")).end(Duration::from_secs(60));
        assert_eq!((ended.status, &*ended.stderr), (Some(0), ""), "{block}");
        assert_eq!(String::from_utf8_lossy(&ended.stdout), "42\n", "{block}");
    }
}

fn version(text: &str) -> Vec<u32> {
    text.split('.').map(|number| number.parse().expect("a number")).collect()
}

#[test]
fn its_name_says_which_glibc_its_shared_library_asks_for() {
    let Some(folder) = unpacked("dist-glibc") else { return };
    let name = folder.file_name().expect("a name").to_str().expect("text");
    let says = version(name.rsplit_once("-glibc").expect("its glibc").1);
    let library = folder.join("lib/libtask_scheduling.so");
    let asks = output(Command::new("readelf").arg("-VW").arg(library));
    let asks = asks.split("GLIBC_").skip(1).map(|rest| {
        version(rest.split(|c: char| !c.is_ascii_digit() && c != '.').next().expect("a version"))
    });
    assert_eq!(asks.max(), Some(says));
}
