//! Datadog's headers: `x-datadog-trace-id`, `-parent-id`, `-sampling-priority`, `-origin` and `-tags`.
//!
//! What they say beyond the identity is kept in the trace state as Datadog's own tracers do: `dd=s:2;o:rum;t.dm:-4`.

use super::{Caller, loose_trace_id, tracestate, trim};
use crate::context::SpanContext;
use crate::ids::{SpanId, TraceId};

/// Tags that travel begin so; in a trace state they begin with `t.`.
const TAG_PREFIX: &str = "_dd.p.";
/// The tag that carries the upper half of a trace id, in hex.
const UPPER_HALF: &str = "_dd.p.tid";
/// Its tracers send no longer list of tags.
const MAX_TAGS_BYTES: usize = 512;
/// The longest value of a member of a trace state.
const MAX_STATE_BYTES: usize = 256;

/// What the headers say, as they came or as they are to be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers<T> {
    /// `x-datadog-trace-id`: the lower half of the trace id, in decimal.
    pub trace_id: Option<T>,
    /// `x-datadog-parent-id`: in decimal.
    pub parent_id: Option<T>,
    /// `x-datadog-sampling-priority`: at most 0 to drop, more to keep.
    pub priority: Option<T>,
    /// `x-datadog-origin`: the product that began the trace, such as `rum`.
    pub origin: Option<T>,
    /// `x-datadog-tags`: `key=value` joined by commas.
    pub tags: Option<T>,
}

/// Parses the headers; without both ids they name no caller.
#[must_use]
pub fn parse(headers: &Headers<&str>) -> Option<Caller> {
    let lower = decimal(headers.trace_id?).filter(|&lower| lower != 0)?;
    let span_id = SpanId::from_int(decimal(headers.parent_id?)?)?;
    let mut tags = parse_tags(headers.tags.unwrap_or_default());
    let upper = tags.find(|(key, _)| *key == UPPER_HALF).and_then(|(_, half)| upper_half(half));
    let trace_id = TraceId::from_int(u128::from(upper.unwrap_or(0)) << 64 | u128::from(lower))?;
    let sampled = headers.priority.and_then(priority).map(|priority| priority > 0);
    Some(Caller { trace_state: state(headers), ..Caller::new(trace_id, span_id, sampled) })
}

fn decimal(text: &str) -> Option<u64> {
    let text = trim(text);
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

fn priority(text: &str) -> Option<i8> {
    trim(text).parse().ok()
}

fn upper_half(text: &str) -> Option<u64> {
    let half = loose_trace_id(text).filter(|_| text.len() == 16)?;
    u64::try_from(half.to_int()).ok()
}

fn parse_tags(tags: &str) -> impl Iterator<Item = (&str, &str)> {
    let tags = if tags.len() > MAX_TAGS_BYTES { "" } else { tags };
    tags.split(',').filter_map(|tag| tag.split_once('=')).map(|(key, value)| (trim(key), trim(value)))
}

/// Formats what is no identity as the member `dd` of a trace state; a tag that does not fit is left out.
#[must_use]
pub fn state(headers: &Headers<&str>) -> String {
    let mut out = String::from("dd=");
    let start = out.len();
    let mut push = |key: &str, value: &str| {
        let separator = usize::from(out.len() > start);
        if out.len() - start + separator + key.len() + 1 + value.len() <= MAX_STATE_BYTES {
            out.extend([&";"[..separator], key, ":"]);
            out.extend(value.chars().map(state_char));
        }
    };
    if let Some(priority) = headers.priority.and_then(priority) {
        push("s", &priority.to_string());
    }
    if let Some(origin) = headers.origin.map(trim).filter(|origin| !origin.is_empty()) {
        push("o", origin);
    }
    let tags = parse_tags(headers.tags.unwrap_or_default());
    for (key, value) in tags.filter(|(key, value)| *key != UPPER_HALF && value.is_ascii()) {
        let name = key.strip_prefix(TAG_PREFIX).filter(|name| name.bytes().all(is_tag_byte));
        if let Some(name) = name.filter(|_| !value.is_empty()) {
            push(&["t.", name].concat(), value);
        }
    }
    if out.len() == start { String::new() } else { out }
}

/// What a trace state cannot hold becomes `_`, an equals sign `~`.
const fn state_char(char: char) -> char {
    match char {
        '=' => '~',
        ',' | ';' | '~' => '_',
        '!'..='}' => char,
        _ => '_',
    }
}

const fn is_tag_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b',' | b';' | b'=' | b':')
}

