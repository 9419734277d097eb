//! `examples/hosts/nginx`: a module that answers from nginx's own loop.

use crate::fetch::{SIZES, noise};
use crate::http::{Answer, Connection};
use crate::nginx::{Nginx, nginx};
use crate::support::{Link, library, need, root, scratch, skip};
use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// nginx and the module; built once.
fn tools() -> Option<(PathBuf, &'static Path)> {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    let nginx = nginx()?;
    if !Path::new("/usr/share/nginx/src/configure").exists() {
        skip("nginx-dev is not installed (scripts/setup hosts)");
        return None;
    }
    if !need("cc") || !need("make") {
        return None;
    }
    let module = MODULE.get_or_init(|| {
        let folder = scratch("hosts-module");
        let mut build = Command::new(root().join("examples/hosts/nginx/build"));
        build.arg(&folder).env("TASK_SCHEDULING_LIBRARY", library(Link::Static));
        let built = build.env_remove("MAKEFLAGS").output().expect("the build script");
        assert!(
            built.status.success(),
            "{}{}",
            String::from_utf8_lossy(&built.stdout),
            String::from_utf8_lossy(&built.stderr)
        );
        folder.join("ngx_http_task_scheduling_module.so")
    });
    Some((nginx, module))
}

/// nginx with the module: `/sums/FILE`, in one queue per client, and `/hurried/FILE`, which may take 100
/// milliseconds. There are files of [`SIZES`], a folder, and two pipes, which hold up whoever reads them
/// for as long as the test likes.
fn start(name: &str) -> Option<Nginx> {
    let (nginx, module) = tools()?;
    let fill = |folder: &Path| {
        let files = folder.join("files");
        fs::create_dir(&files).expect("a folder");
        fs::create_dir(files.join("folder")).expect("a folder");
        for size in SIZES {
            fs::write(files.join(size.to_string()), noise(0, size)).expect("a file");
        }
        for pipe in ["pipe", "other"] {
            let path = CString::new(files.join(pipe).as_os_str().as_bytes()).expect("a path");
            // SAFETY: path ends in NUL.
            assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0, "a pipe");
        }
    };
    let servers = |ports: &[u16]| {
        format!(
            "    task_scheduling_config \"line_task_max: 4\\nmaximum_queue_line: 0\";
    server {{
        listen 127.0.0.1:{};
        add_header X-Worker $pid;
        location /sums/ {{
            alias files/;
            task_scheduling_checksum $remote_addr;
        }}
        location /each/ {{
            alias files/;
            task_scheduling_checksum $uri;
        }}
        location /hurried/ {{
            alias files/;
            task_scheduling_checksum $uri;
            task_scheduling_timeout 100ms;
        }}
    }}\n",
            ports[0]
        )
    };
    let main = format!("load_module {};\n", module.display());
    Some(Nginx::start(&nginx, name, 1, fill, &main, servers))
}

/// POSIX cksum, one bit after the other.
fn cksum(bytes: &[u8]) -> u32 {
    let length = bytes.len().to_le_bytes();
    let used = 8 - (bytes.len().leading_zeros() / 8) as usize;
    let mut crc = 0_u32;
    for byte in bytes.iter().chain(&length[..used]) {
        crc ^= u32::from(*byte) << 24;
        for _ in 0..8 {
            crc = if crc >> 31 == 1 { crc << 1 ^ 0x04C1_1DB7 } else { crc << 1 };
        }
    }
    !crc
}

fn sum_of(bytes: &[u8]) -> String {
    format!("{} {}\n", cksum(bytes), bytes.len())
}

fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "no {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The writing end of a pipe: there is one only while somebody reads.
fn pipe(nginx: &Nginx, name: &str) -> Option<fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    let path = nginx.folder.join("files").join(name);
    let opened = fs::OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(path);
    match opened {
        Ok(file) => Some(file),
        Err(error) if error.raw_os_error() == Some(libc::ENXIO) => None,
        Err(error) => panic!("{name}: {error}"),
    }
}

/// Waits until a task reads the pipe.
fn read_by_a_task(nginx: &Nginx, name: &str) -> fs::File {
    let mut file = None;
    until("reader of the pipe", || {
        file = pipe(nginx, name);
        file.is_some()
    });
    file.expect("it is there")
}

