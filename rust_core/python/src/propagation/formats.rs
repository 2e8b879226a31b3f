//! The formats: which headers each reads and writes.

use super::carrier::{Lines, Reader};
use super::extraction::Extraction;
use super::outgoing::Outgoing;
use crate::encode::{self, text_of};
use crate::trace_state::TraceState;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use pyspan_core::clock::now_ns;
use pyspan_core::context::SpanContext;
use pyspan_core::propagation::{
    Caller, b3, baggage, datadog, jaeger, ot_trace, request_id, sentry, traceparent, tracestate, xray,
};
use std::borrow::Cow;

/// A format by its name in `OTEL_PROPAGATORS`; those of responses are written only.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Format {
    TraceContext,
    Baggage,
    B3,
    B3Multi,
    Jaeger,
    Datadog,
    XRay,
    Sentry,
    OtTrace,
    RequestId,
    TraceResponse,
    ServerTiming,
    DatadogResponse,
}

use Format::{
    B3, B3Multi, Baggage, Datadog, DatadogResponse, Jaeger, OtTrace, RequestId, Sentry, ServerTiming, TraceContext,
    TraceResponse, XRay,
};

const B3_NAMES: [&str; 4] = ["x-b3-traceid", "x-b3-spanid", "x-b3-sampled", "x-b3-flags"];

impl Format {
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "tracecontext" => TraceContext,
            "baggage" => Baggage,
            "b3" => B3,
            "b3multi" => B3Multi,
            "jaeger" => Jaeger,
            "datadog" => Datadog,
            "xray" => XRay,
            "sentry" => Sentry,
            "ottrace" => OtTrace,
            "x-request-id" => RequestId,
            "traceresponse" => TraceResponse,
            "server-timing" => ServerTiming,
            "datadog-response" => DatadogResponse,
            _ => return None,
        })
    }

    /// Returns the headers that the format writes.
    pub const fn fields(self) -> &'static [&'static str] {
        match self {
            TraceContext => &["traceparent", "tracestate"],
            Baggage => &["baggage"],
            B3 => &["b3"],
            B3Multi => &B3_NAMES,
            Jaeger => &["uber-trace-id"],
            Datadog => &[
                "x-datadog-trace-id",
                "x-datadog-parent-id",
                "x-datadog-sampling-priority",
                "x-datadog-origin",
                "x-datadog-tags",
            ],
            XRay => &["X-Amzn-Trace-Id"],
            Sentry => &["sentry-trace", "baggage"],
            OtTrace => &["ot-tracer-traceid", "ot-tracer-spanid", "ot-tracer-sampled"],
            RequestId => &["x-request-id"],
            TraceResponse => &["traceresponse"],
            ServerTiming => &["Server-Timing"],
            DatadogResponse => &["x-datadog-trace-id", "x-datadog-parent-id"],
        }
    }

    /// Reads the format's headers into `found`; another caller than the first is not looked for.
    #[inline]
    pub fn extract<'py>(self, reader: &Reader<'_, 'py>, found: &mut Extraction<'py>) -> PyResult<()> {
        match self {
            Baggage => read_baggage(reader, found, |_| true),
            RequestId => read_request_id(reader, found),
            Datadog => read_datadog(reader, found),
            Jaeger => read_jaeger(reader, found),
            OtTrace => read_ot_trace(reader, found),
            Sentry => read_sentry(reader, found),
            TraceResponse | ServerTiming | DatadogResponse => Ok(()),
            _ if found.has_caller() => Ok(()),
            TraceContext => read_trace_context(reader, found),
            B3 | B3Multi => read_b3(reader, found),
            XRay => read_xray(reader, found),
        }
    }

    /// Writes the format's headers; `whole_baggage` when another format writes all of `baggage`.
    #[inline]
    pub fn inject(self, out: &Outgoing<'_, '_>, whole_baggage: bool) -> PyResult<()> {
        match self {
            TraceContext => write_trace_context(out),
            Baggage => out.set_baggage(|_| true),
            RequestId => write_request_id(out),
            B3 => write(out, "b3", b3::format),
            B3Multi => write_all(out, b3::format_several),
            Jaeger => write_jaeger(out),
            Datadog => write_datadog(out),
            XRay => write(out, "X-Amzn-Trace-Id", |span, _| xray::format(span)),
            Sentry => write_sentry(out, whole_baggage),
            OtTrace => write_ot_trace(out),
            TraceResponse => write(out, "traceresponse", |span, _| parent_text(span).into_owned()),
            ServerTiming => write_server_timing(out),
            DatadogResponse => write_datadog_response(out),
        }
    }
}