/// Formats the headers of a span under `trace_state`. A priority of the caller is kept where it says the same as the
/// sampled flag.
#[must_use]
pub fn format(context: &SpanContext, trace_state: &str) -> Headers<String> {
    let member = tracestate::value(trace_state, "dd").unwrap_or_default();
    let fields = || member.split(';').filter_map(|field| field.split_once(':'));
    let find = |name: &str| fields().find(|(key, _)| *key == name).map(|(_, value)| value);
    let kept = find("s").and_then(priority).filter(|kept| (*kept > 0) == context.is_sampled());
    let trace_id = context.trace_id.to_int();
    #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
    let (upper, lower) = ((trace_id >> 64) as u64, trace_id as u64);
    let mut tags: Vec<String> = fields()
        .filter_map(|(key, value)| Some(format!("{TAG_PREFIX}{}={}", key.strip_prefix("t.")?, value.replace('~', "="))))
        .collect();
    if upper != 0 {
        tags.push(format!("{UPPER_HALF}={upper:016x}"));
    }
    Headers {
        trace_id: Some(lower.to_string()),
        parent_id: Some(context.span_id.to_int().to_string()),
        priority: Some(kept.unwrap_or_else(|| i8::from(context.is_sampled())).to_string()),
        origin: find("o").map(|origin| origin.replace('~', "=")),
        tags: Some(tags.join(",")).filter(|tags| !tags.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::SAMPLED;
    use proptest::prelude::*;

    fn headers() -> Headers<&'static str> {
        Headers {
            trace_id: Some("11803532876627986230"),
            parent_id: Some("67667974448284343"),
            priority: Some("2"),
            origin: Some("rum"),
            tags: Some("_dd.p.dm=-4,_dd.p.tid=4bf92f3577b34da6,other=1,_dd.p.usr.id=baz64=="),
        }
    }

    #[test]
    fn both_halves_of_the_trace_id_are_put_together() {
        let caller = parse(&headers()).unwrap();
        assert_eq!(caller.context.trace_id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(caller.context.span_id.to_string(), "00f067aa0ba902b7");
        assert!(caller.context.is_sampled());
    }

    #[test]
    fn the_rest_is_kept_in_the_trace_state_as_datadog_writes_it() {
        assert_eq!(parse(&headers()).unwrap().trace_state, "dd=s:2;o:rum;t.dm:-4;t.usr.id:baz64~~");
    }

    #[test]
    fn an_origin_keeps_what_a_trace_state_can_hold_as_with_datadogs_own_tracers() {
        let caller = parse(&Headers { origin: Some("a=b,c;~\u{e9}"), tags: None, ..headers() }).unwrap();
        assert_eq!(caller.trace_state, "dd=s:2;o:a~b_c___");
        assert_eq!(format(&caller.context, &caller.trace_state).origin.as_deref(), Some("a=b_c___"));
    }

    #[test]
    fn what_was_kept_is_sent_on() {
        let caller = parse(&headers()).unwrap();
        let sent = format(&caller.context, &caller.trace_state);
        assert_eq!(sent.trace_id.as_deref(), headers().trace_id);
        assert_eq!(sent.parent_id.as_deref(), headers().parent_id);
        assert_eq!((sent.priority.as_deref(), sent.origin.as_deref()), (Some("2"), Some("rum")));
        assert_eq!(sent.tags.as_deref(), Some("_dd.p.dm=-4,_dd.p.usr.id=baz64==,_dd.p.tid=4bf92f3577b34da6"));
    }

    #[test]
    fn a_priority_that_the_sampler_has_overruled_is_replaced() {
        let caller = parse(&headers()).unwrap();
        let dropped = SpanContext { flags: 0, ..caller.context };
        assert_eq!(format(&dropped, &caller.trace_state).priority.as_deref(), Some("0"));
        assert_eq!(format(&caller.context, "dd=s:-1").priority.as_deref(), Some("1"));
        assert_eq!(format(&dropped, "dd=s:-1").priority.as_deref(), Some("-1"));
    }

    #[test]
    fn without_a_priority_the_decision_is_open() {
        let caller = parse(&Headers { priority: None, ..headers() }).unwrap();
        assert_eq!((caller.deferred, caller.context.flags), (true, SAMPLED));
    }

    #[test]
    fn what_names_no_caller_is_ignored() {
        for bad in ["", "0", "-1", "+1", "0x1", "18446744073709551616", "abc"] {
            assert_eq!(parse(&Headers { trace_id: Some(bad), ..headers() }), None, "{bad}");
            assert_eq!(parse(&Headers { parent_id: Some(bad), ..headers() }), None, "{bad}");
        }
        assert_eq!(parse(&Headers { trace_id: None, ..headers() }), None);
    }

    #[test]
    fn a_malformed_upper_half_leaves_the_lower_one() {
        for bad in ["_dd.p.tid=1234", "_dd.p.tid=xxf92f3577b34da6", "_dd.p.tid", "_dd.p.tid=0000000000000000"] {
            let caller = parse(&Headers { tags: Some(bad), ..headers() }).unwrap();
            assert_eq!(caller.context.trace_id.to_int(), 11_803_532_876_627_986_230, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_caller_round_trips(upper: u64, lower in 1_u64.., span in 1_u64.., priority in -1_i8..=2) {
            let trace_id = TraceId::from_int(u128::from(upper) << 64 | u128::from(lower)).unwrap();
            let mut caller = Caller::new(trace_id, SpanId::from_int(span).unwrap(), Some(priority > 0));
            caller.trace_state = format!("dd=s:{priority};o:rum;t.dm:-4");
            let sent = format(&caller.context, &caller.trace_state);
            let received = Headers { trace_id: sent.trace_id.as_deref(), parent_id: sent.parent_id.as_deref(),
                priority: sent.priority.as_deref(), origin: sent.origin.as_deref(), tags: sent.tags.as_deref() };
            prop_assert_eq!(parse(&received), Some(caller));
        }

        #[test]
        fn parsing_never_panics_and_keeps_a_valid_trace_state(priority in ".*", origin in ".*", tags in "(_dd.p.\\PC{0,9}=?\\PC{0,80},?){0,9}") {
            let odd = Headers { priority: Some(priority.as_str()), origin: Some(&origin), tags: Some(&tags), ..headers() };
            let state = parse(&odd).unwrap().trace_state;
            let cleaned = tracestate::clean(&[&state]).into_owned();
            prop_assert_eq!(cleaned, state);
        }
    }
}
