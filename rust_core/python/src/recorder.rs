//! `Recorder`: the native half of a tracer provider, and where finished spans go.

use crate::api::{self, Api};
use crate::baggage_attributes::Patterns;
use crate::cell::GilCell;
use crate::counts::{Counts, Lost, Start, Totals};
use crate::encode::{self, Redaction};
use crate::limited;
use crate::open_spans::{self, OpenSpans, Wanted};
use crate::queue::SpanQueue;
use crate::raised::Raised;
use crate::sampling::NativeSampler;
use crate::span::Span;
use crate::tracer::Tracer;
use pyo3::PyTraverseError;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use pyspan_core::clock::now_ns;
use pyspan_core::fork;
use pyspan_core::queue::Pushed;
use pyspan_core::sampling::Sampler;
use pyspan_core::scope::Resource;
use pyspan_core::span::{self, Attributes, Header, Value, field, frame_span, framed_len};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The attribute that says that a span has not ended: its end is the time at which it was looked at.
const OPEN: &str = "pyspan.span.open";

/// How much a span may hold.
#[pyclass(frozen, module = "pyspan._core")]
pub struct Limits {
    inner: span::Limits,
}

#[pymethods]
impl Limits {
    #[new]
    #[pyo3(signature = (*, attributes, events, links, event_attributes, link_attributes, attribute_length, span_attribute_length))]
    const fn new(
        attributes: Option<u32>,
        events: Option<u32>,
        links: Option<u32>,
        event_attributes: Option<u32>,
        link_attributes: Option<u32>,
        attribute_length: Option<u32>,
        span_attribute_length: Option<u32>,
    ) -> Self {
        let inner = span::Limits {
            attributes,
            events,
            links,
            event_attributes,
            link_attributes,
            attribute_length,
            span_attribute_length,
        };
        Self { inner }
    }
}

/// The native half of a tracer provider; see `pyspan/_core.pyi`.
#[pyclass(frozen, weakref, module = "pyspan._core")]
pub struct Recorder {
    pub api: &'static Api,
    pub limits: span::Limits,
    pub redaction: Redaction,
    pub native_sampler: Option<Sampler>,
    pub sampler: Py<PyAny>,
    pub id_generator: Option<Py<PyAny>>,
    /// The baggage that spans take as attributes.
    pub baggage: OnceLock<Patterns>,
    pub state: GilCell<State>,
}

/// What changes during a recorder's life.
pub struct State {
    pub resource: Py<PyAny>,
    pub encoded_resource: Arc<Resource>,
    pub processor: Option<Py<PyAny>>,
    /// Whatever is to live as long as spans can be made.
    kept: Option<Py<PyAny>>,
    pub queues: Vec<Py<SpanQueue>>,
    pub counts: Counts,
    pub open: Option<OpenSpans>,
}

#[pymethods]
impl Recorder {
    #[new]
    #[pyo3(signature = (resource, encoded_resource, schema_url, limits, sampler, native_sampler, id_generator, redact=false))]
    #[expect(clippy::too_many_arguments, reason = "a constructor for Python, where they have names")]
    fn new(
        py: Python<'_>,
        resource: Py<PyAny>,
        encoded_resource: Vec<u8>,
        schema_url: String,
        limits: &Limits,
        sampler: Py<PyAny>,
        native_sampler: Option<&NativeSampler>,
        id_generator: Option<Py<PyAny>>,
        redact: bool,
    ) -> PyResult<Self> {
        fork::install();
        let state = State {
            resource,
            encoded_resource: Arc::new(Resource { encoded: encoded_resource, schema_url }),
            processor: None,
            kept: None,
            queues: Vec::new(),
            counts: Counts::new(),
            open: None,
        };
        Ok(Self {
            api: api::get(py)?,
            limits: limits.inner,
            redaction: if redact { Redaction::On } else { Redaction::Off },
            native_sampler: native_sampler.map(|native| native.inner.clone()),
            sampler,
            id_generator,
            baggage: OnceLock::new(),
            state: GilCell::new(state),
        })
    }

    fn set_resource(&self, py: Python<'_>, resource: Py<PyAny>, encoded: Vec<u8>, schema_url: String) {
        let encoded = Arc::new(Resource { encoded, schema_url });
        let mut state = self.state.borrow_mut(py);
        state.encoded_resource = encoded;
        let replaced = std::mem::replace(&mut state.resource, resource);
        drop(state);
        drop(replaced);
    }

    fn set_processor(&self, py: Python<'_>, processor: Option<Py<PyAny>>) {
        let replaced = std::mem::replace(&mut self.state.borrow_mut(py).processor, processor);
        drop(replaced);
    }

    fn copy_baggage(&self, py: Python<'_>, patterns: Vec<String>) -> PyResult<()> {
        let given = self.baggage.set(Patterns::new(py, &patterns));
        given.map_err(|_| PyRuntimeError::new_err("the baggage to copy is given once"))
    }