fn name<'py>(py: Python<'py>, name: &str) -> Bound<'py, PyString> {
    PyString::intern(py, name)
}

/// Reads `traceparent`, and `tracestate` only if that is valid (section 3.3).
#[inline]
fn read_trace_context<'py>(reader: &Reader<'_, 'py>, found: &mut Extraction<'py>) -> PyResult<()> {
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
    found.set_remote(context, state, false)
}

fn read_baggage<'py>(
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

fn read_b3<'py>(reader: &Reader<'_, 'py>, found: &mut Extraction<'py>) -> PyResult<()> {
    let single = reader.first(intern!(found.py, "b3"))?;
    if let Some(caller) = single.as_ref().and_then(|header| b3::parse(text_of(header).as_str())) {
        return found.set_caller(Some(caller));
    }
    let caller = with_texts(reader, found.py, B3_NAMES, |[trace_id, span_id, sampled, flags]| {
        b3::parse_several(&b3::Headers { trace_id, span_id, sampled, flags })
    })?;
    found.set_caller(caller)
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

fn read_jaeger<'py>(reader: &Reader<'_, 'py>, found: &mut Extraction<'py>) -> PyResult<()> {
    let py = found.py;
    let header = reader.first(intern!(py, "uber-trace-id"))?;
    if let Some(header) = header.filter(|_| !found.has_caller()) {
        found.set_caller(jaeger::parse(text_of(&header).as_str()))?;
    }
    for (key, value) in reader.prefixed(py, "uberctx-")? {
        let value = PyString::new(py, &baggage::decode(text_of(&value).as_str()));
        found.set_baggage(&key, value.into_any())?;
    }
    Ok(())
}

fn read_ot_trace<'py>(reader: &Reader<'_, 'py>, found: &mut Extraction<'py>) -> PyResult<()> {
    let py = found.py;
    if !found.has_caller() {
        let names = ["ot-tracer-traceid", "ot-tracer-spanid", "ot-tracer-sampled"];
        let caller = with_texts(reader, py, names, |[trace_id, span_id, sampled]| -> Option<Caller> {
            ot_trace::parse(trace_id?, span_id?, sampled)
        })?;
        found.set_caller(caller)?;
    }
    for (key, value) in reader.prefixed(py, "ot-baggage-")? {
        found.set_baggage(&key, value.into_any())?;
    }
    Ok(())
}

fn read_xray<'py>(reader: &Reader<'_, 'py>, found: &mut Extraction<'py>) -> PyResult<()> {
    let py = found.py;
    let mut header = reader.lines(intern!(py, "X-Amzn-Trace-Id"))?;
    if matches!((&header, reader), (Lines::None, Reader::Dict(_))) {
        header = reader.lines(intern!(py, "x-amzn-trace-id"))?;
    }
    let caller = header.only().and_then(|header| xray::parse(text_of(&header).as_str()));
    found.set_caller(caller)
}

fn read_sentry<'py>(reader: &Reader<'_, 'py>, found: &mut Extraction<'py>) -> PyResult<()> {
    let header = reader.first(intern!(found.py, "sentry-trace"))?;
    if let Some(header) = header.filter(|_| !found.has_caller()) {
        found.set_caller(sentry::parse(text_of(&header).as_str()))?;
    }
    read_baggage(reader, found, |key| key.starts_with(sentry::BAGGAGE_PREFIX))
}

