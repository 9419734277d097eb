//! `examples/treesum.c` and `treesum.cpp` sum every file as `cksum` does, and one bad file spoils nothing else.

mod support;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use support::{
    Ended, Link, Running, build_as_it_says, build_c, need, output, run, scratch, skip, start,
    start_command,
};

fn in_c() -> Option<PathBuf> {
    build_as_it_says("examples/treesum.c", "test")
}

fn in_cpp() -> Option<PathBuf> {
    build_as_it_says("examples/treesum.cpp", "test")
}

/// A folder of this test's own, which it does not share with the other language.
fn own(program: &Path, name: &str) -> PathBuf {
    scratch(&format!("{name}-{}", language(program)))
}

/// What tells the program in the one language from that in the other.
fn language(program: &Path) -> String {
    let name = program.file_name().expect("a name").to_string_lossy();
    name.rsplit('-').next().expect("a part").to_owned()
}

/// Each test with the program in C, and with the one in C++.
macro_rules! in_both_languages {
    ($($test:ident)*) => { $(
        mod $test {
            #[test]
            fn c() {
                if let Some(program) = super::in_c() {
                    super::$test(&program);
                }
            }

            #[test]
            fn cpp() {
                if let Some(program) = super::in_cpp() {
                    super::$test(&program);
                }
            }
        }
    )* };
}

in_both_languages! {
    list_equals_cksum_on_a_made_tree
    list_equals_cksum_on_a_real_tree
    a_file_that_vanishes_fails_alone
    a_file_that_may_not_be_read_fails_alone
    a_file_that_takes_too_long_fails_alone
    a_signal_stops_it_cleanly
    wrong_use_is_told
}

