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
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
    use std::time::Duration;

    const AT_ONCE: Duration = Duration::from_nanos(1);
    const SOON: Duration = Duration::from_millis(20);

    /// A descriptor that becomes readable by a timer of the system.
    #[derive(Debug)]
    pub struct Alarm {
        timer: OwnedFd,
        is_set: bool,
    }

    impl Alarm {
        pub fn new() -> io::Result<Self> {
            // SAFETY: it takes no pointers.
            let fd = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_CLOEXEC | libc::TFD_NONBLOCK) };
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            // SAFETY: it was just opened, and nobody else has it.
            Ok(Self { timer: unsafe { OwnedFd::from_raw_fd(fd) }, is_set: false })
        }

        pub fn fileno(&self) -> RawFd {
            self.timer.as_raw_fd()
        }

        /// Makes the descriptor readable.
        pub fn ring(&mut self) {
            self.set(AT_ONCE);
        }

        /// Makes the descriptor readable 20 ms after the first such call.
        pub fn ring_soon(&mut self) {
            if !self.is_set {
                self.set(SOON);
            }
        }

        /// Makes the descriptor unreadable; what is to ring later still does.
        pub fn silence(&mut self) {
            let mut times = 0_u64;
            // SAFETY: the buffer takes eight bytes; a timer that has not rung does not block.
            let read = unsafe { libc::read(self.fileno(), (&raw mut times).cast(), size_of::<u64>()) };
            self.is_set &= read < 0;
        }

        fn set(&mut self, after: Duration) {
            let never = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            let after = libc::timespec { tv_sec: 0, tv_nsec: after.subsec_nanos().into() };
            let times = libc::itimerspec { it_interval: never, it_value: after };
            // SAFETY: a live descriptor and a live value; the old one is not asked for.
            unsafe { libc::timerfd_settime(self.fileno(), 0, &raw const times, std::ptr::null_mut()) };
            self.is_set = true;
        }
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
