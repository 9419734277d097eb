//! `examples/requests.c`: a queue per server.

use crate::example;
use crate::support::{Ended, need, scratch, start_with_input};
use crate::web::Web;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

fn tools() -> Option<PathBuf> {
    let program = example("requests")?;
    need("python3").then_some(program)
}

fn run(program: &Path, name: &str, options: &[&str], list: &[String]) -> (Ended, Vec<String>) {
    let file = scratch(name).join("list");
    fs::write(&file, list.join("\n")).expect("a list");
    let mut command = Command::new(program);
    command.args(options).stdin(File::open(&file).expect("a list"));
    let ended = start_with_input(command).end(Duration::from_secs(100));
    let said = String::from_utf8_lossy(&ended.stdout).lines().map(str::to_owned).collect();
    (ended, said)
}

#[test]
fn requests_to_a_server_reach_it_one_by_one_and_in_order() {
    let Some(program) = tools() else { return };
    let web = Web::start(&["store", "store"]);
    let mut list = Vec::new();
    for number in 0..50 {
        for url in &web.urls {
            list.push(format!("POST {url}/all {number}"));
        }
    }
    list.extend(web.urls.iter().map(|url| format!("GET {url}/all")));
    let (ended, said) = run(&program, "requests-order", &[], &list);
    assert_eq!(ended.status, Some(0), "{said:?}{}", ended.stderr);
    assert_eq!(said.len(), list.len());
    for server in 0..2 {
        let seen = web.requests_of(server);
        assert!(seen.iter().all(|request| request.busy == 1), "{seen:?}");
        let texts: Vec<_> = seen.iter().map(|request| request.text.as_str()).collect();
        let mut expected: Vec<_> = (0..50).map(|number| format!("POST /all {number}")).collect();
        expected.push("GET /all".to_owned());
        assert_eq!(texts, expected);
        let number = 101 + server;
        let line = format!("{number} GET {}/all: 200, 139 bytes: 0,1,2,3,", web.urls[server]);
        assert!(said.iter().any(|said| said.starts_with(&line)), "{line}: {said:?}");
    }
}

/// The server answers only when all four are there.
#[test]
fn more_connections_to_a_server_carry_as_many_requests_at_once() {
    let Some(program) = tools() else { return };
    let web = Web::start(&["after=0,4", "store"]);
    let mut list: Vec<_> = (0..4).map(|_| format!("GET {}/", web.urls[0])).collect();
    // They come in turns, and each server is dealt with for itself.
    for at in 0..4 {
        list.insert(2 * at, format!("PUT {}/{at} x", web.urls[1]));
    }
    let (ended, said) = run(&program, "requests-width", &["-n", "4", "-t", "60"], &list);
    assert_eq!(ended.status, Some(0), "{said:?}{}", ended.stderr);
    assert_eq!(web.requests_of(0).iter().map(|request| request.busy).max(), Some(4));
}

/// The slow one answers only when the other has been asked for everything.
#[test]
fn a_slow_server_holds_up_nobody_else() {
    let Some(program) = tools() else { return };
    let web = Web::start(&["store", "after=0,20"]);
    let mut list = vec![format!("GET {}/slow", web.urls[1])];
    list.extend((0..20).map(|number| format!("PUT {}/{number} x", web.urls[0])));
    list.push(format!("GET {}/slow", web.urls[1]));
    let (ended, said) = run(&program, "requests-slow", &["-t", "60"], &list);
    assert_eq!(ended.status, Some(0), "{said:?}{}", ended.stderr);
    assert_eq!(said.len(), 22);
    assert!(ended.stderr.starts_with("22 of 22 good"), "{}", ended.stderr);
}

/// The mute server sees its connection closed: the transfer has really ended.
#[test]
fn a_time_out_ends_the_transfer_and_the_queue_goes_on() {
    let Some(program) = tools() else { return };
    let mut web = Web::start(&["mute", "store"]);
    let list = vec![
        format!("GET {}/one", web.urls[0]),
        format!("PUT {}/x 1", web.urls[1]),
        format!("GET {}/two", web.urls[0]),
        format!("GET {}/none", web.urls[1]),
        "GET http://127.0.0.1:1/".to_owned(),
    ];
    let (ended, said) = run(&program, "requests-mute", &["-t", "0.3"], &list);
    assert_eq!(ended.status, Some(1), "{said:?}{}", ended.stderr);
    web.until_gone(0);
    for (number, words) in [
        (1, "stopped after 0.3 s"),
        (2, "200, 0 bytes"),
        (3, "stopped after 0.3 s"),
        (4, "404, 0 bytes"),
        (5, "Failed to connect"),
    ] {
        let begin = format!("{number} {}", list[number - 1].trim_end_matches(" 1"));
        let line = said.iter().find(|line| line.starts_with(&begin)).expect(&begin);
        assert!(line[begin.len()..].starts_with(&format!(": {words}")), "{line}");
    }
}
