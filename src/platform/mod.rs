//! What the operating system has to be asked for by hand.

pub mod annotate;
pub mod barrier;
pub mod doing;
pub mod floats;
pub mod forks;
pub mod signal;
pub mod signals;
pub mod thread;

pub use forks::forks;

use crate::Result;
use crate::processors::Processors;
use std::ffi::{CStr, c_void};
use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

/// What the process has to know before anything is made: a child is told from its parent, and the
/// code stays where it is.
pub fn settle_in() -> Result<()> {
    forks::count_forks()?;
    stay_loaded();
    Ok(())
}

/// From now on the module that this code is in is not unloaded: its threads may be running, and its
/// handlers installed. The shared library is linked so; a plug-in that has become our home is not.
#[cfg(target_os = "linux")]
fn stay_loaded() {
    static DONE: AtomicBool = AtomicBool::new(false);
    if DONE.swap(true, Relaxed) {
        return;
    }
    let module = |address: *const c_void| {
        let mut found = MaybeUninit::<libc::Dl_info>::zeroed();
        // SAFETY: looks an address up, whatever it is; zeroes are a good answer, should it fail.
        unsafe {
            libc::dladdr(address, found.as_mut_ptr());
            found.assume_init()
        }
    };
    let own = module(stay_loaded as fn() as *const c_void);
    // SAFETY: no requirements.
    let program = module(unsafe { libc::getauxval(libc::AT_PHDR) } as *const c_void);
    if own.dli_fname.is_null() || own.dli_fbase == program.dli_fbase {
        return;
    }
    // SAFETY: a name of the loader's, of what is loaded. The handle is never closed.
    unsafe {
        libc::dlopen(own.dli_fname, libc::RTLD_NOW | libc::RTLD_NOLOAD | libc::RTLD_NODELETE)
    };
}

/// Elsewhere a plug-in that links the static library has to see to that itself.
#[cfg(not(target_os = "linux"))]
fn stay_loaded() {}

/// The least stack that the system makes a thread with, in bytes.
pub fn least_stack() -> usize {
    // SAFETY: no requirements.
    let asked = unsafe { libc::sysconf(libc::_SC_THREAD_STACK_MIN) };
    usize::try_from(asked).unwrap_or(0).max(libc::PTHREAD_STACK_MIN)
}

/// So many bytes in whole pages: a system may round a stack down, and then gives less than asked.
pub fn whole_pages(size: usize) -> usize {
    // SAFETY: no requirements.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    size.next_multiple_of(usize::try_from(page).unwrap_or(0).max(4096))
}

/// The stack of a thread that asks for none, in bytes.
pub fn usual_stack() -> usize {
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    // Should it not say.
    let mut size = 2 << 20;
    // SAFETY: the attributes are made before they are asked, and destroyed after.
    unsafe {
        if libc::pthread_attr_init(attributes.as_mut_ptr()) == 0 {
            libc::pthread_attr_getstacksize(attributes.as_ptr(), &mut size);
            libc::pthread_attr_destroy(attributes.as_mut_ptr());
        }
    }
    size
}

/// Whether a thread can be bound to processors, and have a nice level of its own.
pub const PINS_THREADS: bool = cfg!(target_os = "linux");

/// The processors that there are.
pub fn processors() -> Processors {
    let listed = std::fs::read_to_string("/sys/devices/system/cpu/present");
    match listed.ok().and_then(|list| Processors::parse(&list).ok()) {
        Some(there) if !there.is_empty() => there,
        // SAFETY: no requirements.
        _ => {
            Processors::first(unsafe { libc::sysconf(libc::_SC_NPROCESSORS_CONF) }.max(1) as usize)
        }
    }
}

#[cfg(target_os = "linux")]
pub use linux::*;
#[cfg(not(target_os = "linux"))]
pub use others::*;

#[cfg(target_os = "linux")]
mod linux {
    use super::{MaybeUninit, Processors, io};

    /// Where a thread may run.
    pub type Affinity = libc::cpu_set_t;

