//! `Span`: span and context manager in one object.

mod by_hand;
mod known;
mod make;
mod parts;
pub mod read;
mod rewrite;
mod server;
mod shortcuts;
pub mod start;
mod state;
mod with;
mod write;

pub use by_hand::span_by_hand;
pub use state::{Options, Parent, Request, State};
pub use with::prepare;

use crate::api::{self, Api};
use crate::cell::GilCell;
use crate::tracer::Tracer;
use crate::truth::Truth;
use pyo3::PyTraverseError;
use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyMappingProxy, PyString, PyTuple, PyType};
use pyspan_core::clock::now_ns_since;
use pyspan_core::span::{Header, Limits};
use state::Phase;
use std::cell::Ref;

/// A span of this process; see `pyspan/_core.pyi`.
#[pyclass(frozen, weakref, module = "pyspan.sdk.trace")]
pub struct Span {
    /// What a call of this object goes to, the same for all.
    function: ffi::vectorcallfunc,
    tracer: Py<Tracer>,
    options: Options,
    kind: u8,
    state: GilCell<State>,
}

#[pymethods]
impl Span {
    #[pyo3(signature = (key, value))]
    fn set_attribute(&self, py: Python<'_>, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        if !self.may_record(py, "Setting attribute on ended span.") {
            return Ok(());
        }
        self.set_any_attribute(py, key, value)
    }

    fn set_attributes(&self, py: Python<'_>, attributes: &Bound<'_, PyAny>) -> PyResult<()> {
        if !self.may_record(py, "Setting attribute on ended span.") {
            return Ok(());
        }
        self.set_all(py, attributes)
    }

    #[pyo3(signature = (name, attributes=None, timestamp=None))]
    fn add_event(
        &self,
        py: Python<'_>,
        name: Bound<'_, PyAny>,
        attributes: Option<&Bound<'_, PyAny>>,
        timestamp: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        if !self.may_record(py, "Tried calling add_event on an ended span.") {
            return Ok(());
        }
        self.event(py, name, attributes, timestamp)
    }

    #[pyo3(signature = (context, attributes=None))]
    fn add_link(
        &self,
        py: Python<'_>,
        context: &Bound<'_, PyAny>,
        attributes: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        if !self.may_record(py, "Tried calling add_link on an ended span.") {
            return Ok(());
        }
        self.link(py, context, attributes)
    }

    #[pyo3(signature = (status, description=None))]
    fn set_status(
        &self,
        py: Python<'_>,
        status: &Bound<'_, PyAny>,
        description: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        if !self.may_record(py, "Tried calling set_status on an ended span.") {
            return Ok(());
        }
        self.status_from(py, status, description)
    }

    fn update_name(&self, py: Python<'_>, name: Bound<'_, PyAny>) -> PyResult<()> {
        if self.may_record(py, "Tried calling update_name on an ended span.") {
            rewrite::name(py, self, name)?;
        }
        Ok(())
    }

    #[pyo3(signature = (exception, attributes=None, timestamp=None, escaped=Truth(false)), text_signature = "($self, exception, attributes=None, timestamp=None, escaped=False)")]
    fn record_exception(
        &self,
        py: Python<'_>,
        exception: &Bound<'_, PyAny>,
        attributes: Option<&Bound<'_, PyAny>>,
        timestamp: Option<&Bound<'_, PyAny>>,
        escaped: Truth,
    ) -> PyResult<()> {
        match Self::describe_exception(py, exception, attributes, escaped.0) {
            Ok(described) => {
                self.add_event(py, PyString::intern(py, "exception").into_any(), Some(&described), timestamp)
            }
            Err(error) => api::log_exception(py, &self.api(py).logger, "an exception could not be recorded", error),
        }
    }

    fn is_recording(&self, py: Python<'_>) -> bool {
        self.state.borrow(py).is_recording()
    }

    #[pyo3(signature = (start_time=None, parent_context=None))]
    fn start<'py>(
        slf: &Bound<'py, Self>,
        start_time: Option<Bound<'py, PyAny>>,
        parent_context: Option<Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        if this.state.borrow(py).phase != Phase::Unstarted {
            api::warn(py, &this.api(py).logger, "Calling start() on a started span.", &[]);
            return Ok(());
        }
        if this.state.borrow(py).recording {
            return by_hand::start(slf, start_time.as_ref(), parent_context.as_ref());
        }
        Self::start_with(slf, &Request { context: parent_context, attributes: None, links: None, start_time })
    }

    #[pyo3(signature = (end_time=None))]
    fn end(slf: &Bound<'_, Self>, end_time: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        let end_ns = start::given_time(py, this.api(py), end_time);
        let mut state = this.state.borrow_mut(py);
        match state.phase {
            Phase::Live => {
                state.phase = Phase::Ended;
                if state.recording {
                    state.end_ns = end_ns.unwrap_or_else(|| now_ns_since(state.start_ns));
                }
                let (recording, of_parent) = (state.recording, state.is_of_parent());
                drop(state);
                match (recording, of_parent) {
                    (true, false) => return this.tracer(py).recorder.get().finish(slf),
                    (true, true) => this.tracer(py).recorder.get().count_lost(py, this),
                    (false, _) => {}
                }
                Ok(())
            }
            Phase::Unstarted => Err(PyRuntimeError::new_err("Calling end() on a not started span.")),
            Phase::Ended => {
                let recording = state.recording;
                drop(state);
                if recording {
                    api::warn(py, &this.api(py).logger, "Calling end() on an ended span.", &[]);
                }
                Ok(())
            }
        }
    }

    fn __enter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        with::enter(slf)?;
        Ok(slf.clone())
    }

    fn __exit__(
        slf: &Bound<'_, Self>,
        exc_type: &Bound<'_, PyAny>,
        exc_value: &Bound<'_, PyAny>,
        traceback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let _ = (exc_type, traceback);
        with::exit(slf, exc_value)
    }

    fn __call__<'py>(slf: &Bound<'py, Self>, function: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("pyspan.sdk.trace._decorator")?.call_method1("decorate", (slf, function))
    }

    fn _again<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        Self::again(slf)
    }

    fn _run<'py>(
        slf: &Bound<'py, Self>,
        function: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
        kwargs: &Bound<'py, PyDict>,
    ) -> PyResult<Bound<'py, PyAny>> {
        with::run(slf, function, args, Some(kwargs))
    }

    fn get_span_context<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        read::own_context(py, self)
    }

    #[getter]
    fn context<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        read::own_context(py, self)
    }

    #[getter]
    fn parent<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        read::parent(py, self)
    }

    #[getter]
    fn name(&self, py: Python<'_>) -> Py<PyString> {
        self.state.borrow(py).name.clone_ref(py)
    }

    #[getter]
    fn kind(&self, py: Python<'_>) -> Py<PyAny> {
        self.api(py).kinds[usize::from(self.kind - 1)].clone_ref(py)
    }

    #[getter]
    fn attributes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyMappingProxy>> {
        read::attributes(py, self)
    }

    #[getter]
    fn events<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        read::events(py, self)
    }

    #[getter]
    fn links<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        read::links(py, self)
    }

    #[getter]
    fn status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let (code, message) = {
            let state = self.state.borrow(py);
            (state.status as u8, state.status_message.as_deref().map(str::to_owned))
        };
        api::readable(py)?.call_method1("status", (code, message))
    }

    #[getter]
    fn start_time(&self, py: Python<'_>) -> Option<u64> {
        let state = self.state.borrow(py);
        (state.phase != Phase::Unstarted).then_some(state.start_ns)
    }

    #[getter]
    fn end_time(&self, py: Python<'_>) -> Option<u64> {
        let state = self.state.borrow(py);
        (state.phase == Phase::Ended && state.recording).then_some(state.end_ns)
    }

    #[getter]
    fn resource(&self, py: Python<'_>) -> Py<PyAny> {
        self.tracer(py).recorder.get().state.borrow(py).resource.clone_ref(py)
    }

    #[getter]
    fn instrumentation_scope(&self, py: Python<'_>) -> Py<PyAny> {
        self.tracer(py).instrumentation_scope.clone_ref(py)
    }

    #[getter]
    fn instrumentation_info<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        api::readable(py)?.call_method1("instrumentation_info", (&self.tracer(py).instrumentation_scope,))
    }

    #[getter]
    fn dropped_attributes(&self, py: Python<'_>) -> u32 {
        self.state.borrow(py).body.as_ref().map_or(0, |body| body.attributes.dropped)
    }

    #[getter]
    fn dropped_events(&self, py: Python<'_>) -> u32 {
        self.state.borrow(py).body.as_ref().map_or(0, |body| body.events.dropped)
    }

    #[getter]
    fn dropped_links(&self, py: Python<'_>) -> u32 {
        self.state.borrow(py).body.as_ref().map_or(0, |body| body.links.dropped)
    }

    #[pyo3(signature = (indent=Some(4)), text_signature = "($self, indent=4)")]
    fn to_json<'py>(slf: &Bound<'py, Self>, indent: Option<i64>) -> PyResult<Bound<'py, PyAny>> {
        api::readable(slf.py())?.call_method1("to_json", (slf, indent))
    }

    #[getter(_attributes)]
    fn private_attributes<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        api::readable(slf.py())?.call_method1("live_attributes", (slf,))
    }

    #[setter(_attributes)]
    fn rewrite_attributes(&self, py: Python<'_>, attributes: &Bound<'_, PyAny>) -> PyResult<()> {
        rewrite::attributes(py, self, attributes)
    }

    #[getter(_events)]
    fn private_events<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        self.events(py)
    }

    #[setter(_events)]
    fn rewrite_events(&self, py: Python<'_>, events: &Bound<'_, PyAny>) -> PyResult<()> {
        rewrite::events(py, self, events)
    }

    #[getter(_name)]
    fn private_name(&self, py: Python<'_>) -> Py<PyString> {
        self.name(py)
    }

    #[setter(_name)]
    fn rewrite_name(&self, py: Python<'_>, name: Bound<'_, PyAny>) -> PyResult<()> {
        rewrite::name(py, self, name)
    }

    #[getter(_status)]
    fn private_status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.status(py)
    }

    #[setter(_status)]
    fn rewrite_status(&self, py: Python<'_>, status: &Bound<'_, PyAny>) -> PyResult<()> {
        rewrite::status(py, self, status)
    }

    #[getter]
    fn __dict__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::_readable_span(slf)?.getattr("__dict__")
    }

    #[getter]
    fn _span_processor(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.tracer(py).recorder.get().shown(py, "active")
    }

    fn _readable_span<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        api::readable(slf.py())?.call_method1("snapshot", (slf,))
    }

    fn __copy__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::_readable_span(slf)
    }

    fn __deepcopy__<'py>(slf: &Bound<'py, Self>, memo: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let _ = memo; // a snapshot shares nothing that can change
        Self::_readable_span(slf)
    }

    #[getter]
    fn __class__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyType>> {
        read::apparent_class(slf)
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let context = slf.get().get_span_context(slf.py())?.repr()?;
        Ok(format!("Span(name=\"{}\", context={})", slf.get().name(slf.py()).bind(slf.py()), context))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.tracer)?;
        let Some(state) = self.state.try_borrow_for_gc() else { return Ok(()) };
        if let Some(attached) = &state.attached {
            visit.call(&attached.token)?;
            visit.call(&attached.context)?;
        }
        visit.call(&state.before)?;
        let pending = &state.pending;
        [&pending.context, &pending.attributes, &pending.links].into_iter().try_for_each(|kept| visit.call(kept))
    }

    fn __clear__(&self) {
        let Some(mut state) = self.state.try_borrow_mut_for_gc() else { return };
        let cleared = (state.attached.take(), state.before.take(), std::mem::take(&mut state.pending));
        drop(state);
        drop(cleared);
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        if state.recording && state.phase == Phase::Live {
            self.count_unended();
        }
    }
}

