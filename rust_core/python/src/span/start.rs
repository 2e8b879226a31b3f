//! Starting a span: parent, ids, sampling.

use super::Span;
use super::state::{Parent, Phase, Request};
use crate::api::{self, Api};
use crate::counts::Start;
use crate::propagation::RemoteSpan;
use crate::raised::Raised;
use crate::recorder::Recorder;
use crate::sampling::{Answer, Started, answer};
use crate::trace_state::{SharedTraceState, TraceState};
use crate::{current, encode};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use pyspan_core::clock::now_ns;
use pyspan_core::context::{RANDOM_TRACE_ID, SAMPLED, SpanContext};
use pyspan_core::fork;
use pyspan_core::ids::{SpanId, TraceId, random_span_id, random_trace_id};

/// What a sampler said.
struct Sampling<'py> {
    recording: bool,
    sampled: bool,
    attributes: Option<Bound<'py, PyAny>>,
    adjusted_count: Option<f64>,
    trace_state: SharedTraceState,
}

/// Where the parent of a span is found.
pub enum Above<'a, 'py> {
    /// In the context that was asked for, or in the current one.
    Context,
    /// What is under the span key of that, where it was read already.
    Found(Option<&'a Bound<'py, PyAny>>),
    /// A caller, in place of the context's span.
    Caller(Parent),
}

/// Gives `span` its identity and its first attributes and links, and tells the processors. An error is what the user's
/// code has raised meanwhile that is no `Exception`; the span has started all the same.
#[inline]
pub fn start<'py>(span: &Bound<'py, Span>, request: &Request<'py>, above: Above<'_, 'py>) -> PyResult<()> {
    let (py, this) = (span.py(), span.get());
    let tracer = this.tracer(py);
    let recorder = tracer.recorder.get();
    let mut raised = Raised::default();
    let parent = find_parent(py, recorder.api, request, above, &mut raised);
    if !tracer.is_enabled() {
        stay_silent(py, this, parent);
        return raised.release();
    }
    let now = now_ns();
    let (trace_id, random) = trace_id(py, recorder, parent.as_ref(), now, &mut raised);
    let sampling = sample(py, recorder, this, parent.as_ref(), trace_id, request, &mut raised);
    let counted = Start::new(parent.as_ref(), sampling.recording, sampling.sampled);
    let flags = if sampling.sampled { SAMPLED } else { 0 } | if random { RANDOM_TRACE_ID } else { 0 };
    let context = SpanContext { trace_id, span_id: span_id(py, recorder, now, &mut raised), flags, remote: false };
    let start_ns = given_time(py, recorder.api, request.start_time.as_ref()).unwrap_or(now);
    {
        let mut state = this.state.borrow_mut(py);
        state.phase = Phase::Live;
        state.recording = sampling.recording;
        state.generation = fork::generation();
        state.context = Some(context);
        state.trace_state = sampling.trace_state;
        state.parent = parent;
        state.start_ns = start_ns;
    }
    if !sampling.recording {
        recorder.count_start(py, counted);
        return raised.release();
    }
    if let Some(patterns) = recorder.baggage.get() {
        raised.keep(patterns.set_on(py, recorder.api, this, request.context.as_ref()));
    }
    if let Some(attributes) = &sampling.attributes {
        raised.keep(this.set_all(py, attributes));
    }
    if let Some(links) = &request.links {
        raised.keep(this.add_links(py, links));
    }
    if let Some(count) = sampling.adjusted_count {
        raised.keep(write_count(py, this, count));
    }
    raised.keep(recorder.announce(span, request.context.as_ref(), counted));
    raised.release()
}

/// A disabled tracer passes its parent on and records nothing.
fn stay_silent(py: Python<'_>, span: &Span, parent: Option<Parent>) {
    let mut state = span.state.borrow_mut(py);
    state.phase = Phase::Live;
    if let Some(parent) = parent {
        state.context = Some(parent.context);
        state.trace_state = parent.trace_state;
    }
}

/// Writes for how many spans this one stands.
#[cold]
fn write_count(py: Python<'_>, span: &Span, count: f64) -> PyResult<()> {
    let attributes = PyDict::new(py);
    let written = attributes.set_item(intern!(py, "sampler.adjusted_count"), count);
    if written.is_ok() { span.set_all(py, &attributes) } else { Ok(()) }
}

