//! What processors rewrite of a span that has ended: the SDK's users redact by assigning to its private names.

use super::{Span, parts, start};
use crate::encode;
use pyo3::prelude::*;
use pyspan_core::clock::now_ns;
use pyspan_core::span::{Attributes, field};

/// Replaces all attributes; those dropped before stay counted.
pub fn attributes(py: Python<'_>, span: &Span, attributes: &Bound<'_, PyAny>) -> PyResult<()> {
    let mut encoded = Attributes::new(field::SPAN_ATTRIBUTES);
    encode::attributes_into(py, span.api(py), Some(attributes), &mut encoded, span.room(py))?;
    let mut state = span.state.borrow_mut(py);
    encoded.dropped += state.body().attributes.dropped;
    state.body().attributes = encoded;
    Ok(())
}

/// Replaces all events by objects like `Event`; those dropped before stay counted.
pub fn events(py: Python<'_>, span: &Span, events: &Bound<'_, PyAny>) -> PyResult<()> {
    let events: Vec<Bound<'_, PyAny>> = events.try_iter()?.collect::<PyResult<_>>()?;
    let dropped = {
        let mut state = span.state.borrow_mut(py);
        let dropped = state.body().events.dropped;
        state.body().events.clear();
        dropped
    };
    for event in events {
        let name = start::clean_name(event.getattr("name")?)?;
        let time = event.getattr("timestamp")?;
        let time_ns = start::given_time(py, span.api(py), Some(&time)).unwrap_or_else(now_ns);
        parts::add_event(py, span, encode::text_of(&name).as_str(), time_ns, Some(&event.getattr("attributes")?))?;
    }
    span.state.borrow_mut(py).body().events.dropped += dropped;
    Ok(())
}

/// Replaces the status by one like `Status`, whatever it was.
pub fn status(py: Python<'_>, span: &Span, status: &Bound<'_, PyAny>) -> PyResult<()> {
    let code = span.api(py).status_code(&status.getattr("status_code")?).unwrap_or_default();
    let message = status.getattr("description")?.extract::<Option<String>>()?;
    let mut state = span.state.borrow_mut(py);
    state.status = code;
    state.status_message = message.map(String::into_boxed_str);
    Ok(())
}

/// Replaces the name.
pub fn name(py: Python<'_>, span: &Span, name: Bound<'_, PyAny>) -> PyResult<()> {
    let name = start::clean_name(name)?.unbind();
    let replaced = std::mem::replace(&mut span.state.borrow_mut(py).name, name);
    drop(replaced);
    Ok(())
}
