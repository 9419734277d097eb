//! `examples/fetch.c` against nginx on loopback: the suite that needs a real server, `make
//! test-hosts`. Without `TS_HOSTS=1` its tests say that they are passed over.

mod support;

use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use support::{Ended, Link, Running, build_c, scratch, skip, start, start_command};

/// The files of each host, named by their sizes.
const SIZES: [usize; 8] = [0, 1, 100, 4096, 65_535, 65_536, 300_001, 1 << 20];

/// nginx and `fetch`, if this suite is wanted and can run.
fn tools() -> Option<(PathBuf, PathBuf)> {
    if std::env::var_os("TS_HOSTS").is_none_or(|value| value != "1") {
        let test = std::thread::current().name().unwrap_or("test").to_owned();
        // Not println!, which the harness keeps to itself.
        let _ = writeln!(std::io::stderr(), "{test}: only with TS_HOSTS=1 (make test-hosts)");
        return None;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .chain(["/usr/sbin".into()]) // not in everybody's PATH
        .map(|folder| folder.join("nginx"))
        .find(|file| file.is_file());
    let Some(nginx) = found else {
        skip("nginx is not installed (scripts/setup hosts)");
        return None;
    };
    Some((nginx, build_c("examples/fetch.c", &["-std=c11", "-O2"], Link::Static)?))
}

/// `size` bytes that are not all alike, and are others for each host.
fn noise(host: usize, size: usize) -> Vec<u8> {
    let mut state = (size as u32) ^ ((host as u32 + 1) << 28);
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(size).collect()
}

/// An nginx of our own: two hosts, each on a port of its own and with files of its own. The first
/// one keeps no connection, the second would.
struct Server {
    running: Option<Running>,
    hosts: [String; 2],
    folder: PathBuf,
}

impl Server {
    fn start(nginx: &Path, name: &str) -> Server {
        let folder = scratch(name);
        for host in 0..2 {
            let files = folder.join(format!("host-{host}"));
            fs::create_dir(&files).expect("a folder");
            for size in SIZES {
                fs::write(files.join(size.to_string()), noise(host, size)).expect("a file");
            }
        }
        // Somebody else may take a port that was free just now.
        for _ in 0..5 {
            let ports = free_ports();
            fs::write(folder.join("nginx.conf"), configuration(ports)).expect("a file");
            let mut running = start_command(command(nginx, &folder));
            if is_up(&mut running, &folder, ports) {
                let hosts = [
                    format!("http://127.0.0.1:{}", ports[0]),
                    format!("http://localhost:{}", ports[1]),
                ];
                return Server { running: Some(running), hosts, folder };
            }
            let said = running.complained();
            assert!(said.contains("Address already in use"), "nginx ended: {said}");
        }
        panic!("no port stays free");
    }

    /// The URLs of every file of both hosts, one host after the other and so many times, and their
    /// bodies' hosts and sizes.
    fn all(&self, rounds: usize) -> Vec<(String, usize, usize)> {
        let mut all = Vec::new();
        for _ in 0..rounds {
            for size in SIZES {
                for (host, url) in self.hosts.iter().enumerate() {
                    all.push((format!("{url}/{size}"), host, size));
                }
            }
        }
        all
    }

    /// Fetches into a fresh folder; how it ended, and the folder.
    fn fetch(&self, program: &Path, per_host: &str, urls: &[&str]) -> (Ended, PathBuf) {
        let into = self.folder.join("fetched");
        fs::create_dir(&into).expect("a folder");
        let list = self.folder.join("list");
        fs::write(&list, urls.join("\n")).expect("a list");
        let options = ["-n", per_host, "-t", "60", "-o"].map(Path::new);
        let files = [&into, Path::new("-f"), &list];
        (start(program, options.into_iter().chain(files)).end(Duration::from_secs(100)), into)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Not SIGKILL at once, which would leave the worker behind.
        let running = self.running.take().expect("it runs");
        running.signal(libc::SIGTERM);
        if !std::thread::panicking() {
            assert_eq!(running.end(Duration::from_secs(30)).status, Some(0), "nginx");
        } else {
            std::thread::sleep(Duration::from_secs(1));
        }
    }
}

fn free_ports() -> [u16; 2] {
    let both = [0; 2].map(|port| TcpListener::bind(("127.0.0.1", port)).expect("a port"));
    both.map(|listener| listener.local_addr().expect("it").port())
}

fn command(nginx: &Path, folder: &Path) -> Command {
    let mut command = Command::new(nginx);
    command.arg("-p").arg(folder).arg("-c").arg(folder.join("nginx.conf")).args(["-e", "stderr"]);
    // SAFETY: prctl may be called between fork and exec.
    unsafe {
        command.pre_exec(|| {
            // It does not outlive the test, however that ends.
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM);
            Ok(())
        })
    };
    command
}