/// Finds the parent; what is no span there is no parent, with a log line.
#[inline]
fn find_parent<'py>(
    py: Python<'py>,
    api: &Api,
    request: &Request<'py>,
    above: Above<'_, 'py>,
    raised: &mut Raised,
) -> Option<Parent> {
    let found = match above {
        Above::Caller(caller) => return Some(caller),
        Above::Found(found) => found.map_or(Ok(None), |found| parent_of(py, api, found)),
        Above::Context => current::span(py, api, request.context.as_ref())
            .and_then(|found| found.map_or(Ok(None), |found| parent_of(py, api, &found))),
    };
    found.unwrap_or_else(|error| {
        raised.log(py, api, "the parent in the context could not be read, the span becomes a root", error);
        None
    })
}

#[inline]
pub fn parent_of(py: Python<'_>, api: &Api, found: &Bound<'_, PyAny>) -> PyResult<Option<Parent>> {
    if let Ok(span) = found.cast_exact::<Span>() {
        let state = span.get().state.borrow(py);
        if state.before.is_some() && state.phase == Phase::Ended {
            drop(state);
            return span.get().before(py).map_or(Ok(None), |before| parent_of(py, api, &before));
        }
        let parent = |context| Parent { context, trace_state: state.trace_state.clone(), deferred: false };
        return Ok(state.context.map(parent));
    }
    if let Ok(span) = found.cast_exact::<RemoteSpan>() {
        return Ok(Some(span.get().parent()));
    }
    foreign_parent(py, api, found)
}

/// A span of the API or of another SDK.
fn foreign_parent(py: Python<'_>, api: &Api, found: &Bound<'_, PyAny>) -> PyResult<Option<Parent>> {
    let Some(context) = context_of(api, found)?.filter(|context| !context.is_none()) else { return Ok(None) };
    let Some(span_context) = read_span_context(&context)? else { return Ok(None) };
    let trace_state = TraceState::of_object(api, &context.getattr("trace_state")?)?;
    let _ = py;
    Ok(Some(Parent { context: span_context, trace_state, deferred: false }))
}

/// Returns the identity of a span, past the method of the API's own, which only gives it back.
fn context_of<'py>(api: &Api, span: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = span.py();
    if span.get_type().is(&api.non_recording_span_type)
        && let Some(context) = span.getattr_opt(intern!(py, "_context"))?
    {
        return Ok(Some(context));
    }
    let method = span.getattr_opt(intern!(py, "get_span_context"))?;
    method.map(|method| method.call0()).transpose()
}

/// Reads an API `SpanContext`; `None` when it is not valid.
pub fn read_span_context(context: &Bound<'_, PyAny>) -> PyResult<Option<SpanContext>> {
    let (trace_id, span_id, remote, flags) = match context.cast::<PyTuple>() {
        Ok(fields) if fields.len() >= 6 => {
            (fields.get_item(0)?, fields.get_item(1)?, fields.get_item(2)?, fields.get_item(3)?)
        }
        _ => {
            let field = |name: &str| context.getattr(name);
            (field("trace_id")?, field("span_id")?, field("is_remote")?, field("trace_flags")?)
        }
    };
    let ids = (
        trace_id.extract::<u128>().ok().and_then(TraceId::from_int),
        span_id.extract::<u64>().ok().and_then(SpanId::from_int),
    );
    let (Some(trace_id), Some(span_id)) = ids else { return Ok(None) };
    let flags = flags.extract::<u8>().unwrap_or_default();
    Ok(Some(SpanContext { trace_id, span_id, flags, remote: remote.is_truthy()? }))
}

/// The parent's trace id, or a new one; and whether its low bits are random.
#[inline]
fn trace_id(
    py: Python<'_>,
    recorder: &Recorder,
    parent: Option<&Parent>,
    now: u64,
    raised: &mut Raised,
) -> (TraceId, bool) {
    if let Some(parent) = parent {
        return (parent.context.trace_id, parent.context.flags & RANDOM_TRACE_ID != 0);
    }
    let Some(generator) = &recorder.id_generator else { return (random_trace_id(now), true) };
    let generator = generator.bind(py);
    let made = generator.call_method0("generate_trace_id").and_then(|id| id.extract::<u128>());
    let random = generator.call_method0("is_trace_id_random").and_then(|random| random.is_truthy()).unwrap_or(false);
    match made.map(TraceId::from_int) {
        Ok(Some(id)) => (id, random),
        Ok(None) => (random_trace_id(now), true),
        Err(error) => {
            raised.log(py, recorder.api, "the id generator failed, a random trace id is used", error);
            (random_trace_id(now), true)
        }
    }
}

