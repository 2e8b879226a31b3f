//! The wall clock by the processor's counter, at half the price of asking the system, where the system itself goes by that
//! counter.
//!
//! An anchor is what clock and counter said at one moment. For about a millisecond after it the counter alone says how late
//! it is; then the system is asked for the next anchor. So a clock that is set, or kept in step with others, is followed. From
//! one anchor to the next readings may go back by some ten nanoseconds.

use super::system_ns;
use std::arch::x86_64::{_mm_lfence, _rdtsc};
use std::fs::read_to_string;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering, fence};

/// How long an anchor holds: half a millisecond at 4 GHz, two at 1 GHz.
const REACH: u64 = 1 << 21;
/// The pace is measured over so many ticks, some ten milliseconds, until it is known, and then anew about each second.
const FIRST_MEASURE: u64 = 1 << 25;
const NEXT_MEASURE: u64 = 1 << 31;
/// Clock and counter that were read this far apart, or twice as far as they can be, belong to two moments: the thread was
/// interrupted between them.
const APART: u64 = 1 << 11;
/// The paces of counters between 50 MHz and 20 GHz.
const PACES: std::ops::Range<u64> = (1 << 32) / 20..20 << 32;
/// Paces that differ by more than 2^-10 of them are not the same.
const STEADY: u32 = 10;

/// No reading of the counter.
const NEVER: u64 = u64::MAX;

static COUNTER: Counter = Counter::new();

/// Returns the nanoseconds since the Unix epoch.
#[inline]
pub fn wall_ns() -> u64 {
    COUNTER.now().unwrap_or_else(ask)
}

#[inline]
fn ticks() -> u64 {
    // SAFETY: every processor of this architecture has the instruction, and the system goes by it.
    unsafe { _rdtsc() }
}

/// As [`ticks`], read when all before it is done.
#[inline]
fn fenced_ticks() -> u64 {
    // SAFETY: as there.
    unsafe { _mm_lfence() };
    ticks()
}

/// Asks the system, and takes what it says for an anchor.
#[cold]
fn ask() -> u64 {
    if !is_trusted() {
        return system_ns();
    }
    let before = ticks();
    let wall_ns = system_ns();
    let took = fenced_ticks().wrapping_sub(before);
    if COUNTER.was_at_once(took) {
        COUNTER.anchor(Moment { ticks: before.wrapping_add(took / 2), wall_ns });
    }
    wall_ns
}

/// True where the system goes by the counter: it has proved then that all cores count alike, whatever they do. What it says
/// is kept without a lock, which a fork could leave taken.
fn is_trusted() -> bool {
    const SOURCE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    const UNKNOWN: u8 = 0;
    const NO: u8 = 1;
    const YES: u8 = 2;
    static TRUSTED: AtomicU8 = AtomicU8::new(UNKNOWN);
    match TRUSTED.load(Ordering::Relaxed) {
        UNKNOWN => {
            let trusted = read_to_string(SOURCE).is_ok_and(|source| source.trim() == "tsc");
            TRUSTED.store(if trusted { YES } else { NO }, Ordering::Relaxed);
            trusted
        }
        known => known == YES,
    }
}

/// What clock and counter said at one moment.
#[derive(Clone, Copy)]
struct Moment {
    ticks: u64,
    wall_ns: u64,
}

/// The anchor and the pace, of all threads. Who writes makes the version odd meanwhile; who reads while they change is told
/// nothing, and nor is a child that was forked just then: it asks the system for good.
struct Counter {
    version: AtomicU64,
    ticks: AtomicU64,
    wall_ns: AtomicU64,
    /// Nanoseconds a tick, times 2^32; 0 while that is not known.
    pace: AtomicU64,
    /// What was measured last.
    measured: AtomicU64,
    /// How many ticks clock and counter may be read apart.
    apart: AtomicU64,
    /// Since when the pace is being measured.
    since_ticks: AtomicU64,
    since_wall_ns: AtomicU64,
}

impl Counter {
    const fn new() -> Self {
        Self {
            version: AtomicU64::new(0),
            ticks: AtomicU64::new(0),
            wall_ns: AtomicU64::new(0),
            pace: AtomicU64::new(0),
            measured: AtomicU64::new(0),
            apart: AtomicU64::new(APART),
            since_ticks: AtomicU64::new(NEVER),
            since_wall_ns: AtomicU64::new(0),
        }
    }

