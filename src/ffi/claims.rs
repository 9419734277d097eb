//! Claims
//!
//! Tasks that you run yourself, on goroutines, fibers, an engine's jobs or in
//! an event loop: the scheduler decides when, and hands you the right to run
//! one task now, a claim. TS_CLAIMS in a task's options, in its lane's, or with
//! ts_scheduler_set_runner makes it so.
//!
//! ```text
//! ts_claim_submit --- may start now ---> claim --.
//!        | queued                                |  ts_claim_start, run it,
//!        v                                       |  ts_claim_finish
//! ts_claims_take ----------------------> claim --|
//!        ^                                       |
//!        `-- no next, or not asked for <--- next claim of its lane --> ...
//! ```
//!
//! A claim that is out counts as running and holds its place in its lane until
//! it is finished; at most line_task_max are out at once, beside what the
//! scheduler's own threads run. Its token is valid until then, on any thread,
//! and is never meant by a NULL token. What is pending counts for
//! maximum_queue_line.
//!
//! A stop may come first: then ts_claim_start gives TS_STOPPED, and the claim
//! is only to be finished. So ask it of every claim before you run it, and
//! finish every claim. A task that is cancelled before it was handed out comes
//! out of ts_claims_take, and of nothing else, as such a claim, so user_data
//! needs no drop. It holds no place, and stays TS_PENDING until it is finished;
//! a shutdown waits for that, so go on taking until it has returned. A host
//! with one thread has ts_shutdown_within, with 0 seconds.
//!
//! The time of a claim begins when it is handed out. Deadlines are looked at by
//! whoever takes claims, and by a thread of the library until ts_claims_fd was
//! called. One that nobody looked at before the finish has no effect.

use super::arguments::{self, Out, beginning, invalid, null, seconds_or_forever};
use super::errors::ts_error;
use super::guard::guard;
use super::information::ts_value;
use super::inside::{ERROR_MAX, check_result};
use super::options::{function, plain, raw_task, read_options};
use super::schedulers::ts_scheduler;
use super::tasks::{
    ts_drop_fn, ts_lane, ts_state, ts_task_fn, ts_task_id, ts_task_options, ts_token,
};
use crate::TaskId;
use crate::error::{Error, ErrorCode, Result};
use crate::hosts::claims::{End, Handed};
use crate::kinds::State;
use crate::scheduler::{Finisher, Scheduler};
use crate::task::{More, RawTask};
use std::ffi::{c_char, c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr;

/// The right, and duty, to run one task now.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ts_claim {
    /// Its token. NULL: no claim. A later claim may have the same.
    pub token: *mut ts_token,
    /// The task.
    pub id: ts_task_id,
    /// The function that was submitted, or NULL.
    pub run: ts_task_fn,
    /// What was submitted with it.
    pub user_data: *mut c_void,
}

impl From<Handed> for ts_claim {
    fn from(handed: Handed) -> ts_claim {
        ts_claim {
            token: handed.token.cast_mut().cast(),
            id: handed.id.into(),
            // SAFETY: submitted as such a function, or NULL.
            run: unsafe { std::mem::transmute::<*mut c_void, ts_task_fn>(handed.function) },
            user_data: handed.user_data,
        }
    }
}

/// No claim.
fn none() -> ts_claim {
    ts_claim {
        token: ptr::null_mut(),
        id: TaskId::NIL.into(),
        run: None,
        user_data: ptr::null_mut(),
    }
}

/// Adds a task that you run. If it may start now, out_claim is its claim; else
/// out_claim has no token, and the claim comes later, out of ts_claim_finish or
/// ts_claims_take. run may be NULL: you know what to do with user_data. A task
/// that its lane or options give to others is added all the same.
///
/// Errors: as ts_submit; TS_ERROR_INVALID_ARGUMENT also with
/// TS_INTERRUPT_BLOCKING.
///
/// Any thread. Never blocks without TS_WAIT_FOR_ROOM. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_claim_submit(
    scheduler: *mut ts_scheduler,
    options: *const ts_task_options,
    out_claim: *mut ts_claim,
    out_id: *mut ts_task_id,
) -> ts_error {
    // SAFETY: the caller's pointers, as the header asks for them.
    guard(|| unsafe {
        let out_id = arguments::out_id(out_id)?;
        let out_claim = Out::cleared(out_claim, none(), "out_claim")?;
        let (id, handed) = submit(arguments::scheduler(scheduler)?, options)?;
        out_claim.set(handed.map_or_else(none, ts_claim::from));
        out_id.set(id.into());
        Ok(())
    })
}

