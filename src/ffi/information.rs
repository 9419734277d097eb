//! Information
//!
//! What is known of tasks. A finished task stays known, with its result until
//! that is taken, while it is among the last maximum_task_info_storage ones;
//! with TS_KEEP it stays known until ts_task_forget.

use super::arguments::{self, Out, null, out_id, seconds_or_forever, struct_size, text};
use super::errors::ts_error;
use super::guard::{guard, guard_or, shorten};
use super::schedulers::ts_scheduler;
use super::tasks::{ts_drop_fn, ts_kind, ts_state, ts_task_id};
use crate::TaskId;
use crate::error::{ErrorCode, Result};
use crate::host::Owned;
use crate::task::{STATUS_STUCK, TaskStatus};
use std::ffi::{c_char, c_void};
use std::mem::{MaybeUninit, offset_of};
use std::ptr;

/// Bit of a status's flags: the task still runs, more than stuck_grace seconds
/// after it was told to stop.
pub const TS_STATUS_STUCK: u32 = 1;
const _: () = assert!(TS_STATUS_STUCK == STATUS_STUCK);

/// Everything that is known of a task at one moment. Start from
/// TS_TASK_STATUS_INIT.
#[repr(C)]
pub struct ts_task_status {
    /// sizeof(ts_task_status).
    pub size: usize,
    /// Its id.
    pub id: ts_task_id,
    /// When it was added.
    pub added_at: f64,
    /// When its function was called; 0 while it has not been.
    pub started_at: f64,
    /// When it ended; 0 while it has not.
    pub ended_at: f64,
    /// Where it stands.
    pub state: MaybeUninit<ts_state>,
    /// Its kind.
    pub kind: MaybeUninit<ts_kind>,
    /// While it runs after it was told to stop, and while a cancelled claim is
    /// to be finished: the state in which it will end. Else 0.
    pub stopping: MaybeUninit<ts_state>,
    /// Of a failed task what its function returned; of an async one 1. Else 0.
    pub code: i32,
    /// TS_STATUS_STUCK, or 0.
    pub flags: u32,
    /// 0.
    pub reserved: u32,
    /// Its name; "" for none.
    pub task_name: [c_char; 256],
    /// What went wrong, in words, when it failed; else "".
    pub error: [c_char; 256],
}

//#/// A status with the size set and all else zero.
//##define TS_TASK_STATUS_INIT                                                    \
//#    { sizeof(ts_task_status), { { 0 } }, 0.0, 0.0, 0.0, (ts_state)0,           \
//#      (ts_kind)0, (ts_state)0, 0, 0, 0, "", "" }

/// The size of the struct when it first came out: the smallest that a host can have.
const STATUS_SMALLEST: usize = offset_of!(ts_task_status, error) + 256;
#[cfg(target_pointer_width = "64")]
const _: () = assert!(
    size_of::<ts_task_status>() == STATUS_SMALLEST
        && STATUS_SMALLEST == 584
        && offset_of!(ts_task_status, added_at) == 24
        && offset_of!(ts_task_status, task_name) == 72
);

/// A place of the caller's for a status, and how large the caller believes it to be.
pub(super) struct StatusPlace {
    place: *mut u8,
    size: usize,
}

impl StatusPlace {
    /// The place, if its size is believable.
    ///
    /// # Safety
    /// NULL, or a status whose size is set.
    pub(super) unsafe fn new(place: *mut ts_task_status, what: &str) -> Result<StatusPlace> {
        // SAFETY: the caller's promise.
        let size =
            unsafe { struct_size(place.cast(), STATUS_SMALLEST, what, "TS_TASK_STATUS_INIT") }?;
        Ok(StatusPlace { place: place.cast(), size })
    }

    /// Writes `size` bytes: what we know of what the caller knows, then zeroes.
    ///
    /// # Safety
    /// The place has that many writable bytes, `at` times over.
    pub(super) unsafe fn set(&self, at: usize, status: &TaskStatus) {
        let status = to_c(status, self.size);
        let known = size_of::<ts_task_status>().min(self.size);
        // SAFETY: the caller's promise.
        unsafe {
            let place = self.place.add(at * self.size);
            ptr::copy_nonoverlapping((&raw const status).cast::<u8>(), place, known);
            place.add(known).write_bytes(0, self.size - known);
        }
    }
}

