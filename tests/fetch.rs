//! `examples/fetch.c` and `fetch.cpp` against Python's web server on loopback: every body is as the file that was
//! served, no host is asked for more at once than it may be, and endpoints that are slow, stall,
//! refuse or vanish harm nobody else.

mod support;

use std::ffi::OsStr;
use std::fs;
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use support::{
    Ended, Running, build_as_it_says, need, output, root, scratch, start, start_command,
};

fn in_c() -> Option<PathBuf> {
    need("python3").then(|| build_as_it_says("examples/fetch.c", "test"))?
}

fn in_cpp() -> Option<PathBuf> {
    need("python3").then(|| build_as_it_says("examples/fetch.cpp", "test"))?
}

/// A name for what a test makes, which it shares with no other and not with the other language.
fn own(program: &Path, name: &str) -> String {
    let program = program.file_name().expect("a name").to_string_lossy();
    format!("{name}-{}", program.rsplit('-').next().expect("a part"))
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
    every_body_is_as_the_file
    no_host_is_asked_for_more_at_once_than_it_may_be
    bad_endpoints_harm_nobody_else
    a_thousand_connections_are_open_at_once_on_one_thread
    fewer_files_than_connections_are_said_and_enough
    an_address_that_fails_at_once_is_not_the_last
    a_server_that_is_faster_holds_up_nobody_and_is_given_up
    a_host_of_any_bytes_harms_nobody_else
}

/// `size` bytes that are not all alike.
fn noise(size: usize) -> Vec<u8> {
    let mut state = size as u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(size).collect()
}

const SIZES: [usize; 8] = [0, 1, 100, 4096, 65_535, 65_536, 300_001, 2_000_003];

struct Server {
    _running: Running,
    url: String,
    folder: PathBuf,
}

/// A server of files of [`SIZES`] bytes, each named by its size.
fn serve(program: &Path, name: &str, together: usize) -> Server {
    let folder = scratch(&own(program, name)).join("served");
    fs::create_dir_all(&folder).expect("a folder");
    for size in SIZES {
        fs::write(folder.join(size.to_string()), noise(size)).expect("a file");
    }
    let mut command = Command::new("python3");
    command.arg(root().join("tests/fetch_server.py")).arg(&folder).arg(together.to_string());
    let mut running = start_command(command);
    running.until("it says its port", |running| running.printed().ends_with(b"\n"));
    let port = String::from_utf8(running.printed()).expect("a number");
    Server { _running: running, url: format!("http://127.0.0.1:{}", port.trim()), folder }
}

/// Fetches into a fresh folder beside the served one; how it ended, and the folder.
fn run(program: &Path, server: &Server, arguments: &[&str], urls: &[String]) -> (Ended, PathBuf) {
    let into = server.folder.with_file_name("fetched");
    let _ = fs::remove_dir_all(&into);
    fs::create_dir(&into).expect("a folder");
    let list = server.folder.with_file_name("list");
    fs::write(&list, urls.join("\n")).expect("a list");
    let mut all = vec!["-o".as_ref(), into.as_os_str(), "-f".as_ref(), list.as_os_str()];
    all.extend(arguments.iter().map(|argument| argument.as_ref() as &OsStr));
    (start(program, all).end(Duration::from_secs(100)), into)
}

fn every_body_is_as_the_file(program: &Path) {
    let server = serve(program, "fetch-bodies", 1);
    let ways = ["", "/slow", "/chunked", "/closed", "/busy"];
    let mut urls = Vec::new();
    for round in 0..4 {
        for way in ways {
            // Two names for one place: two queues.
            let url = match round % 2 {
                0 => server.url.clone(),
                _ => server.url.replace("127.0.0.1", "localhost"),
            };
            urls.extend(SIZES.map(|size| format!("{url}{way}/{size}")));
        }
    }
    let (ended, into) = run(program, &server, &["-n", "5"], &urls);
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    for (number, url) in urls.iter().enumerate() {
        let size: usize = url.rsplit('/').next().expect("a name").parse().expect("a size");
        let body = fs::read(into.join((number + 1).to_string())).expect("a body");
        assert!(body == noise(size), "{url}: {} bytes", body.len());
    }
}

