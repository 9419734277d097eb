//! Async tasks
//!
//! An async task is a function that is called again and again until it is
//! done, on one thread with many others: it must never block.
//!
//! This version knows the names but has no event loop yet: adding an async
//! task is answered with TS_ERROR_WRONG_KIND.

use super::arguments::{self, null};
use super::errors::ts_error;
use super::guard::guard;
use super::schedulers::ts_scheduler;
use super::tasks::{
    TS_TIMEOUT_PROCESSING, submit, ts_drop_fn, ts_kind, ts_poll_fn, ts_task_id, ts_task_options,
};
use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;

/// Adds an async task; otherwise as ts_add_task.
///
/// Errors: as ts_add_task; TS_ERROR_WRONG_KIND, see above.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_add_async_task(
    scheduler: *mut ts_scheduler,
    timeout_processing: bool,
    task_name: *const c_char,
    poll: ts_poll_fn,
    user_data: *mut c_void,
    drop: ts_drop_fn,
    out_id: *mut ts_task_id,
) -> ts_error {
    // SAFETY: the caller's pointers, as the header asks for them.
    guard(|| unsafe {
        let out_id = arguments::out_id(out_id)?;
        if poll.is_none() {
            return Err(null("poll"));
        }
        let options = ts_task_options {
            size: size_of::<ts_task_options>(),
            name: task_name,
            run: None,
            poll,
            user_data,
            drop,
            timeout_seconds: 0.0,
            wait_seconds: 0.0,
            kind: MaybeUninit::new(ts_kind::TS_ASYNC),
            flags: if timeout_processing { TS_TIMEOUT_PROCESSING } else { 0 },
        };
        out_id.set(submit(scheduler, &options)?.into());
        Ok(())
    })
}