fn release(mut pipe: fs::File) {
    use std::io::Write;
    pipe.write_all(b"123456789").expect("the pipe takes it");
}

fn assert_released(answer: &Answer) {
    assert_eq!((answer.status, &answer.body), (200, &sum_of(b"123456789")));
}

/// Nothing worse than errors, which some tests cause, stands in its log.
fn assert_calm(log: &str) {
    for bad in ["[alert]", "[crit]", "[emerg]"] {
        assert!(!log.contains(bad), "{log}");
    }
}

#[test]
fn a_thousand_requests_over_kept_connections() {
    let Some(nginx) = start("hosts-module-thousand") else { return };
    let port = nginx.ports[0];
    let sums = SIZES.map(|size| sum_of(&noise(0, size)));
    let started = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..10 {
            let sums = &sums;
            scope.spawn(move || {
                let mut connection = Connection::open(port);
                for number in 0..100 {
                    let at = (thread + number) % SIZES.len();
                    let answer = connection.ask(&format!("/each/{}", SIZES[at]));
                    assert_eq!((answer.status, &answer.body), (200, &sums[at]));
                    assert_eq!(answer.header("Connection"), "keep-alive");
                }
            });
        }
    });
    println!("nginx module: 1000 requests in {:.2} s", started.elapsed().as_secs_f64());
    // What cannot be summed harms nobody, not even its own connection.
    let mut connection = Connection::open(port);
    for (path, status) in [("/sums/none", 404), ("/sums/folder", 403), ("/sums/100", 200)] {
        assert_eq!(connection.ask(path).status, status, "{path}");
    }
    nginx.signal(libc::SIGQUIT);
    drop(connection);
    let folder = nginx.folder.clone();
    nginx.end();
    let log = fs::read_to_string(folder.join("access.log")).expect("its log");
    assert_eq!(log.lines().filter(|line| line.contains("\" 200 ")).count(), 1001);
    let log = fs::read_to_string(folder.join("error.log")).expect("its log");
    assert_calm(&log);
    assert!(log.contains("task_scheduling: 1003 tasks, 0 given up"), "{log}");
}

#[test]
fn requests_of_one_name_are_worked_on_one_after_the_other() {
    let Some(nginx) = start("hosts-module-order") else { return };
    let [mut first, mut second] = [(); 2].map(|()| Connection::open(nginx.ports[0]));
    first.send("/sums/pipe");
    let held = read_by_a_task(&nginx, "pipe");
    second.send("/sums/other");
    // Another name is answered meanwhile, and by then nobody has opened the second's file.
    assert_eq!(Connection::open(nginx.ports[0]).ask("/each/100").body, sum_of(&noise(0, 100)));
    assert!(pipe(&nginx, "other").is_none());
    release(held);
    assert_released(&first.answer());
    release(read_by_a_task(&nginx, "other"));
    assert_released(&second.answer());
    assert_calm(&nginx.log("error.log"));
}

#[test]
fn a_reload_lets_requests_in_flight_end() {
    let Some(nginx) = start("hosts-module-reload") else { return };
    let port = nginx.ports[0];
    let mut connection = Connection::open(port);
    connection.send("/sums/pipe");
    let held = read_by_a_task(&nginx, "pipe");
    let before = Connection::open(port).ask("/each/1").header("X-Worker").to_owned();
    nginx.signal(libc::SIGHUP);
    let mut after = String::new();
    until("new worker", || {
        // The old one may have taken this connection, and closes it.
        let mut another = Connection::open(port);
        after = another.try_ask("/each/1").map_or(before.clone(), |answer| {
            assert_eq!(answer.body, sum_of(&noise(0, 1)));
            answer.header("X-Worker").to_owned()
        });
        after != before
    });
    release(held);
    let answer = connection.answer();
    assert_released(&answer);
    assert_eq!(answer.header("X-Worker"), before, "answered by another process");
    until("end of the old worker", || {
        nginx.log("error.log").contains(&format!("worker process {before} exited with code 0"))
    });
    // The new one has a scheduler of its own.
    let answer = Connection::open(port).ask("/sums/4096");
    assert_eq!(answer.body, sum_of(&noise(0, 4096)));
    assert_eq!(answer.header("X-Worker"), after);
    assert_calm(&nginx.log("error.log"));
}

