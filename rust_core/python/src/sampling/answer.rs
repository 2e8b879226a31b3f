//! Asking a native sampler about a span that starts, and writing down what it says.

use crate::cell::GilCell;
use crate::encode;
use crate::span::Parent;
use crate::trace_state::{SharedTraceState, TraceState};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use pyspan_core::ids::TraceId;
use pyspan_core::sampling::operations::Operation;
use pyspan_core::sampling::threshold::{Threshold, with_threshold};
use pyspan_core::sampling::{Mark, Query, Sampler};
use std::sync::Arc;

/// What a sampler says, in the terms of a span.
pub struct Answer {
    pub sampled: bool,
    pub adjusted_count: Option<f64>,
    pub trace_state: SharedTraceState,
}

/// Asks `sampler`; a parent that leaves the decision open is none to it.
pub fn answer(
    py: Python<'_>,
    sampler: &Sampler,
    parent: Option<&Parent>,
    trace_id: TraceId,
    started: &Started<'_, '_>,
) -> Answer {
    let known = parent.and_then(|parent| parent.trace_state.as_ref());
    let query = Query {
        parent: parent.filter(|parent| !parent.deferred).map(|parent| &parent.context),
        trace_state: known.map_or("", |state| state.header(py)),
        trace_id,
        operation: started,
    };
    let decision = sampler.decide(&query);
    let (trace_state, adjusted_count) = match decision.mark {
        Mark::Nothing => (known.cloned(), None),
        Mark::Threshold(threshold) => (marked(py, known, threshold), None),
        Mark::AdjustedCount(count) => (marked(py, known, None), Some(count)),
    };
    Answer { sampled: decision.sampled, adjusted_count, trace_state }
}

fn marked(py: Python<'_>, known: Option<&Arc<TraceState>>, threshold: Option<Threshold>) -> SharedTraceState {
    let Some(known) = known else { return threshold.and_then(|threshold| of_root(py, threshold)) };
    match with_threshold(known.header(py), threshold) {
        Some(changed) => TraceState::of_header(&PyString::new(py, &changed)),
        None => Some(known.clone()),
    }
}

/// Trace states of root spans, shared by all of a threshold: a sampler has a handful of these.
static OF_ROOTS: GilCell<Vec<(Threshold, Arc<TraceState>)>> = GilCell::new(Vec::new());
const MOST_KEPT: usize = 16;

fn of_root(py: Python<'_>, threshold: Threshold) -> SharedTraceState {
    let find = || OF_ROOTS.borrow(py).iter().find(|(known, _)| *known == threshold).map(|(_, state)| state.clone());
    if let Some(found) = find() {
        return Some(found);
    }
    let made = TraceState::of_header(&PyString::new(py, &format!("ot=th:{}", threshold.format())))?;
    let mut kept = OF_ROOTS.borrow_mut(py);
    if kept.len() < MOST_KEPT {
        kept.push((threshold, made.clone()));
    }
    Some(made)
}

/// The span that starts, as rules see it.
pub struct Started<'a, 'py> {
    pub name: Bound<'py, PyString>,
    /// As OTLP counts kinds.
    pub kind: u8,
    pub attributes: Option<&'a Bound<'py, PyAny>>,
}

const SERVER: u8 = 2;
const CLIENT: u8 = 3;

impl<'py> Started<'_, 'py> {
    /// Returns a text among the attributes; what cannot be read is none here, and logged where attributes are set.
    fn text(&self, key: &Bound<'py, PyString>) -> Option<Bound<'py, PyString>> {
        let attributes = self.attributes?;
        let found = match attributes.cast_exact::<PyDict>() {
            Ok(dict) => dict.get_item(key).ok()??,
            Err(_) => attributes.get_item(key).ok()?,
        };
        found.cast_into::<PyString>().ok()
    }
}

impl Operation for Started<'_, '_> {
    fn is_named(&self, accepts: &mut dyn FnMut(&str) -> bool) -> bool {
        if encode::plain_str(&self.name).is_some_and(&mut *accepts) {
            return true;
        }
        let name = self.text(intern!(self.name.py(), "operation.name"));
        name.as_ref().and_then(encode::plain_str).is_some_and(accepts)
    }

    /// Spans of instrumentations that know no types have that of their kind.
    fn with_type(&self, choose: &mut dyn FnMut(&str)) {
        let py = self.name.py();
        if let Some(given) = self.text(intern!(py, "operation.type")) {
            if let Some(text) = encode::plain_str(&given) {
                choose(text);
            }
            return;
        }
        let database = || self.text(intern!(py, "db.system.name")).or_else(|| self.text(intern!(py, "db.system")));
        match self.kind {
            SERVER => choose("api.request"),
            CLIENT if database().is_some() => choose("db.query"),
            CLIENT => choose("external.api"),
            _ => {}
        }
    }
}

/// No span: for thresholds that are decided by hand.
pub struct Nameless;

impl Operation for Nameless {
    fn is_named(&self, _: &mut dyn FnMut(&str) -> bool) -> bool {
        false
    }

    fn with_type(&self, _: &mut dyn FnMut(&str)) {}
}
