//! A PostgreSQL server of our own: a cluster in a temporary folder, that listens on a socket there and
//! on no port.

use crate::support::{Running, output, skip, start_command};
use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// It, running; ended in good order when this goes.
pub struct Postgres {
    running: Option<Running>,
    /// Where its socket is. A path of a socket is short, so it is not with cargo's.
    pub folder: PathBuf,
}

/// The newest version's programs.
fn programs() -> Option<PathBuf> {
    let mut all: Vec<_> = fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|bin| bin.join("initdb").is_file() && bin.join("postgres").is_file())
        .collect();
    all.sort();
    all.pop()
}

/// The user whom its package made: it refuses to be root's. `None` when we are not root.
fn user() -> Option<(u32, u32)> {
    // SAFETY: it only tells who we are.
    if unsafe { libc::geteuid() } != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").expect("the users");
    let line = users.lines().find(|line| line.starts_with("postgres:")).expect("user postgres");
    let number = |at| line.split(':').nth(at).expect("a field").parse().expect("a number");
    Some((number(2), number(3)))
}

fn command(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).env("LC_ALL", "C");
    if let Some((user, group)) = user() {
        command.uid(user).gid(group);
    }
    // SAFETY: prctl may be called between fork and exec.
    unsafe {
        command.pre_exec(|| {
            // It does not outlive the test, however that ends.
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGINT);
            Ok(())
        })
    };
    command
}

impl Postgres {
    /// Makes a cluster and starts it. `None` when it is not installed.
    pub fn start(name: &str) -> Option<Postgres> {
        let Some(bin) = programs() else {
            skip("PostgreSQL is not installed (scripts/setup hosts)");
            return None;
        };
        let folder = std::env::temp_dir().join(format!("ts-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).expect("a folder");
        if let Some((user, group)) = user() {
            chown(&folder, Some(user), Some(group)).expect("a folder of its own");
        }
        let mut server = Postgres { running: None, folder };
        let data = server.folder.join("data");
        let mut make = command(&bin.join("initdb"), &server.folder);
        make.args(["--no-sync", "--auth=trust", "--username=tester", "--encoding=UTF8", "-D"]);
        output(make.arg(&data));
        let mut run = command(&bin.join("postgres"), &server.folder);
        run.arg("-D").arg(&data).arg("-k").arg(&server.folder).args(["-h", "", "-F"]);
        let mut running = start_command(run);
        running.until("a server that is ready", |running| {
            running.complained().contains("database system is ready to accept connections")
        });
        server.running = Some(running);
        Some(server)
    }

    /// How clients find it.
    pub fn target(&self) -> String {
        format!("host={} user=tester dbname=postgres", self.folder.display())
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.running.as_ref().expect("it runs").complained()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.signal(libc::SIGINT); // the fast shutdown
            if !std::thread::panicking() {
                assert_eq!(running.end(Duration::from_secs(60)).status, Some(0), "postgres");
            } else {
                std::thread::sleep(Duration::from_secs(2));
            }
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}
