//! Samplers that agree on a threshold first and decide by it last (`CompositeSampler` of the specification).

use super::operations::Operations;
use super::threshold::{OtState, Threshold};
use super::{Decide, Decision, Mark, Query};
use std::sync::Arc;

/// A sampler that says by which threshold a span is to be decided.
#[derive(Clone, Debug)]
pub enum Composable {
    /// The same threshold for every span; `None` is never.
    Fixed(Option<Threshold>),
    /// The parent's threshold, or its sampled flag where it has none; a root span is the delegate's.
    ParentThreshold(Box<Self>),
    /// By the operation.
    Operations(Arc<Operations>),
}

/// What a composable sampler wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intent {
    /// What the randomness has to reach; `None` is never.
    pub threshold: Option<Threshold>,
    /// True when counts may be weighted by the threshold.
    pub reliable: bool,
}

impl Intent {
    pub(super) const fn fixed(threshold: Option<Threshold>) -> Self {
        Self { threshold, reliable: threshold.is_some() }
    }

    /// Decides by the randomness of the trace.
    #[must_use]
    pub fn decide(self, state: OtState, query: &Query<'_>) -> Decision {
        let randomness = state.randomness_of(query.trace_id);
        let sampled = self.threshold.is_some_and(|threshold| threshold.admits(randomness));
        Decision { sampled, mark: Mark::Threshold(self.threshold.filter(|_| sampled && self.reliable)) }
    }
}

impl Composable {
    /// Returns what this sampler wants for a span.
    #[must_use]
    pub fn intent(&self, state: OtState, query: &Query<'_>) -> Intent {
        match self {
            Self::Fixed(threshold) => Intent::fixed(*threshold),
            Self::ParentThreshold(root) => of_parent(state, query).unwrap_or_else(|| root.intent(state, query)),
            Self::Operations(operations) => operations.intent(state, query),
        }
    }
}

impl Decide for Composable {
    fn decide(&self, query: &Query<'_>) -> Decision {
        let state = OtState::read(query.trace_state);
        self.intent(state, query).decide(state, query)
    }
}

/// Returns what the parent wants, if there is one. A sampled parent whose threshold speaks against it is believed, and
/// its threshold erased, as the specification asks.
pub(super) fn of_parent(state: OtState, query: &Query<'_>) -> Option<Intent> {
    let parent = query.parent?;
    let contradicts =
        |threshold: &Threshold| parent.is_sampled() && !threshold.admits(state.randomness_of(query.trace_id));
    let known = state.threshold.filter(|threshold| !contradicts(threshold));
    let by_flag = || Intent { threshold: parent.is_sampled().then_some(Threshold::ALWAYS), reliable: false };
    Some(known.map_or_else(by_flag, |threshold| Intent { threshold: Some(threshold), reliable: true }))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Plain, parent};
    use super::*;
    use crate::context::{SAMPLED, SpanContext};
    use crate::ids::TraceId;

    fn decide(sampler: &Composable, parent: Option<&SpanContext>, trace_state: &str, id: u128) -> Decision {
        let trace_id = TraceId::from_int(id).unwrap();
        sampler.decide(&Query { parent, trace_state, trace_id, operation: &Plain("x") })
    }

    fn kept(threshold: &str) -> Decision {
        Decision { sampled: true, mark: Mark::Threshold(Threshold::parse(threshold)) }
    }

    const DROPPED: Decision = Decision { sampled: false, mark: Mark::Threshold(None) };
    const UNKNOWN: Decision = Decision { sampled: true, mark: Mark::Threshold(None) };
    const HALF: u128 = 1 << 55;

    fn follower() -> Composable {
        Composable::ParentThreshold(Box::new(Composable::Fixed(Threshold::of_rate(0.5))))
    }

    #[test]
    fn a_fixed_threshold_decides_by_the_low_56_bits() {
        let half = Composable::Fixed(Threshold::of_rate(0.5));
        assert_eq!(decide(&half, None, "", (1 << 100) | HALF), kept("8"));
        assert_eq!(decide(&half, None, "", (u128::MAX << 56) | (HALF - 1)), DROPPED);
        assert_eq!(decide(&half, None, "ot=rv:ffffffffffffff", 1), kept("8"));
    }

    #[test]
    fn never_and_always_are_thresholds_too() {
        assert_eq!(decide(&Composable::Fixed(None), None, "", u128::MAX), DROPPED);
        assert_eq!(decide(&Composable::Fixed(Some(Threshold::ALWAYS)), None, "", 1 << 56), kept("0"));
    }

    #[test]
    fn a_parent_s_threshold_is_kept_and_a_root_is_the_delegate_s() {
        let (sampled, dropped) = (parent(SAMPLED, true), parent(0, true));
        assert_eq!(decide(&follower(), Some(&sampled), "ot=th:4", HALF), kept("4"));
        assert_eq!(decide(&follower(), Some(&sampled), "", 1), UNKNOWN);
        assert_eq!(decide(&follower(), Some(&dropped), "", HALF), DROPPED);
        assert_eq!(decide(&follower(), None, "", HALF), kept("8"));
    }

    #[test]
    fn a_sampled_parent_is_believed_against_its_threshold() {
        assert_eq!(decide(&follower(), Some(&parent(SAMPLED, true)), "ot=th:c", HALF), UNKNOWN);
    }
}