#[test]
fn a_quit_waits_for_requests_in_flight() {
    let Some(nginx) = start("hosts-module-quit") else { return };
    let mut connection = Connection::open(nginx.ports[0]);
    connection.send("/sums/pipe");
    let held = read_by_a_task(&nginx, "pipe");
    nginx.signal(libc::SIGQUIT);
    until("shutting down", || nginx.log("error.log").contains("gracefully shutting down"));
    release(held);
    assert_released(&connection.answer());
    let folder = nginx.folder.clone();
    nginx.end();
    let log = fs::read_to_string(folder.join("error.log")).expect("its log");
    assert_calm(&log);
    assert!(log.contains("task_scheduling: 1 tasks, 0 given up"), "{log}");
}

#[test]
fn a_client_that_goes_stops_its_task() {
    let Some(nginx) = start("hosts-module-gone") else { return };
    let port = nginx.ports[0];
    let [mut first, mut second] = [(); 2].map(|()| Connection::open(port));
    first.send("/sums/pipe");
    let held = read_by_a_task(&nginx, "pipe");
    second.send("/sums/other");
    let gone = |count| {
        until("log of who went", || {
            let log = nginx.log("access.log");
            log.lines().filter(|line| line.contains("\" 499 ")).count() == count
        });
    };
    // The one that waits is cancelled, and never opens its file.
    drop(second);
    gone(1);
    // The one that reads is stopped, while its pipe has no end.
    drop(first);
    gone(2);
    until("end of the reading task", || pipe(&nginx, "pipe").is_none());
    drop(held);
    assert_eq!(Connection::open(port).ask("/sums/100").body, sum_of(&noise(0, 100)));
    assert!(pipe(&nginx, "other").is_none());
    nginx.signal(libc::SIGQUIT);
    let folder = nginx.folder.clone();
    nginx.end();
    let log = fs::read_to_string(folder.join("error.log")).expect("its log");
    assert_calm(&log);
    assert!(log.contains("task_scheduling: 3 tasks, 2 given up"), "{log}");
}

#[test]
fn a_request_that_takes_too_long_is_answered_504() {
    let Some(nginx) = start("hosts-module-late") else { return };
    let mut connection = Connection::open(nginx.ports[0]);
    assert_eq!(connection.ask("/hurried/pipe").status, 504);
    until("end of the reading task", || pipe(&nginx, "pipe").is_none());
    assert_eq!(connection.ask("/each/1").body, sum_of(&noise(0, 1)));
    assert_calm(&nginx.log("error.log"));
}

/// Were it the worker processes that refuse it, none would be left.
#[test]
fn a_reload_with_a_wrong_configuration_changes_nothing() {
    let Some(nginx) = start("hosts-module-wrong") else { return };
    let before = Connection::open(nginx.ports[0]).ask("/each/1").header("X-Worker").to_owned();
    let path = nginx.folder.join("nginx.conf");
    let text = fs::read_to_string(&path).expect("its configuration");
    fs::write(&path, text.replace("line_task_max", "line_task_maximum")).expect("a file");
    nginx.signal(libc::SIGHUP);
    until("refusal", || nginx.log("error.log").contains("there is no key"));
    let answer = Connection::open(nginx.ports[0]).ask("/each/1");
    assert_eq!((answer.status, answer.header("X-Worker")), (200, &*before));
}

#[test]
fn a_name_may_be_any_bytes() {
    let Some(nginx) = start("hosts-module-bytes") else { return };
    assert_eq!(Connection::open(nginx.ports[0]).ask("/each/%FF").status, 404);
}

#[test]
fn a_fast_end_stops_what_runs() {
    let Some(nginx) = start("hosts-module-term") else { return };
    let mut connection = Connection::open(nginx.ports[0]);
    connection.send("/sums/pipe");
    // Held open: a pipe whose writer went has an end.
    let held = read_by_a_task(&nginx, "pipe");
    nginx.signal(libc::SIGTERM);
    let folder = nginx.folder.clone();
    nginx.end();
    drop(held);
    let log = fs::read_to_string(folder.join("error.log")).expect("its log");
    assert_calm(&log);
    assert!(log.contains("task_scheduling: 1 tasks, 0 given up"), "{log}");
}