    fn keep(&self, py: Python<'_>, kept: Py<PyAny>) {
        let replaced = self.state.borrow_mut(py).kept.replace(kept);
        drop(replaced);
    }

    fn add_queue(&self, py: Python<'_>, queue: Py<SpanQueue>) {
        self.state.borrow_mut(py).queues.push(queue);
    }

    fn remove_queue(&self, py: Python<'_>, queue: &Bound<'_, SpanQueue>) {
        let mut state = self.state.borrow_mut(py);
        let removed = state.queues.iter().position(|known| known.is(queue)).map(|known| state.queues.remove(known));
        drop(state);
        drop(removed);
    }

    fn tracer(slf: &Bound<'_, Self>, scope: Py<PyAny>, encoded: Vec<u8>, schema_url: String) -> Tracer {
        Tracer::new(slf, scope, encoded, schema_url)
    }

    fn counts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.totals(py).to_dict(py)
    }

    fn starts(&self, py: Python<'_>) -> Vec<(&'static str, &'static str, u64)> {
        self.totals(py).starts()
    }

    fn live(&self, py: Python<'_>) -> Vec<(&'static str, u64)> {
        self.totals(py).live()
    }

    fn unended(&self, py: Python<'_>) -> Vec<(String, String, u64, f64)> {
        self.state.borrow_mut(py).counts.unended()
    }

    fn know_open(&self, py: Python<'_>, after: f64, on_first: Py<PyAny>) -> PyResult<()> {
        let after = Duration::try_from_secs_f64(after).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let after_ns = u64::try_from(after.as_nanos()).unwrap_or(u64::MAX);
        let replaced = self.state.borrow_mut(py).open.replace(OpenSpans::new(after_ns, on_first));
        drop(replaced);
        Ok(())
    }

    #[pyo3(signature = (everything=false))]
    fn open_spans(&self, py: Python<'_>, everything: bool) -> Vec<Py<Span>> {
        open_spans::sweep(self, py, if everything { Wanted::All } else { Wanted::Due })
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.sampler)?;
        visit.call(&self.id_generator)?;
        let Some(state) = self.state.try_borrow_for_gc() else { return Ok(()) };
        visit.call(&state.resource)?;
        visit.call(&state.processor)?;
        visit.call(&state.kept)?;
        visit.call(state.open.as_ref().map(|open| &open.on_first))?;
        state.queues.iter().try_for_each(|queue| visit.call(queue))
    }

    fn __clear__(&self) {
        let Some(mut state) = self.state.try_borrow_mut_for_gc() else { return };
        let queues = std::mem::take(&mut state.queues);
        let cleared = (state.processor.take(), state.kept.take(), state.open.take(), queues);
        drop(state);
        drop(cleared);
    }
}

impl Recorder {
    fn totals(&self, py: Python<'_>) -> Totals {
        self.state.borrow_mut(py).counts.totals()
    }

    /// Counts the start of a span that records nothing; [`Self::announce`] counts the others.
    #[inline]
    pub fn count_start(&self, py: Python<'_>, start: Start) {
        self.state.borrow_mut(py).counts.start(start);
    }

    /// Counts a recording span that comes to its end without [`Self::finish`].
    #[cold]
    pub fn count_lost(&self, py: Python<'_>, span: &Span) {
        let of = span.state(py);
        if of.is_of_parent() {
            self.state.borrow_mut(py).counts.leave_to_parent();
            return;
        }
        let scope = span.tracer(py).scope(py).clone();
        let lost = Lost {
            scope: &scope.encoded,
            name: encode::plain_text(of.name.bind(py)),
            age_ns: now_ns().saturating_sub(of.start_ns),
            sampled: span.is_sampled(py),
        };
        self.state.borrow_mut(py).counts.lose(&lost);
    }

    /// Returns an attribute of what is kept: what the provider shows of itself, for those who hold but a tracer.
    pub fn shown(&self, py: Python<'_>, name: &str) -> PyResult<Option<Py<PyAny>>> {
        let kept = self.state.borrow(py).kept.as_ref().map(|kept| kept.clone_ref(py));
        kept.map(|kept| kept.getattr(py, name)).transpose()
    }

    /// Hands an ended span to the queues and the Python processors. An error is what a processor has raised that is no
    /// `Exception`, or a signal's handler while the span waited for room; the span has gone everywhere all the same.
    #[inline]
    pub fn finish(&self, span: &Bound<'_, Span>) -> PyResult<()> {
        let py = span.py();
        let sampled = span.get().is_sampled(py);
        let processor = {
            let mut state = self.state.borrow_mut(py);
            state.counts.end(sampled);
            state.processor.as_ref().map(|processor| processor.bind(py).clone())
        };
        if span.get().has_dropped(py) {
            limited::say(py, "say_dropped", (span,));
        }
        match processor {
            None if sampled => self.push_to_queues(span),
            None => Ok(()),
            Some(processor) => self.finish_after(&processor, span, sampled),
        }
    }

