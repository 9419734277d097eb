//! `examples/hosts/server.c`: HTTP on epoll, loaded by wrk and by clients that look at each promise.

use crate::http::Connection;
use crate::support::{Ended, Running, need, output, root, scratch, start, start_command};
use crate::{build_host, host};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// It, on a port of its own.
struct Server {
    running: Running,
    port: String,
}

fn server(program: &Path, options: &[&str]) -> Server {
    begun(start(program, options.iter().chain(&["0"])))
}

/// One that was started.
fn begun(mut running: Running) -> Server {
    let said = |running: &Running| String::from_utf8_lossy(&running.printed()).into_owned();
    running.until("its port", |running| said(running).ends_with('\n'));
    let port = said(&running).trim_end().rsplit(':').next().expect("a port").to_owned();
    Server { running, port }
}

impl Server {
    /// Ends it by SIGTERM; what it printed, which is shown too.
    fn end(self, status: i32) -> String {
        self.running.signal(libc::SIGTERM);
        self.has_ended(status)
    }

    fn has_ended(self, status: i32) -> String {
        let ended = self.running.end(Duration::from_secs(60));
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        assert_eq!(ended.status, Some(status), "{said}{}", ended.stderr);
        assert_eq!(ended.stderr, "");
        println!("server: {}", said.trim_end());
        said
    }

    fn clients(&self, arguments: &[&str]) -> Running {
        let mut command = Command::new("python3");
        command.arg(root().join("tests/hosts/clients.py")).arg(&self.port).args(arguments);
        start_command(command)
    }
}

fn passed(clients: Running) -> String {
    let Ended { status, stdout, stderr } = clients.end(Duration::from_secs(180));
    assert_eq!(status, Some(0), "{stderr}");
    let said = String::from_utf8_lossy(&stdout).into_owned();
    println!("server: {}", said.trim_end());
    said
}

/// Runs one scenario against a fresh server; what the server said at its end.
fn scenario(name: &str) -> Option<String> {
    let program = tools("python3")?;
    let server = server(&program, &[]);
    passed(server.clients(&[name]));
    Some(server.end(0))
}

fn tools(tool: &str) -> Option<PathBuf> {
    let program = host("server")?;
    need(tool).then_some(program)
}

#[test]
fn it_compiles() {
    build_host("server");
}

#[test]
fn wrk_meets_no_error() {
    let Some(program) = tools("wrk") else { return };
    let server = server(&program, &[]);
    // Short ones are answered on the loop; long ones take the way over a worker and back.
    // Of the last more come at once than claims may be out: they wait for each other's.
    for (path, connections) in [("short/1", "-c50"), ("sum/20000", "-c50"), ("sleep/5", "-c150")] {
        let url = format!("http://127.0.0.1:{}/{path}", server.port);
        let said = output(Command::new("wrk").args(["-t2", connections, "-d3s", &url]));
        assert!(said.contains("Requests/sec"), "{said}");
        assert!(!said.contains("Non-2xx") && !said.contains("Socket errors"), "{said}");
        println!("wrk, /{path}:\n{said}");
        if path.starts_with("short") {
            let threads = fs::read_dir(format!("/proc/{}/task", server.running.id()));
            assert_eq!(threads.expect("its threads").count(), 1, "claims need no other thread");
        }
    }
    server.end(0);
}

#[test]
fn answers_come_in_the_order_of_each_clients_requests() {
    scenario("order");
}

#[test]
fn who_does_not_read_holds_up_nobody_else() {
    scenario("slow");
}

#[test]
fn what_a_client_asked_for_goes_with_it() {
    let Some(said) = scenario("leave") else { return };
    assert!(said.contains(" 55 cancelled, of 5 clients that went"), "{said}");
}

#[test]
fn what_is_no_request_is_refused_in_its_turn() {
    scenario("wrong");
}