    /// Returns the time, if the counter knows it.
    #[inline]
    fn now(&self) -> Option<u64> {
        let version = self.version.load(Ordering::Acquire);
        let pace = self.pace.load(Ordering::Relaxed);
        if pace == 0 {
            return None;
        }
        let anchor =
            Moment { ticks: self.ticks.load(Ordering::Relaxed), wall_ns: self.wall_ns.load(Ordering::Relaxed) };
        fence(Ordering::Acquire);
        if version & 1 == 1 || self.version.load(Ordering::Relaxed) != version {
            return None;
        }
        at(anchor, pace, ticks())
    }

    /// Tells whether clock and counter, read `took` ticks apart, are of one moment.
    fn was_at_once(&self, took: u64) -> bool {
        let apart = self.apart.load(Ordering::Relaxed);
        self.apart.store(next_apart(apart, took), Ordering::Relaxed);
        took <= apart
    }

    /// Takes an anchor, unless another thread does so just now.
    fn anchor(&self, moment: Moment) {
        let version = self.version.load(Ordering::Relaxed) & !1;
        let begun = self.version.compare_exchange(version, version + 1, Ordering::Acquire, Ordering::Relaxed);
        if begun.is_err() {
            return;
        }
        fence(Ordering::Release);
        self.measure(moment);
        self.ticks.store(moment.ticks, Ordering::Relaxed);
        self.wall_ns.store(moment.wall_ns, Ordering::Relaxed);
        self.version.store(version + 2, Ordering::Release);
    }

    /// Measures the pace, when it is time to. It is known when two measurements in a row agree: one over which the clock
    /// was set stands alone.
    fn measure(&self, moment: Moment) {
        let (pace, since) = (self.pace.load(Ordering::Relaxed), self.since_ticks.load(Ordering::Relaxed));
        let enough = if pace == 0 { FIRST_MEASURE } else { NEXT_MEASURE };
        // A moment from before the measurement comes of a thread that was slower than the one that began it.
        let passed = moment.ticks.saturating_sub(since);
        if since != NEVER && passed < enough {
            return;
        }
        let passed_ns = moment.wall_ns.saturating_sub(self.since_wall_ns.load(Ordering::Relaxed));
        let measured = if since == NEVER { 0 } else { pace_of(passed_ns, passed) };
        let before = self.measured.swap(measured, Ordering::Relaxed);
        self.pace.store(if agree(before, measured) { measured } else { 0 }, Ordering::Relaxed);
        self.since_ticks.store(moment.ticks, Ordering::Relaxed);
        self.since_wall_ns.store(moment.wall_ns, Ordering::Relaxed);
    }
}

/// Returns the time at `ticks`, as long as the anchor holds.
#[inline]
fn at(anchor: Moment, pace: u64, ticks: u64) -> Option<u64> {
    let passed = ticks.wrapping_sub(anchor.ticks);
    (passed < REACH).then(|| anchor.wall_ns + ((passed * pace) >> 32))
}

/// Comes down to twice what the quickest reading took, and up again by and by.
fn next_apart(apart: u64, took: u64) -> u64 {
    if took <= apart { apart.min(took * 2) } else { (apart + apart / 8 + 1).min(APART) }
}

/// Returns the pace, or 0 for one that cannot be.
fn pace_of(passed_ns: u64, passed: u64) -> u64 {
    let pace = u64::try_from((u128::from(passed_ns) << 32) / u128::from(passed)).unwrap_or(0);
    if PACES.contains(&pace) { pace } else { 0 }
}

/// True for two paces that are known and the same, but for what keeping a clock in step makes of it.
fn agree(before: u64, measured: u64) -> bool {
    before != 0 && measured != 0 && measured.abs_diff(before) <= before >> STEADY
}

#[cfg(test)]
mod tests {
    use super::*;

    const NS_A_TICK: u64 = 2;
    /// Some five years up.
    const START: Moment = Moment { ticks: 1 << 58, wall_ns: 1 << 60 };

    fn later(ticks: u64) -> Moment {
        Moment { ticks: START.ticks + ticks, wall_ns: START.wall_ns + ticks * NS_A_TICK }
    }

    fn pace(counter: &Counter) -> u64 {
        counter.pace.load(Ordering::Relaxed)
    }