/// What cksum prints for the regular files below the folder, sorted by path.
fn cksum(folder: &Path) -> Vec<u8> {
    let script = r#"set -o pipefail; find "$1" -type f -print0 | sort -z | xargs -0 -r cksum"#;
    let mut bash = Command::new("bash");
    let output =
        bash.env("LC_ALL", "C").args(["-c", script, "cksum"]).arg(folder).output().expect("bash");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[track_caller]
fn assert_equal_lines(ours: &[u8], theirs: &[u8]) {
    let pairs = ours.split(|&byte| byte == b'\n').zip(theirs.split(|&byte| byte == b'\n'));
    for (number, (ours, theirs)) in pairs.enumerate() {
        let [ours, theirs] = [ours, theirs].map(String::from_utf8_lossy);
        assert_eq!(ours, theirs, "line {}", number + 1);
    }
    assert_eq!(ours.len(), theirs.len(), "one has more lines");
}

fn put(path: impl AsRef<Path>, content: impl AsRef<[u8]>) {
    let path = path.as_ref();
    fs::create_dir_all(path.parent().expect("a folder")).expect("a new folder");
    fs::write(path, content).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// `size` bytes that are not all alike.
fn noise(size: usize, seed: u32) -> Vec<u8> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(size).collect()
}

/// A tree with what file systems offer, and how many regular files it has.
fn make_tree(folder: &Path) -> usize {
    let mut files = 0;
    let mut add = |path: &OsStr, size: usize| {
        files += 1;
        put(folder.join(path), noise(size, files));
    };
    for size in [0, 1, 7, 8, 9, 255, 256, 4095, 4096, 65535, 65536, 65537, 1 << 20] {
        add(format!("sizes/{size}").as_ref(), size);
        add(format!("in the root {size}").as_ref(), size);
    }
    for number in 0..600 {
        add(format!("many/{:02}/{number}", number % 17).as_ref(), number as usize);
        add(format!("top {}/{number}", number % 40).as_ref(), 100);
    }
    add("grüße/ключ 鍵".as_ref(), 1000);
    add("new\nline/a\nb".as_ref(), 1000);
    add("-dash/-rf".as_ref(), 1000);
    add("a/1".as_ref(), 10);
    add("a-b/1".as_ref(), 10); // sorts before a/1
    add(OsStr::from_bytes(b"not utf-8 \xff\xc0\x80/\xed\xa0\x80\xfe"), 1000);
    add(OsStr::from_bytes(&[b'x'; 255]), 10);
    add(OsStr::from_bytes(&[&[0xff; 255][..], b"/1"].concat()), 10);
    add(OsStr::from_bytes(format!("deep{}", "/d".repeat(400)).as_bytes()), 10);
    fs::hard_link(folder.join("sizes/4096"), folder.join("a/hard")).expect("a hard link");
    symlink("nowhere", folder.join("a/dangling")).expect("a link");
    symlink("../sizes", folder.join("a/link to a folder")).expect("a link");
    symlink("../sizes/4096", folder.join("a/link to a file")).expect("a link");
    fs::create_dir(folder.join("empty")).expect("a folder");
    output(Command::new("mkfifo").arg(folder.join("a/fifo")));
    files as usize + 1
}

fn list_equals_cksum_on_a_made_tree(program: &Path) {
    let folder = own(program, "treesum-made");
    let files = make_tree(&folder);
    let theirs = cksum(&folder);
    for jobs in ["1", "10", "64"] {
        let ended = run(
            program,
            [OsStr::new("--list"), "--jobs".as_ref(), jobs.as_ref(), folder.as_os_str()],
        );
        assert_eq!(ended.status, Some(0), "{}", ended.stderr);
        assert_equal_lines(&ended.stdout, &theirs);
        assert!(ended.stderr.contains(&format!("{files} files in ")), "{}", ended.stderr);
    }
    let slash = PathBuf::from(format!("{}/", folder.display()));
    assert_equal_lines(
        &run(program, [OsStr::new("--list"), slash.as_os_str()]).stdout,
        &cksum(&slash),
    );
    fs::remove_dir_all(folder).expect("an end");
}

fn list_equals_cksum_on_a_real_tree(program: &Path) {
    let folders = ["/usr/share/doc", "/usr/include", "/usr/share", "/usr/lib"].map(Path::new);
    let Some(folder) = folders.into_iter().find(|folder| folder.is_dir()) else {
        return skip("no tree to sum");
    };
    let theirs = cksum(folder);
    let ended =
        start(program, [OsStr::new("--list"), folder.as_os_str()]).end(Duration::from_secs(120));
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert_equal_lines(&ended.stdout, &theirs);
}

#[test]
fn the_shared_library_does_as_well() {
    let Some(treesum) = build_c("examples/treesum.c", &["-std=c11", "-O2"], Link::Shared) else {
        return;
    };
    let folder = scratch("treesum-shared");
    for number in 0..200 {
        put(folder.join(format!("{}/{number}", number % 9)), noise(1000, number));
    }
    let ended = run(&treesum, [OsStr::new("--list"), folder.as_os_str()]);
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert_equal_lines(&ended.stdout, &cksum(&folder));
}

/// 1 MiB of files beside one that takes hours to read: a tree in the middle of whose sum a test can
/// be sure to be, once treesum has opened that file.
fn make_endless(folder: &Path) -> PathBuf {
    for number in 0..64 {
        put(folder.join(format!("{}/{number}", number % 8)), noise(16384, number));
    }
    let endless = folder.join("endless/1");
    put(&endless, "");
    fs::File::options()
        .write(true)
        .open(&endless)
        .and_then(|file| file.set_len(1 << 40))
        .expect("a sparse file");
    endless
}

fn wait_until_open(treesum: &mut Running, path: &Path) {
    treesum.until("the file is open", |treesum| {
        let Ok(descriptors) = fs::read_dir(format!("/proc/{}/fd", treesum.id())) else {
            return false;
        };
        descriptors
            .flatten()
            .any(|descriptor| fs::read_link(descriptor.path()).is_ok_and(|open| open == path))
    });
}

#[track_caller]
fn assert_one_failed(ended: &Ended, summed: usize, path: &Path, words: &str) {
    let totals = String::from_utf8_lossy(&ended.stdout);
    assert_eq!(ended.status, Some(1), "{totals}{}", ended.stderr);
    assert!(totals.contains(&format!("\n{summed} files in ")), "{totals}");
    assert!(totals.contains("\n1 failed:\n"), "{totals}");
    assert!(totals.contains(&format!("  {}: {words}\n", path.display())), "{totals}");
    assert!(!totals.contains("left out"), "{totals}");
}

fn a_file_that_vanishes_fails_alone(program: &Path) {
    let folder = own(program, "treesum-vanishes");
    let endless = make_endless(&folder);
    let (vanishes, after) = (folder.join("endless/2"), folder.join("endless/3"));
    put(&vanishes, "soon gone");
    put(&after, "still there");
    let mut treesum = start(program, [&folder]);
    // It has found every file, and reads those of a folder in order.
    wait_until_open(&mut treesum, &endless);
    fs::remove_file(&vanishes).expect("gone");
    fs::write(&endless, "").expect("the end of the endless");
    let ended = treesum.end(Duration::from_secs(60));
    assert_one_failed(&ended, 66, &vanishes, "No such file or directory");
}

fn a_file_that_may_not_be_read_fails_alone(program: &Path) {
    // A folder that other users can get at.
    let folder = std::env::temp_dir().join(format!(
        "treesum-forbidden-{}-{}",
        std::process::id(),
        language(program)
    ));
    for number in 0..64 {
        put(folder.join(format!("tree/{}/{number}", number % 8)), noise(100, number));
    }
    let forbidden = folder.join("tree/3/3");
    fs::set_permissions(&forbidden, fs::Permissions::from_mode(0o0)).expect("a mode");
    let copy = folder.join("treesum");
    fs::copy(program, &copy).expect("a copy");
    let mut command = Command::new(&copy);
    if fs::File::open(&forbidden).is_ok() {
        // Nothing is forbidden to us.
        if !need("setpriv") {
            return;
        }
        command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&copy);
    }
    command.arg(folder.join("tree"));
    let ended = start_command(command).end(Duration::from_secs(60));
    fs::remove_dir_all(&folder).expect("an end");
    assert_one_failed(&ended, 63, &forbidden, "Permission denied");
}

