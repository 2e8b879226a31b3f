//! What one reads off a span, built on demand.

use super::state::{Phase, State};
use super::{Span, known};
use crate::api::{self, Api};
use crate::trace_state::SharedTraceState;
use crate::{current, decode};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyMappingProxy, PyTuple, PyType};
use pyspan_core::context::SpanContext;
use pyspan_core::span::field;

/// More names under which the SDK's spans hold what they show, which processors and tests read too.
const PRIVATE_NAMES: [&str; 8] =
    ["_context", "_end_time", "_instrumentation_scope", "_kind", "_links", "_parent", "_resource", "_start_time"];

/// Shows what one reads off a span by those names too. To be called when the module is made.
pub fn prepare(py: Python<'_>) -> PyResult<()> {
    let class = py.get_type::<Span>();
    PRIVATE_NAMES.into_iter().try_for_each(|name| class.setattr(name, class.getattr(&name[1..])?))
}

/// Returns the class that `isinstance` is to see besides the true one: the API's for a span that never recorded, else
/// the SDK's where somebody has imported it.
pub fn apparent_class<'py>(span: &Bound<'py, Span>) -> PyResult<Bound<'py, PyType>> {
    let (py, this) = (span.py(), span.get());
    let never_recorded = {
        let state = this.state.borrow(py);
        !state.recording && state.phase != Phase::Unstarted
    };
    if never_recorded {
        return Ok(this.api(py).trace.bind(py).getattr(intern!(py, "NonRecordingSpan"))?.cast_into()?);
    }
    Ok(sdk_class(py)?.unwrap_or_else(|| span.get_type()))
}

fn sdk_class(py: Python<'_>) -> PyResult<Option<Bound<'_, PyType>>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    static MODULES: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    if let Some(known) = CLASS.get(py) {
        return Ok(Some(known.bind(py).clone()));
    }
    let modules =
        MODULES.get_or_try_init(py, || PyResult::Ok(py.import("sys")?.getattr("modules")?.cast_into()?.unbind()))?;
    let Some(module) = modules.bind(py).get_item(intern!(py, "opentelemetry.sdk.trace"))? else { return Ok(None) };
    // The class is not there yet while the module is being imported.
    let Some(class) = module.getattr_opt(intern!(py, "_Span"))? else { return Ok(None) };
    let class = class.cast_into::<PyType>()?.unbind();
    Ok(Some(CLASS.get_or_init(py, || class).bind(py).clone()))
}

/// Returns the API's `SpanContext` of `context`, the same object for the same one; the invalid one for `None`.
pub fn api_context<'py>(
    py: Python<'py>,
    api: &Api,
    context: Option<&SpanContext>,
    trace_state: &SharedTraceState,
) -> PyResult<Bound<'py, PyAny>> {
    let Some(context) = context else { return api.trace.bind(py).getattr("INVALID_SPAN_CONTEXT") };
    if let Some(known) = known::find(py, context, trace_state) {
        return Ok(known);
    }
    let built = build_context(py, api, context, trace_state)?;
    known::keep(py, *context, trace_state.clone(), &built);
    Ok(built)
}

fn build_context<'py>(
    py: Python<'py>,
    api: &Api,
    context: &SpanContext,
    trace_state: &SharedTraceState,
) -> PyResult<Bound<'py, PyAny>> {
    let state = match trace_state {
        Some(state) => state.object(py, api)?,
        None => api.default_trace_state.bind(py).clone(),
    };
    let fields = PyTuple::new(
        py,
        [
            context.trace_id.to_int().into_pyobject(py)?.into_any(),
            context.span_id.to_int().into_pyobject(py)?.into_any(),
            context.remote.into_pyobject(py)?.to_owned().into_any(),
            api.trace_flags(py, context.flags)?,
            state,
            true.into_pyobject(py)?.to_owned().into_any(),
        ],
    )?;
    current::span_context(py, api, fields)
}

/// Returns the span's own context, the same object each time.
pub fn own_context<'py>(py: Python<'py>, span: &Span) -> PyResult<Bound<'py, PyAny>> {
    if let Some(known) = &span.state.borrow(py).api_context {
        return Ok(known.bind(py).clone());
    }
    let (context, trace_state) = {
        let state = span.state.borrow(py);
        (state.context, state.trace_state.clone())
    };
    let built = api_context(py, span.api(py), context.as_ref(), &trace_state)?;
    let replaced = span.state.borrow_mut(py).api_context.replace(built.clone().unbind());
    drop(replaced);
    Ok(built)
}

