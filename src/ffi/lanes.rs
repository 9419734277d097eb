//! Lanes
//!
//! A lane is the queue of one kind and name. It comes into being when the name
//! is used, and goes when it is empty. A handle keeps it: tasks added by handle
//! and by name are in one order and under the same limits, but an add by handle
//! need not look the name up. While a handle is open its options hold.
//!
//! Tasks of one name are run by one runner at a time. Asking for another one
//! gives TS_ERROR_IN_USE while one of them has not ended, or its on_end has not
//! returned, or another handle is open; so does asking for another width or
//! capacity than an open handle.
//!
//! A handle may outlive its scheduler: adds then give TS_ERROR_SHUTTING_DOWN.
//! It is still to be freed.

use super::arguments::{self, Out, invalid};
use super::errors::ts_error;
use super::guard::{guard, guard_or};
use super::options::{call, linear, polled, runner};
use super::schedulers::ts_scheduler;
use super::tasks::{
    ts_drop_fn, ts_kind, ts_lane, ts_poll_fn, ts_pump, ts_runner, ts_task_fn, ts_task_id,
};
use crate::error::Result;
use crate::kinds::Kind;
use crate::lane::{Lane, LaneOptions};
use crate::memory;
use crate::task::{More, RawTask};
use std::ffi::{c_char, c_void};
use std::mem::{MaybeUninit, offset_of};
use std::ptr;

/// What a lane is to be like. Start from TS_LANE_OPTIONS_INIT, then set name.
#[repr(C)]
pub struct ts_lane_options {
    /// sizeof(ts_lane_options).
    pub size: usize,
    /// The name, 1 to 255 bytes.
    pub name: *const c_char,
    /// The kind; 0 for TS_LINEAR.
    pub kind: MaybeUninit<ts_kind>,
    /// Who runs its tasks. 0: as the scheduler says, or TS_PUMP where pump is
    /// set.
    pub runner: MaybeUninit<ts_runner>,
    /// With TS_PUMP: the pump.
    pub pump: *mut ts_pump,
    /// How many tasks of it may run at once. 0: of linear ones 1, of async ones
    /// maximum_event_loop_tasks. More than 1 only for async tasks and for
    /// TS_CLAIMS; at most 2147483648.
    pub width: usize,
    /// How many tasks of it may be pending. 0: what the configuration says; for
    /// linear ones that is a limit for all names together, which holds too. At
    /// most 2147483648.
    pub capacity: usize,
}

//#/// Options with the size set and all else at its default.
//##define TS_LANE_OPTIONS_INIT                                                   \
//#    { sizeof(ts_lane_options), NULL, (ts_kind)0, (ts_runner)0, NULL, 0, 0 }

/// The size of the struct when it first came out: the smallest that a host can
/// have.
const OPTIONS_SMALLEST: usize = offset_of!(ts_lane_options, capacity) + size_of::<usize>();
#[cfg(target_pointer_width = "64")]
const _: () = assert!(OPTIONS_SMALLEST == 48 && size_of::<ts_lane_options>() == 48);

/// Opens a handle of the lane of a name. Free it with ts_lane_free. A banned
/// name has a lane too; adds to it are refused.
///
/// ```c
/// ts_lane_options options = TS_LANE_OPTIONS_INIT;
/// options.name = "thumbnails";
/// options.capacity = 100;
/// error = ts_lane_new(NULL, &options, &lane);
/// ```
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_IN_USE; TS_ERROR_SHUTTING_DOWN
/// when the scheduler's own pump was freed; TS_ERROR_OUT_OF_MEMORY;
/// TS_ERROR_FORKED.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_lane_new(
    scheduler: *mut ts_scheduler,
    options: *const ts_lane_options,
    out_lane: *mut *mut ts_lane,
) -> ts_error {
    // SAFETY: the caller's pointers, as the header asks for them.
    guard(|| unsafe {
        let out_lane = Out::cleared(out_lane, ptr::null_mut(), "out_lane")?;
        let options =
            arguments::options(options, OPTIONS_SMALLEST, "options", "TS_LANE_OPTIONS_INIT")?;
        let wanted = LaneOptions {
            name: arguments::name(options.name, "name")?,
            kind: match arguments::number(options.kind) {
                0 => Kind::Linear,
                _ => arguments::kind(options.kind)?,
            },
            runner: runner(options.runner, options.pump)?,
            width: options.width,
            capacity: options.capacity,
        };
        let lane = arguments::scheduler(scheduler)?.lane(&wanted)?;
        out_lane.set(Box::into_raw(memory::boxed(lane)?).cast());
        Ok(())
    })
}

