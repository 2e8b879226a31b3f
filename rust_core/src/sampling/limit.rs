//! Samplers that hold a rate: a token bucket, and a probability that adapts to the traffic.

use super::threshold::{OtState, Threshold};
use super::{Decide, Decision, Mark, Query};
use crate::fork;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

const SECOND: u64 = 1_000_000_000;

/// Samples so many spans a second at the most, in this process: a bucket of tokens that starts full.
///
/// There is no lock, so neither threads nor forks can wait for one. A forked child goes on with its parent's bucket.
#[derive(Debug)]
pub struct RateLimit {
    /// Nanoseconds a token takes to come; `None` is never.
    interval: Option<u64>,
    /// How far ahead of now tokens may be taken, less one.
    ahead: u64,
    /// When the bucket would be full again.
    full_at: AtomicU64,
    skipped: AtomicU64,
    generation: AtomicU32,
}

impl RateLimit {
    /// Makes a full bucket of `burst` tokens, at least one, that `rate` tokens a second flow into.
    #[must_use]
    pub fn new(rate: f64, burst: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
        let nanoseconds = |tokens: f64| (tokens * 1e9 / rate) as u64;
        let interval = (rate > 0.0).then(|| nanoseconds(1.0));
        let ahead = if rate > 0.0 { nanoseconds(burst.max(1.0) - 1.0) } else { 0 };
        let generation = AtomicU32::new(fork::generation());
        Self { interval, ahead, full_at: AtomicU64::new(0), skipped: AtomicU64::new(0), generation }
    }

    /// Takes a token at `now`, in nanoseconds of a clock that never goes back; returns for how many spans since the last
    /// one that was sampled this one stands.
    pub fn take(&self, now: u64) -> Option<u64> {
        self.forget_parent();
        let taken = self.full_at.fetch_update(Relaxed, Relaxed, |full_at| {
            let from = full_at.max(now);
            (from - now <= self.ahead).then_some(from.saturating_add(self.interval?))
        });
        if taken.is_err() {
            self.skipped.fetch_add(1, Relaxed);
            return None;
        }
        Some(self.skipped.swap(0, Relaxed) + 1)
    }

    /// What the parent process has skipped is in the parent's counts.
    fn forget_parent(&self) {
        let now = fork::generation();
        if self.generation.load(Relaxed) != now && self.generation.swap(now, Relaxed) != now {
            self.skipped.store(0, Relaxed);
        }
    }
}

impl Decide for RateLimit {
    fn decide(&self, _: &Query<'_>) -> Decision {
        self.take(monotonic_ns()).map_or(Decision::DROPPED, counted)
    }
}

fn counted(count: u64) -> Decision {
    #[expect(clippy::cast_precision_loss, reason = "a weight")]
    let count = count as f64;
    Decision { sampled: true, mark: Mark::AdjustedCount(count) }
}

/// Samples a share of the traces such that about `target` a second are kept, by their randomness.
///
/// The share follows the traffic of the last seconds, and at once that of the second under way, so that a burst of
/// n times the target keeps 1 + ln(n) times the target in its first second.
#[derive(Debug)]
pub struct Adaptive {
    target: f64,
    window_start: AtomicU64,
    seen: AtomicU64,
    /// Spans a second, as the bits of a float.
    expected: AtomicU64,
}

impl Adaptive {
    /// Makes one for `target` spans a second.
    #[must_use]
    pub const fn new(target: f64) -> Self {
        let (window_start, seen) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { target, window_start, seen, expected: AtomicU64::new(0) }
    }

    /// Counts a span at `now`, in nanoseconds of a clock that never goes back, and returns the probability to keep it.
    pub fn probability(&self, now: u64) -> f64 {
        let started = self.window_start.load(Relaxed);
        let elapsed = now.saturating_sub(started);
        if elapsed >= SECOND && self.window_start.compare_exchange(started, now, Relaxed, Relaxed).is_ok() {
            self.close_window(elapsed);
        }
        #[expect(clippy::cast_precision_loss, reason = "a rate")]
        let seen = (self.seen.fetch_add(1, Relaxed) + 1) as f64;
        (self.target / seen.max(f64::from_bits(self.expected.load(Relaxed)))).min(1.0)
    }

    fn close_window(&self, elapsed: u64) {
        #[expect(clippy::cast_precision_loss, reason = "a rate")]
        let (seen, seconds) = (self.seen.swap(0, Relaxed) as f64, elapsed as f64 / 1e9);
        let old = (-seconds).exp2();
        let expected = f64::from_bits(self.expected.load(Relaxed)) * old + seen / seconds * (1.0 - old);
        self.expected.store(expected.to_bits(), Relaxed);
    }
}

impl Decide for Adaptive {
    fn decide(&self, query: &Query<'_>) -> Decision {
        let probability = self.probability(monotonic_ns());
        let randomness = OtState::read(query.trace_state).randomness_of(query.trace_id);
        let sampled = Threshold::of_rate(probability).is_some_and(|threshold| threshold.admits(randomness));
        if sampled { Decision { sampled, mark: Mark::AdjustedCount(1.0 / probability) } } else { Decision::DROPPED }
    }
}

/// The rates of single operations, and of all others, each with a least number of spans a second that are kept anyway.
#[derive(Debug)]
pub struct PerOperation {
    /// By the name of the span.
    pub by_name: HashMap<Box<str>, Guaranteed>,
    /// For all others together.
    pub others: Guaranteed,
}

