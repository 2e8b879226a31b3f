//! Wall-clock time as OTLP has it, and a clock for tests that steps at each reading.

use std::sync::atomic::{AtomicU64, Ordering};

/// What each reading of the stepping clock adds; 0 stands for the wall clock.
static STEP_NS: AtomicU64 = AtomicU64::new(0);
static LAST_NS: AtomicU64 = AtomicU64::new(0);

/// Returns the nanoseconds since the Unix epoch.
#[inline]
#[must_use]
pub fn now_ns() -> u64 {
    match STEP_NS.load(Ordering::Relaxed) {
        0 => wall_ns(),
        step_ns => LAST_NS.fetch_add(step_ns, Ordering::Relaxed).wrapping_add(step_ns),
    }
}

/// Makes the readings of all threads `step_ns`, twice as much and so on; 0 brings the wall clock back.
///
/// For tests: it holds for the whole process.
pub fn step(step_ns: u64) {
    LAST_NS.store(0, Ordering::Relaxed);
    STEP_NS.store(step_ns, Ordering::Relaxed);
}

#[inline]
fn wall_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is writable and the realtime clock exists everywhere.
    unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &raw mut time) };
    #[expect(clippy::cast_sign_loss, reason = "the clock stands after 1970")]
    let now = time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64;
    now
}
