//! Events and links as OTLP messages.

use crate::api::Api;
use crate::encode;
use crate::span::start;
use pyo3::prelude::*;
use pyspan_core::otlp::wire::{FIXED32, VARINT, put_bytes, put_fixed64, put_varint, tag};
use pyspan_core::span::{Attributes, Limits, field};

/// Encodes an `Event` message.
pub fn event(
    py: Python<'_>,
    api: &Api,
    limits: &Limits,
    name: &str,
    time_ns: u64,
    attributes: Option<&Bound<'_, PyAny>>,
) -> PyResult<Vec<u8>> {
    let attributes = encode::attributes(
        py,
        api,
        attributes,
        field::EVENT_ATTRIBUTES,
        limits.event_attributes,
        limits.attribute_length,
    )?;
    let mut out = Vec::with_capacity(24 + name.len() + attributes.as_bytes().len());
    put_fixed64(&mut out, 1, time_ns);
    put_bytes(&mut out, 2, name.as_bytes());
    put_attributes(&mut out, &attributes, 4);
    Ok(out)
}

/// Encodes a `Link` message; `None` when there is nothing to link to.
pub fn link(
    py: Python<'_>,
    api: &Api,
    limits: &Limits,
    context: &Bound<'_, PyAny>,
    attributes: Option<&Bound<'_, PyAny>>,
) -> PyResult<Option<Vec<u8>>> {
    if context.is_none() {
        return Ok(None);
    }
    let trace_state = start::shared_trace_state(api, &context.getattr("trace_state")?)?;
    let linked = start::read_span_context(context)?;
    let attributes = encode::attributes(
        py,
        api,
        attributes,
        field::LINK_ATTRIBUTES,
        limits.link_attributes,
        limits.attribute_length,
    )?;
    if linked.is_none() && attributes.is_empty() && trace_state.is_none() {
        return Ok(None);
    }
    let mut out = Vec::new();
    put_bytes(&mut out, 1, linked.as_ref().map_or(&[0; 16], |linked| linked.trace_id.as_bytes()));
    put_bytes(&mut out, 2, linked.as_ref().map_or(&[0; 8], |linked| linked.span_id.as_bytes()));
    if let Some(state) = trace_state {
        put_bytes(&mut out, 3, state.header.as_bytes());
    }
    put_attributes(&mut out, &attributes, 5);
    let (flags, remote) = linked.map_or((0, false), |linked| (linked.flags, linked.remote));
    out.push(tag(6, FIXED32));
    out.extend_from_slice(&(u32::from(flags) | 0x100 | if remote { 0x200 } else { 0 }).to_le_bytes());
    Ok(Some(out))
}

fn put_attributes(out: &mut Vec<u8>, attributes: &Attributes, dropped_field: u8) {
    out.extend_from_slice(attributes.as_bytes());
    if attributes.dropped > 0 {
        out.push(tag(dropped_field, VARINT));
        put_varint(out, u64::from(attributes.dropped));
    }
}