/// As ts_lane_add_task, of a task that you run: adds it to a lane, with its
/// claim if it may start now, as ts_claim_submit does. The short way.
///
/// Errors: as ts_lane_add_task.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_lane_claim_task(
    lane: *mut ts_lane,
    timeout_processing: bool,
    run: ts_task_fn,
    user_data: *mut c_void,
    drop: ts_drop_fn,
    out_claim: *mut ts_claim,
    out_id: *mut ts_task_id,
) -> ts_error {
    // SAFETY: the caller's pointers, as the header asks for them.
    guard(|| unsafe {
        let out_id = arguments::out_id(out_id)?;
        let out_claim = Out::cleared(out_claim, none(), "out_claim")?;
        let lane = super::lanes::lane(lane)?;
        let more = More { lane: Some(lane), ..More::default() };
        let task = plain(timeout_processing, None, function(run, None)?, user_data, drop);
        let (id, handed) = lane.submit_claim(&RawTask { more: Some(&more), ..task })?;
        out_claim.set(handed.map_or_else(none, ts_claim::from));
        out_id.set(id.into());
        Ok(())
    })
}

/// Checks the options and hands the task in.
///
/// # Safety
/// The pointers in the options are as the header asks for them.
unsafe fn submit(
    scheduler: &Scheduler,
    options: *const ts_task_options,
) -> Result<(TaskId, Option<Handed>)> {
    let (mut copy, mut more) = (MaybeUninit::uninit(), More::default());
    // SAFETY: the caller's promise.
    unsafe { scheduler.submit_claim(&raw_task(read_options(options, &mut copy)?, &mut more)?) }
}

/// Whether to run a claim: TS_OK, or TS_STOPPED when a stop came first. From
/// now on this thread counts as the one that holds it, for calls that would
/// wait for their own caller; before, that is the one that received it.
///
/// Errors: TS_STOPPED; TS_ERROR_INVALID_ARGUMENT; TS_ERROR_NOT_FOUND;
/// TS_ERROR_ALREADY_FINISHED; TS_ERROR_FORKED.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_claim_start(
    scheduler: *mut ts_scheduler,
    claim: *const ts_claim,
) -> ts_error {
    // SAFETY: the caller's pointers, as the header asks for them.
    guard(|| unsafe {
        let id = claim_id(claim)?;
        arguments::scheduler(scheduler)?.start_claim(id)
    })
}

/// The task of a claim of the caller's.
///
/// # Safety
/// NULL or readable.
unsafe fn claim_id(claim: *const ts_claim) -> Result<TaskId> {
    // SAFETY: the caller's promise.
    let claim = unsafe { claim.as_ref() }.ok_or_else(|| null("claim"))?;
    if claim.token.is_null() {
        return Err(invalid("claim has no token: nothing was handed out"));
    }
    Ok(claim.id.into())
}

/// Ends a claim, by its id: completed with code 0, else failed with that code.
/// result, which may be NULL, is what the task leaves, as with ts_set_result;
/// error, which may be NULL, the words of a failure. out_next, which may be
/// NULL, is the next claim of the lane, or of another one that waited, to be
/// run, or has no token. Without out_next what comes next comes out of
/// ts_claims_take.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT, also for a task that was not handed out;
/// TS_ERROR_NOT_FOUND; TS_ERROR_ALREADY_FINISHED when it was finished before;
/// TS_ERROR_OUT_OF_MEMORY; TS_ERROR_FORKED. The result is then still yours.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_claim_finish(
    scheduler: *mut ts_scheduler,
    claim: *const ts_claim,
    code: i32,
    result: *const ts_value,
    error: *const c_char,
    out_next: *mut ts_claim,
) -> ts_error {
    // SAFETY: the caller's pointers, as the header asks for them.
    guard(|| unsafe { finish(scheduler, claim, (code, result, error), out_next).map(|_| ()) })
}