/// The status as C sees it.
fn to_c(status: &TaskStatus, size: usize) -> ts_task_status {
    // SAFETY: zeroes are a value of every field.
    let mut c: ts_task_status = unsafe { std::mem::zeroed() };
    c.size = size;
    c.id = status.id.into();
    c.added_at = status.added_at;
    c.started_at = status.started_at;
    c.ended_at = status.ended_at;
    c.state = MaybeUninit::new(status.state.into());
    c.kind = MaybeUninit::new(status.kind.into());
    if let Some(stopping) = status.stopping {
        c.stopping = MaybeUninit::new(stopping.into());
    }
    c.code = status.code;
    c.flags = status.flags;
    copy_text(&mut c.task_name, &status.name);
    copy_text(&mut c.error, &status.error);
    c
}

/// Copies as much of the text as fits in front of the NUL.
fn copy_text(place: &mut [c_char; 256], text: &str) {
    for (place, byte) in place.iter_mut().zip(shorten(text, 255).bytes()) {
        *place = byte as c_char;
    }
}

/// Where the task stands: the fast way to ask.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_NOT_FOUND.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_get_task_state(
    scheduler: *mut ts_scheduler,
    id: ts_task_id,
    out_state: *mut ts_state,
) -> ts_error {
    // SAFETY: the caller's pointers, as the header asks for them.
    guard(|| unsafe {
        let out_state = Out::new(out_state, "out_state")?;
        out_state.set(arguments::scheduler(scheduler)?.state(id.into())?.into());
        Ok(())
    })
}

/// Everything that is known of the task. out_status->size must be set.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_NOT_FOUND.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_get_task_status(
    scheduler: *mut ts_scheduler,
    id: ts_task_id,
    out_status: *mut ts_task_status,
) -> ts_error {
    // SAFETY: the caller's pointers, as the header asks for them.
    guard(|| unsafe {
        let out_status = StatusPlace::new(out_status, "out_status")?;
        out_status.set(0, &arguments::scheduler(scheduler)?.status(id.into())?);
        Ok(())
    })
}

/// Waits until the task has ended. 0 seconds only asks; TS_FOREVER waits
/// without bound. out_status may be NULL; if it is not, its size must be set.
///
/// While a linear task waits another one may run in its place: line_task_max
/// counts those that do not wait. At most line_task_max places are lent. A stop
/// of the task that waits does not end the wait.
///
/// After TS_OK the task's function has returned and its drop was called: what
/// the task used may be freed.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_NOT_FOUND;
/// TS_ERROR_NOT_FINISHED when only asked; TS_ERROR_TIMED_OUT;
/// TS_ERROR_WOULD_DEADLOCK where the task cannot end before the wait is over:
/// inside a task for the task itself, for one that queues behind it, and for
/// one that waits for it, be it by others; inside a poll, a drop or on_end of
/// an async task, and the function for threads for any that has not ended.
/// docs/threads.md has it in full. A task that ended and is no longer
/// among the last maximum_task_info_storage gives TS_ERROR_NOT_FOUND: use
/// TS_KEEP to wait for one at any time later. A wait that began before its end
/// gets TS_OK.
///
/// Any thread. Blocks up to the time. From a task: yes; if async, with 0 only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_wait(
    scheduler: *mut ts_scheduler,
    id: ts_task_id,
    seconds: f64,
    out_status: *mut ts_task_status,
) -> ts_error {
    // SAFETY: the caller's pointers, as the header asks for them.
    guard(|| unsafe {
        let seconds = seconds_or_forever(seconds, "seconds")?;
        if out_status.is_null() {
            return arguments::scheduler(scheduler)?.wait_end(id.into(), seconds).map(drop);
        }
        let out_status = StatusPlace::new(out_status, "out_status")?;
        out_status.set(0, &arguments::scheduler(scheduler)?.wait(id.into(), seconds)?);
        Ok(())
    })
}

