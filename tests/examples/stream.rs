//! `examples/stream.c`: order per key, and a source that is held back.

use crate::example;
use crate::support::{Ended, Running, output, scratch, start};
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Lines of these many keys, in turn.
fn lines(keys: usize, count: usize) -> Vec<String> {
    (0..count).map(|at| format!("key {} {}\n", at % keys, (at * at) % 1000)).collect()
}

/// What it must print for each key, in order.
fn expected(lines: &[String], key: usize) -> Vec<String> {
    let begin = format!("key {key} ");
    let mut average = 0.0;
    let values = lines.iter().filter_map(|line| line.strip_prefix(&begin)?.trim().parse().ok());
    values
        .enumerate()
        .map(|(at, value): (usize, f64)| {
            average = if at == 0 { value } else { 0.9 * average + 0.1 * value };
            format!("{begin}{} {average:.6}", at + 1)
        })
        .collect()
}

fn assert_each_key_in_order(said: &str, lines: &[String], keys: usize) {
    assert_eq!(said.lines().count(), lines.len());
    for key in 0..keys {
        let begin = format!("key {key} ");
        let of_key: Vec<_> = said.lines().filter(|line| line.starts_with(&begin)).collect();
        assert_eq!(of_key, expected(lines, key));
    }
}

/// The program between two pipes.
struct Stream {
    running: Running,
    input: File,
    output: File,
}

fn stream(program: &Path, name: &str, options: &str) -> Stream {
    let [input, answer] = ["input", "output"].map(|pipe| scratch(name).with_extension(pipe));
    for pipe in [&input, &answer] {
        let _ = std::fs::remove_file(pipe);
        output(Command::new("mkfifo").arg(pipe));
    }
    let script = format!("exec \"$0\" {options} <\"$1\" >\"$2\"");
    let arguments = [Path::new("-c"), Path::new(&script), program, &input, &answer];
    let running = start("sh", arguments);
    let input = File::options().write(true).open(input).expect("a pipe");
    Stream { running, input, output: File::open(answer).expect("a pipe") }
}

/// Writes all of it, and counts how much was taken.
fn write(mut input: File, lines: &[String]) -> (JoinHandle<File>, Arc<AtomicUsize>) {
    let (text, taken) = (lines.concat(), Arc::new(AtomicUsize::new(0)));
    let counter = Arc::clone(&taken);
    let thread = std::thread::spawn(move || {
        for piece in text.as_bytes().chunks(1000) {
            // It may have been told to end.
            if input.write_all(piece).is_err() {
                break;
            }
            counter.fetch_add(piece.len(), Ordering::SeqCst);
        }
        input
    });
    (thread, taken)
}

fn read(mut output: File) -> String {
    let mut said = String::new();
    output.read_to_string(&mut said).expect("text");
    said
}

fn end(running: Running) -> Ended {
    running.end(Duration::from_secs(60))
}

#[test]
fn the_lines_of_each_key_are_taken_in_order() {
    let Some(program) = example("stream") else { return };
    let lines = lines(50, 20_000);
    let stream = stream(&program, "stream-order", "");
    let (writer, _) = write(stream.input, &lines);
    let reader = std::thread::spawn(|| read(stream.output));
    drop(writer.join().expect("a writer"));
    let (said, ended) = (reader.join().expect("a reader"), end(stream.running));
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert_each_key_in_order(&said, &lines, 50);
    assert!(ended.stderr.contains("20000 lines of 50 keys in "), "{}", ended.stderr);
    assert!(ended.stderr.contains("on their way: half below "), "{}", ended.stderr);
}

/// Nobody reads: then it must not read either, whatever comes.
#[test]
fn who_does_not_read_holds_the_source_back_and_nothing_is_lost() {
    let Some(program) = example("stream") else { return };
    let lines = lines(3, 100_000);
    let size: usize = lines.iter().map(String::len).sum();
    let mut stream = stream(&program, "stream-held", "-q 4 -j 2");
    let (writer, taken) = write(stream.input, &lines);
    stream.running.until("a source that is held up", |running| {
        running.complained().contains("the source is held up")
    });
    // Both pipes, what one read brought, and seven lines: no more is under way.
    assert!(taken.load(Ordering::SeqCst) < size / 4);
    let reader = std::thread::spawn(|| read(stream.output));
    drop(writer.join().expect("a writer"));
    let (said, ended) = (reader.join().expect("a reader"), end(stream.running));
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert_each_key_in_order(&said, &lines, 3);
    let most = ended.stderr.split("at most ").nth(1).and_then(|text| text.split(' ').next());
    let most: usize = most.expect("a number").parse().expect("a number");
    // Four that wait, two that run, one in the reader's hand; and one that has run but is not let go.
    assert!((5..=9).contains(&most), "{}", ended.stderr);
}

/// The input stays open, and lines wait when the signal comes.
#[test]
fn a_signal_works_off_what_was_read() {
    let Some(program) = example("stream") else { return };
    let lines = lines(3, 100_000);
    let mut stream = stream(&program, "stream-signal", "-q 100");
    let (writer, _) = write(stream.input, &lines);
    stream.running.until("a source that is held up", |running| {
        running.complained().contains("the source is held up")
    });
    stream.running.signal(libc::SIGTERM);
    let reader = std::thread::spawn(|| read(stream.output));
    let (said, ended) = (reader.join().expect("a reader"), end(stream.running));
    drop(writer.join().expect("a writer"));
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    let (_, summary) = ended.stderr.split_once("interrupted: ").expect("a summary");
    let read: usize = summary.split(' ').next().expect("it").parse().expect("a number");
    assert!(read > 100 && read < lines.len(), "{read}");
    assert_each_key_in_order(&said, &lines[..read], 3);
}

#[test]
fn a_line_that_is_none_is_counted_and_harms_nobody() {
    let Some(program) = example("stream") else { return };
    let stream = stream(&program, "stream-bad", "");
    let text = ["oven 200\n", "noise\n", " 1\n", "oven x\n", "oven 1e\n", "oven 210"];
    let long = ["a", "b"].map(|end| format!("{}{end} 1\n", "x".repeat(255)));
    let (writer, _) = write(stream.input, &[&long[..], &text.map(str::to_owned)].concat());
    drop(writer.join().expect("a writer"));
    let (said, ended) = (read(stream.output), end(stream.running));
    assert_eq!((ended.status, &*said), (Some(1), "oven 1 200.000000\noven 2 201.000000\n"));
    assert!(ended.stderr.contains("8 lines of 1 keys"), "{}", ended.stderr);
    assert!(ended.stderr.contains(", 6 were no \"key value\"\n"), "{}", ended.stderr);
}

/// There is always more to read, and nobody reads what comes of it.
#[test]
fn it_ends_when_its_reader_is_gone() {
    let Some(program) = example("stream") else { return };
    let stream = stream(&program, "stream-unread", "");
    drop(stream.output);
    // Until it is gone too.
    let (writer, _) = write(stream.input, &lines(3, 10_000_000));
    let ended = end(stream.running);
    drop(writer.join().expect("a writer"));
    assert_eq!(ended.status, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("standard output: Broken pipe"), "{}", ended.stderr);
}