#[inline]
fn span_id(py: Python<'_>, recorder: &Recorder, now: u64, raised: &mut Raised) -> SpanId {
    let Some(generator) = &recorder.id_generator else { return random_span_id(now) };
    let made = generator.bind(py).call_method0("generate_span_id").and_then(|id| id.extract::<u64>());
    match made.map(SpanId::from_int) {
        Ok(made) => made.unwrap_or_else(|| random_span_id(now)),
        Err(error) => {
            raised.log(py, recorder.api, "the id generator failed, a random span id is used", error);
            random_span_id(now)
        }
    }
}

#[inline]
fn sample<'py>(
    py: Python<'py>,
    recorder: &Recorder,
    span: &Span,
    parent: Option<&Parent>,
    trace_id: TraceId,
    request: &Request<'py>,
    raised: &mut Raised,
) -> Sampling<'py> {
    let inherited = || parent.and_then(|parent| parent.trace_state.clone());
    if let Some(sampler) = &recorder.native_sampler {
        let decided = parent.filter(|parent| !parent.deferred);
        let attributes = request.attributes.clone();
        if let Some(sampled) = sampler.should_sample(decided.map(|parent| &parent.context), trace_id) {
            return Sampling {
                recording: sampled,
                sampled,
                attributes,
                adjusted_count: None,
                trace_state: inherited(),
            };
        }
        let name = span.state.borrow(py).name.bind(py).clone();
        let started = Started { name, kind: span.kind, attributes: attributes.as_ref() };
        let Answer { sampled, adjusted_count, trace_state } = answer(py, sampler, parent, trace_id, &started);
        return Sampling { recording: sampled, sampled, attributes, adjusted_count, trace_state };
    }
    ask_python(py, recorder, span, trace_id, request).unwrap_or_else(|error| {
        raised.log(py, recorder.api, "the sampler failed, the span is recorded and sampled", error);
        let attributes = request.attributes.clone();
        Sampling { recording: true, sampled: true, attributes, adjusted_count: None, trace_state: inherited() }
    })
}

fn ask_python<'py>(
    py: Python<'py>,
    recorder: &Recorder,
    span: &Span,
    trace_id: TraceId,
    request: &Request<'py>,
) -> PyResult<Sampling<'py>> {
    let name = span.state.borrow(py).name.clone_ref(py);
    let links = match &request.links {
        Some(links) => links.clone(),
        None => recorder.api.empty_tuple.bind(py).clone().into_any(),
    };
    let kind = &recorder.api.kinds[usize::from(span.kind - 1)];
    let args = (&request.context, trace_id.to_int(), name, kind, &request.attributes, links);
    let result = recorder.sampler.bind(py).call_method1("should_sample", args)?;
    let decision = result.getattr("decision")?;
    Ok(Sampling {
        recording: decision.call_method0("is_recording")?.is_truthy()?,
        sampled: decision.call_method0("is_sampled")?.is_truthy()?,
        attributes: Some(result.getattr("attributes")?).filter(|attributes| !attributes.is_none()),
        adjusted_count: None,
        trace_state: TraceState::of_object(recorder.api, &result.getattr("trace_state")?)?,
    })
}

/// A time that the caller gave, in nanoseconds; what is no time is ignored with a warning.
pub fn given_time(py: Python<'_>, api: &Api, time: Option<&Bound<'_, PyAny>>) -> Option<u64> {
    let time = time.filter(|time| !time.is_none())?;
    let read = time.extract::<u64>().ok();
    if read.is_none() {
        api::warn(py, &api.logger, "`%s` is no time in nanoseconds since the epoch, now is used", &[time]);
    }
    read
}

/// Returns `name` as an exact string that UTF-8 can hold. An error is what its `str()` has raised that is no `Exception`.
#[inline]
pub fn clean_name(name: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyString>> {
    let name = match name.cast_into_exact::<PyString>() {
        Ok(name) => name,
        Err(other) => {
            let other = other.into_inner();
            PyString::new(other.py(), &encode::replaced(&text_of_name(&other)?))
        }
    };
    match encode::text_of(&name) {
        encode::Text::Borrowed(_) => Ok(name.clone()),
        encode::Text::Replaced(text) => Ok(PyString::new(name.py(), &text)),
    }
}

/// A subclass of str is taken as it is: its `str()` is anybody's code, such as a translation that needs a request.
#[cold]
fn text_of_name<'py>(name: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
    if let Ok(text) = name.cast::<PyString>() {
        return Ok(text.clone());
    }
    name.str().or_else(|error| {
        let (py, api) = (name.py(), api::get(name.py())?);
        api::log_exception(py, &api.logger, "str() of a name failed, another stands for it", error)?;
        Ok(api::unprintable(name))
    })
}
