//! File descriptors that fibers wait for.
//!
//! One registration a descriptor, shared by at most one fiber that waits to read and one that
//! waits to write; it lasts while one of them waits, so the host may close the descriptor when it
//! is told that it is ready, or in the task's drop.
//!
//! The system tells of changes only, so what was told may be stale: whether a descriptor is ready
//! is always asked anew, and the told readiness taken back by its own tick, which loses no news
//! that came in between.

use super::fiber::NIL;
use crate::{Error, ErrorCode, Result};
use std::collections::HashMap;
use std::os::fd::{AsRawFd, RawFd};
use std::task::{Context, Poll, Waker};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Ready to read.
pub const READABLE: u32 = 1;
/// Ready to write.
pub const WRITABLE: u32 = 2;

#[derive(Debug)]
struct Borrowed(RawFd);

impl AsRawFd for Borrowed {
    fn as_raw_fd(&self) -> RawFd {
        self.0
    }
}

#[derive(Debug)]
struct Watched {
    source: AsyncFd<Borrowed>,
    /// Who waits to read and to write, or [`NIL`].
    waits: [u32; 2],
}

/// See the module.
#[derive(Debug, Default)]
pub struct Fds(HashMap<RawFd, Watched>);

fn invalid(text: String) -> Error {
    Error::new(ErrorCode::InvalidArgument, text)
}

/// What a descriptor is ready for now; errors and hang-ups count as both.
fn ready_now(fd: RawFd, wanted: u32) -> Result<u32> {
    let mut events = 0;
    for (bit, event) in [(READABLE, libc::POLLIN), (WRITABLE, libc::POLLOUT)] {
        if wanted & bit != 0 {
            events |= event;
        }
    }
    let mut poll = libc::pollfd { fd, events, revents: 0 };
    // SAFETY: one entry, good for the call.
    let count = unsafe { libc::poll(&mut poll, 1, 0) };
    if count < 0 {
        return Ok(0);
    }
    if poll.revents & libc::POLLNVAL != 0 {
        return Err(invalid(format!("the file descriptor {fd} is not open")));
    }
    if poll.revents & (libc::POLLERR | libc::POLLHUP) != 0 {
        return Ok(wanted);
    }
    let mut ready = 0;
    for (bit, event) in [(READABLE, libc::POLLIN), (WRITABLE, libc::POLLOUT)] {
        if poll.revents & event != 0 {
            ready |= bit;
        }
    }
    Ok(ready & wanted)
}

impl Fds {
    /// What of `wanted` the descriptor is ready for; when nothing, the fiber will be woken once it
    /// is. Whatever the fiber had armed on it before is replaced.
    pub fn wait(&mut self, fd: RawFd, wanted: u32, fiber: u32, waker: &Waker) -> Result<u32> {
        let ready = ready_now(fd, wanted)?;
        if ready != 0 {
            self.disarm(fd, fiber);
            return Ok(ready);
        }
        let watched = match self.0.entry(fd) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                let interest = Interest::READABLE | Interest::WRITABLE;
                // SAFETY: the host keeps the descriptor open while a task waits for it; that is
                // the contract of `ts_async_wait_fd`.
                let source = unsafe { AsyncFd::register_with_interest(Borrowed(fd), interest) };
                let source = source.map_err(|error| {
                    match std::io::Error::from(error) {
                        error if error.raw_os_error() == Some(libc::EPERM) => invalid(format!(
                            "the file descriptor {fd} is of a kind that is always ready, as a regular file is"
                        )),
                        error => Error::new(
                            ErrorCode::System,
                            format!("the file descriptor {fd} cannot be waited for: {error}"),
                        ),
                    }
                })?;
                entry.insert(Watched { source, waits: [NIL; 2] })
            }
        };
        for (side, bit) in [READABLE, WRITABLE].into_iter().enumerate() {
            if wanted & bit != 0
                && !matches!(watched.waits[side], NIL)
                && watched.waits[side] != fiber
            {
                return Err(invalid(format!(
                    "another task waits already to {} the file descriptor {fd}",
                    ["read", "write"][side]
                )));
            }
        }
        let mut context = Context::from_waker(waker);
        for (side, bit) in [READABLE, WRITABLE].into_iter().enumerate() {
            if wanted & bit == 0 {
                continue;
            }
            watched.waits[side] = fiber;
            loop {
                let told = match side {
                    0 => watched.source.poll_read_ready(&mut context),
                    _ => watched.source.poll_write_ready(&mut context),
                };
                let mut guard = match told {
                    Poll::Pending => break,
                    Poll::Ready(Ok(guard)) => guard,
                    Poll::Ready(Err(error)) => {
                        let text = format!("the event loop no longer watches: {error}");
                        return Err(Error::new(ErrorCode::System, text));
                    }
                };
                let ready = ready_now(fd, wanted)?;
                if ready != 0 {
                    self.disarm(fd, fiber);
                    return Ok(ready);
                }
                guard.clear_ready();
            }
        }
        Ok(0)
    }

    /// The fiber no longer waits for the descriptor.
    pub fn disarm(&mut self, fd: RawFd, fiber: u32) {
        let Some(watched) = self.0.get_mut(&fd) else { return };
        for wait in &mut watched.waits {
            if *wait == fiber {
                *wait = NIL;
            }
        }
        if watched.waits == [NIL; 2] {
            self.0.remove(&fd);
        }
    }
}
