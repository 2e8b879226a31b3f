//! Wall-clock time as OTLP has it, and a clock for tests that steps at each reading.

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod counter;

use std::sync::atomic::{AtomicU64, Ordering};

/// What each reading of the stepping clock adds; 0 stands for the wall clock.
static STEP_NS: AtomicU64 = AtomicU64::new(0);
static LAST_NS: AtomicU64 = AtomicU64::new(0);

/// A clock that is kept in step with others may be put back by as much between two readings.
const JITTER_NS: u64 = 10_000;

/// Returns the nanoseconds since the Unix epoch.
#[inline]
#[must_use]
pub fn now_ns() -> u64 {
    match STEP_NS.load(Ordering::Relaxed) {
        0 => wall_ns(),
        step_ns => LAST_NS.fetch_add(step_ns, Ordering::Relaxed).wrapping_add(step_ns),
    }
}

/// Returns the same for the end of what began at `start_ns`: not earlier, unless the clock was set.
#[inline]
#[must_use]
pub fn now_ns_since(start_ns: u64) -> u64 {
    not_before(start_ns, now_ns())
}

#[inline]
fn not_before(start_ns: u64, now_ns: u64) -> u64 {
    if start_ns.wrapping_sub(now_ns) < JITTER_NS { start_ns } else { now_ns }
}

/// Makes the readings of all threads `step_ns`, twice as much and so on; 0 brings the wall clock back.
///
/// For tests: it holds for the whole process.
pub fn step(step_ns: u64) {
    LAST_NS.store(0, Ordering::Relaxed);
    STEP_NS.store(step_ns, Ordering::Relaxed);
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use counter::wall_ns;

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
use system_ns as wall_ns;

/// Asks the system.
#[inline]
fn system_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is writable and the realtime clock exists everywhere.
    unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &raw mut time) };
    #[expect(clippy::cast_sign_loss, reason = "the clock stands after 1970")]
    let now = time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64;
    now
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_says_what_the_system_does() {
        for _ in 0..300_000 {
            let before = system_ns();
            let now = now_ns();
            let after = system_ns();
            assert!((before - JITTER_NS..=after + JITTER_NS).contains(&now), "{before} {now} {after}");
        }
    }

    #[test]
    fn an_end_is_not_before_its_start_unless_the_clock_was_set() {
        let start_ns = now_ns();
        assert_eq!(not_before(start_ns, start_ns + 1), start_ns + 1);
        assert_eq!(not_before(start_ns, start_ns - 1), start_ns);
        assert_eq!(not_before(start_ns, start_ns - JITTER_NS), start_ns - JITTER_NS);
    }
}
