//! A finished span as one OTLP `Span` message.

use super::Body;
use crate::context::SpanContext;
use crate::ids::SpanId;
use crate::otlp::wire::{FIXED32, FIXED64, LEN, VARINT, put_bytes, put_varint, tag, varint_len};

/// `SpanFlags`: the bits above the trace flags say whether the parent is known to be remote, and whether it is.
const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;

/// The outcome of a span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StatusCode {
    /// Nothing was said.
    #[default]
    Unset,
    /// Declared a success.
    Ok,
    /// Failed.
    Error,
}

/// Everything of a span but its body.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    /// Its identity.
    pub context: SpanContext,
    /// The W3C trace state header, empty for none.
    pub trace_state: &'a str,
    /// The parent's id, and whether the parent is of another process.
    pub parent: Option<(SpanId, bool)>,
    /// Its name.
    pub name: &'a str,
    /// The kind as OTLP numbers it (1 internal to 5 consumer).
    pub kind: u8,
    /// Nanoseconds since the epoch.
    pub start_ns: u64,
    /// Nanoseconds since the epoch.
    pub end_ns: u64,
    /// The outcome.
    pub status: StatusCode,
    /// What was said of the outcome, empty for nothing.
    pub status_message: &'a str,
}

/// Returns the length of the message that [`frame_span`] writes.
#[must_use]
pub fn framed_len(header: &Header<'_>, body: Option<&Body>) -> usize {
    let parent = if header.parent.is_some() { 10 } else { 0 };
    let fixed = 18 + 10 + parent + 2 + 9 + 9 + 6;
    let text = delimited(header.name.len()) + optional(header.trace_state.len());
    fixed + text + status_len(header) + body.map_or(0, body_len)
}

/// Appends `header` and `body` as the content of a `Span` message.
pub fn frame_span(out: &mut Vec<u8>, header: &Header<'_>, body: Option<&Body>) {
    out.extend_from_slice(&ids(header));
    if !header.trace_state.is_empty() {
        put_bytes(out, 3, header.trace_state.as_bytes());
    }
    if let Some((span_id, _)) = header.parent {
        put_bytes(out, 4, span_id.as_bytes());
    }
    put_bytes(out, 5, header.name.as_bytes());
    out.extend_from_slice(&kind_and_times(header));
    if let Some(body) = body {
        put_body(out, body);
    }
    put_status(out, header);
    // Field 16 needs a two-byte tag.
    let [a, b, c, d] = flags(header).to_le_bytes();
    out.extend_from_slice(&[0x80 | tag(0, FIXED32), 0x01, a, b, c, d]);
}

/// Fields of a fixed size are put together before they are appended: each append checks the room anew.
fn ids(header: &Header<'_>) -> [u8; 28] {
    let mut out = [0; 28];
    out[..2].copy_from_slice(&[tag(1, LEN), 16]);
    out[2..18].copy_from_slice(header.context.trace_id.as_bytes());
    out[18..20].copy_from_slice(&[tag(2, LEN), 8]);
    out[20..].copy_from_slice(header.context.span_id.as_bytes());
    out
}

fn kind_and_times(header: &Header<'_>) -> [u8; 20] {
    let mut out = [0; 20];
    out[..3].copy_from_slice(&[tag(6, VARINT), header.kind, tag(7, FIXED64)]);
    out[3..11].copy_from_slice(&header.start_ns.to_le_bytes());
    out[11] = tag(8, FIXED64);
    out[12..].copy_from_slice(&header.end_ns.to_le_bytes());
    out
}

fn flags(header: &Header<'_>) -> u32 {
    let remote = header.parent.is_some_and(|(_, remote)| remote);
    u32::from(header.context.flags) | HAS_IS_REMOTE | if remote { IS_REMOTE } else { 0 }
}

fn put_body(out: &mut Vec<u8>, body: &Body) {
    out.extend_from_slice(body.attributes.as_bytes());
    put_count(out, 10, body.attributes.dropped);
    out.extend_from_slice(body.events.as_bytes());
    put_count(out, 12, body.events.dropped);
    out.extend_from_slice(body.links.as_bytes());
    put_count(out, 14, body.links.dropped);
}

fn body_len(body: &Body) -> usize {
    let counts = [body.attributes.dropped, body.events.dropped, body.links.dropped];
    let bytes = body.attributes.as_bytes().len() + body.events.as_bytes().len() + body.links.as_bytes().len();
    bytes + counts.map(count_len).iter().sum::<usize>()
}

fn put_count(out: &mut Vec<u8>, field: u8, count: u32) {
    if count > 0 {
        out.push(tag(field, VARINT));
        put_varint(out, u64::from(count));
    }
}

fn count_len(count: u32) -> usize {
    if count > 0 { 1 + varint_len(u64::from(count)) } else { 0 }
}

fn put_status(out: &mut Vec<u8>, header: &Header<'_>) {
    let code = match header.status {
        StatusCode::Unset => return,
        StatusCode::Ok => 1,
        StatusCode::Error => 2,
    };
    out.push(tag(15, LEN));
    put_varint(out, (optional(header.status_message.len()) + 2) as u64);
    if !header.status_message.is_empty() {
        put_bytes(out, 2, header.status_message.as_bytes());
    }
    out.extend_from_slice(&[tag(3, VARINT), code]);
}

fn status_len(header: &Header<'_>) -> usize {
    match header.status {
        StatusCode::Unset => 0,
        _ => delimited(optional(header.status_message.len()) + 2),
    }
}

const fn delimited(len: usize) -> usize {
    1 + varint_len(len as u64) + len
}

const fn optional(len: usize) -> usize {
    if len == 0 { 0 } else { delimited(len) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::SAMPLED;
    use crate::ids::TraceId;
    use crate::span::Value;

    fn header() -> Header<'static> {
        let (trace_id, span_id) = (TraceId::from_int(1).unwrap(), SpanId::from_int(2).unwrap());
        Header {
            context: SpanContext { trace_id, span_id, flags: SAMPLED, remote: false },
            trace_state: "a=b",
            parent: Some((SpanId::from_int(3).unwrap(), true)),
            name: "GET /orders",
            kind: 2,
            start_ns: 1,
            end_ns: 2,
            status: StatusCode::Error,
            status_message: "boom",
        }
    }

    #[test]
    fn the_length_is_what_is_written() {
        let mut body = Body::default();
        body.attributes.set("k", &Value::Int(1), Some(1));
        body.attributes.set("l", &Value::Int(1), Some(1));
        body.events.push_event(1, "e", &body.attributes, None);
        for (header, body) in [
            (header(), Some(&body)),
            (Header { parent: None, trace_state: "", status: StatusCode::Ok, status_message: "", ..header() }, None),
            (Header { status: StatusCode::Unset, ..header() }, None),
        ] {
            let mut out = Vec::new();
            frame_span(&mut out, &header, body);
            assert_eq!(out.len(), framed_len(&header, body), "{header:?}");
        }
    }

    #[test]
    fn flags_carry_the_sampled_bit_and_the_remote_parent() {
        let mut out = Vec::new();
        frame_span(&mut out, &header(), None);
        assert_eq!(&out[out.len() - 6..], [0x85, 0x01, 0x01, 0x03, 0, 0]);
    }
}