/// A result, as ts_set_result set it.
#[repr(C)]
pub struct ts_value {
    /// The copied bytes, or the task's own pointer.
    pub data: *mut c_void,
    /// The size that the task set.
    pub size: usize,
    /// Frees data; NULL for nothing to free. ts_value_free calls it.
    pub drop: ts_drop_fn,
}

/// Moves the result of a completed task out; it is then yours, and a second
/// call finds none. Free it with ts_value_free.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_NOT_FOUND;
/// TS_ERROR_NOT_FINISHED; TS_ERROR_NO_RESULT when the task set none, did not
/// complete, or the result was taken.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_get_task_result(
    scheduler: *mut ts_scheduler,
    id: ts_task_id,
    out_value: *mut ts_value,
) -> ts_error {
    // SAFETY: the caller's pointers, as the header asks for them.
    guard(|| unsafe {
        let out_value = Out::new(out_value, "out_value")?;
        let value = arguments::scheduler(scheduler)?.result(id.into())?;
        out_value.set(ts_value { data: value.data, size: value.size, drop: value.drop });
        Ok(())
    })
}

/// Calls the value's drop, if it has one, and sets the value to zero, so that
/// freeing it again does nothing. NULL does nothing.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_value_free(value: *mut ts_value) {
    guard_or((), || {
        if value.is_null() {
            return;
        }
        let nothing = ts_value { data: ptr::null_mut(), size: 0, drop: None };
        // SAFETY: the caller's value, as the header asks for it.
        let value = unsafe { value.replace(nothing) };
        let owned = Owned::new(value.data, value.drop);
        drop(owned);
    })
}

/// Gives up the record of a task, with TS_KEEP or without. Of a finished one
/// the result is dropped, and its id gives TS_ERROR_NOT_FOUND from now on; any
/// other goes on, and its record will be kept no longer than one without
/// TS_KEEP.
///
/// Errors: TS_ERROR_NOT_FOUND.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_task_forget(scheduler: *mut ts_scheduler, id: ts_task_id) -> ts_error {
    // SAFETY: the caller's handle, as the header asks for it.
    guard(|| unsafe { arguments::scheduler(scheduler) }?.forget(id.into()))
}

/// Writes the statuses of the known tasks of a kind into array, at most
/// capacity of them, and how many there are into out_count, which may be more.
/// array[0].size must be set and counts for every element. With capacity 0 the
/// tasks are only counted, and array may be NULL. Each status is of one moment,
/// the list as a whole is not.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_OUT_OF_MEMORY.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_list_tasks(
    scheduler: *mut ts_scheduler,
    kind: MaybeUninit<ts_kind>,
    array: *mut ts_task_status,
    capacity: usize,
    out_count: *mut usize,
) -> ts_error {
    // SAFETY: the caller's pointers, as the header asks for them.
    guard(|| unsafe {
        let out_count = Out::new(out_count, "out_count")?;
        let kind = arguments::kind(kind)?;
        let places = match capacity {
            0 => None,
            _ if array.is_null() => return Err(null("array")),
            _ => Some(StatusPlace::new(array, "array[0]")?),
        };
        let tasks = arguments::scheduler(scheduler)?.tasks(kind)?;
        if let Some(places) = places {
            for (at, status) in tasks.iter().take(capacity).enumerate() {
                places.set(at, status);
            }
        }
        out_count.set(tasks.len());
        Ok(())
    })
}

/// A text for people: the tasks of a kind that are known, finished ones
/// included, in the order of their adds, of several threads to some
/// milliseconds, and with the time that each ran, NaN for one that never
/// started; and the last ten errors. With show_id also the ids. Free it with
/// ts_string_free.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT; TS_ERROR_OUT_OF_MEMORY.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_get_all_queue_info(
    scheduler: *mut ts_scheduler,
    kind: MaybeUninit<ts_kind>,
    show_id: bool,
    out_text: *mut *mut c_char,
) -> ts_error {
    // SAFETY: the caller's pointers, as the header asks for them.
    guard(|| unsafe {
        let out_text = Out::new(out_text, "out_text")?;
        let kind = arguments::kind(kind)?;
        out_text.set(new_string(&arguments::scheduler(scheduler)?.queue_info(kind, show_id)?)?);
        Ok(())
    })
}