#[test]
fn who_asks_for_too_much_or_says_nothing_is_sent_away() {
    let Some(program) = tools("python3") else { return };
    let server = server(&program, &["-t", "0.1", "-i", "2"]);
    passed(server.clients(&["limits"]));
    server.end(0);
}

/// Ends a server that runs these requests; what it and their clients said.
fn end_with(name: &str, grace: &str, paths: &[&str], status: i32) -> Option<(String, String)> {
    let program = tools("python3")?;
    let server = server(&program, &["-g", grace]);
    let sign = scratch(name).join("all-run");
    let mut arguments = vec!["stay", sign.to_str().expect("text")];
    arguments.extend(paths);
    let mut clients = server.clients(&arguments);
    clients.until("requests that run", |_| sign.exists());
    let said = server.end(status);
    Some((said, passed(clients)))
}

#[test]
fn the_end_waits_for_requests_that_were_taken() {
    let Some((said, clients)) = end_with("server-end", "60", &["/sleep/3000", "/sleep/3001"], 0)
    else {
        return;
    };
    assert!(!said.contains("still"), "{said}");
    assert_eq!(clients, "/sleep/3000 200 close\n/sleep/3001 200 close\n");
}

/// What a process has had of the processors' time, in ticks, of which there are a hundred in a second.
fn ticks(id: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let fields: Vec<_> = stat.rsplit_once(") ")?.1.split(' ').collect();
    Some(fields[11].parse::<u64>().ok()? + fields[12].parse::<u64>().ok()?)
}

#[test]
fn those_for_whom_there_is_no_descriptor_wait_at_the_door() {
    let Some(program) = host("server") else { return };
    let mut limited = Command::new("bash");
    limited.args(["-c", "ulimit -n 24; exec \"$0\" 0"]).arg(program);
    let server = begun(start_command(limited));
    let mut clients: Vec<_> =
        (0..30).map(|_| Connection::open(server.port.parse().expect("it"))).collect();
    assert_eq!(clients[0].ask("/short/1").status, 200);
    let before = ticks(server.running.id()).expect("its time");
    std::thread::sleep(Duration::from_secs(1));
    let after = ticks(server.running.id()).expect("its time");
    assert!(after - before < 50, "{} ticks", after - before);
    clients.drain(..20);
    for client in &mut clients {
        assert_eq!(client.ask("/short/1").status, 200);
    }
    drop(clients);
    server.end(0);
}

#[test]
fn while_it_waits_for_its_end_it_does_nothing() {
    let Some(program) = tools("python3") else { return };
    let mut server = server(&program, &["-g", "60"]);
    let sign = scratch("server-quiet").join("all-run");
    let mut clients = server.clients(&["stay", sign.to_str().expect("text"), "/sleep/2000"]);
    clients.until("requests that run", |_| sign.exists());
    let id = server.running.id();
    let before = ticks(id).expect("its time");
    server.running.signal(libc::SIGTERM);
    let mut after = before;
    while !server.running.has_ended() {
        after = ticks(id).unwrap_or(0).max(after);
        std::thread::sleep(Duration::from_millis(2));
    }
    server.has_ended(0);
    assert!(after - before < 50, "{} ticks", after - before);
    passed(clients);
}

#[test]
fn the_end_comes_when_promised_and_says_what_still_ran() {
    let Some((said, clients)) = end_with("server-stop", "0.2", &["/sleep/600000"], 1) else {
        return;
    };
    assert!(said.contains("still running: client 2 /sleep/600000, for "), "{said}");
    assert!(said.contains(" 1 cancelled, of 1 clients that went"), "{said}");
    assert_eq!(clients, "/sleep/600000 gone\n");
}

#[test]
fn the_end_comes_even_if_a_task_heeds_no_stop() {
    let Some((said, _)) = end_with("server-deaf", "0.2", &["/deaf/600000"], 3) else { return };
    assert!(said.contains("that did not heed the stop"), "{said}");
}
