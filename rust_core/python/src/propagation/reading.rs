//! How each format reads its headers.

use super::carrier::{Lines, Reader};
use super::extraction::Extraction;
use super::formats::{B3_NAMES, fields_of_datadog, name};
use crate::encode::{self, text_of};
use crate::span::Parent;
use crate::trace_state::TraceState;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use pyspan_core::clock::now_ns;
use pyspan_core::propagation::{
    Caller, b3, baggage, datadog, jaeger, ot_trace, request_id, sentry, traceparent, tracestate, xray,
};
use std::borrow::Cow;

/// Reads `traceparent`, and `tracestate` only if that is valid (section 3.3).
#[inline]
pub fn read_trace_context<'py>(reader: &Reader<'_, 'py>, found: &mut Extraction<'py>) -> PyResult<()> {
    let py = found.py;
    let Some(parent) = reader.lines(intern!(py, "traceparent"))?.only() else { return Ok(()) };
    let Some(context) = traceparent::parse(encode::text_of(&parent).as_str()) else { return Ok(()) };
    let state = match reader.lines(intern!(py, "tracestate"))? {
        Lines::None => None,
        Lines::One(line) => match tracestate::clean(&[text_of(&line).as_str()]) {
            Cow::Borrowed(_) => TraceState::of_header(&line),
            Cow::Owned(text) => TraceState::of_header(&PyString::new(py, &text)),
        },
        Lines::Many(lines) => {
            let lines: Vec<_> = lines.iter().map(text_of).collect();
            let lines: Vec<_> = lines.iter().map(encode::Text::as_str).collect();
            TraceState::of_header(&PyString::new(py, &tracestate::clean(&lines)))
        }
    };
    found.set_remote(Parent { context, trace_state: state, deferred: false });
    Ok(())
}

pub fn read_baggage<'py>(
    reader: &Reader<'_, 'py>,
    found: &mut Extraction<'py>,
    wanted: impl Fn(&str) -> bool,
) -> PyResult<()> {
    let py = found.py;
    let lines = reader.lines(intern!(py, "baggage"))?;
    let lines: Vec<_> = lines.as_slice().iter().map(text_of).collect();
    for member in baggage::parse(lines.iter().map(encode::Text::as_str)).filter(|member| wanted(member.key)) {
        let value = PyString::new(py, &member.value).into_any();
        let value = match member.properties {
            "" => value,
            properties => found.names.baggage_value.bind(py).call1((value, properties))?,
        };
        found.set_baggage(member.key, value)?;
    }
    Ok(())
}

pub fn read_b3<'py>(reader: &Reader<'_, 'py>, found: &mut Extraction<'py>) -> PyResult<()> {
    let single = reader.first(intern!(found.py, "b3"))?;
    if let Some(caller) = single.as_ref().and_then(|header| b3::parse(text_of(header).as_str())) {
        found.set_caller(Some(caller));
        return Ok(());
    }
    let caller = with_texts(reader, found.py, B3_NAMES, |[trace_id, span_id, sampled, flags]| {
        b3::parse_several(&b3::Headers { trace_id, span_id, sampled, flags })
    })?;
    found.set_caller(caller);
    Ok(())
}

/// Reads the first values of several headers.
fn with_texts<'py, const N: usize, T>(
    reader: &Reader<'_, 'py>,
    py: Python<'py>,
    names: [&str; N],
    parse: impl FnOnce([Option<&str>; N]) -> T,
) -> PyResult<T> {
    let mut values = [const { None }; N];
    for (value, header) in values.iter_mut().zip(names) {
        *value = reader.first(&name(py, header))?;
    }
    let texts = values.each_ref().map(|value| value.as_ref().map(text_of));
    Ok(parse(texts.each_ref().map(|text| text.as_ref().map(encode::Text::as_str))))
}

pub fn read_jaeger<'py>(reader: &Reader<'_, 'py>, found: &mut Extraction<'py>) -> PyResult<()> {
    let py = found.py;
    let header = reader.first(intern!(py, "uber-trace-id"))?;
    if let Some(header) = header.filter(|_| !found.has_caller()) {
        found.set_caller(jaeger::parse(text_of(&header).as_str()));
    }
    for (key, value) in reader.prefixed(py, "uberctx-")? {
        let value = PyString::new(py, &baggage::decode(text_of(&value).as_str()));
        found.set_baggage(&key, value.into_any())?;
    }
    Ok(())
}