    /// The queues come last, since processors may redact what is to leave the process.
    fn finish_after(&self, processor: &Bound<'_, PyAny>, span: &Bound<'_, Span>, sampled: bool) -> PyResult<()> {
        let mut raised = Raised::default();
        raised.keep(self.notify(processor, "_on_ending", span));
        raised.keep(self.notify(processor, "on_end", span));
        if sampled {
            raised.keep(self.push_to_queues(span));
        }
        raised.release()
    }

    /// One queue is the rule; more are looped over by index, because a push may run Python, which may add some.
    #[inline]
    fn push_to_queues(&self, span: &Bound<'_, Span>) -> PyResult<()> {
        let py = span.py();
        let (mut position, mut raised) = (0, Raised::default());
        loop {
            let (queue, count) = {
                let queues = &self.state.borrow(py).queues;
                (queues.get(position).map(|queue| queue.bind(py).clone()), queues.len())
            };
            let Some(queue) = queue else { return raised.release() };
            raised.keep(push(span, queue.get()).map(drop));
            position += 1;
            if position >= count {
                return raised.release();
            }
        }
    }

    fn notify(&self, processor: &Bound<'_, PyAny>, method: &str, span: &Bound<'_, Span>) -> PyResult<()> {
        let (py, told) = (span.py(), processor.call_method1(method, (span,)));
        told.map(drop).or_else(|error| {
            api::log_exception(py, &self.api.logger, "a span processor failed at the end of a span", error)
        })
    }

    /// Counts the start of a recording span and tells the Python processors. An error is what they have raised that is no
    /// `Exception`.
    #[inline]
    pub fn announce(&self, span: &Bound<'_, Span>, context: Option<&Bound<'_, PyAny>>, start: Start) -> PyResult<()> {
        let py = span.py();
        let (processor, is_noted) = {
            let mut state = self.state.borrow_mut(py);
            state.counts.start(start);
            (state.processor.as_ref().map(|processor| processor.bind(py).clone()), state.open.is_some())
        };
        let mut raised = Raised::default();
        if is_noted {
            raised.keep(open_spans::note(self, span));
        }
        if let Some(processor) = processor {
            raised.keep(self.tell_start(py, &processor, span, context));
        }
        raised.release()
    }

    fn tell_start(
        &self,
        py: Python<'_>,
        processor: &Bound<'_, PyAny>,
        span: &Bound<'_, Span>,
        context: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let kwargs = PyDict::new(py);
        let told = kwargs.set_item("parent_context", context).and_then(|()| {
            let args = PyTuple::new(py, [span])?;
            processor.call_method("on_start", args, Some(&kwargs))
        });
        told.map(drop).or_else(|error| {
            api::log_exception(py, &self.api.logger, "a span processor failed at the start of a span", error)
        })
    }
}

/// Frames an ended span into `queue`; true when it is in. An error is as in [`Recorder::finish`].
#[inline]
pub fn push(span: &Bound<'_, Span>, queue: &SpanQueue) -> PyResult<bool> {
    let py = span.py();
    let span = span.get();
    queue.put(py, || {
        let scope = span.tracer(py).scope(py);
        let state = span.state(py);
        let Some(header) = span.header(py, &state) else { return Pushed::Closed };
        let body = state.body.as_deref();
        queue.inner.borrow_mut(py).push(&scope, framed_len(&header, body), |out| frame_span(out, &header, body))
    })
}

/// Frames a span as it is now, before its end, into `queue`; false where it has ended meanwhile or found no room. With
/// `bare` all is left out that processors may rewrite until then.
pub fn push_open(span: &Bound<'_, Span>, queue: &SpanQueue, bare: bool) -> bool {
    let py = span.py();
    let span = span.get();
    let mut mark = Attributes::new(field::SPAN_ATTRIBUTES);
    mark.set(OPEN, &Value::Bool(true), None);
    queue.put_now(py, || {
        let scope = span.tracer(py).scope(py);
        let state = span.state(py);
        let Some(header) = span.header(py, &state).filter(|_| state.is_open()) else { return Pushed::Closed };
        let status_message = if bare { "" } else { header.status_message };
        let header = Header { end_ns: now_ns().max(header.start_ns), status_message, ..header };
        let body = state.body.as_deref().filter(|_| !bare);
        let len = framed_len(&header, body) + mark.as_bytes().len();
        queue.inner.borrow_mut(py).push(&scope, len, |out| {
            frame_span(out, &header, body);
            out.extend_from_slice(mark.as_bytes());
        })
    })
}
