//! Head samplers that decide without Python: always on, always off, trace-id ratio, parent-based.

use crate::context::SpanContext;
use crate::ids::TraceId;

/// A head sampler; `record_and_sample` or `drop` are its only answers.
#[derive(Clone, Debug, PartialEq)]
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
}

/// The delegates of a parent-based sampler.
#[derive(Clone, Debug, PartialEq)]
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

    /// Returns true when the span is to be recorded and sampled.
    #[inline]
    #[must_use]
    pub fn should_sample(&self, parent: Option<&SpanContext>, trace_id: TraceId) -> bool {
        match self {
            Self::AlwaysOn => true,
            Self::AlwaysOff => false,
            Self::TraceIdRatio { bound } => trace_id.to_int() & u128::from(u64::MAX) < *bound,
            Self::ParentBased(delegates) => delegates.choose(parent).should_sample(parent, trace_id),
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

    fn parent(flags: u8, remote: bool) -> SpanContext {
        let (trace_id, span_id) = (TraceId::from_int(1).unwrap(), SpanId::from_int(2).unwrap());
        SpanContext { trace_id, span_id, flags, remote }
    }

    #[test]
    fn a_ratio_decides_by_the_low_64_bits() {
        let half = Sampler::trace_id_ratio(0.5);
        let below = TraceId::from_int((u128::MAX << 64) | ((1 << 63) - 1)).unwrap();
        let above = TraceId::from_int(1 << 63).unwrap();
        assert!(half.should_sample(None, below));
        assert!(!half.should_sample(None, above));
    }

    #[test]
    fn ratios_zero_and_one_take_none_and_all() {
        let highest = TraceId::from_int(u128::MAX).unwrap();
        assert!(Sampler::trace_id_ratio(1.0).should_sample(None, highest));
        assert!(!Sampler::trace_id_ratio(0.0).should_sample(None, TraceId::from_int(1 << 64).unwrap()));
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
        assert!(!sampler.should_sample(None, id));
        assert!(!sampler.should_sample(Some(&parent(SAMPLED, true)), id));
        assert!(sampler.should_sample(Some(&parent(0, true)), id));
        assert!(sampler.should_sample(Some(&parent(SAMPLED, false)), id));
        assert!(!sampler.should_sample(Some(&parent(0, false)), id));
    }
}
