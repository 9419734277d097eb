//! Shutting down
//!
//! How a scheduler comes to rest: for good with ts_scheduler_free, or until the
//! next task with these.

use super::arguments::{self, null, seconds_or_forever};
use super::errors::ts_error;
use super::guard::guard;
use super::information::{StatusPlace, ts_task_status};
use super::schedulers::ts_scheduler;
use crate::error::{Error, ErrorCode, Result};
use crate::scheduler::Remains;
use std::mem::offset_of;

/// Takes no new tasks, cancels the pending ones and waits, without bound,
/// until the running ones have returned. With force_cleanup those are told to
/// stop first. Results that nobody took are dropped; statuses, bans and the
/// configuration stay. ts_shutdown_within has a bound.
///
/// When it has returned, no function of yours is running, no thread of the
/// library is left, and none of both is until a task is added again, which
/// starts the scheduler afresh.
///
/// Errors: TS_ERROR_WOULD_DEADLOCK inside a task, a drop or another callback,
/// and on a thread that holds a claim of the scheduler.
///
/// Any thread. Blocks until running tasks have returned. From a task: no.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_shutdown(
    scheduler: *mut ts_scheduler,
    force_cleanup: bool,
) -> ts_error {
    // SAFETY: the caller's handle, as the header asks for it.
    guard(|| unsafe { arguments::scheduler(scheduler) }?.shutdown(force_cleanup))
}

/// What a shutdown within a time has left. Start from TS_SHUTDOWN_REPORT_INIT;
/// tasks and capacity are yours to set, the rest is told.
#[repr(C)]
pub struct ts_shutdown_report {
    /// sizeof(ts_shutdown_report).
    pub size: usize,
    /// How many tasks still run, those included whose drop does.
    pub running: usize,
    /// How many cancelled tasks are only to be taken with ts_claims_take and
    /// finished, or were taken and not finished.
    pub claims: usize,
    /// How many threads of the library are still there.
    pub threads: usize,
    /// Where to write the statuses of those that still run, at most capacity
    /// of them, in the order of their adds, of several threads to some
    /// milliseconds; NULL with capacity 0. tasks[0].size must be set and counts
    /// for every element.
    pub tasks: *mut ts_task_status,
    /// How many fit there.
    pub capacity: usize,
}

//#/// A report with the size set and room for no status.
//##define TS_SHUTDOWN_REPORT_INIT                                                \
//#    { sizeof(ts_shutdown_report), 0, 0, 0, NULL, 0 }

/// The size of the struct when it first came out: the smallest that a host can have.
const REPORT_SMALLEST: usize = offset_of!(ts_shutdown_report, capacity) + size_of::<usize>();
const _: () = assert!(size_of::<ts_shutdown_report>() == REPORT_SMALLEST);

/// As ts_shutdown, but gives up when the time is over. Then report, which may
/// be NULL, says what is left; after TS_OK it says 0 of everything. 0 seconds
/// only begin the shutdown, or look how far it is; TS_FOREVER has no bound.
///
/// After TS_ERROR_TIMED_OUT the scheduler stays shut: adds give
/// TS_ERROR_SHUTTING_DOWN until a later ts_shutdown or ts_shutdown_within has
/// given TS_OK. What still runs goes on and ends as ever, its drop is called
/// where it ran, and the thread leaves then. So a program that must end within
/// 5 seconds calls this, writes down what still runs, and ends by _exit, since
/// exit would run destructors beside those threads; one that cannot block
/// calls it with 0 seconds, goes on taking claims and running its pumps, and
/// calls again until it gives TS_OK.
///
/// Errors: TS_ERROR_TIMED_OUT; TS_ERROR_INVALID_ARGUMENT;
/// TS_ERROR_WOULD_DEADLOCK inside a task, a drop or another callback, and,
/// unless seconds is 0, on a thread that holds a claim of the scheduler.
///
/// Any thread. Blocks up to the time. From a task: no.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_shutdown_within(
    scheduler: *mut ts_scheduler,
    force_cleanup: bool,
    seconds: f64,
    report: *mut ts_shutdown_report,
) -> ts_error {
    // SAFETY: the caller's pointers, as the header asks for them.
    guard(|| unsafe {
        let seconds = seconds_or_forever(seconds, "seconds")?;
        let report = Report::new(report)?;
        let left = arguments::scheduler(scheduler)?.shutdown_within(force_cleanup, seconds)?;
        if let Some(report) = report {
            report.set(left.as_ref());
        }
        match left {
            None => Ok(()),
            Some(left) => Err(Error::new(
                ErrorCode::TimedOut,
                words!(
                    "{} tasks still run, {} claims are to be finished, {} threads are there",
                    left.running.len(),
                    left.claims,
                    left.threads
                ),
            )),
        }
    })
}

/// The caller's report, checked.
struct Report {
    place: *mut ts_shutdown_report,
    tasks: Option<StatusPlace>,
    capacity: usize,
}

impl Report {
    /// None for NULL.
    ///
    /// # Safety
    /// NULL, or a report as the header asks for it.
    unsafe fn new(place: *mut ts_shutdown_report) -> Result<Option<Report>> {
        if place.is_null() {
            return Ok(None);
        }
        let (what, init) = ("report", "TS_SHUTDOWN_REPORT_INIT");
        // SAFETY: the caller's promise.
        unsafe {
            let its: ts_shutdown_report = arguments::options(place, REPORT_SMALLEST, what, init)?;
            let tasks = match its.capacity {
                0 => None,
                _ if its.tasks.is_null() => return Err(null("tasks in report")),
                _ => Some(StatusPlace::new(its.tasks, "tasks[0] in report")?),
            };
            Ok(Some(Report { place, tasks, capacity: its.capacity }))
        }
    }

    /// Says what is left.
    ///
    /// # Safety
    /// The places are as they were when this was made.
    unsafe fn set(&self, left: Option<&Remains>) {
        // SAFETY: the caller's promise.
        unsafe {
            (*self.place).running = left.map_or(0, |left| left.running.len());
            (*self.place).claims = left.map_or(0, |left| left.claims);
            (*self.place).threads = left.map_or(0, |left| left.threads);
            let running = left.iter().flat_map(|left| &left.running).take(self.capacity);
            for (at, status) in running.enumerate() {
                self.tasks.iter().for_each(|places| places.set(at, status));
            }
        }
    }
}
