//! AWS X-Ray: `X-Amzn-Trace-Id: Root=1-{8 hex digits}-{24};Parent={16};Sampled={0, 1 or ?}`.

use super::{Caller, is_hex, loose_span_id, loose_trace_id, trim};
use crate::context::SpanContext;
use crate::ids::TraceId;

/// What is passed on beside the identity is no longer than this.
const MAX_OTHERS_BYTES: usize = 256;

/// Parses the header; for fields that are not known see [`others`]. Without a parent there is no caller.
#[must_use]
pub fn parse(header: &str) -> Option<Caller> {
    let (mut root, mut parent, mut sampled) = (None, None, None);
    for (key, value) in header.split(';').filter_map(|field| field.split_once('=')) {
        match (trim(key), trim(value)) {
            ("Root", value) => root = Some(trace_id(value)?),
            ("Parent", value) => parent = Some(loose_span_id(value).filter(|_| value.len() == 16)?),
            ("Sampled", "1") => sampled = Some(true),
            ("Sampled", "0") => sampled = Some(false),
            ("Sampled", value) if !matches!(value, "?" | "") => return None,
            _ => {}
        }
    }
    Some(Caller::new(root?, parent?, sampled))
}

fn trace_id(text: &str) -> Option<TraceId> {
    let (time, unique) = text.strip_prefix("1-")?.split_once('-')?;
    let fits = time.len() == 8 && unique.len() == 24 && is_hex(time) && is_hex(unique);
    fits.then(|| loose_trace_id(&[time, unique].concat())).flatten()
}

/// Returns the fields to pass on, as `;Lineage=...`: all but the identity's and `Self`, which each hop writes anew. One that
/// is not printable or would make them too long is left out.
#[must_use]
pub fn others(header: &str) -> String {
    let mut out = String::new();
    for (key, value) in header.split(';').filter_map(|field| field.split_once('=')) {
        let (key, value) = (trim(key), trim(value));
        let known = ["Root", "Parent", "Sampled", "Self"].iter().any(|known| key.eq_ignore_ascii_case(known));
        let printable =
            !key.is_empty() && [key, value].iter().all(|text| text.bytes().all(|byte| byte.is_ascii_graphic()));
        if !known && printable && out.len() + key.len() + value.len() + 2 <= MAX_OTHERS_BYTES {
            out.extend([";", key, "=", value]);
        }
    }
    out
}

/// Formats the header, with what [`others`] has returned at its end.
#[must_use]
pub fn format(context: &SpanContext, others: &str) -> String {
    let trace_id = context.trace_id.to_string();
    let (time, unique) = trace_id.split_at(8);
    format!("Root=1-{time}-{unique};Parent={};Sampled={}{others}", context.span_id, u8::from(context.is_sampled()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::SpanId;
    use proptest::prelude::*;

    const VALID: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";

    #[test]
    fn the_example_of_the_text_is_parsed_and_written_again() {
        let caller = parse(VALID).unwrap();
        assert_eq!(caller.context.trace_id.to_string(), "5759e988bd862e3fe1be46a994272793");
        assert_eq!(format(&caller.context, ""), VALID);
    }

    #[test]
    fn fields_come_in_any_order_with_blanks_and_others_between() {
        let header = "Self=1-67891234-12456789abcdef012345678; Sampled=1 ;Lineage=a87bd80c:1|68fd508a:5|c512fbe3:2; \
                      Parent=53995c3f42cd8ad8;;Root=1-5759e988-bd862e3fe1be46a994272793";
        assert_eq!(parse(header), parse(VALID));
        assert_eq!(others(header), ";Lineage=a87bd80c:1|68fd508a:5|c512fbe3:2");
    }

    #[test]
    fn fields_that_are_not_known_are_passed_on_at_the_end() {
        let caller = parse(VALID).unwrap();
        let sent = format(&caller.context, &others(&[VALID, "; Lineage = a:1 ;Foo=b=c"].concat()));
        assert_eq!(sent, [VALID, ";Lineage=a:1;Foo=b=c"].concat());
        assert_eq!(parse(&sent), Some(caller));
    }

    #[test]
    fn what_would_spoil_a_header_is_not_passed_on() {
        for bad in ["=1", "a", "a=\r\nx: y", "a=\u{e9}", "self=1", "root=1", ""] {
            assert_eq!(others(bad), "", "{bad}");
        }
        assert_eq!(others(&format!("long={};short=1", "x".repeat(MAX_OTHERS_BYTES))), ";short=1");
    }

    #[test]
    fn a_decision_that_is_asked_for_or_left_out_is_open() {
        assert!(parse(&VALID.replace("=1", "=?").replace("Root=?", "Root=1")).unwrap().deferred);
        assert!(parse(VALID.strip_suffix(";Sampled=1").unwrap()).unwrap().deferred);
    }

    #[test]
    fn what_is_malformed_is_ignored() {
        for (good, bad) in [
            ("1-5759", "2-5759"),
            ("e988-", "e988"),
            ("5759e988", "0x59e988"),
            ("53995c3f42cd8ad8", "0"),
            ("53995c3f42cd8ad8", "0000000000000000"),
            ("Sampled=1", "Sampled=yes"),
            ("Parent", "Prnt"),
            ("Root", "Rt"),
        ] {
            assert_eq!(parse(&VALID.replace(good, bad)), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_caller_round_trips(trace in 1_u128.., span in 1_u64.., sampled: bool) {
            let caller = Caller::new(TraceId::from_int(trace).unwrap(), SpanId::from_int(span).unwrap(), Some(sampled));
            prop_assert_eq!(parse(&format(&caller.context, "")), Some(caller));
        }

        #[test]
        fn parsing_never_panics(header in ".*", near in "Root=1-\\PC{0,40};Parent=.*") {
            let _ = (parse(&header), parse(&near));
            let passed_on = others(&header);
            prop_assert!(passed_on.len() <= MAX_OTHERS_BYTES);
            prop_assert_eq!(others(&passed_on), passed_on.clone());
        }
    }
}
