//! Headers of an answer that tell the caller about its trace, and a page's scripts that they may read them.

use super::ServerSpans;
use super::settings::Respond;
use crate::api;
use crate::span::Span;
use crate::span::start::parent_of;
use pyo3::prelude::*;
use pyspan_core::context::SpanContext;
use pyspan_core::propagation::traceparent;
use std::collections::BTreeSet;

/// Lines to add to the headers of an answer.
pub type Lines = Vec<(&'static str, String)>;

/// What a request says of the page that has sent it.
#[derive(Default)]
pub struct Page {
    pub origin: Option<String>,
    /// A browser asks what it may send.
    pub preflight: bool,
}

/// Returns the lines for the answer to a request of `page` that `span` is of.
pub fn lines(spans: &ServerSpans, span: &Bound<'_, PyAny>, page: &Page) -> PyResult<Lines> {
    let respond = spans.settings.respond;
    let mut lines = Lines::new();
    if let Some(context) = identity(span)? {
        add_trace(respond, &context, &mut lines);
    }
    if let Some(origin) = page.origin.as_ref().filter(|origin| spans.settings.exposed_to.contains(*origin)) {
        add_permission(spans, span.py(), origin, page.preflight, &mut lines)?;
    }
    if !spans.settings.exposed_to.is_empty() {
        lines.push(("vary", "Origin".to_owned()));
    }
    Ok(lines)
}

fn identity(span: &Bound<'_, PyAny>) -> PyResult<Option<SpanContext>> {
    let py = span.py();
    match span.cast_exact::<Span>() {
        Ok(span) => Ok(span.get().identity(py)),
        Err(_) => Ok(parent_of(py, api::get(py)?, span)?.map(|parent| parent.context)),
    }
}

fn add_trace(respond: Respond, context: &SpanContext, lines: &mut Lines) {
    let text = || String::from_utf8_lossy(&traceparent::format(context)).into_owned();
    if respond.trace_response {
        lines.push(("traceresponse", text()));
    }
    if respond.server_timing {
        lines.push(("server-timing", format!("traceparent;desc=\"{}\"", text())));
    }
    if respond.datadog {
        #[expect(clippy::cast_possible_truncation, reason = "Datadog's header has the lower 64 bits")]
        let trace_id = context.trace_id.to_int() as u64;
        lines.push(("x-datadog-trace-id", trace_id.to_string()));
        lines.push(("x-datadog-parent-id", context.span_id.to_int().to_string()));
    }
}

/// Lets the scripts of `origin` read those headers, and send the propagator's.
fn add_permission(
    spans: &ServerSpans,
    py: Python<'_>,
    origin: &str,
    preflight: bool,
    lines: &mut Lines,
) -> PyResult<()> {
    if preflight {
        let fields: BTreeSet<String> = spans.propagator(py)?.getattr("fields")?.extract()?;
        lines.push(("access-control-allow-headers", fields.into_iter().collect::<Vec<_>>().join(", ")));
        return Ok(());
    }
    let names: Vec<_> = lines.iter().map(|(name, _)| *name).collect();
    if !names.is_empty() {
        lines.push(("access-control-expose-headers", names.join(", ")));
    }
    if spans.settings.respond.server_timing {
        lines.push(("timing-allow-origin", origin.to_owned()));
    }
    Ok(())
}
