//! Signals: what our threads take, and the one that breaks a blocking system call.
//!
//! A signal of ours carries the address of a mark, which tells it from everybody else's. A mark counts
//! how often its signal was to be sent since one arrived, and the more that was, the more rarely one
//! is: those that a thread blocks do not pile up. That they are sent at all is for what keeps a signal
//! back and lets the call go on, as ThreadSanitizer does.
//!
//! The handler is installed when the first signal is about to be sent, and stays. It does nothing
//! for ours: that it ran is enough, since it was installed without `SA_RESTART`. For any other it
//! does what was done before it was there. If somebody installs another one later, that has the last
//! word: nothing of ours is sent while it would do the default (which ends the process) or nothing.

use std::io;
use std::mem::MaybeUninit;

/// While this lives, its thread takes no signal, and threads that it makes never will.
#[derive(Debug)]
pub struct SignalsBlocked(libc::sigset_t);

impl SignalsBlocked {
    /// Blocks every signal of this thread.
    pub fn all() -> SignalsBlocked {
        let mut all = MaybeUninit::uninit();
        // SAFETY: filled by the call.
        let all = unsafe {
            libc::sigfillset(all.as_mut_ptr());
            all.assume_init()
        };
        SignalsBlocked(change_mask(libc::SIG_SETMASK, &all))
    }
}

impl Drop for SignalsBlocked {
    fn drop(&mut self) {
        change_mask(libc::SIG_SETMASK, &self.0);
    }
}

/// Changes which signals this thread blocks; which those were.
fn change_mask(how: libc::c_int, set: &libc::sigset_t) -> libc::sigset_t {
    let mut before = MaybeUninit::uninit();
    // SAFETY: the set was filled by a call, and `before` is by this one, which cannot fail.
    unsafe {
        libc::pthread_sigmask(how, set, before.as_mut_ptr());
        before.assume_init()
    }
}

/// Which signals a thread blocks.
#[derive(Clone, Copy)]
pub struct Mask(libc::sigset_t);

impl std::fmt::Debug for Mask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mask")
    }
}

impl Mask {
    /// What this thread blocks.
    pub fn of_this_thread() -> Mask {
        Mask(change_mask(libc::SIG_BLOCK, &no_signals()))
    }

    /// This thread blocks that again.
    pub fn restore(&self) {
        change_mask(libc::SIG_SETMASK, &self.0);
    }
}

fn no_signals() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: filled by the call.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        set.assume_init()
    }
}

/// While this lives, its thread takes that signal.
#[derive(Debug)]
pub struct Unblocked {
    signal: i32,
    before: Mask,
}

impl Unblocked {
    /// Takes the signal from now on.
    pub fn new(signal: i32) -> Unblocked {
        Unblocked { signal, before: Mask(change_mask(libc::SIG_UNBLOCK, &only(signal))) }
    }

    /// Blocks what was blocked before. `sent`: a signal may be on its way, and arrives in here, so
    /// that it cannot meet the next one who takes that signal on this thread. Nobody sends any more.
    pub fn end(self, sent: bool) {
        if sent {
            // What was sent is delivered before this returns, also where the task had blocked it.
            change_mask(libc::SIG_UNBLOCK, &only(self.signal));
        }
    }
}

impl Drop for Unblocked {
    fn drop(&mut self) {
        self.before.restore();
    }
}

fn only(signal: i32) -> libc::sigset_t {
    let mut set = no_signals();
    // SAFETY: a filled set; the configuration lets in no number that is not a signal's.
    unsafe { libc::sigaddset(&mut set, signal) };
    set
}

/// What became of a signal that was to be sent.
#[derive(Debug)]
pub enum Sent {
    /// It is on its way, or others are.
    Yes,
    /// Its handler was taken away, and it would end the process or do nothing.
    NoHandler,
    /// The system refused.
    Failed(io::Error),
}