    fn answer(result: libc::c_int) -> io::Result<()> {
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Where this thread may run.
    pub fn affinity() -> io::Result<Affinity> {
        let mut set = MaybeUninit::zeroed();
        // SAFETY: as many writable bytes as the call is told.
        unsafe {
            answer(libc::sched_getaffinity(0, size_of::<Affinity>(), set.as_mut_ptr()))?;
            Ok(set.assume_init())
        }
    }

    /// Lets this thread run there alone.
    pub fn set_affinity(set: &Affinity) -> io::Result<()> {
        // SAFETY: as many readable bytes as the call is told.
        answer(unsafe { libc::sched_setaffinity(0, size_of::<Affinity>(), set) })
    }

    /// These processors, as the system takes them.
    pub fn affinity_of(processors: &Processors) -> Affinity {
        // SAFETY: zeroes are the empty set, and no number is larger than the set.
        unsafe {
            let mut set = std::mem::zeroed();
            for processor in 0..libc::CPU_SETSIZE as usize {
                if processors.contains(processor) {
                    libc::CPU_SET(processor, &mut set);
                }
            }
            set
        }
    }

    fn this_thread() -> libc::id_t {
        // SAFETY: no requirements.
        unsafe { libc::syscall(libc::SYS_gettid) as u32 }
    }

    /// The nice level of this thread.
    pub fn nice() -> i32 {
        // -1 is a level as well as a failure, and this thread does exist.
        // SAFETY: no requirements.
        unsafe { libc::getpriority(libc::PRIO_PROCESS, this_thread()) }
    }

    /// Gives this thread, and no other, that nice level.
    pub fn set_nice(level: i32) -> io::Result<()> {
        // SAFETY: no requirements.
        answer(unsafe { libc::setpriority(libc::PRIO_PROCESS, this_thread(), level) })
    }
}

/// What cannot be had: the configuration refuses it before it comes here.
#[cfg(not(target_os = "linux"))]
mod others {
    use super::{Processors, io};

    /// Where a thread may run.
    pub type Affinity = ();

    pub fn affinity() -> io::Result<Affinity> {
        Ok(())
    }

    pub fn set_affinity(_: &Affinity) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn affinity_of(_: &Processors) -> Affinity {}

    pub fn nice() -> i32 {
        0
    }

    pub fn set_nice(_: i32) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Tells a leak checker, where the host has one, that pointers in this mapping count: it looks
/// through what `malloc` gave, and records live elsewhere.
pub fn show_leak_checker(start: *const c_void, size: usize) {
    static FOUND: AtomicUsize = AtomicUsize::new(UNKNOWN);
    call_leak_checker(&FOUND, c"__lsan_register_root_region", start, size);
}

/// The mapping goes away.
pub fn hide_from_leak_checker(start: *const c_void, size: usize) {
    static FOUND: AtomicUsize = AtomicUsize::new(UNKNOWN);
    call_leak_checker(&FOUND, c"__lsan_unregister_root_region", start, size);
}

const UNKNOWN: usize = usize::MAX;

/// The function is looked for once, since that takes the loader's lock, which a fork may find held.
fn call_leak_checker(found: &AtomicUsize, name: &CStr, start: *const c_void, size: usize) {
    let mut function = found.load(Relaxed);
    if function == UNKNOWN {
        // SAFETY: a name with its NUL.
        function = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) } as usize;
        found.store(function, Relaxed);
    }
    if function != 0 {
        // SAFETY: where LeakSanitizer is linked its function is found, and takes these.
        unsafe {
            let function =
                std::mem::transmute::<usize, unsafe extern "C" fn(*const c_void, usize)>(function);
            function(start, size);
        }
    }
}

/// A point in time in the words of the local calendar: `2026-01-31 23:59:59`.
pub fn calendar(since_epoch: f64) -> impl fmt::Display {
    let seconds = since_epoch as libc::time_t;
    let mut local = MaybeUninit::<libc::tm>::zeroed();
    // SAFETY: both pointers are good for the call; a `tm` of zeros is good too, should it fail.
    let local = unsafe {
        libc::localtime_r(&seconds, local.as_mut_ptr());
        local.assume_init()
    };
    Calendar(local)
}

struct Calendar(libc::tm);

impl fmt::Display for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let local = &self.0;
        let (year, month, day) = (local.tm_year + 1900, local.tm_mon + 1, local.tm_mday);
        write!(f, "{year:04}-{month:02}-{day:02} ")?;
        write!(f, "{:02}:{:02}:{:02}", local.tm_hour, local.tm_min, local.tm_sec)
    }
}
