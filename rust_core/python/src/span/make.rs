//! How a span object comes to be: by a tracer, or like another one.

use super::start::{self, Above};
use super::state::Pending;
use super::{Options, Request, Span, State, with};
use crate::cell::GilCell;
use crate::tracer::Tracer;
use pyo3::prelude::*;
use pyo3::types::PyString;

impl Span {
    #[inline]
    pub fn create<'py>(
        tracer: &Bound<'py, Tracer>,
        name: Bound<'py, PyAny>,
        kind: Option<&Bound<'py, PyAny>>,
        options: Options,
    ) -> PyResult<Bound<'py, Self>> {
        Self::create_named(tracer, start::clean_name(name)?, kind, options)
    }

    /// As [`Self::create`], with a name that UTF-8 can hold.
    #[inline]
    pub fn create_named<'py>(
        tracer: &Bound<'py, Tracer>,
        name: Bound<'py, PyString>,
        kind: Option<&Bound<'py, PyAny>>,
        options: Options,
    ) -> PyResult<Bound<'py, Self>> {
        let kind = tracer.get().recorder.get().api.kind_number(kind);
        let state = GilCell::new(State::new(name.unbind()));
        Bound::new(tracer.py(), Self { function: with::call, tracer: tracer.clone().unbind(), options, kind, state })
    }

    /// A fresh span like this one, which starts when it is entered; for each call of a decorated function.
    #[inline]
    pub fn again<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        let (span, request) = Self::like(slf)?;
        span.get().keep_for_later(slf.py(), request);
        Ok(span)
    }

    /// As [`Self::again`], with what it is to start with.
    #[inline]
    pub fn like<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, Self>, Request<'py>)> {
        let (py, this) = (slf.py(), slf.get());
        let (name, request) = {
            let state = this.state.borrow(py);
            (state.name.bind(py).clone(), state.pending.request(py))
        };
        let (tracer, state) = (this.tracer.bind(py).clone().unbind(), GilCell::new(State::new(name.unbind())));
        let span = Self { function: with::call, tracer, options: this.options, kind: this.kind, state };
        Ok((Bound::new(py, span)?, request))
    }

    pub fn keep_for_later(&self, py: Python<'_>, request: Request<'_>) {
        self.state.borrow_mut(py).pending = Pending::keep(request);
    }

    #[inline]
    pub fn start_with<'py>(slf: &Bound<'py, Self>, request: &Request<'py>) -> PyResult<()> {
        start::start(slf, request, Above::Context)
    }
}
