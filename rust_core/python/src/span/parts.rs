//! Events and links from Python.

use super::Span;
use super::start;
use crate::encode::{self, Room};
use crate::limited;
use crate::trace_state::TraceState;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyspan_core::span::{Attributes, field};
use std::cell::Cell;

thread_local! {
    /// Buffers for the attributes of the event at hand; taken while in use, so that reentry finds none.
    static SCRATCH: Cell<Option<Box<Attributes>>> = const { Cell::new(None) };
}

/// Adds an event to a recording span.
pub fn add_event(
    py: Python<'_>,
    span: &Span,
    name: &str,
    time_ns: u64,
    attributes: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let limits = span.limits(py);
    let mut encoded = SCRATCH.take().unwrap_or_else(|| Box::new(Attributes::new(field::EVENT_ATTRIBUTES)));
    encoded.clear();
    let room = part_room(span, py, limits.event_attributes);
    encode::attributes_into(py, span.api(py), attributes, &mut encoded, room)?;
    span.state.borrow_mut(py).body().events.push_event(time_ns, name, &encoded, limits.events);
    let dropped = encoded.dropped;
    SCRATCH.set(Some(encoded));
    say_dropped(py, "event", name, dropped);
    Ok(())
}

/// Adds an event whose attributes need no second look; false when they do, and nothing is added.
#[inline]
pub fn add_plain_event(py: Python<'_>, span: &Span, name: &str, time_ns: u64, attributes: &Bound<'_, PyDict>) -> bool {
    let limits = span.limits(py);
    let mut encoded = SCRATCH.take().unwrap_or_else(|| Box::new(Attributes::new(field::EVENT_ATTRIBUTES)));
    encoded.clear();
    let room = part_room(span, py, limits.event_attributes);
    let all_plain = encode::set_plain_items(attributes, &mut encoded, room) == attributes.len();
    if all_plain {
        span.state.borrow_mut(py).body().events.push_event(time_ns, name, &encoded, limits.events);
    }
    let dropped = encoded.dropped;
    SCRATCH.set(Some(encoded));
    if all_plain {
        say_dropped(py, "event", name, dropped);
    }
    all_plain
}

/// Says how many attributes an event or a link had no room for, if any: those of spans are said at their end.
#[inline]
fn say_dropped(py: Python<'_>, kind: &str, name: &str, dropped: u32) {
    if dropped > 0 {
        limited::say(py, "say_dropped_of_part", (kind, name, dropped));
    }
}

/// How much each event or link may hold.
#[inline]
fn part_room(span: &Span, py: Python<'_>, count: Option<u32>) -> Room {
    Room { count, length: span.limits(py).attribute_length, redaction: span.redaction(py) }
}

/// Adds a link to a recording span, unless there is nothing to link to.
pub fn add_link(
    py: Python<'_>,
    span: &Span,
    context: &Bound<'_, PyAny>,
    attributes: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    if context.is_none() {
        return Ok(());
    }
    let (api, limits) = (span.api(py), span.limits(py));
    let trace_state = TraceState::of_object(api, &context.getattr("trace_state")?)?;
    let linked = start::read_span_context(context)?;
    let mut encoded = Attributes::new(field::LINK_ATTRIBUTES);
    let room = part_room(span, py, limits.link_attributes);
    encode::attributes_into(py, api, attributes, &mut encoded, room)?;
    let says_nothing = encoded.is_empty() && encoded.dropped == 0;
    if linked.is_none() && says_nothing && trace_state.is_none() {
        return Ok(());
    }
    let header = trace_state.as_ref().map_or("", |state| state.header(py));
    span.state.borrow_mut(py).body().links.push_link(linked.as_ref(), header, &encoded, limits.links);
    let name = span.state(py).name.clone_ref(py); // a log handler may change the span
    say_dropped(py, "link", encode::plain_text(name.bind(py)), encoded.dropped);
    Ok(())
}
