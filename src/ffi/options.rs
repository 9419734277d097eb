//! What makes a task that can be handed in of what C says of it: its options, or the few parameters of
//! the short ways.
//!
//! Nothing here knows a scheduler; what is wrong with an option is said in words of the header.

use super::arguments::{self, invalid, null, optional_name, seconds, seconds_or_forever};
use super::tasks::{
    TS_TIMEOUT_PROCESSING, ts_completion, ts_drop_fn, ts_poll, ts_poll_fn, ts_pump, ts_runner,
    ts_task_fn, ts_task_options, ts_token,
};
use crate::completions::Completions;
use crate::error::Result;
use crate::host::{EndFn, PollFn, TaskFn};
use crate::hosts::pump::Pump;
use crate::kinds::{Kind, flags};
use crate::lane::Lane;
use crate::task::{Call, Function, More, RawTask, Runner};
use std::ffi::c_void;
use std::mem::{MaybeUninit, offset_of};

/// The size of the struct when it first came out: the smallest that a host can have.
const OPTIONS_SMALLEST: usize = offset_of!(ts_task_options, flags) + size_of::<u32>();
#[cfg(target_pointer_width = "64")]
const _: () = assert!(OPTIONS_SMALLEST == 72 && size_of::<ts_task_options>() == 136);

/// The caller's options, or a copy of them if their struct is older or newer.
///
/// # Safety
/// NULL, or the options as the header asks for them.
#[inline]
pub(super) unsafe fn read_options(
    place: *const ts_task_options,
    copy: &mut MaybeUninit<ts_task_options>,
) -> Result<&ts_task_options> {
    // SAFETY: the caller's promise; zeroes are a value of every field.
    unsafe {
        if let Some(options) = place.as_ref()
            && options.size == size_of::<ts_task_options>()
        {
            return Ok(options);
        }
        let read = arguments::options(place, OPTIONS_SMALLEST, "options", "TS_TASK_OPTIONS_INIT")?;
        Ok(copy.write(read))
    }
}

/// The function of a task, from its two fields.
#[inline]
pub(super) fn function(run: ts_task_fn, poll: ts_poll_fn) -> Result<Function> {
    Ok(match (run, poll) {
        (Some(run), None) => Function::Linear(task_fn(run)),
        // SAFETY: as above, and a C enumeration comes back as a number, which is checked there.
        (None, Some(poll)) => Function::Async(unsafe {
            std::mem::transmute::<
                unsafe extern "C" fn(*mut ts_token, *mut c_void) -> MaybeUninit<ts_poll>,
                PollFn,
            >(poll)
        }),
        (None, None) => Function::Host,
        (Some(_), Some(_)) => {
            return Err(invalid("run and poll are both set; a task has one of them"));
        }
    })
}

/// The function of a task, which has to go with the kind that its options say, if they do.
fn function_of_kind(options: &ts_task_options) -> Result<Function> {
    let function = function(options.run, options.poll)?;
    if arguments::number(options.kind) != 0 {
        let kind = arguments::kind(options.kind)?;
        if kind != function.kind() {
            return Err(invalid(match kind {
                Kind::Linear => "kind is TS_LINEAR, but poll is set; a linear task has run",
                Kind::Async => "kind is TS_ASYNC, but run is set; an async task has poll",
            }));
        }
    }
    Ok(function)
}

/// Who is to run a task or lane, from its two fields; none for who does anyway.
///
/// # Safety
/// The pump is NULL or has not been freed.
pub(super) unsafe fn runner<'a>(
    runner: MaybeUninit<ts_runner>,
    pump: *mut ts_pump,
) -> Result<Option<Runner<'a>>> {
    // SAFETY: the caller's promise.
    let pump = unsafe { pump.cast::<Pump>().as_ref() };
    match (arguments::number(runner), pump) {
        (0, None) => Ok(None),
        (0 | 3, Some(pump)) => Ok(Some(Runner::Pump(pump))),
        (1, None) => Ok(Some(Runner::Workers)),
        (2, None) => Ok(Some(Runner::Claims)),
        (3, None) => Err(invalid("runner is TS_PUMP, but pump is NULL")),
        (1 | 2, Some(_)) => Err(invalid("pump is set, but runner is not TS_PUMP")),
        (other, _) => Err(invalid(words!(
            "runner is {other}; it is TS_WORKERS (1), TS_CLAIMS (2) or TS_PUMP (3)"
        ))),
    }
}

/// What few tasks ask for.
///
/// # Safety
/// The pointers in the options are as the header asks for them.
unsafe fn more<'a>(
    options: &ts_task_options,
    more: &'a mut More<'a>,
) -> Result<Option<&'a More<'a>>> {
    let pointers = [
        options.lane.cast::<c_void>(),
        options.pump.cast(),
        options.completions.cast(),
        options.completion_data,
        options.on_end_data,
    ];
    if pointers.iter().all(|pointer| pointer.is_null())
        && arguments::number(options.runner) == 0
        && options.reserved == 0
        && options.on_end.is_none()
        && options.on_end_drop.is_none()
    {
        return Ok(None);
    }
    if options.reserved != 0 {
        return Err(invalid("reserved is not 0"));
    }
    if options.on_end.is_none() && (!options.on_end_data.is_null() || options.on_end_drop.is_some())
    {
        return Err(invalid("on_end_data or on_end_drop is set, but on_end is NULL"));
    }
    let is_told = options.on_end.is_some() || !options.completions.is_null();
    if !is_told && !options.completion_data.is_null() {
        return Err(invalid("completion_data is set, but completions and on_end are NULL"));
    }
    // SAFETY: the caller's promise; C's completion is ours, asserted above.
    unsafe {
        let on_end = options.on_end.map(|function| {
            std::mem::transmute::<unsafe extern "C" fn(*const ts_completion, *mut c_void), EndFn>(
                function,
            )
        });
        let completions = options.completions.cast::<Completions>().as_ref();
        *more = More {
            lane: options.lane.cast::<Lane>().as_ref(),
            runner: runner(options.runner, options.pump)?,
            completions,
            completion_data: Some(options.completion_data),
            on_end: on_end.map(|function| (function, options.on_end_data, options.on_end_drop)),
        };
        Ok(Some(more))
    }
}

