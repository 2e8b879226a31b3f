//! The W3C parsers and formatters for `pyspan.propagation`.

use crate::span::start::read_span_context;
use pyo3::prelude::*;
use pyspan_core::propagation::{baggage, traceparent, tracestate};

/// Parses a `traceparent` header into trace id, span id and flags; `None` for an invalid one.
#[pyfunction]
pub fn parse_traceparent(value: &str) -> Option<(u128, u64, u8)> {
    let context = traceparent::parse(value)?;
    Some((context.trace_id.to_int(), context.span_id.to_int(), context.flags))
}

/// Formats the `traceparent` header of an API `SpanContext`; `None` for an invalid one.
#[pyfunction]
pub fn format_traceparent(span_context: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    Ok(read_span_context(span_context)?.map(|context| traceparent::format(&context)))
}

/// Parses the lines of a `tracestate` header into keys and values; empty when it is invalid.
#[pyfunction]
pub fn parse_tracestate(lines: Vec<String>) -> Vec<(String, String)> {
    let members = tracestate::parse(lines.iter().map(String::as_str));
    members.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// Parses a `baggage` header into keys and decoded values; invalid members are left out.
#[pyfunction]
pub fn parse_baggage(header: &str) -> Vec<(String, String)> {
    baggage::parse(header)
}

/// Formats keys and values as a `baggage` header within its limits.
#[pyfunction]
pub fn format_baggage(members: Vec<(String, String)>) -> String {
    baggage::format(members.iter().map(|(key, value)| (key.as_str(), value.as_str())))
}
