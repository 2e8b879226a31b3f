//! Zipkin's B3: the header `b3`, or `x-b3-traceid`, `x-b3-spanid`, `x-b3-sampled` and `x-b3-flags`.

use super::{Caller, is_forced, loose_span_id, loose_trace_id, trim};
use crate::context::SpanContext;

/// What the several headers say.
#[derive(Clone, Copy, Debug, Default)]
pub struct Headers<'a> {
    /// `x-b3-traceid`
    pub trace_id: Option<&'a str>,
    /// `x-b3-spanid`
    pub span_id: Option<&'a str>,
    /// `x-b3-sampled`
    pub sampled: Option<&'a str>,
    /// `x-b3-flags`
    pub flags: Option<&'a str>,
}

/// Parses the single header. One that holds a decision alone names no caller.
#[must_use]
pub fn parse(header: &str) -> Option<Caller> {
    let fields: Vec<&str> = trim(header).splitn(5, '-').collect();
    let (&[trace_id, span_id], rest) = fields.split_first_chunk()?;
    match rest {
        [] => caller(trace_id, span_id, None, false),
        ["d"] | ["d", _] => caller(trace_id, span_id, None, true),
        [sampled] | [sampled, _] => caller(trace_id, span_id, Some(sampled), false),
        _ => None,
    }
}

/// Parses the several headers.
#[must_use]
pub fn parse_several(headers: &Headers<'_>) -> Option<Caller> {
    let forced = headers.flags.map(trim) == Some("1");
    caller(trim(headers.trace_id?), trim(headers.span_id?), headers.sampled.map(trim), forced)
}

fn caller(trace_id: &str, span_id: &str, sampled: Option<&str>, forced: bool) -> Option<Caller> {
    if !matches!(trace_id.len(), 16 | 32) || span_id.len() != 16 {
        return None;
    }
    let sampled = match sampled {
        _ if forced => Some(true),
        None => None,
        Some("1" | "true") => Some(true),
        Some("0" | "false") => Some(false),
        // Finagle and others write the debug flag here, too.
        Some("d") => return caller(trace_id, span_id, None, true),
        Some(_) => return None,
    };
    let caller = Caller::new(loose_trace_id(trace_id)?, loose_span_id(span_id)?, sampled);
    Some(if forced { caller.forced() } else { caller })
}

/// Formats the single header.
#[must_use]
pub fn format(context: &SpanContext, trace_state: &str) -> String {
    let state = if is_forced(trace_state) { "d" } else { sampled(context) };
    format!("{}-{}-{state}", context.trace_id, context.span_id)
}

/// Formats the several headers as name and value.
#[must_use]
pub fn format_several(context: &SpanContext, trace_state: &str) -> [(&'static str, String); 3] {
    let decision = if is_forced(trace_state) { ("x-b3-flags", "1") } else { ("x-b3-sampled", sampled(context)) };
    [
        ("x-b3-traceid", context.trace_id.to_string()),
        ("x-b3-spanid", context.span_id.to_string()),
        (decision.0, decision.1.to_owned()),
    ]
}

const fn sampled(context: &SpanContext) -> &'static str {
    if context.is_sampled() { "1" } else { "0" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{SpanId, TraceId};
    use proptest::prelude::*;

    const TRACE: &str = "80f198ee56343ba864fe8b2a57d3eff7";
    const SPAN: &str = "e457b5a2e4d86bd1";

    fn read(header: &str) -> Option<(String, String, bool, bool, String)> {
        let caller = parse(header)?;
        let context = caller.context;
        let ids = (context.trace_id.to_string(), context.span_id.to_string());
        Some((ids.0, ids.1, context.is_sampled(), caller.deferred, caller.trace_state))
    }

    #[test]
    fn the_examples_of_the_text_are_parsed() {
        let ids = (TRACE.to_owned(), SPAN.to_owned());
        let expect =
            |sampled, deferred, state: &str| Some((ids.0.clone(), ids.1.clone(), sampled, deferred, state.into()));
        assert_eq!(read(&format!("{TRACE}-{SPAN}-1-05e3ac9a4f6e3b90")), expect(true, false, ""));
        assert_eq!(read(&format!("{TRACE}-{SPAN}-0")), expect(false, false, ""));
        assert_eq!(read(&format!("{TRACE}-{SPAN}-d")), expect(true, false, "b3=d"));
        assert_eq!(read(&format!("{TRACE}-{SPAN}")), expect(true, true, ""));
    }

    #[test]
    fn a_trace_id_of_64_bits_is_the_lower_half() {
        assert_eq!(read(&format!("64fe8b2a57d3eff7-{SPAN}-1")).unwrap().0, "000000000000000064fe8b2a57d3eff7");
    }

    #[test]
    fn what_names_no_caller_is_ignored() {
        let zero = "0".repeat(32);
        for header in [
            "",
            "0",
            "1",
            "d",
            "-",
            &format!("{TRACE}-{SPAN}-2"),
            &format!("{TRACE}-{SPAN}-1-a-b"),
            &format!("{zero}-{SPAN}-1"),
            &format!("{TRACE}-{}-1", &zero[..16]),
            &format!("{}-{SPAN}", &TRACE[1..]),
            &format!("{TRACE}-+{}-1", &SPAN[1..]),
        ] {
            assert_eq!(parse(header), None, "{header}");
        }
    }

    #[test]
    fn several_headers_are_parsed() {
        let headers = Headers { trace_id: Some(TRACE), span_id: Some(SPAN), sampled: Some("1"), flags: None };
        assert_eq!(parse_several(&headers), parse(&format!("{TRACE}-{SPAN}-1")));
        let debug = Headers { sampled: None, flags: Some("1"), ..headers };
        assert_eq!(parse_several(&debug), parse(&format!("{TRACE}-{SPAN}-d")));
        assert_eq!(parse_several(&Headers { span_id: None, ..headers }), None);
    }

    proptest! {
        #[test]
        fn any_caller_round_trips(trace in 1_u128.., span in 1_u64.., sampled: bool, forced: bool) {
            let caller = Caller::new(TraceId::from_int(trace).unwrap(), SpanId::from_int(span).unwrap(), Some(sampled || forced));
            let caller = if forced { caller.forced() } else { caller };
            prop_assert_eq!(parse(&format(&caller.context, &caller.trace_state)), Some(caller.clone()));
            let written = format_several(&caller.context, &caller.trace_state);
            let value = |name| written.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
            let headers = Headers { trace_id: value("x-b3-traceid"), span_id: value("x-b3-spanid"),
                sampled: value("x-b3-sampled"), flags: value("x-b3-flags") };
            prop_assert_eq!(parse_several(&headers), Some(caller));
        }

        #[test]
        fn parsing_never_panics(header in ".*", near in "[0-9a-f]{16}-\\PC{14,18}-?.?-?") {
            let _ = (parse(&header), parse(&near));
        }
    }
}
