//! What the middleware does with a server's span: each end of a request in one call.

use super::start::{self, Above};
use super::state::Phase;
use super::{Options, Parent, Request, Span};
use crate::encode::Room;
use crate::tracer::Tracer;
use pyo3::prelude::*;
use pyo3::types::PyString;
use pyspan_core::context::SpanContext;
use pyspan_core::span::{Attributes, StatusCode};

const OPTIONS: Options =
    Options { record_exception: true, set_status_on_exception: true, end_on_exit: true, current: false };
/// `SpanKind.SERVER` in OTLP.
const SERVER: u8 = 2;

impl Tracer {
    /// True where nobody looks at a request's attributes when its span starts, so that they may come right after: native
    /// samplers ask for the operation's name and type alone.
    #[inline]
    pub fn starts_unseen(&self, py: Python<'_>) -> bool {
        let recorder = self.recorder.get();
        recorder.native_sampler.is_some() && recorder.state.borrow(py).processor.is_none()
    }

    /// True where none of the user's code runs when a span without attributes and links starts.
    #[inline]
    pub fn starts_alone(&self, py: Python<'_>) -> bool {
        self.starts_unseen(py) && self.recorder.get().id_generator.is_none()
    }
}

impl Span {
    /// Starts a server's span, below its caller or the context's span, and lets `fill` write its first attributes.
    #[inline]
    pub fn start_server<'py>(
        tracer: &Bound<'py, Tracer>,
        name: Bound<'py, PyString>,
        request: &Request<'py>,
        caller: Option<Parent>,
        fill: impl FnOnce(&mut Attributes, Room),
    ) -> PyResult<Bound<'py, Self>> {
        let kind = tracer.get().recorder.get().api.kinds[usize::from(SERVER - 1)].bind(tracer.py());
        let span = Self::create_named(tracer, name, Some(kind), OPTIONS)?;
        start::start(&span, request, caller.map_or(Above::Context, Above::Caller))?;
        span.get().fill(tracer.py(), fill);
        Ok(span)
    }

    /// Lets `fill` write attributes, if the span records.
    #[inline]
    pub fn fill(&self, py: Python<'_>, fill: impl FnOnce(&mut Attributes, Room)) {
        let room = self.room(py);
        let mut state = self.state.borrow_mut(py);
        if state.is_recording() {
            fill(&mut state.body().attributes, room);
        }
    }

    /// Names the span, unless somebody else has renamed it since it was called `known`.
    #[inline]
    pub fn rename(&self, py: Python<'_>, known: &Py<PyString>, name: Py<PyString>) {
        let mut state = self.state.borrow_mut(py);
        let other =
            if state.is_recording() && state.name.is(known) { std::mem::replace(&mut state.name, name) } else { name };
        drop(state);
        drop(other);
    }

    /// Sets the status to an error without a description.
    pub fn note_error(&self, py: Python<'_>) {
        if self.state.borrow(py).is_recording() {
            self.take_status(py, StatusCode::Error, None);
        }
    }

    /// Ends the span now, or at `end_ns`.
    #[inline]
    pub fn end_at(slf: &Bound<'_, Self>, end_ns: Option<u64>) -> PyResult<()> {
        match end_ns {
            None => Self::end(slf, None),
            Some(end_ns) => Self::end(slf, Some(&end_ns.into_pyobject(slf.py())?.into_any())),
        }
    }

    /// True from its start to its end.
    #[inline]
    pub fn is_live(&self, py: Python<'_>) -> bool {
        self.state.borrow(py).phase == Phase::Live
    }

    /// True for a server's span of the generic packages for OpenTelemetry.
    pub fn is_of_generic_server(&self, py: Python<'_>) -> PyResult<bool> {
        if self.kind != SERVER || !self.state.borrow(py).is_recording() {
            return Ok(false);
        }
        let scope = self.tracer(py).instrumentation_scope.bind(py);
        scope.getattr("name")?.extract::<&str>().map(|name| name.starts_with("opentelemetry.instrumentation."))
    }

    /// Returns the span's identity, once it has started.
    #[inline]
    pub fn identity(&self, py: Python<'_>) -> Option<SpanContext> {
        self.state.borrow(py).context
    }
}
