//! What the tests share that work on C programs: building them against the library that was built
//! together with the test, and running them under a guard against hanging.
#![allow(dead_code)] // each test uses its part

pub mod go;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What every C program must compile under.
pub const STRICT: [&str; 4] = ["-Wall", "-Wextra", "-Werror", "-pedantic"];

/// What a program that links the static library needs besides it.
pub const NATIVE_LIBRARIES: [&str; 3] = ["-lpthread", "-ldl", "-lm"];

/// How a C program gets at the library.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum Link {
    /// `libtask_scheduling.a` becomes part of it.
    Static,
    /// It loads `libtask_scheduling.so`.
    Shared,
}

/// The top of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Whether the tool is there. If not, the test says so, loudly, and passes over what needs it; with
/// `CI=true` it fails.
pub fn need(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let there = std::env::split_paths(&path).any(|folder| folder.join(tool).is_file());
    if !there {
        skip(&format!("{tool} is not installed (scripts/setup)"));
    }
    there
}

/// Says that a test, or a part of it, cannot run here; with `CI=true` that is a failure.
pub fn skip(reason: &str) {
    assert!(std::env::var_os("CI").is_none_or(|value| value != "true"), "with CI=true: {reason}");
    let test = std::thread::current().name().unwrap_or("test").to_owned();
    // Not eprintln!, which the harness keeps to itself.
    let _ = writeln!(std::io::stderr(), "SKIP {test}: {reason}");
}

/// The folder where cargo put the library that was built together with this test.
pub fn library_folder() -> PathBuf {
    let test = std::env::current_exe().expect("the test's own path");
    test.parent().expect("a folder").to_owned()
}

/// The library of that kind that was built together with this test.
pub fn library(link: Link) -> PathBuf {
    let path = library_folder().join(match link {
        Link::Static => "libtask_scheduling.a",
        Link::Shared => "libtask_scheduling.so",
    });
    assert!(path.exists(), "cargo has not built {}", path.display());
    path
}

/// A folder for this test alone, empty, under cargo's own for such things.
pub fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            panic!("{}: {error}", folder.display())
        }
        _ => {}
    }
    fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    folder
}

/// Compiles a C program (a path from the top of the repository) with these flags and [`STRICT`], and
/// links it to the library. `None` when there is no compiler; see [`need`].
pub fn build_c(source: &str, flags: &[&str], link: Link) -> Option<PathBuf> {
    build("cc", &[source], flags, link)
}

/// Builds an example by the command that its first comment says, with the library of this test and
/// with [`STRICT`]. `None` when one of the packages is missing which it asks pkg-config for; `group`
/// is that of scripts/setup which installs them. It is built once for all tests of a file.
pub fn build_as_it_says(source: &str, group: &str) -> Option<PathBuf> {
    static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if !built.contains_key(source) {
        built.insert(source.to_owned(), build_by_comment(source, group)?);
    }
    built.get(source).cloned()
}

fn build_by_comment(source: &str, group: &str) -> Option<PathBuf> {
    let text = fs::read_to_string(root().join(source)).expect(source);
    let compiler = if source.ends_with(".cpp") { "c++" } else { "cc" };
    let begin = format!(" *     {compiler} ");
    let (_, command) = text.split_once(&begin).expect("a command in the first comment");
    let mut words = Vec::new();
    for line in command.lines() {
        let line = line.trim_start_matches(" *").trim();
        words.extend(line.trim_end_matches('\\').split_whitespace());
        if !line.ends_with('\\') {
            break;
        }
    }
    if !need(compiler) {
        return None;
    }
    if let Some((_, packages)) = words.join(" ").split_once("$(pkg-config --cflags --libs ") {
        let packages = packages.split_once(')').expect("its end").0;
        let mut there = Command::new("pkg-config");
        if !need("pkg-config") {
            return None;
        }
        there.arg("--exists").args(packages.split(' '));
        if !there.status().is_ok_and(|status| status.success()) {
            skip(&format!("{packages} is not all installed (scripts/setup {group})"));
            return None;
        }
    }
    let at = words.iter().position(|&word| word == "-o").expect("-o") + 1;
    let program = program_folder().join(format!("{}-by-{compiler}", words[at]));
    let fresh = unique(&program);
    let (fresh_text, library) = (fresh.display().to_string(), library(Link::Static));
    words[at] = &fresh_text;
    let command = format!("{compiler} {} {}", STRICT.join(" "), words.join(" "))
        .replace("target/release/libtask_scheduling.a", &library.display().to_string());
    output(Command::new("sh").current_dir(root()).args(["-c", &command]));
    fs::rename(&fresh, &program).unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    Some(program)
}

