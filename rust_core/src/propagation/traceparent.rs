//! The `traceparent` header (W3C trace context, section 3.2).

use super::trim;
use crate::context::{RANDOM_TRACE_ID, SAMPLED, SpanContext};
use crate::ids::{SpanId, TraceId, format_hex, parse_hex};

/// Length of a version 00 header; later versions may go on behind a dash.
const LEN: usize = 55;

/// Parses a header value; `None` for anything the text calls invalid, among it version ff and zero ids.
#[must_use]
pub fn parse(value: &str) -> Option<SpanContext> {
    let bytes = trim(value).as_bytes();
    let (head, rest) = bytes.split_at_checked(LEN)?;
    let dashes = [2, 35, 52].iter().all(|&at| head[at] == b'-');
    let version = hex_byte(&head[..2])?;
    let length_fits = rest.is_empty() || (version > 0 && rest[0] == b'-');
    if !dashes || version == 0xff || !length_fits {
        return None;
    }
    Some(SpanContext {
        trace_id: TraceId::parse(&head[3..35])?,
        span_id: SpanId::parse(&head[36..52])?,
        flags: hex_byte(&head[53..])?,
        remote: true,
    })
}

/// Formats a context as a version 00 header, in ASCII. Flags that the text does not define are sent as zero (3.2.2.5).
#[must_use]
pub fn format(context: &SpanContext) -> [u8; LEN] {
    let mut out = *b"00-00000000000000000000000000000000-0000000000000000-00";
    format_hex(context.trace_id.as_bytes(), &mut out[3..35]);
    format_hex(context.span_id.as_bytes(), &mut out[36..52]);
    format_hex(&[context.flags & (SAMPLED | RANDOM_TRACE_ID)], &mut out[53..]);
    out
}

fn hex_byte(text: &[u8]) -> Option<u8> {
    let mut byte = [0];
    parse_hex(text, &mut byte)?;
    Some(byte[0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn the_example_of_the_text_is_parsed() {
        let context = parse(VALID).unwrap();
        assert_eq!(context.trace_id.to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(context.span_id.to_string(), "b7ad6b7169203331");
        assert!(context.is_sampled() && context.remote);
    }

    #[test]
    fn what_the_text_calls_invalid_is_ignored() {
        for value in [
            "",
            "00",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "0x-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01what",
            "00.0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(parse(value), None, "{value}");
        }
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        for rest in ["", "-what-the-future-brings"] {
            let value = format!("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01{rest}");
            assert_eq!(parse(&value), parse(VALID), "{value}");
        }
    }

    #[test]
    fn whitespace_around_is_ignored() {
        assert_eq!(parse(&format!(" \t{VALID} ")), parse(VALID));
    }

    proptest! {
        #[test]
        fn any_context_round_trips(trace in 1_u128.., span in 1_u64.., flags: u8) {
            let (trace_id, span_id) = (TraceId::from_int(trace).unwrap(), SpanId::from_int(span).unwrap());
            let context = SpanContext { trace_id, span_id, flags, remote: true };
            let defined = SpanContext { flags: flags & 3, ..context };
            prop_assert_eq!(parse(std::str::from_utf8(&format(&context)).unwrap()), Some(defined));
        }

        #[test]
        fn parsing_never_panics(value in ".*") {
            let _ = parse(&value);
        }

        #[test]
        fn parsing_near_misses_never_panics(value in "[0-9a-fF]{2}-[0-9a-f]{30,34}-[0-9a-f]{15,17}-[0-9a-f]{0,3}\\PC{0,3}") {
            let _ = parse(&value);
        }
    }
}