/// A share of the spans, and at least so many a second.
#[derive(Debug)]
pub struct Guaranteed {
    /// The share.
    pub threshold: Option<Threshold>,
    /// The least.
    pub least: RateLimit,
}

impl Decide for PerOperation {
    fn decide(&self, query: &Query<'_>) -> Decision {
        let mut chosen = &self.others;
        query.operation.is_named(&mut |name| self.by_name.get(name).map(|found| chosen = found).is_some());
        chosen.decide_at(monotonic_ns(), query)
    }
}

impl Guaranteed {
    /// A span that only the guarantee keeps counts for none: those that the share keeps stand for all already.
    fn decide_at(&self, now: u64, query: &Query<'_>) -> Decision {
        let randomness = OtState::read(query.trace_state).randomness_of(query.trace_id);
        let guaranteed = self.least.take(now).is_some();
        match self.threshold.filter(|threshold| threshold.admits(randomness)) {
            Some(threshold) => Decision { sampled: true, mark: Mark::Threshold(Some(threshold)) },
            None if guaranteed => Decision { sampled: true, mark: Mark::AdjustedCount(0.0) },
            None => Decision::DROPPED,
        }
    }
}

/// Returns nanoseconds of a clock that never goes back.
fn monotonic_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is writable and the monotonic clock exists everywhere.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    #[expect(clippy::cast_sign_loss, reason = "the clock starts at zero")]
    let now = time.tv_sec as u64 * SECOND + time.tv_nsec as u64;
    now
}

#[cfg(test)]
mod tests {
    use super::super::tests::Plain;
    use super::*;
    use crate::ids::TraceId;

    fn taken(limit: &RateLimit, now: u64, tries: u32) -> u64 {
        (0..tries).filter_map(|_| limit.take(now)).count() as u64
    }

    #[test]
    fn a_bucket_gives_its_burst_then_its_rate() {
        let limit = RateLimit::new(10.0, 5.0);
        assert_eq!(taken(&limit, 7 * SECOND, 100), 5);
        assert_eq!(taken(&limit, 7 * SECOND + SECOND / 10, 100), 1);
        assert_eq!(taken(&limit, 8 * SECOND, 100), 5, "it holds no more than the burst");
    }

    #[test]
    fn each_kept_span_stands_for_those_skipped_before_it() {
        let limit = RateLimit::new(1.0, 1.0);
        let counts: Vec<_> = (0..30).filter_map(|tenth| limit.take(SECOND + tenth * SECOND / 10)).collect();
        assert_eq!(counts, [1, 10, 10]);
    }

    #[test]
    fn a_rate_of_zero_keeps_nothing_and_a_huge_one_all() {
        assert_eq!(taken(&RateLimit::new(0.0, 1.0), SECOND, 10), 0);
        assert_eq!(taken(&RateLimit::new(1e300, 1.0), SECOND, 10), 10);
        assert_eq!(taken(&RateLimit::new(1e-300, 1.0), SECOND, 10), 1);
    }

    #[test]
    fn many_threads_take_no_more_than_the_bucket_holds() {
        let limit = RateLimit::new(1.0, 100.0);
        let sum: u64 = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| taken(&limit, SECOND, 1000))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(sum, 100);
    }

    /// Feeds `rate` evenly spread spans a second for `seconds`; returns what would be kept of the last of them.
    fn kept_of_last_second(sampler: &Adaptive, start: u64, rate: u64, seconds: u64) -> f64 {
        let mut kept = 0.0;
        for number in 0..rate * seconds {
            let probability = sampler.probability(start + number * SECOND / rate);
            if number >= rate * (seconds - 1) {
                kept += probability;
            }
        }
        kept
    }

    #[test]
    fn a_share_adapts_until_the_target_is_kept() {
        let sampler = Adaptive::new(10.0);
        for (start, rate) in [(1, 1000), (100, 50), (200, 100_000)] {
            let kept = kept_of_last_second(&sampler, start * SECOND, rate, 12);
            assert!((9.5..10.5).contains(&kept), "{rate} a second: {kept}");
        }
    }

    #[test]
    fn traffic_below_the_target_is_kept_whole() {
        assert!((kept_of_last_second(&Adaptive::new(10.0), SECOND, 5, 10) - 5.0).abs() < 1e-9);
    }

    #[test]
    fn a_sudden_burst_is_bounded_by_its_logarithm() {
        let kept = kept_of_last_second(&Adaptive::new(10.0), 100 * SECOND, 100_000, 1);
        assert!(kept < 10.0 * (1.0 + 10_000_f64.ln()) + 1.0, "{kept}");
    }

    #[test]
    fn what_only_the_guarantee_keeps_counts_for_none() {
        let guaranteed = Guaranteed { threshold: None, least: RateLimit::new(1.0, 1.0) };
        let trace_id = TraceId::from_int(1).unwrap();
        let query = Query { parent: None, trace_state: "", trace_id, operation: &Plain("x") };
        assert_eq!(guaranteed.decide_at(SECOND, &query).mark, Mark::AdjustedCount(0.0));
        assert_eq!(guaranteed.decide_at(SECOND, &query), Decision::DROPPED);
    }
}
