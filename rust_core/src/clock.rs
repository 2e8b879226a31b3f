//! Wall-clock time as OTLP has it.

/// Returns the nanoseconds since the Unix epoch.
#[inline]
#[must_use]
pub fn now_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is writable and the realtime clock exists everywhere.
    unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &raw mut time) };
    #[expect(clippy::cast_sign_loss, reason = "the clock stands after 1970")]
    let now = time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64;
    now
}
