//! Encoded spans, grouped by scope, as one `ExportTraceServiceRequest`.

use super::buffers;
use super::wire::{LEN, put_bytes, put_varint, tag, varint_len};
use crate::scope::{Resource, Scope};
use std::sync::Arc;

/// Encoded spans of one scope: `ScopeSpans.spans` fields one after the other.
#[derive(Debug)]
pub struct Section {
    /// The scope they belong to.
    pub scope: Arc<Scope>,
    /// The encoded fields.
    pub spans: Vec<u8>,
}

/// Writes an `ExportTraceServiceRequest` of `sections`; neighbours of one resource share a `ResourceSpans`.
#[must_use]
pub fn frame_request(sections: &[Section]) -> Vec<u8> {
    let groups = || sections.chunk_by(|a, b| Arc::ptr_eq(&a.scope.resource, &b.scope.resource));
    let total = groups().map(|group| delimited(resource_spans_len(group))).sum();
    let mut out = buffers::take(total);
    for group in groups() {
        put_header(&mut out, 1, resource_spans_len(group));
        put_resource_spans(&mut out, group);
    }
    out
}

fn put_resource_spans(out: &mut Vec<u8>, group: &[Section]) {
    let resource = &group[0].scope.resource;
    put_bytes(out, 1, &resource.encoded);
    for section in group {
        put_header(out, 2, scope_spans_len(section));
        put_bytes(out, 1, &section.scope.encoded);
        out.extend_from_slice(&section.spans);
        put_url(out, &section.scope.schema_url);
    }
    put_url(out, &resource.schema_url);
}

fn resource_spans_len(group: &[Section]) -> usize {
    let Resource { encoded, schema_url } = &*group[0].scope.resource;
    let scopes: usize = group.iter().map(|section| delimited(scope_spans_len(section))).sum();
    delimited(encoded.len()) + scopes + url_len(schema_url)
}

fn scope_spans_len(section: &Section) -> usize {
    delimited(section.scope.encoded.len()) + section.spans.len() + url_len(&section.scope.schema_url)
}

fn put_header(out: &mut Vec<u8>, field: u8, len: usize) {
    out.push(tag(field, LEN));
    put_varint(out, len as u64);
}

fn put_url(out: &mut Vec<u8>, url: &str) {
    if !url.is_empty() {
        put_bytes(out, 3, url.as_bytes());
    }
}

fn url_len(url: &str) -> usize {
    if url.is_empty() { 0 } else { delimited(url.len()) }
}

const fn delimited(len: usize) -> usize {
    1 + varint_len(len as u64) + len
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(resource: &Arc<Resource>, name: &[u8], spans: &[u8]) -> Section {
        let scope = Scope { resource: resource.clone(), encoded: name.to_vec(), schema_url: String::new() };
        Section { scope: Arc::new(scope), spans: spans.to_vec() }
    }

    #[test]
    fn sections_of_one_resource_share_a_resource_spans() {
        let resource = Arc::new(Resource { encoded: b"R".to_vec(), schema_url: "u".into() });
        let framed = frame_request(&[section(&resource, b"A", b"\x12\x01x"), section(&resource, b"B", b"\x12\x01y")]);
        assert_eq!(framed, b"\x0a\x16\x0a\x01R\x12\x06\x0a\x01A\x12\x01x\x12\x06\x0a\x01B\x12\x01y\x1a\x01u");
    }

    #[test]
    fn another_resource_starts_another_resource_spans() {
        let (one, two) = (Arc::new(Resource::default()), Arc::new(Resource::default()));
        let framed = frame_request(&[section(&one, b"A", b""), section(&two, b"A", b"")]);
        assert_eq!(framed, b"\x0a\x07\x0a\x00\x12\x03\x0a\x01A\x0a\x07\x0a\x00\x12\x03\x0a\x01A");
    }
}