fn no_host_is_asked_for_more_at_once_than_it_may_be(program: &Path) {
    let server = serve(program, "fetch-busy", 1);
    let mut urls: Vec<_> = (0..100).map(|_| format!("{}/busy/100", server.url)).collect();
    let (ended, _) = run(program, &server, &["-n", "4"], &urls);
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    urls = vec![format!("{}/most-busy", server.url)];
    let (ended, into) = run(program, &server, &[], &urls);
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    let most: usize = fs::read_to_string(into.join("1")).expect("it").parse().expect("a number");
    assert!((1..=4).contains(&most), "{most} at once");
}

fn bad_endpoints_harm_nobody_else(program: &Path) {
    let server = serve(program, "fetch-bad", 1);
    // Nobody listens there any more.
    let refusing = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("it");
    let base = &server.url;
    let bad = [
        (format!("{base}/stall/300001"), "timed out"),
        (format!("{base}/mute"), "timed out"),
        (format!("{base}/vanish/300001"), "the connection ended before the answer"),
        (format!("{base}/reset/2000003"), "receive: Connection reset by peer"),
        (format!("{base}/nothing-there"), "status: 404"),
        (format!("http://{refusing}/x"), "connect: Connection refused"),
        ("http://name.invalid/x".to_owned(), "name.invalid: "),
    ];
    let mut urls = Vec::new();
    for (url, _) in &bad {
        urls.push(url.clone());
        urls.extend(SIZES.map(|size| format!("{base}/{size}")));
    }
    let begin = Instant::now();
    let (ended, into) = run(program, &server, &["-n", "8", "-t", "3"], &urls);
    assert_eq!(ended.status, Some(1), "{}", ended.stderr);
    assert!(begin.elapsed() >= Duration::from_secs(3));
    for (url, words) in &bad {
        assert!(
            ended.stderr.contains(&format!("fetch: {url}: {words}")),
            "{url}: {}",
            ended.stderr
        );
    }
    let good = urls.len() - bad.len();
    let said = format!("{good} of {} fetched", urls.len());
    assert!(String::from_utf8_lossy(&ended.stdout).starts_with(&said), "{:?}", ended.stdout);
    for (number, url) in urls.iter().enumerate() {
        if bad.iter().all(|bad| bad.0 != *url) {
            let size: usize = url.rsplit('/').next().expect("a name").parse().expect("a size");
            let body = fs::read(into.join((number + 1).to_string())).expect("a body");
            assert!(body == noise(size), "{url}: {} bytes", body.len());
        }
    }
}

/// So many connections as the machine's limit of files allows, up to a thousand.
fn many() -> usize {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the limit is ours to write.
    unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) };
    1000.min((limit.rlim_max as usize).saturating_sub(200) / 2)
}

/// The server answers only when all of them are there.
fn a_thousand_connections_are_open_at_once_on_one_thread(program: &Path) {
    let count = many();
    let server = serve(program, "fetch-many", count);
    let urls: Vec<_> = (0..count).map(|_| format!("{}/together", server.url)).collect();
    let number = count.to_string();
    let arguments = ["-n", &number, "-c", &number, "-t", "90"];
    let (ended, into) = run(program, &server, &arguments, &urls);
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    let said =
        format!("{count} of {count} fetched, {} bytes, at most {count} connections", 3 * count);
    assert!(String::from_utf8_lossy(&ended.stdout).starts_with(&said), "{:?}", ended.stdout);
    assert!((1..=count).all(|number| {
        fs::read(into.join(number.to_string())).is_ok_and(|body| body == b"all")
    }));
}

