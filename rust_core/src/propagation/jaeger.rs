//! Jaeger's own format: `uber-trace-id: {trace id}:{span id}:{parent id}:{flags}`, baggage in `uberctx-*`.

use super::baggage::decode;
use super::{Caller, is_forced, loose_span_id, loose_trace_id, trim};
use crate::context::SpanContext;

const SAMPLED: u8 = 1;
const DEBUG: u8 = 2;

/// Parses the header; its clients leave out leading zeros and may percent-encode the colons.
#[must_use]
pub fn parse(header: &str) -> Option<Caller> {
    let header = decode(trim(header));
    let fields: Vec<&str> = header.split(':').collect();
    let [trace_id, span_id, _, flags] = fields[..] else { return None };
    let flags = u8::from_str_radix(flags, 16).ok().filter(|_| !flags.starts_with('+'))?;
    let caller = Caller::new(loose_trace_id(trace_id)?, loose_span_id(span_id)?, Some(flags & (SAMPLED | DEBUG) != 0));
    Some(if flags & DEBUG == 0 { caller } else { caller.forced() })
}

/// Formats the header; the parent's id, which is deprecated, as zero.
#[must_use]
pub fn format(context: &SpanContext, trace_state: &str) -> String {
    let flags = if is_forced(trace_state) { SAMPLED | DEBUG } else { u8::from(context.is_sampled()) };
    format!("{}:{}:0:{flags:02x}", context.trace_id, context.span_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{SpanId, TraceId};
    use proptest::prelude::*;

    #[test]
    fn ids_without_leading_zeros_are_parsed() {
        let caller = parse("2a:7:0:1").unwrap();
        assert_eq!((caller.context.trace_id.to_int(), caller.context.span_id.to_int()), (0x2a, 7));
        assert!(caller.context.is_sampled() && !caller.deferred);
        assert!(!parse("2a:7:0:0").unwrap().context.is_sampled());
    }

    #[test]
    fn colons_may_be_percent_encoded() {
        assert_eq!(parse("2a%3A7%3A0%3A1"), parse("2a:7:0:1"));
    }

    #[test]
    fn the_debug_flag_is_kept() {
        let caller = parse("2a:7:0:3").unwrap();
        assert!(format(&caller.context, &caller.trace_state).ends_with(":03"));
    }

    #[test]
    fn what_is_malformed_is_ignored() {
        for header in [
            "",
            "2a:7:0",
            "2a:7:0:1:1",
            "0:7:0:1",
            "2a:0:0:1",
            "x:7:0:1",
            "2a:7:0:",
            "2a:7:0:100",
            "2a:7:0:+1",
            "+2a:7:0:1",
            "1000000000000000000000000000000002:7:0:1",
        ] {
            assert_eq!(parse(header), None, "{header}");
        }
    }

    proptest! {
        #[test]
        fn any_caller_round_trips(trace in 1_u128.., span in 1_u64.., sampled: bool) {
            let caller = Caller::new(TraceId::from_int(trace).unwrap(), SpanId::from_int(span).unwrap(), Some(sampled));
            prop_assert_eq!(parse(&format(&caller.context, "")), Some(caller));
        }

        #[test]
        fn parsing_never_panics(header in ".*", near in "[0-9a-f:%]{0,80}") {
            let _ = (parse(&header), parse(&near));
        }
    }
}