/// Closes a handle. Tasks of the lane go on. NULL does nothing.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_lane_free(lane: *mut ts_lane) {
    guard_or((), || {
        if !lane.is_null() {
            // SAFETY: made by `ts_lane_new` and freed only once, as the header asks.
            let lane = unsafe { Box::from_raw(lane.cast::<Lane>()) };
            if lane.is_forked() {
                // The parent's: its locks may be held for ever.
                std::mem::forget(lane);
            }
        }
    })
}

/// The lane behind the pointer.
///
/// # Safety
/// NULL, or a handle that has not been freed.
pub(super) unsafe fn lane<'a>(lane: *mut ts_lane) -> Result<&'a Lane> {
    // SAFETY: the caller's promise; a handle is what `ts_lane_new` made of a box.
    unsafe { lane.cast::<Lane>().as_ref() }.ok_or_else(|| arguments::null("lane"))
}

/// Adds a linear task to a lane; otherwise as ts_add_task.
///
/// Errors: as ts_add_task; TS_ERROR_QUEUE_FULL also when as many tasks of the
/// lane are pending as its capacity; TS_ERROR_WRONG_KIND of an async lane.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_lane_add_task(
    lane: *mut ts_lane,
    timeout_processing: bool,
    run: ts_task_fn,
    user_data: *mut c_void,
    drop: ts_drop_fn,
    out_id: *mut ts_task_id,
) -> ts_error {
    // SAFETY: the caller's pointers, as the header asks for them.
    guard(|| unsafe {
        let out_id = arguments::out_id(out_id)?;
        let lane = self::lane(lane)?;
        if let Some(call) = call(timeout_processing, run, user_data, drop)
            && let Some(id) = lane.submit_plain(call)
        {
            out_id.set(id.into());
            return Ok(());
        }
        let task = linear(timeout_processing, None, run, user_data, drop)?;
        out_id.set(add(lane, task)?);
        Ok(())
    })
}

/// Adds an async task to a lane; otherwise as ts_add_async_task.
///
/// Errors: as ts_add_async_task; TS_ERROR_WRONG_KIND of a linear lane.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_lane_add_async_task(
    lane: *mut ts_lane,
    timeout_processing: bool,
    poll: ts_poll_fn,
    user_data: *mut c_void,
    drop: ts_drop_fn,
    out_id: *mut ts_task_id,
) -> ts_error {
    // SAFETY: the caller's pointers, as the header asks for them.
    guard(|| unsafe {
        let out_id = arguments::out_id(out_id)?;
        let task = polled(timeout_processing, None, poll, user_data, drop)?;
        out_id.set(add(self::lane(lane)?, task)?);
        Ok(())
    })
}

/// Adds the task to the lane.
///
/// # Safety
/// As for [`Lane::submit`].
#[inline(always)]
unsafe fn add(lane: &Lane, task: RawTask<'_>) -> Result<ts_task_id> {
    let more = More { lane: Some(lane), ..More::default() };
    // SAFETY: the caller's promise.
    Ok(unsafe { lane.submit(&RawTask { more: Some(&more), ..task })? }.into())
}

/// Says who runs linear tasks whose lane and options say nothing: of names
/// that are not in use, and tasks without a name, from now on. pump is NULL
/// but for TS_PUMP. A new scheduler runs them on its own threads.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_FORKED.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_scheduler_set_runner(
    scheduler: *mut ts_scheduler,
    runner: MaybeUninit<ts_runner>,
    pump: *mut ts_pump,
) -> ts_error {
    // SAFETY: the caller's pointers, as the header asks for them.
    guard(|| unsafe {
        match self::runner(runner, pump)? {
            Some(runner) => arguments::scheduler(scheduler)?.set_runner(runner),
            None => Err(invalid("runner is 0; it is TS_WORKERS, TS_CLAIMS or TS_PUMP")),
        }
    })
}
