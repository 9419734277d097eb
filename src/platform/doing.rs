//! What another thread of this process is doing.

use std::ffi::CStr;
use std::io::{Cursor, Write};

/// Whether the thread of that number (as [`super::signals::thread_id`] gives it) runs, or would if it
/// had a processor. False also where the system does not say.
pub fn wants_to_run(thread: i32) -> bool {
    let mut path = Cursor::new([0u8; 48]);
    let written = write!(path, "/proc/self/task/{thread}/stat\0");
    let path = path.into_inner();
    let (Ok(()), Ok(path)) = (written, CStr::from_bytes_until_nul(&path)) else { return false };
    let mut text = [0u8; 128];
    // SAFETY: the path ends with a NUL, the buffer is as long as said, and the file is closed once.
    let read = unsafe {
        let file = libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
        if file < 0 {
            return false;
        }
        let read = libc::read(file, text.as_mut_ptr().cast(), text.len());
        libc::close(file);
        read
    };
    state(&text[..read.max(0) as usize]) == Some(b'R')
}

/// How long that thread has run on a processor (nanoseconds), if the system says.
pub fn processor_time(thread: i32) -> Option<u64> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // The clock of a thread of one's own process, by the kernel's rule for their numbers.
    let clock = !thread << 3 | 6;
    // SAFETY: the place for the answer is there.
    let known = thread > 0 && unsafe { libc::clock_gettime(clock, &raw mut time) } == 0;
    known.then_some(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}

/// The letter behind the thread's name, which is in parentheses and may hold some itself.
fn state(text: &[u8]) -> Option<u8> {
    let end = text.iter().rposition(|byte| *byte == b')')?;
    text.get(end + 2).copied()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::platform::signals::thread_id;
    use std::sync::mpsc;

    /// Calls with the number of a thread that sleeps.
    fn beside_a_sleeper(work: impl FnOnce(i32)) {
        let (say, hear) = mpsc::channel();
        let (end, wait) = mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            say.send(thread_id()).unwrap();
            let _ = wait.recv();
        });
        let number = hear.recv().unwrap();
        while wants_to_run(number) {
            std::thread::yield_now();
        }
        work(number);
        drop(end);
        thread.join().unwrap();
    }

    #[test]
    fn who_runs_wants_to_and_who_waits_does_not() {
        assert!(wants_to_run(thread_id()));
        // It returns when the other thread no longer wants to run.
        beside_a_sleeper(|_| ());
        assert!(!wants_to_run(0));
    }

    #[test]
    fn only_who_runs_uses_processor_time() {
        beside_a_sleeper(|number| {
            let (mine, its) =
                (processor_time(thread_id()).unwrap(), processor_time(number).unwrap());
            while processor_time(thread_id()).unwrap() < mine + 1_000_000 {}
            assert_eq!(processor_time(number), Some(its));
        });
        assert_eq!(processor_time(0), None);
    }

    #[test]
    fn the_state_is_behind_any_name() {
        assert_eq!(state(b"12 (a) b) R 1 2"), Some(b'R'));
        assert_eq!(state(b"12 (ts-worker-0) S 1"), Some(b'S'));
        assert_eq!(state(b""), None);
    }
}
