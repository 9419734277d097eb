//! Rust closures that panic as tasks: the task fails and says why, and nothing else notices.

use std::panic::panic_any;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use task_scheduling::{ErrorCode, Scheduler, State, TaskOptions, TaskStatus, Token};

const FOREVER: f64 = f64::INFINITY;

fn named(name: &str) -> TaskOptions<'_> {
    TaskOptions { name: Some(name), ..TaskOptions::default() }
}

/// Runs it as a task; the next of its name runs too.
fn end_of<F>(scheduler: &Scheduler, function: F) -> TaskStatus
where
    F: FnOnce(&Token) -> Result<(), String> + Send + 'static,
{
    let id = scheduler.submit(named("a"), function).unwrap();
    let next = scheduler.submit(named("a"), |_| Ok(())).unwrap();
    assert_eq!(scheduler.wait(next, FOREVER).unwrap().state, State::Completed);
    scheduler.wait(id, FOREVER).unwrap()
}

/// Panics when it is dropped, and counts that.
struct Grenade(Arc<AtomicUsize>);

impl Drop for Grenade {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
        panic!("dropped");
    }
}

#[test]
fn a_task_that_panics_fails_with_its_words() {
    let scheduler = Scheduler::new("").unwrap();
    for (status, words) in [
        (end_of(&scheduler, |_| panic!("page 12")), "page 12"),
        (end_of(&scheduler, |_| panic!("page {}", 13)), "page 13"),
        (end_of(&scheduler, |_| panic_any(14)), "the task panicked"),
    ] {
        assert_eq!((status.state, status.code), (State::Failed, ErrorCode::Panic.number()));
        assert_eq!(status.error, words);
    }
}

#[test]
fn a_payload_whose_drop_panics_does_no_harm() {
    let scheduler = Scheduler::new("").unwrap();
    let drops = Arc::new(AtomicUsize::new(0));
    let grenade = Grenade(drops.clone());
    let status = end_of(&scheduler, move |_| panic_any(grenade));
    assert_eq!((status.state, drops.load(SeqCst)), (State::Failed, 0));
}

#[test]
fn what_a_closure_holds_may_panic_when_it_is_dropped() {
    let scheduler = Scheduler::new("line_task_max: 1").unwrap();
    let drops = Arc::new(AtomicUsize::new(0));
    // One that runs drops what it holds as a part of the task.
    let grenade = Grenade(drops.clone());
    let status = end_of(&scheduler, move |_| {
        let _held = &grenade;
        Ok(())
    });
    assert_eq!((status.state, &*status.error, drops.load(SeqCst)), (State::Failed, "dropped", 1));
    // One that is cancelled before never runs, and is dropped all the same.
    let (let_go, go) = std::sync::mpsc::channel::<()>();
    let first =
        scheduler.submit(named("b"), move |_| go.recv().map_err(|_| "gone".to_owned())).unwrap();
    let grenade = Grenade(drops.clone());
    let second = scheduler
        .submit(named("b"), move |_| {
            let _held = &grenade;
            Ok(())
        })
        .unwrap();
    scheduler.force_stop(second).unwrap();
    assert_eq!(scheduler.wait(second, FOREVER).unwrap().state, State::Cancelled);
    assert_eq!(drops.load(SeqCst), 2);
    let_go.send(()).unwrap();
    assert_eq!(scheduler.wait(first, FOREVER).unwrap().state, State::Completed);
}
