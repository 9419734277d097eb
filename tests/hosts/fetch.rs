//! `examples/fetch.c` against nginx on loopback.

use crate::nginx::{Nginx, free_ports, nginx};
use crate::support::{Ended, Link, build_c, start};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The files of each host, named by their sizes.
pub const SIZES: [usize; 8] = [0, 1, 100, 4096, 65_535, 65_536, 300_001, 1 << 20];

/// nginx and `fetch`, if this suite is wanted and can run.
fn tools() -> Option<(PathBuf, PathBuf)> {
    Some((nginx()?, build_c("examples/fetch.c", &["-std=c11", "-O2"], Link::Static)?))
}

/// `size` bytes that are not all alike, and are others for each host.
pub fn noise(host: usize, size: usize) -> Vec<u8> {
    let mut state = (size as u32) ^ ((host as u32 + 1) << 28);
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(size).collect()
}

/// Two hosts, each on a port of its own and with files of its own. The first one keeps no connection,
/// the second would.
struct Server {
    nginx: Nginx,
    hosts: [String; 2],
}

impl Server {
    fn start(nginx: &Path, name: &str) -> Server {
        let fill = |folder: &Path| {
            for host in 0..2 {
                let files = folder.join(format!("host-{host}"));
                fs::create_dir(&files).expect("a folder");
                for size in SIZES {
                    fs::write(files.join(size.to_string()), noise(host, size)).expect("a file");
                }
            }
        };
        let nginx = Nginx::start(nginx, name, 2, fill, "", servers);
        let hosts = [
            format!("http://127.0.0.1:{}", nginx.ports[0]),
            format!("http://localhost:{}", nginx.ports[1]),
        ];
        Server { nginx, hosts }
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
        let into = self.nginx.folder.join("fetched");
        fs::create_dir(&into).expect("a folder");
        let list = self.nginx.folder.join("list");
        fs::write(&list, urls.join("\n")).expect("a list");
        let options = ["-n", per_host, "-t", "60", "-o"].map(Path::new);
        let files = [&into, Path::new("-f"), &list];
        (start(program, options.into_iter().chain(files)).end(Duration::from_secs(100)), into)
    }
}

fn servers(ports: &[u16]) -> String {
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
    servers.concat()
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
        let file = server.nginx.folder.join(format!("host-{host}/{size}"));
        assert_body(&into, at + 1, url, &fs::read(file).expect("a file"));
    }
    // nginx itself saw each of them.
    let folder = server.nginx.folder.clone();
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
    let refusing = free_ports(1)[0];
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
