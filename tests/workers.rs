//! What the workers' hand-offs promise, on real threads; `tests/loom.rs` has the models.

use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};
use task_scheduling::{Scheduler, TaskOptions};

const LONG: Duration = Duration::from_secs(20);

/// Tasks that each wait for all of them to have started.
fn start_together(scheduler: &Scheduler, tasks: usize) -> bool {
    let together = Arc::new((Mutex::new(0), Condvar::new()));
    for _ in 0..tasks {
        let together = together.clone();
        let task = move |_: &_| {
            let (started, all) = &*together;
            let mut guard = started.lock().unwrap();
            *guard += 1;
            all.notify_all();
            while *guard < tasks {
                let (next, late) = all.wait_timeout(guard, LONG).unwrap();
                guard = next;
                if late.timed_out() {
                    *guard = usize::MAX / 2;
                }
            }
            Ok(())
        };
        scheduler.submit(TaskOptions::default(), task).unwrap();
    }
    let (started, all) = &*together;
    let guard = started.lock().unwrap();
    let (guard, _) = all.wait_timeout_while(guard, LONG, |started| *started < tasks).unwrap();
    *guard == tasks
}

#[test]
fn tasks_behind_a_blocking_one_of_the_same_batch_start() {
    for tasks in [2, 3, 5, 8] {
        for _ in 0..50 {
            let scheduler = Scheduler::new("line_task_max: 8").unwrap();
            assert!(start_together(&scheduler, tasks), "{tasks} tasks did not all start");
        }
    }
}

#[test]
fn workers_that_do_not_look_twice_miss_nothing() {
    for spin in [0, 1, 10_000] {
        let scheduler =
            Scheduler::new(&format!("spin_microseconds: {spin}\nline_task_max: 8")).unwrap();
        for tasks in [1, 2, 5, 8, 1] {
            for _ in 0..100 {
                assert!(start_together(&scheduler, tasks), "{tasks} tasks did not all start");
            }
        }
    }
}

/// After brisk tasks one worker is enough, until one blocks.
#[test]
fn tasks_beside_one_that_blocks_after_brisk_ones_start() {
    let scheduler = Scheduler::new("line_task_max: 8\nmaximum_queue_line: 0").unwrap();
    for tasks in [2, 3, 8] {
        for _ in 0..20 {
            for _ in 0..20_000 {
                scheduler.submit(TaskOptions::default(), |_: &_| Ok(())).unwrap();
            }
            assert!(start_together(&scheduler, tasks), "{tasks} tasks did not all start");
        }
    }
}

#[test]
fn shutdown_never_waits_for_a_worker_that_was_about_to_park() {
    let scheduler = Scheduler::new("line_task_max: 4").unwrap();
    let ran = Arc::new(AtomicUsize::new(0));
    for round in 0..500 {
        for _ in 0..3 {
            let ran = ran.clone();
            let task = move |_: &_| {
                ran.fetch_add(1, Relaxed);
                Ok(())
            };
            scheduler.submit(TaskOptions::default(), task).unwrap();
        }
        while ran.load(Relaxed) < 3 * (round + 1) {
            std::hint::spin_loop();
        }
        // At different times into the search of the workers, which has found nothing.
        for _ in 0..round % 100 * 20 {
            std::hint::spin_loop();
        }
        let start = Instant::now();
        scheduler.shutdown(false).unwrap();
        assert!(start.elapsed() < LONG / 2, "round {round}: {:?}", start.elapsed());
    }
}
