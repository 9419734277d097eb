//! A thread, made by the system's own call: the standard library's aborts where there is no memory
//! for one.

use crate::memory;
use std::ffi::{CStr, c_void};
use std::io;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering::*};

/// One that is to be joined.
#[derive(Debug)]
pub struct Thread {
    id: libc::pthread_t,
    finished: Box<AtomicBool>,
}

// SAFETY: the id may be used on any thread.
unsafe impl Send for Thread {}
// SAFETY: as above.
unsafe impl Sync for Thread {}

/// What it is made with.
struct Start<F> {
    life: F,
    /// Of the [`Thread`], which whoever joins it keeps until it has ended.
    finished: *const AtomicBool,
}

impl Thread {
    /// Starts one with so many bytes of stack, in whole pages.
    pub fn spawn<F: FnOnce() + Send + 'static>(stack: usize, life: F) -> io::Result<Thread> {
        let no_memory = |_| io::Error::from_raw_os_error(libc::ENOMEM);
        let finished = memory::boxed(AtomicBool::new(false)).map_err(no_memory)?;
        let start = Start { life, finished: &raw const *finished };
        let start = Box::into_raw(memory::boxed(start).map_err(no_memory)?);
        let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
        let mut id = MaybeUninit::uninit();
        // SAFETY: the attributes are made before they are used, and destroyed after. A thread that
        // is made owns what it is started with.
        unsafe {
            let mut error = libc::pthread_attr_init(attributes.as_mut_ptr());
            if error == 0 {
                error = libc::pthread_attr_setstacksize(attributes.as_mut_ptr(), stack);
                if error == 0 {
                    let (attributes, start) = (attributes.as_ptr(), start.cast());
                    error = libc::pthread_create(id.as_mut_ptr(), attributes, run::<F>, start);
                }
                libc::pthread_attr_destroy(attributes.as_mut_ptr());
            }
            if error != 0 {
                drop(Box::from_raw(start));
                return Err(io::Error::from_raw_os_error(error));
            }
            Ok(Thread { id: id.assume_init(), finished })
        }
    }

    /// Whether it runs nothing any more: then a join takes no time.
    pub fn is_finished(&self) -> bool {
        self.finished.load(Acquire)
    }

    /// Waits until it is gone.
    pub fn join(self) {
        // SAFETY: joined once, and never detached.
        unsafe { libc::pthread_join(self.id, ptr::null_mut()) };
    }
}

extern "C" fn run<F: FnOnce()>(start: *mut c_void) -> *mut c_void {
    // SAFETY: what `spawn` started it with.
    let start = unsafe { Box::from_raw(start.cast::<Start<F>>()) };
    let Start { life, finished } = *start;
    // A panic ends the thread alone.
    let _ = catch_unwind(AssertUnwindSafe(life)).map_err(std::mem::forget);
    // SAFETY: whoever joins this thread keeps it until then.
    unsafe { (*finished).store(true, Release) };
    ptr::null_mut()
}

/// Gives this thread a name, which the system may cut.
pub fn set_name(name: &CStr) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // SAFETY: a text with its NUL; the system cuts it at 15 bytes.
    unsafe {
        libc::prctl(libc::PR_SET_NAME, name.as_ptr());
    }
    #[cfg(target_os = "macos")]
    // SAFETY: a text with its NUL.
    unsafe {
        libc::pthread_setname_np(name.as_ptr());
    }
    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "macos")))]
    let _ = name;
}