/// Checks the options, for a task that can be handed in.
///
/// # Safety
/// The pointers in the options are as the header asks for them.
#[inline]
pub(super) unsafe fn raw_task<'a>(
    options: &ts_task_options,
    more: &'a mut More<'a>,
) -> Result<RawTask<'a>> {
    let unknown = options.flags & !flags::ALL;
    if unknown != 0 {
        return Err(invalid(words!(
            "flags has the unknown bits {unknown:#x}; known are {:#x}",
            flags::ALL
        )));
    }
    // SAFETY: the caller's promise.
    unsafe {
        Ok(RawTask {
            function: function_of_kind(options)?,
            name: optional_name(options.name, "the task name")?,
            user_data: options.user_data,
            drop: options.drop,
            timeout_seconds: seconds(options.timeout_seconds, "timeout_seconds")?,
            wait_seconds: seconds_or_forever(options.wait_seconds, "wait_seconds")?,
            flags: options.flags,
            more: self::more(options, more)?,
        })
    }
}

/// A linear task that only its function makes.
///
/// # Safety
/// The pointers are as the header asks for them.
#[inline(always)]
pub(super) unsafe fn linear<'a>(
    timeout_processing: bool,
    name: Option<&'a [u8]>,
    run: ts_task_fn,
    user_data: *mut c_void,
    drop: ts_drop_fn,
) -> Result<RawTask<'a>> {
    if run.is_none() {
        return Err(null("run"));
    }
    Ok(plain(timeout_processing, name, function(run, None)?, user_data, drop))
}

/// What a linear task that asks for nothing calls, if it is one.
#[inline(always)]
pub(super) fn call(
    timeout_processing: bool,
    run: ts_task_fn,
    user_data: *mut c_void,
    drop: ts_drop_fn,
) -> Option<Call> {
    let run = run.filter(|_| !timeout_processing)?;
    Some(Call { function: task_fn(run), user_data, drop })
}

fn task_fn(run: unsafe extern "C" fn(*mut ts_token, *mut c_void) -> i32) -> TaskFn {
    // SAFETY: a `ts_token` is what C sees of a `Token`; the rest is the same.
    unsafe { std::mem::transmute(run) }
}

/// An async task that only its function makes.
///
/// # Safety
/// The pointers are as the header asks for them.
pub(super) unsafe fn polled<'a>(
    timeout_processing: bool,
    name: Option<&'a [u8]>,
    poll: ts_poll_fn,
    user_data: *mut c_void,
    drop: ts_drop_fn,
) -> Result<RawTask<'a>> {
    if poll.is_none() {
        return Err(null("poll"));
    }
    Ok(plain(timeout_processing, name, function(None, poll)?, user_data, drop))
}

#[inline(always)]
pub(super) fn plain(
    timeout_processing: bool,
    name: Option<&[u8]>,
    function: Function,
    user_data: *mut c_void,
    drop: ts_drop_fn,
) -> RawTask<'_> {
    let flags = if timeout_processing { TS_TIMEOUT_PROCESSING } else { 0 };
    let (timeout_seconds, wait_seconds, more) = (0.0, 0.0, None);
    RawTask { name, function, user_data, drop, timeout_seconds, wait_seconds, flags, more }
}
#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::ffi::tasks::TS_KEEP;

    unsafe extern "C" fn run(_: *mut ts_token, _: *mut c_void) -> i32 {
        0
    }

    /// A host's struct of another size than ours.
    #[repr(C)]
    struct Newer {
        known: ts_task_options,
        more: [u64; 2],
    }

    fn newer() -> Newer {
        // SAFETY: zeroes are a value of every field.
        let mut newer: Newer = unsafe { std::mem::zeroed() };
        newer.known.size = size_of::<Newer>();
        newer.known.run = Some(run);
        newer.known.flags = TS_KEEP;
        newer
    }

    /// How options are read: their flags and whether there is a function, or the error.
    fn read(host: &Newer) -> std::result::Result<(u32, bool), ErrorCode> {
        let mut copy = MaybeUninit::uninit();
        // SAFETY: as many bytes as the size says.
        let options = unsafe { read_options((&raw const *host).cast(), &mut copy) };
        options.map(|read| (read.flags, read.run.is_some())).map_err(|error| error.code())
    }

    #[test]
    fn options_of_a_newer_host_are_taken_if_they_ask_for_nothing_new() {
        let mut host = newer();
        assert_eq!(read(&host), Ok((TS_KEEP, true)));
        host.more[1] = 1;
        assert_eq!(read(&host), Err(ErrorCode::InvalidArgument));
    }

    #[test]
    fn no_byte_behind_the_size_is_read() {
        let mut host = newer();
        host.known.size = OPTIONS_SMALLEST;
        host.more = [u64::MAX; 2];
        assert_eq!(read(&host), Ok((TS_KEEP, true)));
    }
}
