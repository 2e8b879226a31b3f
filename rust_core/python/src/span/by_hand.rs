//! Spans with an identity that the caller chose, as tests of exporters and processors build them.

use super::state::{Parent, Phase};
use super::{Options, Span, known, start};
use crate::counts::Start;
use crate::trace_state::TraceState;
use crate::tracer::Tracer;
use pyo3::prelude::*;
use pyspan_core::clock::now_ns;
use pyspan_core::fork;

/// Returns a span that records and is not started yet. A context that is none, such as a mock, is kept as it is.
#[pyfunction]
#[pyo3(signature = (tracer, name, context, parent, kind, *, links, record_exception, set_status_on_exception))]
#[expect(clippy::too_many_arguments, reason = "they are the arguments of the SDK's constructor")]
pub fn span_by_hand<'py>(
    tracer: &Bound<'py, Tracer>,
    name: Bound<'py, PyAny>,
    context: Bound<'py, PyAny>,
    parent: Option<&Bound<'py, PyAny>>,
    kind: &Bound<'py, PyAny>,
    links: Option<&Bound<'py, PyAny>>,
    record_exception: bool,
    set_status_on_exception: bool,
) -> PyResult<Bound<'py, Span>> {
    let py = tracer.py();
    let options = Options { record_exception, set_status_on_exception, end_on_exit: true, current: false };
    let span = Span::create(tracer, name, Some(kind), options)?;
    let identity = identity(&span, &context)?;
    let parent = parent.map(|parent| self::identity(&span, parent)).transpose()?.flatten();
    {
        let mut state = span.get().state.borrow_mut(py);
        state.recording = true;
        state.parent = parent;
        if let Some(identity) = &identity {
            state.context = Some(identity.context);
            state.trace_state.clone_from(&identity.trace_state);
        }
        state.api_context = Some(context.clone().unbind());
    }
    if let Some(identity) = identity {
        known::keep(py, identity.context, identity.trace_state, &context);
    }
    if let Some(links) = links {
        span.get().add_links(py, links)?;
    }
    Ok(span)
}

/// Starts such a span and tells the processors.
pub fn start<'py>(
    span: &Bound<'py, Span>,
    time: Option<&Bound<'py, PyAny>>,
    context: Option<&Bound<'py, PyAny>>,
) -> PyResult<()> {
    let (py, this) = (span.py(), span.get());
    let start_ns = start::given_time(py, this.api(py), time).unwrap_or_else(now_ns);
    {
        let mut state = this.state.borrow_mut(py);
        state.phase = Phase::Live;
        state.generation = fork::generation();
        state.start_ns = start_ns;
    }
    let started = Start::new(this.state.borrow(py).parent.as_ref(), true, this.is_sampled(py));
    this.tracer(py).recorder.get().announce(span, context, started)
}

fn identity(span: &Bound<'_, Span>, context: &Bound<'_, PyAny>) -> PyResult<Option<Parent>> {
    let Some(known) = start::read_span_context(context)? else { return Ok(None) };
    let trace_state = TraceState::of_object(span.get().api(span.py()), &context.getattr("trace_state")?)?;
    Ok(Some(Parent { context: known, trace_state, deferred: false }))
}