/// As ts_claim_finish, and says how the task ended. out_state, which may be
/// NULL, is its final state: TS_COMPLETED or TS_FAILED, or TS_CANCELLED or
/// TS_TIMEOUT when a stop came first, whatever the code.
///
/// Errors: as ts_claim_finish. out_state is then untouched.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_claim_end(
    scheduler: *mut ts_scheduler,
    claim: *const ts_claim,
    code: i32,
    result: *const ts_value,
    error: *const c_char,
    out_state: *mut ts_state,
    out_next: *mut ts_claim,
) -> ts_error {
    // SAFETY: the caller's pointers, as the header asks for them.
    guard(|| unsafe {
        let state = finish(scheduler, claim, (code, result, error), out_next)?;
        if !out_state.is_null() {
            out_state.write(state.into());
        }
        Ok(())
    })
}

/// Ends a claim: the final state of its task.
///
/// # Safety
/// As the header asks for the pointers.
#[inline(always)]
unsafe fn finish(
    scheduler: *mut ts_scheduler,
    claim: *const ts_claim,
    (code, result, error): (i32, *const ts_value, *const c_char),
    out_next: *mut ts_claim,
) -> Result<State> {
    // SAFETY: the caller's promise.
    unsafe {
        // The two may be one place.
        let id = claim_id(claim);
        if let Some(next) = out_next.as_mut() {
            *next = none();
        }
        let scheduler = arguments::scheduler(scheduler)?;
        let end = end(code, result, error)?;
        let id = match id {
            Ok(id) => id,
            Err(error) => return Err(end.refuse(error)),
        };
        let (state, next) = scheduler.finisher().finish(id, end, !out_next.is_null())?;
        if let (Some(next), Some(place)) = (next, out_next.as_mut()) {
            *place = next.into();
        }
        Ok(state)
    }
}

/// How a claim ends, checked.
///
/// # Safety
/// As the header asks for the pointers.
unsafe fn end(code: i32, result: *const ts_value, error: *const c_char) -> Result<End> {
    // SAFETY: the caller's promise.
    unsafe {
        let mut end = End::of(code);
        let error = match error.is_null() {
            true => None,
            false => Some(beginning(error, ERROR_MAX, "error")?),
        };
        if error.is_some() || !result.is_null() {
            end.take_memory(error)?;
        }
        if let Some(result) = result.as_ref() {
            check_result(result.data, result.size, result.drop)?;
            // The last that can fail.
            end.set_result(result.data, result.size, result.drop)?;
        }
        Ok(end)
    }
}

/// Adds count tasks that you run, in order, as ts_claim_submit does, until one
/// is refused: that is the error, and out_added how many came before it.
/// out_claims has count places, of which that of a task that is queued gets no
/// token; out_ids, which may be NULL, too.
///
/// Errors: as ts_claim_submit, of the first task that was refused.
///
/// Any thread. Never blocks without TS_WAIT_FOR_ROOM. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_claims_submit(
    scheduler: *mut ts_scheduler,
    tasks: *const ts_task_options,
    count: usize,
    out_claims: *mut ts_claim,
    out_ids: *mut ts_task_id,
    out_added: *mut usize,
) -> ts_error {
    // SAFETY: the caller's pointers, as the header asks for them.
    guard(|| unsafe {
        let out_added = Out::cleared(out_added, 0, "out_added")?;
        arguments::array(tasks, count, "tasks")?;
        arguments::array(out_claims, count, "out_claims")?;
        for at in 0..count {
            out_claims.add(at).write(none());
            if !out_ids.is_null() {
                out_ids.add(at).write(TaskId::NIL.into());
            }
        }
        let scheduler = arguments::scheduler(scheduler)?;
        // Structs of another size lie at other distances.
        let size = if count > 0 { (*tasks).size } else { 0 };
        let mut added = 0;
        let outcome = (0..count).try_for_each(|at| {
            let options = tasks.cast::<u8>().add(at * size).cast::<ts_task_options>();
            // Such a distance may be odd.
            if options.cast::<usize>().read_unaligned() != size {
                return Err(invalid(words!("the size in tasks[{at}] differs from tasks[0]'s")));
            }
            let (id, handed) = submit(scheduler, options)?;
            out_claims.add(at).write(handed.map_or_else(none, ts_claim::from));
            if !out_ids.is_null() {
                out_ids.add(at).write(id.into());
            }
            added += 1;
            Ok(())
        });
        out_added.set(added);
        outcome
    })
}

