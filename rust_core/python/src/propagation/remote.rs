//! `RemoteSpan`: the caller's span, as an extracted context holds it.

use crate::api;
use crate::span::Parent;
use crate::span::read::api_context;
use crate::trace_state::SharedTraceState;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};
use pyspan_core::context::SpanContext;

/// The caller's span: a `NonRecordingSpan` of the API whose context is built when somebody asks; see `pyspan/_core.pyi`.
#[pyclass(frozen, weakref, module = "pyspan.propagation")]
pub struct RemoteSpan {
    context: SpanContext,
    trace_state: SharedTraceState,
    deferred: bool,
    api_context: PyOnceLock<Py<PyAny>>,
}

#[pymethods]
#[expect(clippy::unused_self, reason = "methods of the API, which do nothing here")]
impl RemoteSpan {
    fn get_span_context<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let build = || api_context(py, api::get(py)?, Some(&self.context), &self.trace_state).map(Bound::unbind);
        Ok(self.api_context.get_or_try_init(py, build)?.bind(py).clone())
    }

    #[getter(_context)]
    fn context<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.get_span_context(py)
    }

    #[staticmethod]
    const fn is_recording() -> bool {
        false
    }

    #[pyo3(signature = (*_args, **_kwargs))]
    const fn end(&self, _args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) {}

    #[pyo3(signature = (*_args, **_kwargs))]
    const fn set_attributes(&self, _args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) {}

    #[pyo3(signature = (*_args, **_kwargs))]
    const fn set_attribute(&self, _args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) {}

    #[pyo3(signature = (*_args, **_kwargs))]
    const fn add_event(&self, _args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) {}

    #[pyo3(signature = (*_args, **_kwargs))]
    const fn add_link(&self, _args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) {}

    #[pyo3(signature = (*_args, **_kwargs))]
    const fn update_name(&self, _args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) {}

    #[pyo3(signature = (*_args, **_kwargs))]
    const fn set_status(&self, _args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) {}

    #[pyo3(signature = (*_args, **_kwargs))]
    const fn record_exception(&self, _args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) {}

    const fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_args))]
    const fn __exit__(&self, _args: &Bound<'_, PyTuple>) {}

    /// Pickled and copied as the API's own class, which says the same.
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyAny>,))> {
        let plain = api::get(py)?.trace.bind(py).getattr("NonRecordingSpan")?;
        Ok((plain, (self.get_span_context(py)?,)))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("RemoteSpan({})", self.get_span_context(py)?.repr()?))
    }
}

impl RemoteSpan {
    pub fn of(caller: Parent) -> Self {
        let Parent { context, trace_state, deferred } = caller;
        Self { context, trace_state, deferred, api_context: PyOnceLock::new() }
    }

    /// Returns what its children need of it.
    #[inline]
    pub fn parent(&self) -> Parent {
        Parent { context: self.context, trace_state: self.trace_state.clone(), deferred: self.deferred }
    }
}
