//! What the crate itself takes and refuses, where Rust hands in what the C functions check before.

use std::sync::mpsc::channel;
use task_scheduling::{Error, ErrorCode, Scheduler, State, TaskOptions, flags};

const FOREVER: f64 = f64::INFINITY;

#[track_caller]
fn refused<T: std::fmt::Debug>(outcome: Result<T, Error>, words: &str) {
    let error = outcome.expect_err(words);
    assert_eq!(error.code(), ErrorCode::InvalidArgument, "{}", error.message());
    assert!(error.message().contains(words), "{:?} lacks {words:?}", error.message());
}

#[test]
fn an_error_of_a_closure_is_the_message_of_its_failure() {
    let scheduler = Scheduler::new("").unwrap();
    let id =
        scheduler.submit(TaskOptions::default(), |_| Err("no such letter".to_owned())).unwrap();
    let status = scheduler.wait(id, FOREVER).unwrap();
    assert_eq!((status.state, status.code), (State::Failed, 1));
    assert_eq!(status.error, "no such letter");
}

#[test]
fn options_that_make_no_sense_are_refused_and_nothing_runs() {
    let scheduler = Scheduler::new("").unwrap();
    let long = "n".repeat(256);
    let none = TaskOptions::default;
    for (options, words) in [
        (TaskOptions { name: Some(""), ..none() }, "1 to 255 bytes"),
        (TaskOptions { name: Some(&long), ..none() }, "1 to 255 bytes"),
        (TaskOptions { flags: 1 << 31, ..none() }, "0x80000000 has no meaning"),
        (TaskOptions { timeout_seconds: f64::NAN, ..none() }, "NaN is no time-out"),
        (TaskOptions { timeout_seconds: -1.0, ..none() }, "-1 is no time-out"),
        (
            TaskOptions { flags: flags::WAIT_FOR_ROOM, wait_seconds: -2.0, ..none() },
            "-2 seconds cannot be waited",
        ),
    ] {
        refused(scheduler.submit(options, |_| panic!("it ran")), words);
    }
    assert!(scheduler.tasks(task_scheduling::Kind::Linear).unwrap().is_empty());
}

#[test]
fn times_that_are_none_are_refused() {
    let scheduler = Scheduler::new("").unwrap();
    let (tell, told) = channel();
    let task = move |token: &task_scheduling::Token| {
        let times = [f64::NAN, -1.0, FOREVER];
        tell.send(times.map(|seconds| token.sleep(seconds))).unwrap();
        tell.send(times.map(task_scheduling::token::sleep)).unwrap();
        Ok(())
    };
    let id = scheduler.submit(TaskOptions::default(), task).unwrap();
    for slept in [told.recv().unwrap(), told.recv().unwrap()].into_iter().flatten() {
        refused(slept, "is not a time to sleep");
    }
    for seconds in [f64::NAN, -1.0] {
        refused(scheduler.wait(id, seconds), "cannot be waited");
        refused(scheduler.shutdown_within(false, seconds), "a shutdown cannot last");
    }
    assert_eq!(scheduler.wait(id, FOREVER).unwrap().state, State::Completed);
}

#[test]
fn a_key_of_the_configuration_is_a_word() {
    for yaml in ["[a]: 1\n", "{a: b}: 1\n"] {
        let error = Scheduler::new(yaml).unwrap_err();
        assert_eq!(error.code(), ErrorCode::Config);
        assert!(error.message().contains("a key of the configuration"), "{}", error.message());
    }
}

#[test]
fn threads_are_counted_while_there_are_any() {
    let scheduler = Scheduler::new("").unwrap();
    assert_eq!(scheduler.threads(), 0);
    let id = scheduler.submit(TaskOptions::default(), |_| Ok(())).unwrap();
    scheduler.wait(id, FOREVER).unwrap();
    assert!(scheduler.threads() >= 1);
    scheduler.shutdown(false).unwrap();
    assert_eq!(scheduler.threads(), 0);
}

#[test]
fn an_id_is_shown_as_the_text_that_it_is_written_as() {
    let scheduler = Scheduler::new("").unwrap();
    let id = scheduler.submit(TaskOptions::default(), |_| Ok(())).unwrap();
    assert_eq!(format!("{id:?}"), format!("TaskId({id})"));
}
