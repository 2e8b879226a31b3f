//! The headers of `OpenTracing`'s basic tracers: `ot-tracer-traceid`, `-spanid`, `-sampled`; baggage in `ot-baggage-*`.

use super::{Caller, loose_span_id, loose_trace_id, trim};
use crate::context::SpanContext;

/// Parses the three headers.
#[must_use]
pub fn parse(trace_id: &str, span_id: &str, sampled: Option<&str>) -> Option<Caller> {
    let sampled = match sampled.map(trim) {
        None => None,
        Some("true" | "1") => Some(true),
        Some("false" | "0") => Some(false),
        Some(_) => return None,
    };
    Some(Caller::new(loose_trace_id(trim(trace_id))?, loose_span_id(trim(span_id))?, sampled))
}

/// Formats the three headers as name and value. The format knows 64 bits of a trace id: the upper half stays here.
#[must_use]
pub fn format(context: &SpanContext) -> [(&'static str, String); 3] {
    let mut trace_id = context.trace_id.to_string();
    trace_id.drain(..16);
    let sampled = if context.is_sampled() { "true" } else { "false" };
    [
        ("ot-tracer-traceid", trace_id),
        ("ot-tracer-spanid", context.span_id.to_string()),
        ("ot-tracer-sampled", sampled.to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{SpanId, TraceId};
    use proptest::prelude::*;

    #[test]
    fn ids_of_64_and_128_bits_are_parsed() {
        let caller = parse("64fe8b2a57d3eff7", "e457b5a2e4d86bd1", Some("true")).unwrap();
        assert_eq!(caller.context.trace_id.to_int(), 0x64fe_8b2a_57d3_eff7);
        assert!(parse("80f198ee56343ba864fe8b2a57d3eff7", "e457b5a2e4d86bd1", None).unwrap().deferred);
    }

    #[test]
    fn what_is_malformed_is_ignored() {
        for (trace, span, sampled) in [("0", "1", "true"), ("1", "0", "true"), ("x", "1", "true"), ("1", "1", "maybe")]
        {
            assert_eq!(parse(trace, span, Some(sampled)), None);
        }
    }

    proptest! {
        #[test]
        fn a_caller_with_64_bits_round_trips(trace in 1_u64.., span in 1_u64.., sampled: bool) {
            let trace = TraceId::from_int(u128::from(trace)).unwrap();
            let caller = Caller::new(trace, SpanId::from_int(span).unwrap(), Some(sampled));
            let [(_, trace_id), (_, span_id), (_, sampled)] = format(&caller.context);
            prop_assert_eq!(parse(&trace_id, &span_id, Some(&sampled)), Some(caller));
        }

        #[test]
        fn parsing_never_panics(trace in ".*", span in ".*", sampled in ".*") {
            let _ = parse(&trace, &span, Some(&sampled));
        }
    }
}
