//! Sentry: `sentry-trace: {trace id}-{span id}[-{0 or 1}]`; what its SDKs add to `baggage` begins with `sentry-`.

use super::{Caller, trim};
use crate::context::SpanContext;
use crate::ids::{SpanId, TraceId};

/// Names of the members of `baggage` that are Sentry's begin so.
pub const BAGGAGE_PREFIX: &str = "sentry-";

/// Parses the header; without a decision the caller leaves it open.
#[must_use]
pub fn parse(header: &str) -> Option<Caller> {
    let fields: Vec<&str> = trim(header).splitn(4, '-').collect();
    let (&[trace_id, span_id], rest) = fields.split_first_chunk()?;
    let sampled = match rest {
        [] => None,
        ["1"] => Some(true),
        ["0"] => Some(false),
        _ => return None,
    };
    Some(Caller::new(TraceId::parse(trace_id.as_bytes())?, SpanId::parse(span_id.as_bytes())?, sampled))
}

/// Formats the header.
#[must_use]
pub fn format(context: &SpanContext) -> String {
    format!("{}-{}-{}", context.trace_id, context.span_id, u8::from(context.is_sampled()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const IDS: &str = "d4cda95b652f4a1592b449d5929fda1b-6e0c63257de34c92";

    #[test]
    fn a_decision_may_be_missing() {
        assert_eq!(parse(IDS).map(|caller| caller.deferred), Some(true));
        for (suffix, sampled) in [("-1", true), ("-0", false)] {
            let caller = parse(&format!(" {IDS}{suffix}\t")).unwrap();
            assert_eq!((caller.context.is_sampled(), caller.deferred), (sampled, false));
        }
    }

    #[test]
    fn what_is_malformed_is_ignored() {
        for header in ["", "-", "1", &format!("{IDS}-"), &format!("{IDS}-2"), &format!("{IDS}-1-1"), &IDS[1..]] {
            assert_eq!(parse(header), None, "{header}");
        }
    }

    proptest! {
        #[test]
        fn any_caller_round_trips(trace in 1_u128.., span in 1_u64.., sampled: bool) {
            let caller = Caller::new(TraceId::from_int(trace).unwrap(), SpanId::from_int(span).unwrap(), Some(sampled));
            prop_assert_eq!(parse(&format(&caller.context)), Some(caller));
        }

        #[test]
        fn parsing_never_panics(header in ".*", near in "[0-9a-f]{31,33}-[0-9a-f]{15,17}-?\\PC?") {
            let _ = (parse(&header), parse(&near));
        }
    }
}