/// The compilers that the C++ wrapper is tested with.
pub const CPP_COMPILERS: [&str; 2] = ["g++", "clang++-19"];

/// [`build_c`] of a program in C++.
pub fn build_cpp(compiler: &str, source: &str, flags: &[&str], link: Link) -> Option<PathBuf> {
    build(compiler, &[source], &[&["-Ibindings/cpp"], flags].concat(), link)
}

/// Compiles a program of several files; one may be an object that is there already.
pub fn build(compiler: &str, sources: &[&str], flags: &[&str], link: Link) -> Option<PathBuf> {
    if !need(compiler) {
        return None;
    }
    let folder = program_folder();
    let library = library(link);
    let mut hasher = DefaultHasher::new();
    (compiler, sources, flags, link).hash(&mut hasher);
    let stem = Path::new(sources[0]).file_stem().expect("a file's name").to_string_lossy();
    let program = folder.join(format!("{stem}-{link:?}-{:016x}", hasher.finish()));
    let fresh = unique(&program);

    let mut command = Command::new(compiler);
    command
        .current_dir(root())
        .args(STRICT)
        .args(flags)
        .arg("-Iinclude")
        .args(sources)
        .arg("-o")
        .arg(&fresh)
        .arg(&library);
    match link {
        // TS_LINK is for scripts/coverage, whose library needs an option of the linker's more.
        Link::Static => command.args(std::env::var("TS_LINK")).args(NATIVE_LIBRARIES),
        Link::Shared => command
            .arg("-lpthread")
            .arg(format!("-Wl,-rpath,{}", loader_folder(&library).display())),
    };
    output(&mut command);
    // At once whole: another thread may be running the same program.
    fs::rename(&fresh, &program).unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    Some(program)
}

/// Where programs are built; each profile and target has its own.
fn program_folder() -> PathBuf {
    let mut hasher = DefaultHasher::new();
    library_folder().hash(&mut hasher);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("c-{:016x}", hasher.finish()));
    fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    folder
}

/// The path with something behind it that no other thread or process uses.
fn unique(path: &Path) -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    path.with_extension(format!("{}-{count}", std::process::id()))
}

/// A folder where the loader finds the shared library under its soname.
fn loader_folder(library: &Path) -> PathBuf {
    let text = output(Command::new("readelf").arg("-d").arg(library));
    let soname = text
        .lines()
        .find(|line| line.contains("(SONAME)"))
        .and_then(|line| line.split(['[', ']']).nth(1));
    let folder = program_folder();
    let link = folder.join(soname.unwrap_or("libtask_scheduling.so"));
    let fresh = unique(&link);
    std::os::unix::fs::symlink(library, &fresh).expect("a symbolic link");
    fs::rename(&fresh, &link).expect("the link's name");
    folder
}

/// What the command prints on its standard output; it must succeed.
pub fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{error}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The Python package whose behaviour is carried on here.
const PACKAGE: &str = "task_scheduling==1.1.10";

/// A Python that has the package `task_scheduling` 1.1.10.
pub fn seed_python() -> Option<PathBuf> {
    if !need("python3") {
        return None;
    }
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("golden-python");
    let python = folder.join("bin/python");
    let whole = folder.join("whole");
    if whole.exists() {
        return Some(python);
    }
    let _ = fs::remove_dir_all(&folder);
    let run = |command: &mut Command| match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => Err(error.to_string()),
    };
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE];
    let made = run(Command::new("python3").args(["-m", "venv"]).arg(&folder))
        .and_then(|()| run(Command::new(&python).args(pip)));
    if let Err(error) = made {
        skip(&format!("pip cannot install {PACKAGE}: {}", error.trim()));
        return None;
    }
    fs::write(whole, "").expect("a file");
    Some(python)
}

