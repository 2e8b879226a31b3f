//! A trace state between its header text, which travels, and the API's object, which few ask for.

use crate::api::Api;
use crate::encode;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString};
use pyspan_core::propagation::tracestate;
use std::sync::Arc;

/// A trace state that is not empty.
pub struct TraceState {
    header: Py<PyString>,
    object: PyOnceLock<Py<PyAny>>,
}

/// Shared by all local spans under one remote parent.
pub type SharedTraceState = Option<Arc<TraceState>>;

impl TraceState {
    /// Shares a header that is clean; `None` for an empty one.
    pub fn of_header(header: &Bound<'_, PyString>) -> SharedTraceState {
        let shared = || Arc::new(Self { header: header.clone().unbind(), object: PyOnceLock::new() });
        (!encode::plain_text(header).is_empty()).then(shared)
    }

    /// Shares an API object with its header; `None` for an empty one.
    pub fn of_object(api: &Api, object: &Bound<'_, PyAny>) -> PyResult<SharedTraceState> {
        let py = object.py();
        if object.is(&api.default_trace_state) || !object.is_truthy()? {
            return Ok(None);
        }
        let header = header_of(api, object)?;
        let header = match encode::text_of(&header) {
            encode::Text::Borrowed(_) => header.clone(),
            encode::Text::Replaced(text) => PyString::new(py, &text),
        };
        let known = PyOnceLock::new();
        let _ = known.set(py, object.clone().unbind());
        Ok(Some(Arc::new(Self { header: header.unbind(), object: known })))
    }

    /// Returns the header.
    pub const fn text(&self) -> &Py<PyString> {
        &self.header
    }

    /// Returns the text of the header.
    #[inline]
    pub fn header<'a>(&'a self, py: Python<'a>) -> &'a str {
        encode::plain_text(self.header.bind(py))
    }

    /// Returns the API's object, past its constructor, which refuses keys that level 2 of the text allows.
    pub fn object<'py>(&self, py: Python<'py>, api: &Api) -> PyResult<Bound<'py, PyAny>> {
        let build = || {
            let members = PyDict::new(py);
            for (key, value) in tracestate::parse([self.header(py)]) {
                members.set_item(key, value)?;
            }
            let built = api.trace.bind(py).getattr("TraceState")?.call0()?;
            built.setattr("_dict", members)?;
            Ok::<_, PyErr>(built.unbind())
        };
        Ok(self.object.get_or_try_init(py, build)?.bind(py).clone())
    }
}

/// Also of a header, and of a mapping, which the API's types rule out and its users hand all the same.
fn header_of<'py>(api: &Api, object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
    if let Ok(header) = object.cast::<PyString>() {
        return Ok(header.clone());
    }
    let state = if object.hasattr("to_header")? {
        object.clone()
    } else {
        let items = object.call_method0("items")?.try_iter()?.collect::<PyResult<Vec<_>>>()?;
        api.trace.bind(object.py()).getattr("TraceState")?.call1((items,))?
    };
    Ok(state.call_method0("to_header")?.cast_into()?)
}
