//! An nginx of our own, on free ports of loopback.

use crate::support::{Running, scratch, skip, start_command};
use crate::wanted;
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// nginx, if this suite is wanted and it is installed.
pub fn nginx() -> Option<PathBuf> {
    if !wanted() {
        return None;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .chain(["/usr/sbin".into()]) // not in everybody's PATH
        .map(|folder| folder.join("nginx"))
        .find(|file| file.is_file());
    if found.is_none() {
        skip("nginx is not installed (scripts/setup hosts)");
    }
    found
}

/// It, running; ended in good order when this goes.
pub struct Nginx {
    running: Option<Running>,
    /// Where its files, its configuration and its logs are.
    pub folder: PathBuf,
    /// Those that it listens on.
    pub ports: Vec<u16>,
}

impl Nginx {
    /// Makes a folder, has it filled, and starts nginx there with `main` before the usual of a
    /// configuration and `servers` of these ports in its `http` block.
    pub fn start(
        nginx: &Path,
        name: &str,
        ports: usize,
        fill: impl Fn(&Path),
        main: &str,
        servers: impl Fn(&[u16]) -> String,
    ) -> Nginx {
        let folder = scratch(name);
        fill(&folder);
        // Somebody else may take a port that was free just now.
        for _ in 0..5 {
            let ports = free_ports(ports);
            let text = configuration(main, &servers(&ports));
            fs::write(folder.join("nginx.conf"), text).expect("a file");
            let mut running = start_command(command(nginx, &folder));
            if is_up(&mut running, &folder, &ports) {
                return Nginx { running: Some(running), folder, ports };
            }
            let said = running.complained();
            assert!(said.contains("Address already in use"), "nginx ended: {said}");
        }
        panic!("no port stays free");
    }

    /// Sends its master process a signal.
    pub fn signal(&self, signal: i32) {
        self.running.as_ref().expect("it runs").signal(signal);
    }

    /// Waits for its end, after a signal that ends it.
    pub fn end(mut self) {
        let running = self.running.take().expect("it runs");
        assert_eq!(running.end(Duration::from_secs(60)).status, Some(0), "nginx");
    }

    /// What it wrote into one of its logs.
    pub fn log(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).expect("its log")
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let Some(running) = self.running.take() else { return };
        // Not SIGKILL at once, which would leave the worker behind.
        running.signal(libc::SIGTERM);
        if !std::thread::panicking() {
            assert_eq!(running.end(Duration::from_secs(30)).status, Some(0), "nginx");
        } else {
            std::thread::sleep(Duration::from_secs(1));
        }
    }
}

/// So many ports of loopback that nobody listens on.
pub fn free_ports(count: usize) -> Vec<u16> {
    let all: Vec<_> =
        (0..count).map(|_| TcpListener::bind(("127.0.0.1", 0)).expect("a port")).collect();
    all.iter().map(|listener| listener.local_addr().expect("it").port()).collect()
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

fn configuration(main: &str, servers: &str) -> String {
    // SAFETY: it only tells who we are.
    let user = if unsafe { libc::geteuid() } == 0 { "user root root;\n" } else { "" };
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|what| format!("    {what}_temp_path temporary-{what};\n"))
        .concat();
    format!(
        "{main}{user}daemon off;
worker_processes 1;
pid nginx.pid;
error_log error.log notice;
events {{
    worker_connections 500;
}}
http {{
{temporary}    access_log access.log;
{servers}}}\n"
    )
}

/// Waits until it accepts connections on both ports; false when it has ended instead.
fn is_up(running: &mut Running, folder: &Path, ports: &[u16]) -> bool {
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
        let address = SocketAddr::from(([127, 0, 0, 1], *port));
        TcpStream::connect(address).unwrap_or_else(|error| panic!("{address}: {error}"));
    }
    true
}