/// Whether a signal is sent, when it was to be sent so often since one arrived: each time twice as
/// rarely.
#[inline]
fn is_turn(before: u32) -> bool {
    before == 0 || before.is_power_of_two()
}

/// So many marks there are: more than threads that run tasks.
pub const MARKS: usize = 1 << 14;

#[cfg(target_os = "linux")]
pub use linux::*;
#[cfg(not(target_os = "linux"))]
pub use others::*;

#[cfg(target_os = "linux")]
mod linux {
    use super::{MARKS, MaybeUninit, Sent, io, is_turn};
    use std::ffi::{c_int, c_void};
    use std::ptr;
    use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::*};

    /// The numbers of real-time signals that programs may use.
    pub fn realtime() -> Option<(i32, i32)> {
        Some((libc::SIGRTMIN(), libc::SIGRTMAX()))
    }

    /// This thread, for [`interrupt`].
    pub fn thread_id() -> i32 {
        // SAFETY: no requirements.
        unsafe { libc::syscall(libc::SYS_gettid) as i32 }
    }

    /// See the module.
    static ON_ITS_WAY: [AtomicU32; MARKS] = [const { AtomicU32::new(0) }; MARKS];

    /// What happened to a signal before our handler was there.
    struct Before {
        /// Ours was installed, once.
        installed: AtomicBool,
        handler: AtomicUsize,
        /// The handler takes what the system knows of the signal, too.
        takes_info: AtomicBool,
    }

    /// More than the system has signals.
    const SIGNALS: usize = 129;

    static BEFORE: [Before; SIGNALS] = [const {
        Before {
            installed: AtomicBool::new(false),
            handler: AtomicUsize::new(libc::SIG_DFL),
            takes_info: AtomicBool::new(false),
        }
    }; SIGNALS];

    /// No signal of ours is on its way to who uses this mark.
    pub fn reset_mark(mark: usize) {
        ON_ITS_WAY[mark].store(0, Release);
    }

    /// Runs on any thread, at any time: touches atomics and makes system calls, no more.
    extern "C" fn handle(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
        // SAFETY: the system's, for this call; the fields are those that the code says are there.
        let value = unsafe {
            match (*info).si_code {
                libc::SI_QUEUE => (*info).si_value().sival_ptr as usize,
                _ => 0,
            }
        };
        let first = ON_ITS_WAY.as_ptr() as usize;
        match value.checked_sub(first).map(|offset| offset / size_of::<AtomicU32>()) {
            Some(mark) if mark < MARKS => ON_ITS_WAY[mark].store(0, Release),
            // SAFETY: what this handler was given.
            _ => unsafe { as_before(signal, info, context) },
        }
    }

    /// Does what was done with the signal before our handler was there.
    unsafe fn as_before(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
        let Some(before) = BEFORE.get(signal as usize) else { return };
        let handler = before.handler.load(Acquire);
        match handler {
            libc::SIG_IGN => {}
            // SAFETY: calls that a handler may make. The default is to end the process: with the
            // signal sent once more, when this handler has returned.
            libc::SIG_DFL => unsafe {
                let mut default = MaybeUninit::<libc::sigaction>::zeroed().assume_init();
                default.sa_sigaction = libc::SIG_DFL;
                libc::sigaction(signal, &default, ptr::null_mut());
                libc::syscall(libc::SYS_tgkill, libc::getpid(), thread_id(), signal);
            },
            // SAFETY: a function that was installed for this, of the sort that it was installed as.
            _ => unsafe {
                if before.takes_info.load(Relaxed) {
                    let handler = std::mem::transmute::<
                        usize,
                        extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void),
                    >(handler);
                    handler(signal, info, context);
                } else {
                    std::mem::transmute::<usize, extern "C" fn(c_int)>(handler)(signal);
                }
            },
        }
    }

    fn own_handler() -> usize {
        handle as extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) as usize
    }

    fn installed(signal: c_int) -> libc::sigaction {
        let mut action = MaybeUninit::zeroed();
        // SAFETY: a place for the answer. A zeroed action is a good one, should it fail.
        unsafe {
            libc::sigaction(signal, ptr::null(), action.as_mut_ptr());
            action.assume_init()
        }
    }

    fn remember(before: &Before, action: &libc::sigaction) {
        if action.sa_sigaction != own_handler() {
            before.takes_info.store(action.sa_flags & libc::SA_SIGINFO != 0, Relaxed);
            before.handler.store(action.sa_sigaction, Release);
        }
    }

    /// Installs the handler, the first time. Two threads may do so at once: both find the same.
    fn install(signal: c_int) -> io::Result<()> {
        let before = &BEFORE[signal as usize];
        if before.installed.load(Acquire) {
            return Ok(());
        }
        let found = installed(signal);
        // Before ours is there, so that it knows what to do with others' from the first on.
        remember(before, &found);
        let mut own = found;
        own.sa_sigaction = own_handler();
        // On the alternate stack where a thread has one: a host's threads, such as Go's, may have
        // little room on theirs. Without SA_RESTART, or calls would not end.
        own.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | found.sa_flags & libc::SA_NODEFER;
        let mut replaced = MaybeUninit::uninit();
        // SAFETY: an action whose handler may run at any time, and a place for the one before.
        unsafe {
            if libc::sigaction(signal, &own, replaced.as_mut_ptr()) != 0 {
                return Err(io::Error::last_os_error());
            }
            // The host may have installed one between our two calls.
            remember(before, &replaced.assume_init());
        }
        before.installed.store(true, Release);
        Ok(())
    }

    /// What goes with a queued signal, as the system takes it; the rest is zeroes.
    #[repr(C)]
    struct Info {
        signal: c_int,
        errno: c_int,
        code: c_int,
        queued: Queued,
    }

    #[repr(C)]
    struct Queued {
        process: libc::pid_t,
        user: libc::uid_t,
        value: *const c_void,
    }

    /// Has that thread of this process, which must be alive, take the signal: a blocking call that
    /// it is in ends.
    pub fn interrupt(thread: i32, signal: i32, mark: usize) -> Sent {
        if let Err(error) = install(signal) {
            return Sent::Failed(error);
        }
        let handler = installed(signal).sa_sigaction;
        if handler == libc::SIG_DFL || handler == libc::SIG_IGN {
            return Sent::NoHandler;
        }
        let mark = &ON_ITS_WAY[mark];
        // Another's handler may not tell ours of what arrived.
        if !is_turn(mark.fetch_add(1, AcqRel)) && handler == own_handler() {
            return Sent::Yes;
        }
        // SAFETY: a struct no larger than the system's, the rest of which is zeroes, for the call.
        let result = unsafe {
            let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
            let value = ptr::from_ref(mark).cast();
            let queued = Queued { process: libc::getpid(), user: libc::getuid(), value };
            let code = libc::SI_QUEUE;
            info.as_mut_ptr().cast::<Info>().write(Info { signal, errno: 0, code, queued });
            let process = libc::getpid();
            libc::syscall(libc::SYS_rt_tgsigqueueinfo, process, thread, signal, info.as_ptr())
        };
        if result == 0 {
            return Sent::Yes;
        }
        Sent::Failed(io::Error::last_os_error())
    }
}

/// Calls of other systems are not broken: the configuration allows no signal there.
#[cfg(not(target_os = "linux"))]
mod others {
    use super::{Sent, io};

    pub fn realtime() -> Option<(i32, i32)> {
        None
    }

    pub fn thread_id() -> i32 {
        0
    }

    pub fn reset_mark(_: usize) {}

    pub fn interrupt(_: i32, _: i32, _: usize) -> Sent {
        Sent::Failed(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_that_are_blocked_do_not_pile_up() {
        // At ten a second, more than a day.
        assert_eq!((0..1_000_000).filter(|before| is_turn(*before)).count(), 21);
        assert!((0..3).all(is_turn));
    }
}
