//! Encoded spans as an `ExportTraceServiceRequest`, framed in place: only lengths are filled in when the last span is there.

use super::wire::{LEN, put_bytes, tag};
use crate::scope::Scope;
use std::sync::Arc;

/// The two lengths in front of the spans take five bytes each whatever they are: a varint may have leading zeros.
const LEN_BYTES: usize = 5;
const RESOURCE_SPANS_LEN_AT: usize = 1;

/// Encoded spans of one scope, in a `ResourceSpans` of their own.
#[derive(Debug)]
pub struct Section {
    /// The scope they belong to.
    pub scope: Arc<Scope>,
    bytes: Vec<u8>,
    scope_spans_len_at: usize,
}

impl Section {
    /// Opens a section without spans in an empty buffer. The schema URLs come before the spans: the order of fields is free.
    #[must_use]
    pub fn open(scope: &Arc<Scope>, mut bytes: Vec<u8>) -> Self {
        put_open_header(&mut bytes, 1);
        put_bytes(&mut bytes, 1, &scope.resource.encoded);
        put_url(&mut bytes, &scope.resource.schema_url);
        let scope_spans_len_at = bytes.len() + 1;
        put_open_header(&mut bytes, 2);
        put_bytes(&mut bytes, 1, &scope.encoded);
        put_url(&mut bytes, &scope.schema_url);
        Self { scope: scope.clone(), bytes, scope_spans_len_at }
    }

    /// Returns the buffer that `ScopeSpans.spans` fields are appended to.
    #[inline]
    pub fn spans(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Returns the bytes with their lengths.
    #[must_use]
    fn close(mut self) -> Vec<u8> {
        for at in [RESOURCE_SPANS_LEN_AT, self.scope_spans_len_at] {
            let inner = self.bytes.len() - at - LEN_BYTES;
            fill_len(&mut self.bytes[at..at + LEN_BYTES], inner);
        }
        self.bytes
    }
}

/// Makes one request of `sections`; with a single one nothing is copied.
#[must_use]
pub fn frame_request(sections: Vec<Section>) -> Vec<u8> {
    let mut closed = sections.into_iter().map(Section::close);
    let mut request = closed.next().unwrap_or_default();
    closed.for_each(|section| request.extend_from_slice(&section));
    request
}

fn put_open_header(out: &mut Vec<u8>, field: u8) {
    out.push(tag(field, LEN));
    out.extend_from_slice(&[0; LEN_BYTES]);
}

fn put_url(out: &mut Vec<u8>, url: &str) {
    if !url.is_empty() {
        put_bytes(out, 3, url.as_bytes());
    }
}

fn fill_len(place: &mut [u8], mut len: usize) {
    let last = place.len() - 1;
    for byte in &mut place[..last] {
        *byte = len.to_le_bytes()[0] | 0x80;
        len >>= 7;
    }
    place[last] = len.to_le_bytes()[0] & 0x7f;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scope::Resource;

    fn section(resource: &Arc<Resource>, name: &[u8], spans: &[u8]) -> Section {
        let scope = Scope { resource: resource.clone(), encoded: name.to_vec(), schema_url: "s".into() };
        let mut section = Section::open(&Arc::new(scope), Vec::new());
        section.spans().extend_from_slice(spans);
        section
    }

    #[test]
    fn lengths_are_filled_in_around_the_spans() {
        let resource = Arc::new(Resource { encoded: b"R".to_vec(), schema_url: "u".into() });
        let framed = frame_request(vec![section(&resource, b"A", b"\x12\x01x")]);
        let expected = b"\x0a\x95\x80\x80\x80\x00\x0a\x01R\x1a\x01u\x12\x89\x80\x80\x80\x00\x0a\x01A\x1a\x01s\x12\x01x";
        assert_eq!(framed, expected);
    }

    #[test]
    fn each_scope_has_a_resource_spans_of_its_own() {
        let resource = Arc::new(Resource::default());
        let one = || section(&resource, b"A", b"\x12\x00");
        let framed = frame_request(vec![one(), one()]);
        assert_eq!(framed, [frame_request(vec![one()]), frame_request(vec![one()])].concat());
    }

    #[test]
    fn a_long_section_has_a_true_length() {
        let framed = frame_request(vec![section(&Arc::default(), b"A", &[0; 300])]);
        assert_eq!(crate::otlp::wire::read_varint(&framed[1..]), Some((framed.len() as u64 - 6, 5)));
    }
}
