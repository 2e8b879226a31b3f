//! Head samplers that decide without Python.

pub mod composable;
pub mod limit;
pub mod operations;
pub mod replaceable;
pub mod threshold;

use crate::context::SpanContext;
use crate::ids::TraceId;
use operations::Operation;
use std::fmt::Debug;
use std::sync::Arc;
use threshold::Threshold;

/// A head sampler; `record_and_sample` or `drop` are its only answers.
#[derive(Clone, Debug)]
pub enum Sampler {
    /// Samples every span.
    AlwaysOn,
    /// Samples none.
    AlwaysOff,
    /// Samples the traces whose low 64 id bits are below the bound, as opentelemetry-sdk does.
    TraceIdRatio {
        /// The first value that is not sampled, 0 to 2^64.
        bound: u128,
    },
    /// Follows the parent's decision, by one delegate for each kind of parent.
    ParentBased(Box<ParentBased>),
    /// One that looks at more than the parent's flag and the trace id, or writes down what it did. Clones share it.
    Other(Arc<dyn Decide>),
}

/// A sampler of that kind.
pub trait Decide: Debug + Send + Sync {
    /// Decides about one span.
    fn decide(&self, query: &Query<'_>) -> Decision;
}

/// The span that starts.
#[derive(Clone, Copy)]
pub struct Query<'a> {
    /// Its parent, unless that leaves the decision open.
    pub parent: Option<&'a SpanContext>,
    /// The parent's trace state, as in its header.
    pub trace_state: &'a str,
    /// Its trace.
    pub trace_id: TraceId,
    /// What it is for.
    pub operation: &'a dyn Operation,
}

/// What a sampler answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision {
    /// True when the span is to be recorded and sampled.
    pub sampled: bool,
    /// What is to be written down about it.
    pub mark: Mark,
}

impl Decision {
    const DROPPED: Self = Self { sampled: false, mark: Mark::Threshold(None) };
}

/// How a decision is written down, so that counts can be weighted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mark {
    /// Not at all: the trace state stays.
    Nothing,
    /// As `th` in the trace state; `None` erases what is there.
    Threshold(Option<Threshold>),
    /// As an attribute: for how many spans this one stands. `th` is erased.
    AdjustedCount(f64),
}

/// The delegates of a parent-based sampler.
#[derive(Clone, Debug)]
pub struct ParentBased {
    /// Decides for root spans.
    pub root: Sampler,
    /// Decides under a sampled parent of another process.
    pub remote_sampled: Sampler,
    /// Decides under an unsampled parent of another process.
    pub remote_not_sampled: Sampler,
    /// Decides under a sampled parent of this process.
    pub local_sampled: Sampler,
    /// Decides under an unsampled parent of this process.
    pub local_not_sampled: Sampler,
}

impl Sampler {
    /// Makes a trace-id ratio sampler; `rate` is clamped to 0.0 ..= 1.0.
    #[must_use]
    pub fn trace_id_ratio(rate: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 ..= 2^64 by the clamp")]
        let bound = (rate.clamp(0.0, 1.0) * 18_446_744_073_709_551_616.0).round_ties_even() as u128;
        Self::TraceIdRatio { bound }
    }

    /// Decides by the parent and the trace id alone, where that is enough; then nothing is written down.
    #[inline]
    #[must_use]
    pub fn should_sample(&self, parent: Option<&SpanContext>, trace_id: TraceId) -> Option<bool> {
        match self {
            Self::AlwaysOn => Some(true),
            Self::AlwaysOff => Some(false),
            Self::TraceIdRatio { bound } => Some(trace_id.to_int() & u128::from(u64::MAX) < *bound),
            Self::ParentBased(delegates) => delegates.choose(parent).should_sample(parent, trace_id),
            Self::Other(_) => None,
        }
    }

    /// Decides about a span.
    #[must_use]
    pub fn decide(&self, query: &Query<'_>) -> Decision {
        match self {
            Self::Other(sampler) => sampler.decide(query),
            Self::ParentBased(delegates) => delegates.choose(query.parent).decide(query),
            simple => {
                let sampled = simple.should_sample(query.parent, query.trace_id).unwrap_or_default();
                Decision { sampled, mark: Mark::Nothing }
            }
        }
    }
}