fn a_file_that_takes_too_long_fails_alone(program: &Path) {
    let folder = own(program, "treesum-timeout");
    let endless = make_endless(&folder);
    let ended = run(program, [OsStr::new("--timeout"), "0.5".as_ref(), folder.as_os_str()]);
    assert_one_failed(&ended, 64, &endless, "took longer than the time-out");
}

fn a_signal_stops_it_cleanly(program: &Path) {
    let folder = own(program, "treesum-signal");
    let endless = make_endless(&folder);
    for number in 2..200 {
        put(folder.join(format!("endless/{number}")), "waits behind the endless");
    }
    for (signal, status) in [(libc::SIGINT, 130), (libc::SIGTERM, 143)] {
        let mut treesum = start(program, [&folder]);
        wait_until_open(&mut treesum, &endless);
        treesum.signal(signal);
        let ended = treesum.end(Duration::from_secs(10));
        let totals = String::from_utf8_lossy(&ended.stdout);
        assert_eq!(ended.status, Some(status), "{totals}{}", ended.stderr);
        assert!(totals.contains(" files in "), "{totals}");
        assert!(totals.contains("files left out\n"), "{totals}");
        assert!(!totals.contains("failed"), "{totals}");
    }
}

fn wrong_use_is_told(program: &Path) {
    let file = own(program, "treesum-wrong").join("file");
    put(&file, "no folder");
    for (arguments, words) in [
        (vec!["/no/such/folder"], "No such file or directory"),
        (vec![file.to_str().expect("text")], "Not a directory"),
        (vec!["--nonsense"], "unknown option"),
        (vec!["--jobs"], "value is missing"),
        (vec!["--jobs", "0"], "line_task_max"),
        (vec!["--jobs", "many"], "line_task_max"),
        (vec!["--timeout", "nan"], "above 0"),
        (vec!["--timeout", "0"], "above 0"),
        (vec!["--config", "/no/such/file"], "/no/such/file"),
    ] {
        let ended = run(program, &arguments);
        assert_eq!(ended.status, Some(2), "{arguments:?}: {}", ended.stderr);
        assert!(ended.stdout.is_empty(), "{arguments:?}");
        assert!(ended.stderr.contains(words), "{arguments:?}: {}", ended.stderr);
    }
}
