//! A file descriptor that is readable while something is there, or once a moment has come.
//!
//! On Linux an eventfd; with an alarm, an epoll descriptor over that and a timerfd, which can itself
//! be polled by any loop. Its owner sets what it shows, under a lock of its own.

use std::io;
use std::os::fd::RawFd;

#[cfg(any(target_os = "linux", target_os = "android"))]
pub use linux::Signal;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub use other::Signal;

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux {
    use super::*;
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

    /// See the module.
    #[derive(Debug)]
    pub struct Signal {
        event: OwnedFd,
        alarm: Option<Alarm>,
        raised: bool,
    }

    #[derive(Debug)]
    struct Alarm {
        timer: OwnedFd,
        both: OwnedFd,
        at: Option<u64>,
    }

    /// What a system call gave, as a descriptor of ours.
    fn owned(fd: RawFd) -> io::Result<OwnedFd> {
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: fresh from the system, and nobody else's.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    impl Alarm {
        fn new(event: &OwnedFd) -> io::Result<Alarm> {
            // SAFETY: these calls take numbers, and a struct that lives for the call.
            unsafe {
                let flags = libc::TFD_CLOEXEC | libc::TFD_NONBLOCK;
                let timer = owned(libc::timerfd_create(libc::CLOCK_MONOTONIC, flags))?;
                let both = owned(libc::epoll_create1(libc::EPOLL_CLOEXEC))?;
                for fd in [event.as_raw_fd(), timer.as_raw_fd()] {
                    let mut wanted = libc::epoll_event { events: libc::EPOLLIN as u32, u64: 0 };
                    if libc::epoll_ctl(both.as_raw_fd(), libc::EPOLL_CTL_ADD, fd, &mut wanted) < 0 {
                        return Err(io::Error::last_os_error());
                    }
                }
                Ok(Alarm { timer, both, at: None })
            }
        }

        fn set(&mut self, at: Option<u64>) {
            if self.at == at {
                return;
            }
            self.at = at;
            // A time of zero would disarm it.
            let at = at.map_or(0, |at| at.max(1));
            let value = libc::timespec {
                tv_sec: (at / 1_000_000_000) as libc::time_t,
                tv_nsec: (at % 1_000_000_000) as libc::c_long,
            };
            let zero = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            let time = libc::itimerspec { it_interval: zero, it_value: value };
            // SAFETY: a struct that lives for the call. A moment that has passed goes off at once.
            unsafe {
                let fd = self.timer.as_raw_fd();
                libc::timerfd_settime(fd, libc::TFD_TIMER_ABSTIME, &time, std::ptr::null_mut());
            }
        }
    }

    impl Signal {
        /// One that shows nothing.
        pub fn new(with_alarm: bool) -> io::Result<Signal> {
            // SAFETY: takes numbers.
            let event = owned(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
            let alarm = if with_alarm { Some(Alarm::new(&event)?) } else { None };
            Ok(Signal { event, alarm, raised: false })
        }

        /// The descriptor to be polled.
        pub fn fd(&self) -> RawFd {
            self.alarm.as_ref().map_or(self.event.as_raw_fd(), |alarm| alarm.both.as_raw_fd())
        }

        /// Is readable now, or not; and from that moment on (monotonic nanoseconds).
        pub fn set(&mut self, raised: bool, at: Option<u64>) {
            if let Some(alarm) = &mut self.alarm {
                alarm.set(at);
            }
            if self.raised == raised {
                return;
            }
            self.raised = raised;
            let mut count = 1u64;
            let (fd, place) = (self.event.as_raw_fd(), (&raw mut count).cast());
            // SAFETY: eight bytes, for an eventfd of ours that never blocks.
            unsafe {
                match raised {
                    true => libc::write(fd, place, 8),
                    false => libc::read(fd, place, 8),
                };
            }
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod other {
    use super::*;

    /// There is none on this system.
    #[derive(Debug)]
    pub struct Signal(());

    impl Signal {
        /// Always fails.
        pub fn new(_: bool) -> io::Result<Signal> {
            Err(io::Error::from(io::ErrorKind::Unsupported))
        }

        /// As there is none, none.
        pub fn fd(&self) -> RawFd {
            -1
        }

        /// Nothing to do.
        pub fn set(&mut self, _: bool, _: Option<u64>) {}
    }
}