fn fewer_files_than_connections_are_said_and_enough(program: &Path) {
    let server = serve(program, "fetch-few", 1);
    let urls: Vec<_> = (0..200).map(|_| format!("{}/busy/100", server.url)).collect();
    let mut limited = Command::new("bash");
    let list = server.folder.with_file_name("list");
    fs::write(&list, urls.join("\n")).expect("a list");
    limited.args(["-c", "ulimit -n 100; exec \"$0\" -n 200 -f \"$1\""]).arg(program).arg(&list);
    let ended = start_command(limited).end(Duration::from_secs(100));
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("fetch: at most 36 connections at once"), "{}", ended.stderr);
    let stdout = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(stdout.starts_with("200 of 200 fetched"), "{stdout}");

    // Not even as many as are kept back for other things.
    let into = server.folder.with_file_name("few");
    fs::create_dir(&into).expect("a folder");
    let mut limited = Command::new("bash");
    limited.args(["-c", "ulimit -n 40; exec \"$0\" -o \"$2\" -f \"$1\""]);
    limited.arg(program).arg(&list).arg(&into);
    let ended = start_command(limited).end(Duration::from_secs(100));
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("fetch: at most 1 connections at once"), "{}", ended.stderr);
}

/// Every host has an address before its own that nobody may connect to.
const TWO_ADDRESSES: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>

typedef int look_up(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **out)
{
    look_up *real = (look_up *)dlsym(RTLD_NEXT, "getaddrinfo");
    int error = real("255.255.255.255", port, hints, out);
    return error != 0 ? error : real(host, port, hints, &(*out)->ai_next);
}
"#;

/// Runs the program with that before the C library.
fn run_before(program: &Path, server: &Server, functions: &str, arguments: &[&str]) -> Ended {
    let source = server.folder.with_file_name("before.c");
    let library = server.folder.with_file_name("before.so");
    fs::write(&source, functions).expect("a file");
    output(
        Command::new("cc")
            .args(["-shared", "-fPIC"])
            .arg(&source)
            .arg("-o")
            .arg(&library)
            .arg("-ldl"),
    );
    let mut command = Command::new(program);
    command.env("LD_PRELOAD", &library).args(arguments);
    start_command(command).end(Duration::from_secs(100))
}

fn an_address_that_fails_at_once_is_not_the_last(program: &Path) {
    let server = serve(program, "fetch-addresses", 1);
    let ended = run_before(program, &server, TWO_ADDRESSES, &[&format!("{}/100", server.url)]);
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
}

/// Whoever asks finds more, as from a server that is faster than this.
const ALWAYS_MORE: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

typedef ssize_t receive(int, void *, size_t, int);

ssize_t recv(int fd, void *bytes, size_t size, int flags)
{
    receive *real = (receive *)dlsym(RTLD_NEXT, "recv");
    struct pollfd more = { .fd = fd, .events = POLLIN };
    ssize_t got;
    while ((got = real(fd, bytes, size, flags)) < 0 && errno == EAGAIN)
        poll(&more, 1, -1);
    return got;
}
"#;

fn a_server_that_is_faster_holds_up_nobody_and_is_given_up(program: &Path) {
    let server = serve(program, "fetch-endless", 1);
    let endless = format!("{}/endless", server.url);
    let other = format!("{}/100", server.url.replace("127.0.0.1", "localhost"));
    let ended = run_before(program, &server, ALWAYS_MORE, &["-t", "1", &endless, &other]);
    assert_eq!(ended.status, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("/endless: timed out"), "{}", ended.stderr);
    let stdout = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(stdout.starts_with("1 of 2 fetched"), "{stdout}");
}

fn a_host_of_any_bytes_harms_nobody_else(program: &Path) {
    let server = serve(program, "fetch-bytes", 1);
    let mut command = Command::new(program);
    command.arg(OsStr::from_bytes(b"http://\xff.invalid/x")).arg(format!("{}/100", server.url));
    let ended = start_command(command).end(Duration::from_secs(100));
    assert_eq!(ended.status, Some(1), "{}", ended.stderr);
    let stdout = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(stdout.starts_with("1 of 2 fetched"), "{stdout}");
}
