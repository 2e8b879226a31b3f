//! What one extraction has found, and the context that it makes of it.

use super::names::Names;
use super::remote::RemoteSpan;
use crate::api::Api;
use crate::current;
use crate::span::Parent;
use crate::trace_state::TraceState;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use pyspan_core::propagation::Caller;

/// The caller's span: as headers say, or as a propagator in Python has put it into a context.
enum Found<'py> {
    Remote(Parent),
    Object(Bound<'py, PyAny>),
}

/// What an extraction comes to.
pub enum Extracted<'py> {
    /// Nothing but a caller: over the context that was given, its span would be the current one.
    Caller(Parent),
    Context(Bound<'py, PyAny>),
}

/// Collects what the formats find; the first caller stays.
pub struct Extraction<'py> {
    pub py: Python<'py>,
    pub api: &'static Api,
    pub names: &'static Names,
    base: Option<Bound<'py, PyAny>>,
    span: Option<Found<'py>>,
    baggage: Option<Bound<'py, PyDict>>,
    others: Vec<(Bound<'py, PyString>, Bound<'py, PyAny>)>,
}

impl<'py> Extraction<'py> {
    pub const fn new(
        py: Python<'py>,
        api: &'static Api,
        names: &'static Names,
        base: Option<Bound<'py, PyAny>>,
    ) -> Self {
        Self { py, api, names, base, span: None, baggage: None, others: Vec::new() }
    }

    pub const fn has_caller(&self) -> bool {
        self.span.is_some()
    }

    pub fn set_caller(&mut self, caller: Option<Caller>) {
        let Some(caller) = caller else { return };
        let trace_state = TraceState::of_header(&PyString::new(self.py, &caller.trace_state));
        self.set_remote(Parent { context: caller.context, trace_state, deferred: caller.deferred });
    }

    pub fn set_remote(&mut self, caller: Parent) {
        self.span = Some(Found::Remote(caller));
    }

    pub fn set_baggage(&mut self, key: &str, value: Bound<'py, PyAny>) -> PyResult<()> {
        let baggage = match self.baggage.take() {
            Some(baggage) => baggage,
            None => self.known_baggage()?,
        };
        baggage.set_item(key, value)?;
        self.baggage = Some(baggage);
        Ok(())
    }

    fn known_baggage(&self) -> PyResult<Bound<'py, PyDict>> {
        let base = self.base.as_ref().and_then(|base| base.cast::<PyDict>().ok());
        let known = base.map(|base| base.get_item(&self.names.baggage_key)).transpose()?.flatten();
        match known.as_ref().and_then(|known| known.cast::<PyDict>().ok()) {
            Some(known) => known.copy(),
            None => Ok(PyDict::new(self.py)),
        }
    }

    pub fn set(&mut self, key: &Py<PyString>, value: Bound<'py, PyAny>) {
        self.others.push((key.bind(self.py).clone(), value));
    }

    /// Lets a propagator in Python go on from what was found; a caller that was found stays.
    pub fn pass_through(
        &mut self,
        extract: impl FnOnce(Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        let before = self.make_context()?;
        let found = current::span(self.py, self.api, Some(&before))?;
        let after = extract(before)?;
        let now = current::span(self.py, self.api, Some(&after))?;
        if self.span.is_none() && now.as_ref().map(Bound::as_ptr) != found.as_ref().map(Bound::as_ptr) {
            self.span = now.map(Found::Object);
        }
        self.base = Some(after);
        Ok(())
    }

    /// Returns the caller if a context over the one that was given would hold nothing else, or that context.
    #[inline]
    pub fn finish(mut self) -> PyResult<Extracted<'py>> {
        match self.span.take() {
            Some(Found::Remote(caller)) if self.baggage.is_none() && self.others.is_empty() && self.base.is_some() => {
                Ok(Extracted::Caller(caller))
            }
            span => {
                self.span = span;
                self.make_context().map(Extracted::Context)
            }
        }
    }

    fn span_object(&mut self) -> PyResult<Option<Bound<'py, PyAny>>> {
        let object = match self.span.take() {
            None => return Ok(None),
            Some(Found::Remote(caller)) => Bound::new(self.py, RemoteSpan::of(caller))?.into_any(),
            Some(Found::Object(object)) => object,
        };
        self.span = Some(Found::Object(object.clone()));
        Ok(Some(object))
    }

    /// Makes the context, over the one that was given; that itself when nothing was found.
    pub fn make_context(&mut self) -> PyResult<Bound<'py, PyAny>> {
        let span = self.span_object()?;
        let nothing = span.is_none() && self.baggage.is_none() && self.others.is_empty();
        if let (true, Some(base)) = (nothing, &self.base) {
            return Ok(base.clone());
        }
        if let (Some(span), None, true, Some(base)) = (&span, &self.baggage, self.others.is_empty(), &self.base) {
            return current::with_span(self.py, self.api, base, span);
        }
        let context = current::empty_context(self.py, self.api)?;
        if let Some(base) = &self.base {
            // SAFETY: both are live; `context` is a dict that nobody else holds.
            check(self.py, unsafe { ffi::PyDict_Update(context.as_ptr(), base.as_ptr()) })?;
        }
        // SAFETY: all are live; `context` is a dict that nobody else holds.
        let put = |key: &Py<PyString>, value: &Bound<'py, PyAny>| unsafe {
            check(self.py, ffi::PyDict_SetItem(context.as_ptr(), key.as_ptr(), value.as_ptr()))
        };
        if let Some(span) = &span {
            put(&self.api.span_key, span)?;
        }
        if let Some(baggage) = self.baggage.take() {
            put(&self.names.baggage_key, &baggage.into_any())?;
        }
        for (key, value) in self.others.drain(..) {
            put(key.as_unbound(), &value)?;
        }
        Ok(context)
    }
}

fn check(py: Python<'_>, status: std::ffi::c_int) -> PyResult<()> {
    if status < 0 { Err(PyErr::fetch(py)) } else { Ok(()) }
}