    /// A counter whose pace is known, at `later(2 * FIRST_MEASURE)`.
    fn measured() -> Counter {
        let counter = Counter::new();
        for moment in [START, later(FIRST_MEASURE), later(2 * FIRST_MEASURE)] {
            assert_eq!(pace(&counter), 0);
            counter.anchor(moment);
        }
        counter
    }

    #[test]
    fn the_pace_is_known_when_two_measurements_agree() {
        assert_eq!(pace(&measured()), NS_A_TICK << 32);
    }

    #[test]
    fn the_first_anchor_of_a_machine_that_has_long_been_up_measures_nothing() {
        for ticks in [1, 1 << 40, 1 << 57, 1 << 63] {
            let counter = Counter::new();
            counter.anchor(Moment { ticks, wall_ns: START.wall_ns });
            assert_eq!((pace(&counter), counter.measured.load(Ordering::Relaxed)), (0, 0));
        }
    }

    #[test]
    fn too_short_a_time_measures_nothing() {
        let counter = Counter::new();
        for ticks in 0..4 {
            counter.anchor(later(ticks * (FIRST_MEASURE / 4)));
        }
        assert_eq!(counter.measured.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn an_anchor_from_before_the_measurement_does_not_end_it() {
        let counter = measured();
        counter.anchor(later(2 * FIRST_MEASURE - 1));
        assert_eq!(pace(&counter), NS_A_TICK << 32);
    }

    #[test]
    fn an_anchor_holds_for_a_while() {
        let pace = NS_A_TICK << 32;
        assert_eq!(at(START, pace, START.ticks + 1_000), Some(START.wall_ns + 1_000 * NS_A_TICK));
        assert_eq!(at(START, pace, START.ticks + REACH), None);
        assert_eq!(at(START, pace, START.ticks - 1), None, "read before it, by another thread");
    }

    #[test]
    fn a_clock_that_is_set_has_the_pace_measured_anew() {
        for set_ns in [1_u64 << 30, 1_u64.wrapping_neg() << 30] {
            let counter = measured();
            let then = later(2 * FIRST_MEASURE + NEXT_MEASURE);
            counter.anchor(Moment { wall_ns: then.wall_ns.wrapping_add(set_ns), ..then });
            assert_eq!(pace(&counter), 0);
        }
    }

    #[test]
    fn a_clock_that_is_set_during_the_first_measurements_is_no_pace() {
        for (first, second) in [(0, 1 << 24), (1 << 24, 1 << 24)] {
            let counter = Counter::new();
            let set = |moment: Moment, ns| Moment { wall_ns: moment.wall_ns + ns, ..moment };
            for moment in [START, set(later(FIRST_MEASURE), first), set(later(2 * FIRST_MEASURE), second)] {
                counter.anchor(moment);
            }
            assert_eq!(pace(&counter), 0);
        }
    }

    #[test]
    fn a_clock_that_is_slowed_is_followed() {
        let counter = measured();
        let then = later(2 * FIRST_MEASURE + NEXT_MEASURE);
        counter.anchor(Moment { wall_ns: then.wall_ns - 1_000, ..then });
        assert!(((NS_A_TICK << 32) - 10_000..NS_A_TICK << 32).contains(&pace(&counter)));
    }

    #[test]
    fn readings_that_were_interrupted_are_told_from_those_of_a_slow_machine() {
        let counter = Counter::new();
        assert!(counter.was_at_once(100));
        assert!(!counter.was_at_once(300), "three times as long as it can take");
        assert!(counter.was_at_once(120));
        assert!((0..20).any(|_| counter.was_at_once(600)), "as long as it takes by now");
        assert!((0..50).all(|_| !counter.was_at_once(APART + 1)));
    }

    #[test]
    fn a_counter_that_stands_still_is_not_used() {
        assert_eq!(pace_of(1 << 60, FIRST_MEASURE), 0);
        assert_eq!(pace_of(0, FIRST_MEASURE), 0);
    }

    #[test]
    fn a_reader_is_told_nothing_while_another_thread_writes() {
        let counter = measured();
        counter.version.fetch_add(1, Ordering::Relaxed);
        assert_eq!(counter.now(), None);
        counter.anchor(later(NEXT_MEASURE * 2));
        assert_eq!(counter.ticks.load(Ordering::Relaxed), later(2 * FIRST_MEASURE).ticks, "one writes at a time");
    }
}