pub fn read_ot_trace<'py>(reader: &Reader<'_, 'py>, found: &mut Extraction<'py>) -> PyResult<()> {
    let py = found.py;
    if !found.has_caller() {
        let names = ["ot-tracer-traceid", "ot-tracer-spanid", "ot-tracer-sampled"];
        let caller = with_texts(reader, py, names, |[trace_id, span_id, sampled]| -> Option<Caller> {
            ot_trace::parse(trace_id?, span_id?, sampled)
        })?;
        found.set_caller(caller);
    }
    for (key, value) in reader.prefixed(py, "ot-baggage-")? {
        found.set_baggage(&key, value.into_any())?;
    }
    Ok(())
}

pub fn read_xray<'py>(reader: &Reader<'_, 'py>, found: &mut Extraction<'py>) -> PyResult<()> {
    let py = found.py;
    let mut header = reader.lines(intern!(py, "X-Amzn-Trace-Id"))?;
    if matches!((&header, reader), (Lines::None, Reader::Dict(_))) {
        header = reader.lines(intern!(py, "x-amzn-trace-id"))?;
    }
    let Some(header) = header.only() else { return Ok(()) };
    let header = text_of(&header);
    let Some(caller) = xray::parse(header.as_str()) else { return Ok(()) };
    let others = xray::others(header.as_str());
    if !others.is_empty() {
        let of_trace = format!("{}{others}", caller.context.trace_id);
        found.set(&found.names.xray_fields_key, PyString::new(py, &of_trace).into_any());
    }
    found.set_caller(Some(caller));
    Ok(())
}

pub fn read_sentry<'py>(reader: &Reader<'_, 'py>, found: &mut Extraction<'py>) -> PyResult<()> {
    let header = reader.first(intern!(found.py, "sentry-trace"))?;
    if let Some(header) = header.filter(|_| !found.has_caller()) {
        found.set_caller(sentry::parse(text_of(&header).as_str()));
    }
    read_baggage(reader, found, |key| key.starts_with(sentry::BAGGAGE_PREFIX))
}

pub fn read_request_id<'py>(reader: &Reader<'_, 'py>, found: &mut Extraction<'py>) -> PyResult<()> {
    let py = found.py;
    let header = reader.first(intern!(py, "x-request-id"))?;
    let given = header.as_ref().map(text_of);
    let id = match given.as_ref().and_then(|given| request_id::parse(given.as_str())) {
        Some(id) => PyString::new(py, id),
        None => PyString::new(py, &request_id::make(now_ns())),
    };
    found.set(&found.names.request_id_key, id.into_any());
    Ok(())
}

/// Reads Datadog's headers; what a browser says without a trace is kept in the context.
pub fn read_datadog<'py>(reader: &Reader<'_, 'py>, found: &mut Extraction<'py>) -> PyResult<()> {
    let py = found.py;
    let names = ["x-datadog-session-id", "x-datadog-application-id"];
    let attributes = with_texts(reader, py, names, |[session, application]| browser_ids(py, session, application))??;
    if let Some(attributes) = attributes {
        found.set(&found.names.datadog_attributes_key, attributes.into_any());
    }
    if found.has_caller() {
        return Ok(());
    }
    let (caller, state) =
        with_texts(reader, py, fields_of_datadog(), |[trace_id, parent_id, priority, origin, tags]| {
            let headers = datadog::Headers { trace_id, parent_id, priority, origin, tags };
            let caller = datadog::parse(&headers);
            let state = if caller.is_none() { datadog::state(&headers) } else { String::new() };
            (caller, state)
        })?;
    if !state.is_empty() {
        found.set(&found.names.datadog_state_key, PyString::new(py, &state).into_any());
    }
    found.set_caller(caller);
    Ok(())
}

fn browser_ids<'py>(
    py: Python<'py>,
    session: Option<&str>,
    application: Option<&str>,
) -> PyResult<Option<Bound<'py, PyDict>>> {
    let ids = [("session.id", session), ("rum.application.id", application)];
    let mut given = ids.iter().filter_map(|(key, id)| Some((*key, id.and_then(request_id::parse)?))).peekable();
    if given.peek().is_none() {
        return Ok(None);
    }
    let attributes = PyDict::new(py);
    given.try_for_each(|(key, id)| attributes.set_item(key, id))?;
    Ok(Some(attributes))
}
