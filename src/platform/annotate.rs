//! What a host under ThreadSanitizer has to be told.
//!
//! A host that is built with `-fsanitize=thread` and links the library as it is built for everybody
//! sees nothing of our locks and atomics: what one of its threads wrote before an add, and a task
//! read on another, looks like a race. So where the library promises the host an order, it says so
//! in the checker's own words: [`release`] before the step that others see, [`acquire`] after the
//! step that saw it, both with the same object. The promises are
//!
//! * an add → the task's start, or the drop of one that never starts; and the next look at its claim;
//! * the end of a task → the start of the next of its name;
//! * a stop → the task that sees it; a wake → the next poll;
//! * the end of a task, its drop and its `on_end` included → whoever sees that end: a wait, a state, a
//!   status, a result, a completion, a shutdown;
//! * the setting of a function (the log's, a pump's, a thread's) → its calls → the drop of its data.
//!
//! The words are looked up when the first scheduler is made; where no checker is there, each of
//! these is a load and a branch. They order nothing themselves. In our own checker builds they say
//! nothing: there the checker sees what is really ordered, and is not to be talked out of it.

use std::ffi::{CStr, c_void};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering::*};

type Word = unsafe extern "C" fn(*mut c_void);

static ON: AtomicBool = AtomicBool::new(false);
static ACQUIRE: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
static RELEASE: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

/// Looks whether there is a checker. By two threads at once, if it comes to that, which find the same:
/// a once might be held when a child is forked.
pub fn look() {
    static LOOKED: AtomicBool = AtomicBool::new(false);
    if LOOKED.load(Acquire) {
        return;
    }
    let (acquire, release) = (find(c"__tsan_acquire"), find(c"__tsan_release"));
    ACQUIRE.store(acquire, Relaxed);
    RELEASE.store(release, Relaxed);
    let found = !acquire.is_null() && !release.is_null();
    ON.store(found && cfg!(not(ts_checker)), Release);
    LOOKED.store(true, Release);
}

fn find(name: &CStr) -> *mut c_void {
    // SAFETY: a name with its NUL.
    unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }
}

/// Whether there is a checker that listens.
#[inline(always)]
pub fn is_on() -> bool {
    ON.load(Relaxed)
}

/// What this thread did before comes before whatever follows an [`acquire`] of the same object.
#[inline(always)]
pub fn release<T>(object: &T) {
    if is_on() {
        say(&RELEASE, ptr::from_ref(object).cast());
    }
}

/// See [`release`].
#[inline(always)]
pub fn acquire<T>(object: &T) {
    if is_on() {
        say(&ACQUIRE, ptr::from_ref(object).cast());
    }
}

#[cold]
#[inline(never)]
fn say(word: &AtomicPtr<c_void>, object: *const c_void) {
    let word = word.load(Acquire);
    // SAFETY: found under the name of a function of this type before `ON` was set, and only then
    // is this called; the checker takes any address of the program's, and touches nothing there.
    unsafe { std::mem::transmute::<*mut c_void, Word>(word)(object.cast_mut()) };
}
