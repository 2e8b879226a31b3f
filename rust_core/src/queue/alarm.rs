//! How a worker hears of its queue: at once, or soon, when more has come that it can take in one go.
//!
//! A worker in Python needs the interpreter's lock, which threads that are busy hand over after 5 ms only. It is called
//! as rarely as that allows.

use std::io;
use std::os::fd::RawFd;

#[cfg(target_os = "linux")]
pub(super) use timer::Alarm;

#[cfg(not(target_os = "linux"))]
pub(super) use without_timer::Alarm;

impl Alarm {
    /// Opens a descriptor of this process's own; the inherited one stays in use where none can be had.
    pub(super) fn renew(&mut self) {
        if let Ok(fresh) = Self::new() {
            *self = fresh;
        }
    }
}

#[cfg(target_os = "linux")]
mod timer {
    use super::{RawFd, io};
    use crate::queue::wakeup::Wakeup;
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

    const SOON_NANOSECONDS: libc::c_long = 20_000_000;

    /// A descriptor that becomes readable with a wake-up or by a timer of the system.
    ///
    /// A timer alone could do both, but one that is to ring in a nanosecond takes tens of microseconds to set.
    #[derive(Debug)]
    pub struct Alarm {
        either: OwnedFd,
        at_once: Wakeup,
        soon: OwnedFd,
        is_set: bool,
    }

    impl Alarm {
        pub fn new() -> io::Result<Self> {
            // SAFETY: it takes no pointers.
            let either = owned(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
            let at_once = Wakeup::new()?;
            // SAFETY: as above.
            let soon =
                owned(unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_CLOEXEC | libc::TFD_NONBLOCK) })?;
            watch(&either, at_once.fileno())?;
            watch(&either, soon.as_raw_fd())?;
            Ok(Self { either, at_once, soon, is_set: false })
        }

        pub fn fileno(&self) -> RawFd {
            self.either.as_raw_fd()
        }

        /// Makes the descriptor readable.
        pub fn ring(&mut self) {
            self.at_once.wake();
        }

        /// Makes the descriptor readable 20 ms after the first such call.
        pub fn ring_soon(&mut self) {
            if self.is_set {
                return;
            }
            let never = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            let after = libc::timespec { tv_sec: 0, tv_nsec: SOON_NANOSECONDS };
            let times = libc::itimerspec { it_interval: never, it_value: after };
            // SAFETY: a live descriptor and a live value; the old one is not asked for.
            unsafe { libc::timerfd_settime(self.soon.as_raw_fd(), 0, &raw const times, std::ptr::null_mut()) };
            self.is_set = true;
        }

        /// Makes the descriptor unreadable; what is to ring later still does.
        pub fn silence(&mut self) {
            self.at_once.clear();
            let mut times = 0_u64;
            // SAFETY: the buffer takes eight bytes; a timer that has not rung does not block.
            let read = unsafe { libc::read(self.soon.as_raw_fd(), (&raw mut times).cast(), size_of::<u64>()) };
            self.is_set &= read < 0;
        }
    }

    fn owned(fd: RawFd) -> io::Result<OwnedFd> {
        // SAFETY: a descriptor that was just opened, and nobody else has it.
        if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(unsafe { OwnedFd::from_raw_fd(fd) }) }
    }

    fn watch(either: &OwnedFd, fd: RawFd) -> io::Result<()> {
        let mut readable = libc::epoll_event { events: libc::EPOLLIN as u32, u64: 0 };
        // SAFETY: live descriptors and a live value.
        let done = unsafe { libc::epoll_ctl(either.as_raw_fd(), libc::EPOLL_CTL_ADD, fd, &raw mut readable) };
        if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

#[cfg(not(target_os = "linux"))]
mod without_timer {
    use super::{RawFd, io};
    use crate::queue::wakeup::Wakeup;

    /// A descriptor that becomes readable at once in any case.
    #[derive(Debug)]
    pub struct Alarm(Wakeup);

    impl Alarm {
        pub fn new() -> io::Result<Self> {
            Wakeup::new().map(Self)
        }

        pub fn fileno(&self) -> RawFd {
            self.0.fileno()
        }

        pub fn ring(&mut self) {
            self.0.wake();
        }

        pub fn ring_soon(&mut self) {
            self.0.wake();
        }

        pub fn silence(&mut self) {
            self.0.clear();
        }
    }
}