impl Span {
    /// A span that nobody ends does not live for ever.
    #[cold]
    fn count_unended(&self) {
        Python::try_attach(|py| self.tracer.get().recorder.get().count_lost(py, self));
    }

    #[inline]
    pub fn tracer(&self, _py: Python<'_>) -> &Tracer {
        self.tracer.get()
    }

    #[inline]
    pub fn api(&self, py: Python<'_>) -> &'static Api {
        self.tracer(py).recorder.get().api
    }

    #[inline]
    pub fn limits<'a>(&'a self, py: Python<'a>) -> &'a Limits {
        &self.tracer(py).recorder.get().limits
    }

    pub fn is_sampled(&self, py: Python<'_>) -> bool {
        self.state.borrow(py).context.is_some_and(|context| context.is_sampled())
    }

    /// True when a limit has taken attributes, events or links of it.
    #[inline]
    pub fn has_dropped(&self, py: Python<'_>) -> bool {
        let state = self.state.borrow(py);
        state.body.as_ref().is_some_and(|body| body.attributes.dropped | body.events.dropped | body.links.dropped > 0)
    }

    /// Borrows the state, to frame it.
    #[inline]
    pub fn state<'a>(&'a self, py: Python<'a>) -> Ref<'a, State> {
        self.state.borrow(py)
    }

    /// Returns the span as the core frames it, or `None` while it has no identity.
    #[inline]
    pub fn header<'a>(&self, py: Python<'a>, state: &'a State) -> Option<Header<'a>> {
        state.header(py, self.kind)
    }

    /// True while the span records; an ended one that did is warned about.
    #[inline]
    fn may_record(&self, py: Python<'_>, warning: &str) -> bool {
        let (recording, phase) = {
            let state = self.state.borrow(py);
            (state.recording, state.phase)
        };
        if recording && phase == Phase::Ended {
            api::warn(py, &self.api(py).logger, warning, &[]);
        }
        recording && phase != Phase::Ended
    }
}
