//! The formats: which headers each reads and writes.

use super::carrier::Reader;
use super::extraction::Extraction;
use super::outgoing::Outgoing;
use super::{reading, writing};
use pyo3::prelude::*;
use pyo3::types::PyString;
use pyspan_core::propagation::b3;

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

/// The several headers of B3.
pub const B3_NAMES: [&str; 4] = ["x-b3-traceid", "x-b3-spanid", "x-b3-sampled", "x-b3-flags"];

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
            Baggage => reading::read_baggage(reader, found, |_| true),
            RequestId => reading::read_request_id(reader, found),
            Datadog => reading::read_datadog(reader, found),
            Jaeger => reading::read_jaeger(reader, found),
            OtTrace => reading::read_ot_trace(reader, found),
            Sentry => reading::read_sentry(reader, found),
            TraceResponse | ServerTiming | DatadogResponse => Ok(()),
            _ if found.has_caller() => Ok(()),
            TraceContext => reading::read_trace_context(reader, found),
            B3 | B3Multi => reading::read_b3(reader, found),
            XRay => reading::read_xray(reader, found),
        }
    }

    /// Writes the format's headers; `whole_baggage` when another format writes all of `baggage`.
    #[inline]
    pub fn inject(self, out: &Outgoing<'_, '_>, whole_baggage: bool) -> PyResult<()> {
        match self {
            TraceContext => writing::write_trace_context(out),
            Baggage => out.set_baggage(|_| true),
            RequestId => writing::write_request_id(out),
            B3 => writing::write(out, "b3", b3::format),
            B3Multi => writing::write_all(out, b3::format_several),
            Jaeger => writing::write_jaeger(out),
            Datadog => writing::write_datadog(out),
            XRay => writing::write_xray(out),
            Sentry => writing::write_sentry(out, whole_baggage),
            OtTrace => writing::write_ot_trace(out),
            TraceResponse => writing::write(out, "traceresponse", |span, _| writing::parent_text(span)),
            ServerTiming => writing::write_server_timing(out),
            DatadogResponse => writing::write_datadog_response(out),
        }
    }
}

pub fn name<'py>(py: Python<'py>, name: &str) -> Bound<'py, PyString> {
    PyString::intern(py, name)
}

pub const fn fields_of_datadog() -> [&'static str; 5] {
    let &[trace_id, parent_id, priority, origin, tags] = Datadog.fields() else { unreachable!() };
    [trace_id, parent_id, priority, origin, tags]
}