impl ParentBased {
    fn choose(&self, parent: Option<&SpanContext>) -> &Sampler {
        match parent.map(|context| (context.remote, context.is_sampled())) {
            None => &self.root,
            Some((true, true)) => &self.remote_sampled,
            Some((true, false)) => &self.remote_not_sampled,
            Some((false, true)) => &self.local_sampled,
            Some((false, false)) => &self.local_not_sampled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::SAMPLED;
    use crate::ids::SpanId;

    /// An operation of a name alone.
    pub struct Plain(pub &'static str);

    impl Operation for Plain {
        fn is_named(&self, accepts: &mut dyn FnMut(&str) -> bool) -> bool {
            accepts(self.0)
        }

        fn with_type(&self, _: &mut dyn FnMut(&str)) {}
    }

    pub fn parent(flags: u8, remote: bool) -> SpanContext {
        let (trace_id, span_id) = (TraceId::from_int(1).unwrap(), SpanId::from_int(2).unwrap());
        SpanContext { trace_id, span_id, flags, remote }
    }

    #[test]
    fn a_ratio_decides_by_the_low_64_bits() {
        let half = Sampler::trace_id_ratio(0.5);
        let below = TraceId::from_int((u128::MAX << 64) | ((1 << 63) - 1)).unwrap();
        let above = TraceId::from_int(1 << 63).unwrap();
        assert_eq!(half.should_sample(None, below), Some(true));
        assert_eq!(half.should_sample(None, above), Some(false));
    }

    #[test]
    fn ratios_zero_and_one_take_none_and_all() {
        let highest = TraceId::from_int(u128::MAX).unwrap();
        assert_eq!(Sampler::trace_id_ratio(1.0).should_sample(None, highest), Some(true));
        assert_eq!(Sampler::trace_id_ratio(0.0).should_sample(None, TraceId::from_int(1 << 64).unwrap()), Some(false));
    }

    #[test]
    fn parent_based_asks_the_delegate_of_that_kind_of_parent() {
        let sampler = Sampler::ParentBased(Box::new(ParentBased {
            root: Sampler::AlwaysOff,
            remote_sampled: Sampler::AlwaysOff,
            remote_not_sampled: Sampler::AlwaysOn,
            local_sampled: Sampler::AlwaysOn,
            local_not_sampled: Sampler::AlwaysOff,
        }));
        let id = TraceId::from_int(5).unwrap();
        assert_eq!(sampler.should_sample(None, id), Some(false));
        assert_eq!(sampler.should_sample(Some(&parent(SAMPLED, true)), id), Some(false));
        assert_eq!(sampler.should_sample(Some(&parent(0, true)), id), Some(true));
        assert_eq!(sampler.should_sample(Some(&parent(SAMPLED, false)), id), Some(true));
        assert_eq!(sampler.should_sample(Some(&parent(0, false)), id), Some(false));
    }

    #[test]
    fn parent_based_asks_a_delegate_of_any_kind() {
        let off = || Sampler::AlwaysOff;
        let half = composable::Composable::Fixed(Threshold::of_rate(0.5));
        let sampler = Sampler::ParentBased(Box::new(ParentBased {
            root: Sampler::Other(Arc::new(half)),
            remote_sampled: Sampler::AlwaysOn,
            remote_not_sampled: off(),
            local_sampled: off(),
            local_not_sampled: off(),
        }));
        let trace_id = TraceId::from_int(1 << 55).unwrap();
        let query = Query { parent: None, trace_state: "", trace_id, operation: &Plain("x") };
        assert_eq!(sampler.should_sample(None, trace_id), None);
        assert_eq!(sampler.decide(&query), Decision { sampled: true, mark: Mark::Threshold(Threshold::of_rate(0.5)) });
        let under = Query { parent: Some(&parent(SAMPLED, true)), ..query };
        assert_eq!(sampler.decide(&under), Decision { sampled: true, mark: Mark::Nothing });
    }
}
