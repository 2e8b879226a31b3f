//! Rejection thresholds of 56 bits, and the `ot` member of the trace state that carries them (OpenTelemetry's
//! specification of probability sampling and of trace state handling).

use crate::ids::TraceId;
use crate::propagation::tracestate;

const DIGITS: usize = 14;
const RANGE: u64 = 1 << 56;
/// The `ot` member is no longer than this.
const MAX_LEN: usize = 256;
/// A trace state has at most so many members.
const MAX_MEMBERS: usize = 32;

/// What the randomness of a trace has to reach for the trace to be sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Threshold(u64);

impl Threshold {
    /// The threshold that every trace reaches.
    pub const ALWAYS: Self = Self(0);

    /// Wraps a number below 2^56.
    #[must_use]
    pub const fn new(value: u64) -> Option<Self> {
        if value < RANGE { Some(Self(value)) } else { None }
    }

    /// Returns the threshold of a share of traces; `None`, never, for one below 2^-57. `rate` is clamped to 0.0 ..= 1.0.
    #[must_use]
    pub fn of_rate(rate: f64) -> Option<Self> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 ..= 2^56 by the clamp")]
        let accepted = (rate.clamp(0.0, 1.0) * 72_057_594_037_927_936.0).round_ties_even() as u64;
        Self::new(RANGE - accepted)
    }

    /// Returns the number.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }

    /// Returns true when a trace of that randomness is sampled.
    #[inline]
    #[must_use]
    pub const fn admits(self, randomness: u64) -> bool {
        randomness >= self.0
    }

    /// Reads 1 to 14 hex digits, which trailing zeros complete.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = hex(text).filter(|_| (1..=DIGITS).contains(&text.len()))?;
        Self::new(digits << (4 * (DIGITS - text.len())))
    }

    /// Writes hex digits without trailing zeros.
    #[must_use]
    pub fn format(self) -> String {
        let digits = format!("{:014x}", self.0);
        let short = digits.trim_end_matches('0');
        if short.is_empty() { "0".to_owned() } else { short.to_owned() }
    }
}

/// What the `ot` member says of sampling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OtState {
    /// `th`, where it is there and valid.
    pub threshold: Option<Threshold>,
    /// `rv`, where it is there and valid.
    pub randomness: Option<u64>,
}

impl OtState {
    /// Reads a trace state as it stands in the header.
    #[inline]
    #[must_use]
    pub fn read(trace_state: &str) -> Self {
        if trace_state.is_empty() { Self::default() } else { Self::read_member(trace_state) }
    }

    fn read_member(trace_state: &str) -> Self {
        let mut state = Self::default();
        for entry in ot_entries(trace_state) {
            if let Some(text) = entry.strip_prefix("th:") {
                state.threshold = Threshold::parse(text);
            } else if let Some(text) = entry.strip_prefix("rv:") {
                state.randomness = hex(text).filter(|_| text.len() == DIGITS);
            }
        }
        state
    }

    /// Returns `rv`, else the low 56 bits of the trace id, which the specification has presumed random.
    #[inline]
    #[must_use]
    pub fn randomness_of(&self, trace_id: TraceId) -> u64 {
        #[expect(clippy::cast_possible_truncation, reason = "the low bits are what is asked for")]
        let low = trace_id.to_int() as u64 & (RANGE - 1);
        self.randomness.unwrap_or(low)
    }
}

/// Returns the trace state with `th` set or erased, the rest kept and `ot` moved to the front where it changes; `None`
/// when it says so already.
#[must_use]
pub fn with_threshold(trace_state: &str, threshold: Option<Threshold>) -> Option<String> {
    if threshold.is_some() && OtState::read(trace_state).threshold == threshold {
        return None;
    }
    let known = tracestate::value(trace_state, "ot").unwrap_or_default();
    let value = ot_value(trace_state, threshold);
    if value == known {
        return None;
    }
    let own = (!value.is_empty()).then(|| format!("ot={value}"));
    let others =
        trace_state.split(',').map(str::trim).filter(|member| !member.is_empty() && !member.starts_with("ot="));
    let members: Vec<&str> = own.as_deref().into_iter().chain(others).take(MAX_MEMBERS).collect();
    Some(members.join(","))
}

fn ot_value(trace_state: &str, threshold: Option<Threshold>) -> String {
    let own = threshold.map(|threshold| format!("th:{}", threshold.format()));
    let mut value = own.unwrap_or_default();
    for entry in ot_entries(trace_state).filter(|entry| !entry.is_empty() && !entry.starts_with("th:")) {
        let joint = if value.is_empty() { "" } else { ";" };
        if value.len() + joint.len() + entry.len() <= MAX_LEN {
            value.push_str(joint);
            value.push_str(entry);
        }
    }
    value
}