/// Ends count claims, each with its code of codes; codes may be NULL for all 0.
/// Claims that come next are written into out_next, which has count places, and
/// how many into out_count. Every claim is tried; the error is that of the
/// first one that could not be finished.
///
/// Errors: as ts_claim_finish.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_claims_finish(
    scheduler: *mut ts_scheduler,
    claims: *const ts_claim,
    codes: *const i32,
    count: usize,
    out_next: *mut ts_claim,
    out_count: *mut usize,
) -> ts_error {
    // SAFETY: the caller's pointers, as the header asks for them.
    guard(|| unsafe {
        let out_count = Out::cleared(out_count, 0, "out_count")?;
        arguments::array(claims, count, "claims")?;
        arguments::array(out_next, count, "out_next")?;
        let finisher = arguments::scheduler(scheduler)?.finisher();
        let mut found = 0;
        let mut first: Option<Error> = None;
        for at in 0..count {
            let code = if codes.is_null() { 0 } else { codes.add(at).read() };
            match finish_one(&finisher, claims.add(at), code) {
                // Never before the claim of its place was read: both may be one array.
                Ok(Some(next)) => {
                    out_next.add(found).write(next.into());
                    found += 1;
                }
                Ok(None) => {}
                Err(error) => {
                    first.get_or_insert(error);
                }
            }
        }
        out_count.set(found);
        first.map_or(Ok(()), Err)
    })
}

/// # Safety
/// The claim is readable.
unsafe fn finish_one(
    finisher: &Finisher,
    claim: *const ts_claim,
    code: i32,
) -> Result<Option<Handed>> {
    // SAFETY: the caller's promise.
    let id = unsafe { claim_id(claim)? };
    Ok(finisher.finish(id, End::of(code), true)?.1)
}

/// Takes up to capacity claims that did not come out of an add or a finish, or
/// are only to be finished, and writes them into array, and how many into
/// out_count, at least one. Waits so long for the first one; 0 seconds only
/// ask, TS_FOREVER waits without bound. Works during a shutdown too.
///
/// Errors: TS_NOT_YET when 0 seconds found none; TS_ERROR_TIMED_OUT;
/// TS_ERROR_INVALID_ARGUMENT; TS_ERROR_WOULD_DEADLOCK when it would have to
/// wait inside a task; TS_ERROR_OUT_OF_MEMORY; TS_ERROR_FORKED.
///
/// Any thread. Blocks up to the time. From a task: yes, with 0 only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_claims_take(
    scheduler: *mut ts_scheduler,
    array: *mut ts_claim,
    capacity: usize,
    seconds: f64,
    out_count: *mut usize,
) -> ts_error {
    // SAFETY: the caller's pointers, as the header asks for them.
    guard(|| unsafe {
        let out_count = Out::new(out_count, "out_count")?;
        arguments::room(array, capacity)?;
        let seconds = seconds_or_forever(seconds, "seconds")?;
        let scheduler = arguments::scheduler(scheduler)?;
        if seconds > 0.0 && crate::host::inside_host_code() {
            let text = "a task that waits for claims may be what they wait for";
            return Err(Error::new(ErrorCode::WouldDeadlock, text));
        }
        let count = scheduler.take_claims(capacity, seconds, |at, handed| {
            array.add(at).write(handed.into());
        })?;
        out_count.set(count);
        Ok(())
    })
}

/// A file descriptor that is readable while ts_claims_take has something to do:
/// a claim to give, or a deadline that has passed. For epoll, poll or another
/// loop; it belongs to the scheduler: only poll it. When it is readable
/// ts_claims_take may still find nothing. From the first call on no
/// thread of the library looks at deadlines of claims: call ts_claims_take with
/// 0 seconds whenever it is readable.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_SYSTEM when none can be made;
/// TS_ERROR_FORKED.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_claims_fd(
    scheduler: *mut ts_scheduler,
    out_fd: *mut c_int,
) -> ts_error {
    // SAFETY: the caller's pointers, as the header asks for them.
    guard(|| unsafe {
        let out_fd = Out::cleared(out_fd, -1, "out_fd")?;
        out_fd.set(arguments::scheduler(scheduler)?.claims_fd()?);
        Ok(())
    })
}
