//! File descriptors that fibers wait for.
//!
//! One registration a descriptor, shared by at most one fiber that waits to read and one that
//! waits to write; it lasts while one of them waits, so the host may close the descriptor when it
//! is told that it is ready, or in the task's drop.
//!
//! The system tells of changes only, so what was told may be stale: whether a descriptor is ready
//! is always asked anew, and the told readiness taken back by its own tick, which loses no news
//! that came in between. An error of the descriptor is told as if it were to be written, and of
//! none of its sides; so news of either side wakes whoever waits.

use super::fiber::NIL;
use crate::sync::Mutex;
use crate::{Error, ErrorCode, Result};
use std::borrow::Cow;
use std::collections::HashMap;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
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
    /// None only between two registrations.
    source: Option<AsyncFd<Borrowed>>,
    /// What the source tells of.
    told: u32,
    /// Who waits to read and to write, or [`NIL`].
    waits: [u32; 2],
    both: Arc<Both>,
}

/// Wakes everybody who waits for a descriptor.
#[derive(Debug, Default)]
struct Both(Mutex<[Option<Waker>; 2]>);

impl Wake for Both {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let wakers = self.0.lock().clone();
        wakers.into_iter().flatten().for_each(Waker::wake);
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Fds(HashMap<RawFd, Watched>);

const SIDES: [(usize, u32); 2] = [(0, READABLE), (1, WRITABLE)];

fn invalid(text: Cow<'static, str>) -> Error {
    Error::new(ErrorCode::InvalidArgument, text)
}

fn never_waits(fd: RawFd) -> Error {
    invalid(words!(
        "the file descriptor {fd} is of a kind that is always ready, as a regular file is"
    ))
}

/// Whether it is a regular file or a directory, which no system tells of.
fn is_file(fd: RawFd) -> bool {
    let mut stat = std::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: room for one stat, which is read only when it was written.
    let mode = unsafe {
        match libc::fstat(fd, stat.as_mut_ptr()) {
            0 => stat.assume_init().st_mode,
            _ => return false,
        }
    };
    matches!(mode & libc::S_IFMT, libc::S_IFREG | libc::S_IFDIR)
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
    // Negative ones are passed over in silence.
    if poll.revents & libc::POLLNVAL != 0 || fd < 0 {
        return Err(invalid(words!("the file descriptor {fd} is not open")));
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

impl Watched {
    /// Has the system tell of these sides, anew.
    fn register(&mut self, fd: RawFd, sides: u32) -> Result<()> {
        self.source = None;
        let interest = match sides {
            READABLE => Interest::READABLE,
            WRITABLE => Interest::WRITABLE,
            _ => Interest::READABLE | Interest::WRITABLE,
        };
        // SAFETY: the host keeps the descriptor open while a task waits for it; that is the
        // contract of `ts_async_wait_fd`.
        let source = unsafe { AsyncFd::register_with_interest(Borrowed(fd), interest) };
        self.source = Some(source.map_err(|error| match std::io::Error::from(error) {
            error if error.raw_os_error() == Some(libc::EPERM) => never_waits(fd),
            error => Error::new(
                ErrorCode::System,
                words!("the file descriptor {fd} cannot be waited for: {error}"),
            ),
        })?);
        self.told = sides;
        Ok(())
    }

    /// Takes back what was told and no longer holds, until nothing is told. What the descriptor
    /// is ready for, if that is anything after all.
    fn arm(&mut self, fd: RawFd, wanted: u32) -> Result<u32> {
        let waker = Waker::from(self.both.clone());
        let mut context = Context::from_waker(&waker);
        let mut stale = 0;
        for (side, _) in SIDES {
            while let Some(source) = &self.source {
                let told = match side {
                    0 => source.poll_read_ready(&mut context),
                    _ => source.poll_write_ready(&mut context),
                };
                let mut guard = match told {
                    Poll::Pending => break,
                    Poll::Ready(Ok(guard)) => guard,
                    Poll::Ready(Err(error)) => {
                        let text = words!("the event loop no longer watches: {error}");
                        return Err(Error::new(ErrorCode::System, text));
                    }
                };
                let ready = ready_now(fd, wanted)?;
                if ready != 0 {
                    return Ok(ready);
                }
                guard.clear_ready();
                stale += 1;
                if stale == 4 {
                    // An error that somebody has taken meanwhile is told for ever.
                    self.register(fd, self.told)?;
                    return self.arm(fd, wanted);
                }
            }
        }
        Ok(0)
    }
}

impl Fds {
    /// What of `wanted` the descriptor is ready for; when nothing, the fiber will be woken once it
    /// is, beside what it had armed before.
    pub fn wait(&mut self, fd: RawFd, wanted: u32, fiber: u32, waker: &Waker) -> Result<u32> {
        let answer = self.look_or_arm(fd, wanted, fiber, waker);
        match &answer {
            Ok(0) => {}
            Ok(_) => self.disarm(fd, wanted, fiber),
            Err(error) if error.is_taken() => {}
            Err(_) => self.disarm(fd, READABLE | WRITABLE, fiber),
        }
        answer.map_err(Refused::into_error)
    }

    fn look_or_arm(
        &mut self,
        fd: RawFd,
        wanted: u32,
        fiber: u32,
        waker: &Waker,
    ) -> Result<u32, Refused> {
        let ready = ready_now(fd, wanted)?;
        if ready != 0 {
            if !self.0.contains_key(&fd) && is_file(fd) {
                return Err(never_waits(fd).into());
            }
            return Ok(ready);
        }
        let watched = self.0.entry(fd).or_insert_with(|| Watched {
            source: None,
            told: 0,
            waits: [NIL; 2],
            both: Arc::default(),
        });
        for (side, bit) in SIDES {
            if wanted & bit != 0 && watched.waits[side] != NIL && watched.waits[side] != fiber {
                return Err(Refused::Taken(invalid(words!(
                    "another task waits already to {} the file descriptor {fd}",
                    ["read", "write"][side]
                ))));
            }
        }
        for (side, bit) in SIDES {
            if wanted & bit != 0 {
                watched.waits[side] = fiber;
                watched.both.0.lock()[side] = Some(waker.clone());
            }
        }
        if watched.told & wanted != wanted {
            watched.register(fd, watched.told | wanted)?;
        }
        Ok(watched.arm(fd, wanted)?)
    }

    /// Whether the fiber waits for any side of the descriptor.
    pub fn is_armed(&self, fd: RawFd, fiber: u32) -> bool {
        self.0.get(&fd).is_some_and(|watched| watched.waits.contains(&fiber))
    }

    /// The fiber no longer waits for these sides of the descriptor.
    pub fn disarm(&mut self, fd: RawFd, sides: u32, fiber: u32) {
        let Some(watched) = self.0.get_mut(&fd) else { return };
        for (side, bit) in SIDES {
            if sides & bit != 0 && watched.waits[side] == fiber {
                watched.waits[side] = NIL;
                watched.both.0.lock()[side] = None;
            }
        }
        if watched.waits == [NIL; 2] {
            self.0.remove(&fd);
        } else if watched.source.is_none() {
            // Who still waits asks again, and learns why nothing can be told.
            watched.both.wake_by_ref();
        }
    }
}

/// Why a descriptor cannot be waited for.
enum Refused {
    /// Another fiber waits; what this one has armed stays.
    Taken(Error),
    Failed(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Refused {
        Refused::Failed(error)
    }
}

impl Refused {
    fn is_taken(&self) -> bool {
        matches!(self, Refused::Taken(_))
    }

    fn into_error(self) -> Error {
        let (Refused::Taken(error) | Refused::Failed(error)) = self;
        error
    }
}
