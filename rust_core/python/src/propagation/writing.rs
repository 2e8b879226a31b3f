//! How each format writes its headers.

use super::formats::{fields_of_datadog, name};
use super::outgoing::Outgoing;
use crate::encode::{self, text_of};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;
use pyspan_core::context::SpanContext;
use pyspan_core::propagation::{baggage, datadog, jaeger, ot_trace, sentry, traceparent, tracestate, xray};

/// Returns the text of `traceparent`.
pub fn parent_text(span: &SpanContext) -> String {
    String::from_utf8_lossy(&traceparent::format(span)).into_owned()
}

#[inline]
pub fn write_trace_context(out: &Outgoing<'_, '_>) -> PyResult<()> {
    let Some(span) = &out.span else { return Ok(()) };
    let header = traceparent::format(&span.context);
    out.set(intern!(out.py, "traceparent"), std::str::from_utf8(&header).unwrap_or_default())?;
    match &span.trace_state {
        Some(state) => out.writer.set(intern!(out.py, "tracestate"), state.text().bind(out.py)),
        None => Ok(()),
    }
}

/// Writes one header of the span's context and trace state.
pub fn write(out: &Outgoing<'_, '_>, header: &str, format: impl FnOnce(&SpanContext, &str) -> String) -> PyResult<()> {
    let Some(span) = &out.span else { return Ok(()) };
    out.set(&name(out.py, header), &format(&span.context, out.trace_state()))
}

/// Writes several headers of the span's context and trace state.
pub fn write_all(
    out: &Outgoing<'_, '_>,
    format: impl FnOnce(&SpanContext, &str) -> [(&'static str, String); 3],
) -> PyResult<()> {
    let Some(span) = &out.span else { return Ok(()) };
    format(&span.context, out.trace_state())
        .iter()
        .try_for_each(|(header, value)| out.set(&name(out.py, header), value))
}

pub fn write_jaeger(out: &Outgoing<'_, '_>) -> PyResult<()> {
    write(out, "uber-trace-id", jaeger::format)?;
    each_member_as_header(out, "uberctx-", |value| {
        let mut encoded = String::new();
        baggage::encode(value, &mut encoded);
        Some(encoded)
    })
}

pub fn write_ot_trace(out: &Outgoing<'_, '_>) -> PyResult<()> {
    write_all(out, |span, _| ot_trace::format(span))?;
    let is_plain = |value: &str| value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    each_member_as_header(out, "ot-baggage-", |value| is_plain(value).then(|| value.to_owned()))
}

/// Writes each member of the baggage as a header of its own.
fn each_member_as_header(
    out: &Outgoing<'_, '_>,
    prefix: &str,
    value_of: impl Fn(&str) -> Option<String>,
) -> PyResult<()> {
    out.each_baggage(|key, value, _| {
        if let Some(value) = value_of(value).filter(|_| baggage::is_token(key)) {
            return out.set(&PyString::new(out.py, &[prefix, key].concat()), &value);
        }
        out.warn_of_member(key);
        Ok(())
    })
}

pub fn write_xray(out: &Outgoing<'_, '_>) -> PyResult<()> {
    let kept = out.get(&out.names.xray_fields_key)?.and_then(|kept| kept.cast_into::<PyString>().ok());
    let kept = kept.as_ref().map(text_of);
    let kept = kept.as_ref().map_or("", encode::Text::as_str);
    write(out, "X-Amzn-Trace-Id", |span, _| {
        // A trace that was begun within the request is none of its callers'.
        let others = kept.strip_prefix(span.trace_id.to_string().as_str()).unwrap_or_default();
        xray::format(span, others)
    })
}

pub fn write_sentry(out: &Outgoing<'_, '_>, whole_baggage: bool) -> PyResult<()> {
    write(out, "sentry-trace", |span, _| sentry::format(span))?;
    if whole_baggage { Ok(()) } else { out.set_baggage(|key| key.starts_with(sentry::BAGGAGE_PREFIX)) }
}

pub fn write_request_id(out: &Outgoing<'_, '_>) -> PyResult<()> {
    let id = out.get(&out.names.request_id_key)?.and_then(|id| id.cast_into::<PyString>().ok());
    id.map_or(Ok(()), |id| out.writer.set(intern!(out.py, "x-request-id"), &id))
}

pub fn write_datadog(out: &Outgoing<'_, '_>) -> PyResult<()> {
    let Some(span) = &out.span else { return Ok(()) };
    let kept = out.get(&out.names.datadog_state_key)?.and_then(|kept| kept.cast_into::<PyString>().ok());
    let kept = kept.as_ref().map(text_of);
    let known = tracestate::value(out.trace_state(), "dd").is_some();
    let state = kept.as_ref().filter(|_| !known).map_or(out.trace_state(), encode::Text::as_str);
    let headers = datadog::format(&span.context, state);
    let values = [headers.trace_id, headers.parent_id, headers.priority, headers.origin, headers.tags];
    let mut pairs = fields_of_datadog().into_iter().zip(values);
    pairs.try_for_each(|(header, value)| value.map_or(Ok(()), |value| out.set(&name(out.py, header), &value)))
}

pub fn write_server_timing(out: &Outgoing<'_, '_>) -> PyResult<()> {
    let Some(span) = &out.span else { return Ok(()) };
    out.writer.add(&name(out.py, "Server-Timing"), &format!("traceparent;desc=\"{}\"", parent_text(&span.context)))
}

pub fn write_datadog_response(out: &Outgoing<'_, '_>) -> PyResult<()> {
    let Some(span) = &out.span else { return Ok(()) };
    let headers = datadog::format(&span.context, "");
    let pairs = [("x-datadog-trace-id", headers.trace_id), ("x-datadog-parent-id", headers.parent_id)];
    pairs.into_iter().try_for_each(|(header, value)| out.set(&name(out.py, header), &value.unwrap_or_default()))
}
