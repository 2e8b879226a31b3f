//! The API's `SpanContext` objects that were built last, so that a child shows the very one that its parent shows.

use crate::cell::GilCell;
use crate::trace_state::SharedTraceState;
use pyo3::prelude::*;
use pyspan_core::context::SpanContext;
use std::sync::{Arc, OnceLock};

/// A power of two; each keeps some 200 bytes.
const SLOTS: usize = 1024;

static KNOWN: OnceLock<GilCell<Vec<Option<Known>>>> = OnceLock::new();

struct Known {
    context: SpanContext,
    trace_state: SharedTraceState,
    object: Py<PyAny>,
}

/// Returns the object that was built for this context, if that is not too long ago.
pub fn find<'py>(py: Python<'py>, context: &SpanContext, trace_state: &SharedTraceState) -> Option<Bound<'py, PyAny>> {
    let known = KNOWN.get()?.borrow(py);
    let known = known[slot(context)].as_ref()?;
    let same = known.context == *context && is_same(&known.trace_state, trace_state);
    same.then(|| known.object.bind(py).clone())
}

/// Remembers an object in the place of an older one.
pub fn keep(py: Python<'_>, context: SpanContext, trace_state: SharedTraceState, object: &Bound<'_, PyAny>) {
    let known = Known { context, trace_state, object: object.clone().unbind() };
    let slots = KNOWN.get_or_init(|| GilCell::new(std::iter::repeat_with(|| None).take(SLOTS).collect()));
    let replaced = slots.borrow_mut(py)[slot(&context)].replace(known);
    drop(replaced);
}

fn slot(context: &SpanContext) -> usize {
    #[expect(clippy::cast_possible_truncation, reason = "only the low bits count")]
    let low = context.span_id.to_int() as usize;
    low % SLOTS
}

fn is_same(one: &SharedTraceState, other: &SharedTraceState) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        _ => false,
    }
}