fn configuration(ports: [u16; 2]) -> String {
    // SAFETY: it only tells who we are.
    let user = if unsafe { libc::geteuid() } == 0 { "user root root;\n" } else { "" };
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|what| format!("    {what}_temp_path temporary-{what};\n"))
        .concat();
    let servers = [0, 1].map(|host| {
        format!(
            "    server {{
        listen 127.0.0.1:{port};
        server_name {name};
        root host-{host};
        keepalive_timeout {keep};
    }}\n",
            port = ports[host],
            name = ["127.0.0.1", "localhost"][host],
            keep = [0, 65][host],
        )
    });
    format!(
        "{user}daemon off;
worker_processes 1;
pid nginx.pid;
error_log error.log;
events {{
    worker_connections 500;
}}
http {{
{temporary}    access_log access.log;
{servers}}}\n",
        servers = servers.concat()
    )
}

/// Waits until it accepts connections on both ports; false when it has ended instead.
fn is_up(running: &mut Running, folder: &Path, ports: [u16; 2]) -> bool {
    let deadline = Instant::now() + Duration::from_secs(60);
    // It writes its number when the ports are its own.
    while !fs::read(folder.join("nginx.pid")).is_ok_and(|text| text.ends_with(b"\n")) {
        if running.has_ended() {
            return false;
        }
        assert!(Instant::now() < deadline, "nginx does not start: {}", running.complained());
        std::thread::sleep(Duration::from_millis(2));
    }
    for port in ports {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        TcpStream::connect(address).unwrap_or_else(|error| panic!("{address}: {error}"));
    }
    true
}

fn assert_body(into: &Path, number: usize, url: &str, expected: &[u8]) {
    let body = fs::read(into.join(number.to_string())).expect("a body");
    assert!(body == expected, "{url}: {} bytes", body.len());
}

#[test]
fn every_body_from_nginx_is_as_the_file() {
    let Some((nginx, program)) = tools() else { return };
    let server = Server::start(&nginx, "hosts-bodies");
    let all = server.all(25);
    let urls: Vec<_> = all.iter().map(|(url, ..)| url.as_str()).collect();
    let (ended, into) = server.fetch(&program, "8", &urls);
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    let bytes: usize = all.iter().map(|(_, _, size)| size).sum();
    let said = format!("{0} of {0} fetched, {bytes} bytes", all.len());
    let stdout = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(stdout.starts_with(&said), "{stdout}");
    for (at, (url, host, size)) in all.iter().enumerate() {
        let file = server.folder.join(format!("host-{host}/{size}"));
        assert_body(&into, at + 1, url, &fs::read(file).expect("a file"));
    }
    // nginx itself saw each of them.
    let folder = server.folder.clone();
    drop(server);
    let log = fs::read_to_string(folder.join("access.log")).expect("its log");
    let answered = log.lines().filter(|line| line.contains("\" 200 ")).count();
    assert_eq!(answered, all.len());
    println!("nginx: {}", stdout.trim());
}

#[test]
fn a_missing_file_and_a_refused_port_harm_nobody_else() {
    let Some((nginx, program)) = tools() else { return };
    let server = Server::start(&nginx, "hosts-bad");
    // Nobody listens there any more.
    let refusing = free_ports()[0];
    let bad = [
        (format!("{}/nothing-there", server.hosts[0]), "status: 404"),
        (format!("{}/nothing-there", server.hosts[1]), "status: 404"),
        (format!("http://127.0.0.1:{refusing}/x"), "connect: Connection refused"),
    ];
    let all = server.all(5);
    let mut urls = Vec::new();
    for some in all.chunks(all.len() / 4) {
        urls.extend(bad.iter().map(|(url, _)| url.as_str()));
        urls.extend(some.iter().map(|(url, ..)| url.as_str()));
    }
    let (ended, into) = server.fetch(&program, "4", &urls);
    assert_eq!(ended.status, Some(1), "{}", ended.stderr);
    for (url, words) in &bad {
        let said = ended.stderr.matches(&format!("fetch: {url}: {words}\n")).count();
        assert_eq!(said, 4, "{url}: {}", ended.stderr);
    }
    let stdout = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(stdout.starts_with(&format!("{} of {} fetched", all.len(), urls.len())), "{stdout}");
    let mut good = all.iter();
    for (at, url) in urls.iter().enumerate() {
        if bad.iter().all(|bad| bad.0 != *url) {
            let (_, host, size) = good.next().expect("as many");
            assert_body(&into, at + 1, url, &noise(*host, *size));
        }
    }
    println!("nginx: {}", stdout.trim());
}
