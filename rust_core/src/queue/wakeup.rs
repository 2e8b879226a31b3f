//! A descriptor that becomes readable: how a thread wakes an event loop without Python.

use std::io;
use std::os::fd::RawFd;

/// A non-blocking pipe-like descriptor: eventfd on Linux, a pipe elsewhere.
#[derive(Debug)]
pub(crate) struct Wakeup {
    read: RawFd,
    write: RawFd,
}

impl Wakeup {
    #[cfg(target_os = "linux")]
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: eventfd takes no pointers.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(Self { read: fd, write: fd }) }
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn new() -> io::Result<Self> {
        let mut ends = [0; 2];
        // SAFETY: `ends` has room for both descriptors.
        if unsafe { libc::pipe(ends.as_mut_ptr()) } < 0 {
            return Err(io::Error::last_os_error());
        }
        for end in ends {
            // SAFETY: `end` was just opened.
            unsafe { libc::fcntl(end, libc::F_SETFL, libc::O_NONBLOCK) };
            // SAFETY: as above.
            unsafe { libc::fcntl(end, libc::F_SETFD, libc::FD_CLOEXEC) };
        }
        Ok(Self { read: ends[0], write: ends[1] })
    }

    pub(crate) const fn fileno(&self) -> RawFd {
        self.read
    }

    pub(crate) fn wake(&self) {
        let one = 1_u64.to_ne_bytes();
        // SAFETY: the buffer is readable for eight bytes. A full pipe or counter is awake already.
        unsafe { libc::write(self.write, one.as_ptr().cast(), one.len()) };
    }

    pub(crate) fn clear(&self) {
        let mut buffer = [0_u8; 512];
        // SAFETY: the buffer is writable for its whole length; an empty descriptor does not block.
        unsafe { libc::read(self.read, buffer.as_mut_ptr().cast(), buffer.len()) };
    }
}

impl Drop for Wakeup {
    fn drop(&mut self) {
        // SAFETY: this type owns both descriptors.
        unsafe { libc::close(self.read) };
        if self.write != self.read {
            // SAFETY: as above.
            unsafe { libc::close(self.write) };
        }
    }
}
