//! Events and links as OTLP messages among a span's entries.

use super::{Attributes, Entries};
use crate::context::SpanContext;
use crate::otlp::wire::{FIXED32, VARINT, put_bytes, put_fixed64, put_varint, tag, varint_len};

/// `SpanFlags`: whether the linked context is known to be remote, and whether it is.
const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;

impl Entries {
    /// Adds an event at `time_ns` nanoseconds since the epoch.
    #[inline]
    pub fn push_event(&mut self, time_ns: u64, name: &str, attributes: &Attributes, limit: Option<u32>) {
        let len = 9 + delimited(name.len()) + attributes_len(attributes);
        self.push_with(len, limit, |out| {
            put_fixed64(out, 1, time_ns);
            put_bytes(out, 2, name.as_bytes());
            put_attributes(out, attributes, 4);
        });
    }

    /// Adds a link; `context` is `None` for an invalid one, which is kept for its attributes or trace state.
    pub fn push_link(
        &mut self,
        context: Option<&SpanContext>,
        trace_state: &str,
        attributes: &Attributes,
        limit: Option<u32>,
    ) {
        let state_len = if trace_state.is_empty() { 0 } else { delimited(trace_state.len()) };
        let len = 18 + 10 + state_len + attributes_len(attributes) + 5;
        self.push_with(len, limit, |out| {
            put_bytes(out, 1, context.map_or(&[0; 16], |context| context.trace_id.as_bytes()));
            put_bytes(out, 2, context.map_or(&[0; 8], |context| context.span_id.as_bytes()));
            if !trace_state.is_empty() {
                put_bytes(out, 3, trace_state.as_bytes());
            }
            put_attributes(out, attributes, 5);
            out.push(tag(6, FIXED32));
            out.extend_from_slice(&flags(context).to_le_bytes());
        });
    }
}

fn flags(context: Option<&SpanContext>) -> u32 {
    let (flags, remote) = context.map_or((0, false), |context| (context.flags, context.remote));
    u32::from(flags) | HAS_IS_REMOTE | if remote { IS_REMOTE } else { 0 }
}

fn put_attributes(out: &mut Vec<u8>, attributes: &Attributes, dropped_field: u8) {
    out.extend_from_slice(attributes.as_bytes());
    if attributes.dropped > 0 {
        out.push(tag(dropped_field, VARINT));
        put_varint(out, u64::from(attributes.dropped));
    }
}

fn attributes_len(attributes: &Attributes) -> usize {
    let dropped = u64::from(attributes.dropped);
    attributes.as_bytes().len() + if dropped > 0 { 1 + varint_len(dropped) } else { 0 }
}

const fn delimited(len: usize) -> usize {
    1 + varint_len(len as u64) + len
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::{Value, field};

    #[test]
    fn the_announced_length_is_what_is_written() {
        let mut attributes = Attributes::new(field::EVENT_ATTRIBUTES);
        for key in ["a", "b"] {
            attributes.set(key, &Value::Bool(true), Some(1));
        }
        let mut events = Entries::new(field::SPAN_EVENTS);
        events.push_event(1, "e", &attributes, None);
        assert_eq!(
            events.as_bytes(),
            b"\x5a\x17\x09\x01\0\0\0\0\0\0\0\x12\x01e\x1a\x07\x0a\x01b\x12\x02\x10\x01\x20\x01"
        );
        let mut links = Entries::new(field::SPAN_LINKS);
        links.push_link(None, "a=b", &attributes, None);
        assert_eq!(links.iter().map(<[u8]>::len).collect::<Vec<_>>(), [links.as_bytes().len() - 2]);
    }
}