fn ot_entries(trace_state: &str) -> impl Iterator<Item = &str> {
    let value = tracestate::value(trace_state, "ot").filter(|value| value.len() <= MAX_LEN);
    value.unwrap_or_default().split(';')
}

/// Reads digits in lower case, as the specification's grammar has them.
fn hex(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if digits { u64::from_str_radix(text, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn threshold(text: &str) -> Option<Threshold> {
        Threshold::parse(text)
    }

    #[test]
    fn rates_have_the_thresholds_of_the_specification() {
        assert_eq!(Threshold::of_rate(1.0), Some(Threshold::ALWAYS));
        assert_eq!(Threshold::of_rate(0.5).unwrap().format(), "8");
        assert_eq!(Threshold::of_rate(0.25).unwrap().format(), "c");
        assert_eq!(Threshold::of_rate(0.1).unwrap().format(), "e6666666666666");
        assert_eq!(Threshold::of_rate(2_f64.powi(-56)).unwrap().format(), "ffffffffffffff");
        assert_eq!((Threshold::of_rate(0.0), Threshold::of_rate(2_f64.powi(-58))), (None, None));
    }

    #[test]
    fn digits_are_completed_by_zeros() {
        assert_eq!(threshold("fd70a4").unwrap().value(), 0xfd_70a4_0000_0000);
        assert_eq!(threshold("0"), Some(Threshold::ALWAYS));
        for invalid in ["", "x", "+1", "123456789012345", "C"] {
            assert_eq!(threshold(invalid), None, "{invalid}");
        }
    }

    #[test]
    fn the_member_is_read_among_others() {
        let state = OtState::read("a=1,ot=x:y;rv:00000000000005;th:8,b=th:4");
        assert_eq!(state, OtState { threshold: threshold("8"), randomness: Some(5) });
        for invalid in ["ot=rv:5;th:zz", "ot=rv:C0000000000000", "ot=rv:c000000000000A;th:C"] {
            assert_eq!(OtState::read(invalid), OtState::default(), "{invalid}");
        }
    }

    #[test]
    fn without_rv_the_low_56_bits_of_the_id_are_the_randomness() {
        let id = TraceId::from_int((u128::MAX << 56) | 7).unwrap();
        assert_eq!(OtState::default().randomness_of(id), 7);
        assert_eq!(OtState { randomness: Some(9), threshold: None }.randomness_of(id), 9);
    }

    #[test]
    fn a_threshold_is_written_and_the_rest_stays() {
        let half = threshold("8");
        assert_eq!(with_threshold("", half).as_deref(), Some("ot=th:8"));
        assert_eq!(
            with_threshold("a=1,ot=th:4;rv:00000000000005", half).as_deref(),
            Some("ot=th:8;rv:00000000000005,a=1")
        );
        assert_eq!(with_threshold("a=1,ot=th:8", half), None);
    }

    #[test]
    fn an_erased_threshold_takes_an_empty_member_with_it() {
        assert_eq!(with_threshold("a=1,ot=th:8", None).as_deref(), Some("a=1"));
        assert_eq!(with_threshold("ot=th:8;k:v", None).as_deref(), Some("ot=k:v"));
        assert_eq!(with_threshold("a=1", None), None);
    }

    #[test]
    fn entries_that_no_longer_fit_are_left_out() {
        let long = format!("ot=k:{}", "v".repeat(250));
        assert_eq!(with_threshold(&long, threshold("8")).as_deref(), Some("ot=th:8"));
    }

    #[test]
    fn the_last_of_32_members_makes_room() {
        let full = (0..32).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join(",");
        let written = with_threshold(&full, threshold("8")).unwrap();
        assert!(written.starts_with("ot=th:8,k0=v") && written.ends_with("k30=v"), "{written}");
    }

    proptest! {
        #[test]
        fn thresholds_round_trip_through_text(value in 0..RANGE) {
            let made = Threshold::new(value).unwrap();
            prop_assert_eq!(threshold(&made.format()), Some(made));
        }

        #[test]
        fn any_trace_state_can_be_read_and_written(state in "[a-z=,;:0-9 ]{0,80}", value in 0..RANGE) {
            let written = with_threshold(&state, Threshold::new(value));
            let read = OtState::read(written.as_deref().unwrap_or(&state));
            prop_assert_eq!(read.threshold, Threshold::new(value));
        }
    }
}