/// A copy of the text for C, for `ts_string_free`.
pub(super) fn new_string(text: &str) -> Result<*mut c_char> {
    // SAFETY: as many bytes are written as were asked for.
    unsafe {
        let copy = libc::malloc(text.len() + 1).cast::<u8>();
        if copy.is_null() {
            return Err(ErrorCode::OutOfMemory.into());
        }
        ptr::copy_nonoverlapping(text.as_ptr(), copy, text.len());
        copy.add(text.len()).write(0);
        Ok(copy.cast())
    }
}

/// Frees a text that the library gave you. NULL does nothing.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_string_free(text: *mut c_char) {
    // SAFETY: NULL or from `new_string`, as the header asks.
    guard_or((), || unsafe { libc::free(text.cast()) })
}

/// cbindgen:ptrs-as-arrays=[[out;37]]
/// Writes the id as text into out: 36 characters in lower case, such as
/// "cf478b6e-5e02-89b8-9031-4adc6ff915c2", and a NUL. Does nothing when out is
/// NULL.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_task_id_format(id: ts_task_id, out: *mut c_char) {
    guard_or((), || {
        if !out.is_null() {
            let text = TaskId::from(id).to_text();
            // SAFETY: the caller's 37 bytes.
            unsafe { ptr::copy_nonoverlapping(text.as_ptr(), out.cast::<u8>(), text.len()) };
        }
    })
}

/// Reads an id from its text, in lower or upper case.
///
/// Errors: TS_ERROR_INVALID_ARGUMENT.
///
/// Any thread. Never blocks. From a task: yes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ts_task_id_parse(
    text: *const c_char,
    out_id: *mut ts_task_id,
) -> ts_error {
    // SAFETY: the caller's pointers, as the header asks for them.
    guard(|| unsafe {
        let out_id = self::out_id(out_id)?;
        out_id.set(self::text(text, 36, "text")?.parse::<TaskId>()?.into());
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::{Kind, State};

    fn status() -> TaskStatus {
        TaskStatus {
            id: TaskId::from_bytes([7; 16]),
            added_at: 1.0,
            stamp: 1,
            started_at: 2.0,
            ended_at: 3.0,
            state: State::Running,
            kind: Kind::Linear,
            stopping: Some(State::Timeout),
            code: -5,
            flags: STATUS_STUCK,
            name: "name".into(),
            error: "é".repeat(200),
        }
    }

    #[test]
    fn a_status_is_written_as_far_as_the_host_knows_it() {
        const KNOWN: usize = size_of::<ts_task_status>();
        for size in [KNOWN, KNOWN + 8] {
            let mut place = [u64::MAX; (KNOWN + 8) / 4];
            place[0] = size as u64;
            place[size / 8] = size as u64;
            // SAFETY: there is room for two of the larger size.
            unsafe {
                let places = StatusPlace::new(place.as_mut_ptr().cast(), "array[0]").unwrap();
                places.set(0, &status());
                places.set(1, &status());
            }
            let bytes: Vec<u8> = place.iter().flat_map(|word| word.to_ne_bytes()).collect();
            for at in 0..2 {
                let one = &bytes[at * size..(at + 1) * size];
                assert_eq!(one[..8], size.to_ne_bytes());
                assert_eq!(one[8..24], [7; 16]);
                assert_eq!(
                    one[48..72]
                        .chunks(4)
                        .map(|n| i32::from_ne_bytes(n.try_into().unwrap()))
                        .collect::<Vec<_>>(),
                    [2, 1, 5, -5, 1, 0]
                );
                assert_eq!(one[72..77], *b"name\0");
                assert_eq!(one[328..582], *"é".repeat(127).as_bytes());
                assert!(
                    one[582..].iter().all(|byte| *byte == 0),
                    "the end of the text and what we do not know"
                );
            }
            assert!(
                bytes[2 * size..].iter().all(|byte| *byte == 0xff),
                "nothing behind is written"
            );
        }
    }
}