pub fn parent<'py>(py: Python<'py>, span: &Span) -> PyResult<Option<Bound<'py, PyAny>>> {
    let parent = {
        let state = span.state.borrow(py);
        state.parent.as_ref().map(|parent| (parent.context, parent.trace_state.clone()))
    };
    parent.map(|(context, trace_state)| api_context(py, span.api(py), Some(&context), &trace_state)).transpose()
}

pub fn attributes<'py>(py: Python<'py>, span: &Span) -> PyResult<Bound<'py, PyMappingProxy>> {
    let bytes = copy(py, span, |state| state.body.as_ref().map(|body| body.attributes.as_bytes().to_vec()));
    Ok(PyMappingProxy::new(py, decode::attributes(py, &bytes, field::SPAN_ATTRIBUTES)?.as_mapping()))
}

pub fn events<'py>(py: Python<'py>, span: &Span) -> PyResult<Bound<'py, PyTuple>> {
    let bytes = copy(py, span, |state| state.body.as_ref().map(|body| body.events.as_bytes().to_vec()));
    let mut events = Vec::new();
    for (_, content) in decode::fields(&bytes) {
        if let decode::Field::Bytes(message) = content {
            let (name, time_ns, attributes, dropped) = decode::event(py, message)?;
            events.push(api::readable(py)?.call_method1("event", (name, attributes, time_ns, dropped))?);
        }
    }
    PyTuple::new(py, events)
}

pub fn links<'py>(py: Python<'py>, span: &Span) -> PyResult<Bound<'py, PyTuple>> {
    let bytes = copy(py, span, |state| state.body.as_ref().map(|body| body.links.as_bytes().to_vec()));
    let mut links = Vec::new();
    for (_, content) in decode::fields(&bytes) {
        if let decode::Field::Bytes(message) = content {
            links.push(link(py, span.api(py), message)?);
        }
    }
    PyTuple::new(py, links)
}

fn link<'py>(py: Python<'py>, api: &Api, message: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let (mut trace_id, mut span_id, mut state, mut dropped, mut flags) = (0, 0, "", 0, 0);
    for (number, content) in decode::fields(message) {
        match (number, content) {
            (1, decode::Field::Bytes(id)) => trace_id = id.try_into().map_or(0, u128::from_be_bytes),
            (2, decode::Field::Bytes(id)) => span_id = id.try_into().map_or(0, u64::from_be_bytes),
            (3, decode::Field::Bytes(text)) => state = std::str::from_utf8(text).unwrap_or_default(),
            (5, decode::Field::Number(count)) => dropped = count,
            (6, decode::Field::Number(bits)) => flags = bits,
            _ => {}
        }
    }
    let context = link_context(py, api, (trace_id, span_id), flags, state)?;
    let attributes = decode::attributes(py, message, field::LINK_ATTRIBUTES)?;
    api::readable(py)?.call_method1("link", (context, attributes, dropped))
}

fn link_context<'py>(
    py: Python<'py>,
    api: &Api,
    ids: (u128, u64),
    flags: u64,
    state: &str,
) -> PyResult<Bound<'py, PyAny>> {
    let kwargs = PyDict::new(py);
    kwargs.set_item("trace_id", ids.0)?;
    kwargs.set_item("span_id", ids.1)?;
    kwargs.set_item("is_remote", flags & 0x200 != 0)?;
    #[expect(clippy::cast_possible_truncation, reason = "the low byte holds the trace flags")]
    kwargs.set_item("trace_flags", api.trace_flags(py, flags as u8)?)?;
    if !state.is_empty() {
        let parsed = api.trace.bind(py).getattr("TraceState")?.call_method1("from_header", ([state],))?;
        kwargs.set_item("trace_state", parsed)?;
    }
    api.span_context_type.bind(py).call((), Some(&kwargs))
}

fn copy(py: Python<'_>, span: &Span, part: impl FnOnce(&State) -> Option<Vec<u8>>) -> Vec<u8> {
    part(&span.state.borrow(py)).unwrap_or_default()
}