fn read_request_id<'py>(reader: &Reader<'_, 'py>, found: &mut Extraction<'py>) -> PyResult<()> {
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
fn read_datadog<'py>(reader: &Reader<'_, 'py>, found: &mut Extraction<'py>) -> PyResult<()> {
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
    found.set_caller(caller)
}

const fn fields_of_datadog() -> [&'static str; 5] {
    let &[trace_id, parent_id, priority, origin, tags] = Datadog.fields() else { unreachable!() };
    [trace_id, parent_id, priority, origin, tags]
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

fn parent_text(span: &SpanContext) -> Cow<'static, str> {
    String::from_utf8_lossy(&traceparent::format(span)).into_owned().into()
}

#[inline]
fn write_trace_context(out: &Outgoing<'_, '_>) -> PyResult<()> {
    let Some(span) = &out.span else { return Ok(()) };
    let header = traceparent::format(&span.context);
    out.set(intern!(out.py, "traceparent"), std::str::from_utf8(&header).unwrap_or_default())?;
    match &span.trace_state {
        Some(state) => out.writer.set(intern!(out.py, "tracestate"), state.text().bind(out.py)),
        None => Ok(()),
    }
}

/// Writes one header of the span's context and trace state.
fn write(out: &Outgoing<'_, '_>, header: &str, format: impl FnOnce(&SpanContext, &str) -> String) -> PyResult<()> {
    let Some(span) = &out.span else { return Ok(()) };
    out.set(&name(out.py, header), &format(&span.context, out.trace_state()))
}

/// Writes several headers of the span's context and trace state.
fn write_all(
    out: &Outgoing<'_, '_>,
    format: impl FnOnce(&SpanContext, &str) -> [(&'static str, String); 3],
) -> PyResult<()> {
    let Some(span) = &out.span else { return Ok(()) };
    format(&span.context, out.trace_state())
        .iter()
        .try_for_each(|(header, value)| out.set(&name(out.py, header), value))
}

fn write_jaeger(out: &Outgoing<'_, '_>) -> PyResult<()> {
    write(out, "uber-trace-id", jaeger::format)?;
    each_member_as_header(out, "uberctx-", |value| {
        let mut encoded = String::new();
        baggage::encode(value, &mut encoded);
        Some(encoded)
    })
}

fn write_ot_trace(out: &Outgoing<'_, '_>) -> PyResult<()> {
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

fn write_sentry(out: &Outgoing<'_, '_>, whole_baggage: bool) -> PyResult<()> {
    write(out, "sentry-trace", |span, _| sentry::format(span))?;
    if whole_baggage { Ok(()) } else { out.set_baggage(|key| key.starts_with(sentry::BAGGAGE_PREFIX)) }
}

fn write_request_id(out: &Outgoing<'_, '_>) -> PyResult<()> {
    let id = out.get(&out.names.request_id_key)?.and_then(|id| id.cast_into::<PyString>().ok());
    id.map_or(Ok(()), |id| out.writer.set(intern!(out.py, "x-request-id"), &id))
}

fn write_datadog(out: &Outgoing<'_, '_>) -> PyResult<()> {
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

fn write_server_timing(out: &Outgoing<'_, '_>) -> PyResult<()> {
    let Some(span) = &out.span else { return Ok(()) };
    out.writer.add(&name(out.py, "Server-Timing"), &format!("traceparent;desc=\"{}\"", parent_text(&span.context)))
}

fn write_datadog_response(out: &Outgoing<'_, '_>) -> PyResult<()> {
    let Some(span) = &out.span else { return Ok(()) };
    let headers = datadog::format(&span.context, "");
    let pairs = [("x-datadog-trace-id", headers.trace_id), ("x-datadog-parent-id", headers.parent_id)];
    pairs.into_iter().try_for_each(|(header, value)| out.set(&name(out.py, header), &value.unwrap_or_default()))
}
