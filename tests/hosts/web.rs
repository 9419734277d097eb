//! Web servers on loopback, by `web.py`, and what they saw.

use crate::support::{Running, root, start_command};
use std::process::Command;

/// Servers of these roles.
pub struct Web {
    running: Running,
    /// Their addresses, such as `http://127.0.0.1:1234`.
    pub urls: Vec<String>,
}

/// A request that was answered.
#[derive(Clone, Debug)]
pub struct Request {
    /// Which server's.
    pub server: usize,
    /// When it came, in seconds.
    pub begin: f64,
    /// How many were under way at that server then.
    pub busy: usize,
    /// Method, path and body.
    pub text: String,
}

impl Web {
    pub fn start(roles: &[&str]) -> Web {
        let mut command = Command::new("python3");
        command.arg(root().join("tests/hosts/web.py")).args(roles);
        let mut running = start_command(command);
        running.until("its ports", |running| running.printed().contains(&b'\n'));
        let said = String::from_utf8(running.printed()).expect("text");
        let ports = said.lines().next().expect("a line").split(' ');
        let urls = ports.map(|port| format!("http://127.0.0.1:{port}")).collect();
        Web { running, urls }
    }

    /// What was answered so far, in the order in which it came.
    pub fn requests(&self) -> Vec<Request> {
        let said = String::from_utf8(self.running.printed()).expect("text");
        let mut all: Vec<_> = said
            .lines()
            .skip(1)
            .filter(|line| !line.ends_with(" gone"))
            .map(|line| {
                let mut words = line.splitn(4, ' ');
                let mut word = || words.next().expect("a word");
                Request {
                    server: word().parse().expect("a place"),
                    begin: word().parse().expect("a time"),
                    busy: word().parse().expect("a number"),
                    text: word().trim_end().to_owned(),
                }
            })
            .collect();
        all.sort_by(|one, other| one.begin.total_cmp(&other.begin));
        all
    }

    /// Those of one server.
    pub fn requests_of(&self, server: usize) -> Vec<Request> {
        self.requests().into_iter().filter(|request| request.server == server).collect()
    }

    /// Waits until a server without a word sees that its client has left.
    pub fn until_gone(&mut self, server: usize) {
        let line = format!("{server} gone");
        self.running.until("a client that goes", |running| {
            String::from_utf8_lossy(&running.printed()).lines().any(|said| said == line)
        });
    }
}