/// A program that was started, and is killed if it does not end in time.
pub struct Running {
    child: Child,
    files: [PathBuf; 2],
    what: String,
}

/// How a program ended, and what it printed.
#[derive(Debug)]
pub struct Ended {
    /// The exit status; `None` when a signal ended it.
    pub status: Option<i32>,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: String,
}

/// Starts a program.
pub fn start<I, S>(program: impl AsRef<OsStr>, arguments: I) -> Running
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let mut command = Command::new(program);
    command.args(arguments);
    start_command(command)
}

/// Starts a command, with nothing to read.
pub fn start_command(mut command: Command) -> Running {
    command.stdin(Stdio::null());
    start_with_input(command)
}

/// Starts a command that reads what was set for it.
pub fn start_with_input(mut command: Command) -> Running {
    let files = ["stdout", "stderr"].map(|name| unique(&program_folder().join(name)));
    let [stdout, stderr] =
        files.each_ref().map(|path| File::create(path).expect("a file for output"));
    command.stdout(stdout).stderr(stderr);
    let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    Running { child, files, what: format!("{command:?}") }
}

/// Runs a program to its end, for at most a minute.
pub fn run<I, S>(program: impl AsRef<OsStr>, arguments: I) -> Ended
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    start(program, arguments).end(Duration::from_secs(60))
}

/// Runs a program of named tests, which says of each that it is ok.
pub fn run_tests(what: &str, program: impl AsRef<OsStr>, limit: Duration) {
    let no_arguments: [&str; 0] = [];
    // Each test has its own guard against hanging; this one is for all of them.
    let ended = start(program, no_arguments).end(limit);
    let stdout = String::from_utf8_lossy(&ended.stdout);
    for line in stdout.lines() {
        println!("{what}: {line}");
    }
    assert_eq!(ended.status, Some(0), "{what}\n{}", ended.stderr);
    assert_eq!(ended.stderr, "");
    assert!(stdout.lines().count() > 0 && stdout.lines().all(|line| line.ends_with(" ok")));
}

impl Running {
    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed so far on its standard output.
    pub fn printed(&self) -> Vec<u8> {
        fs::read(&self.files[0]).expect("its output")
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: i32) {
        let id = libc::pid_t::try_from(self.child.id()).expect("a process id");
        // SAFETY: the child has not been waited for, so the id is its own.
        assert_eq!(unsafe { libc::kill(id, signal) }, 0, "{}", self.what);
    }

    /// Whether it has ended already.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("the state of a child").is_some()
    }

    /// What it has printed so far on its standard error.
    pub fn complained(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.files[1]).expect("its output")).into_owned()
    }

    /// Waits until the condition holds; the program must not end before.
    pub fn until(&mut self, what: &str, mut condition: impl FnMut(&Running) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !condition(self) {
            let ended = self.child.try_wait().expect("the state of a child");
            assert!(ended.is_none(), "{} ended before {what}", self.what);
            assert!(Instant::now() < deadline, "{}: no {what}", self.what);
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits for its end; kills it, and fails, when that takes longer.
    pub fn end(mut self, limit: Duration) -> Ended {
        let deadline = Instant::now() + limit;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("the state of a child") {
                break status;
            }
            if Instant::now() >= deadline {
                let said = fs::read(&self.files[1]).unwrap_or_default();
                let said = String::from_utf8_lossy(&said);
                panic!("{} hangs: it has not ended after {limit:?}, and said\n{said}", self.what);
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let [stdout, stderr] =
            self.files.each_ref().map(|path| fs::read(path).expect("its output"));
        let stderr = String::from_utf8_lossy(&stderr).into_owned();
        Ended { status: status.code(), stdout, stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        for file in &self.files {
            let _ = fs::remove_file(file);
        }
    }
}
