//! Native samplers as opaque Python objects; `pyspan.sdk.trace.sampling` holds one beside each of its classes.

use crate::api;
use crate::span::start::parent_of;
use crate::trace_state::TraceState;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyString;
use pyo3::wrap_pyfunction;
use pyspan_core::ids::TraceId;
use pyspan_core::sampling::composable::{Composable, Intent};
use pyspan_core::sampling::limit::{Adaptive, Guaranteed, PerOperation, RateLimit};
use pyspan_core::sampling::operations::Operations;
use pyspan_core::sampling::replaceable::Replaceable;
use pyspan_core::sampling::threshold::{OtState, Threshold, with_threshold};
use pyspan_core::sampling::{Decide, Mark, ParentBased, Query, Sampler};
use std::collections::HashMap;
use std::sync::Arc;

mod answer;

pub use answer::{Answer, Started, answer};

/// Adds the functions that make samplers.
pub fn add_functions(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(adaptive, module)?)?;
    module.add_function(wrap_pyfunction!(always_off, module)?)?;
    module.add_function(wrap_pyfunction!(always_on, module)?)?;
    module.add_function(wrap_pyfunction!(composite, module)?)?;
    module.add_function(wrap_pyfunction!(decide_by_threshold, module)?)?;
    module.add_function(wrap_pyfunction!(fixed_threshold, module)?)?;
    module.add_function(wrap_pyfunction!(operations, module)?)?;
    module.add_function(wrap_pyfunction!(parent_based, module)?)?;
    module.add_function(wrap_pyfunction!(parent_threshold, module)?)?;
    module.add_function(wrap_pyfunction!(per_operation, module)?)?;
    module.add_function(wrap_pyfunction!(rate_limit, module)?)?;
    module.add_function(wrap_pyfunction!(read_ot, module)?)?;
    module.add_function(wrap_pyfunction!(replaceable, module)?)?;
    module.add_function(wrap_pyfunction!(trace_id_ratio, module)?)?;
    Ok(())
}

/// A sampler that decides without Python.
#[pyclass(frozen, module = "pyspan._core")]
pub struct NativeSampler {
    pub inner: Sampler,
    replaceable: Option<Arc<Replaceable>>,
}

impl NativeSampler {
    const fn new(inner: Sampler) -> Self {
        Self { inner, replaceable: None }
    }

    fn other(sampler: impl Decide + 'static) -> Self {
        Self::new(Sampler::Other(Arc::new(sampler)))
    }
}

#[pymethods]
impl NativeSampler {
    #[pyo3(signature = (parent, trace_id, name, kind=None, attributes=None, trace_state=None))]
    #[expect(clippy::too_many_arguments, reason = "what a sampler is asked by")]
    fn should_sample<'py>(
        &self,
        py: Python<'py>,
        parent: Bound<'py, PyAny>,
        trace_id: u128,
        name: Bound<'py, PyString>,
        kind: Option<Bound<'py, PyAny>>,
        attributes: Option<Bound<'py, PyAny>>,
        trace_state: Option<Bound<'py, PyAny>>,
    ) -> PyResult<(bool, Option<f64>, Option<Bound<'py, PyAny>>)> {
        let api = api::get(py)?;
        let trace_id = known_id(trace_id)?;
        let given = trace_state.map_or(Ok(None), |given| TraceState::of_object(api, &given))?;
        let mut parent = parent_of(py, api, &parent)?;
        if let (Some(parent), Some(given)) = (&mut parent, given) {
            parent.trace_state = Some(given);
        }
        let started = Started { name, kind: api.kind_number(kind.as_ref()), attributes: attributes.as_ref() };
        let answer = answer(py, &self.inner, parent.as_ref(), trace_id, &started);
        let trace_state = answer.trace_state.map_or(Ok(None), |state| state.object(py, api).map(Some))?;
        Ok((answer.sampled, answer.adjusted_count, trace_state))
    }

    fn replace(&self, sampler: &Self) -> PyResult<()> {
        let Some(replaceable) = &self.replaceable else { return Err(PyTypeError::new_err("no replaceable sampler")) };
        replaceable.replace(sampler.inner.clone());
        Ok(())
    }
}

/// A sampler that says by which threshold to decide.
#[pyclass(frozen, module = "pyspan._core")]
pub struct NativeComposable {
    inner: Composable,
}

/// Samples every span.
#[pyfunction]
pub const fn always_on() -> NativeSampler {
    NativeSampler::new(Sampler::AlwaysOn)
}

/// Samples no span.
#[pyfunction]
pub const fn always_off() -> NativeSampler {
    NativeSampler::new(Sampler::AlwaysOff)
}

/// Samples the given share of traces by their id.
#[pyfunction]
pub fn trace_id_ratio(rate: f64) -> NativeSampler {
    NativeSampler::new(Sampler::trace_id_ratio(rate))
}

/// Follows the parent, by one delegate for each kind of parent.
#[pyfunction]
pub fn parent_based(
    root: &NativeSampler,
    remote_sampled: &NativeSampler,
    remote_not_sampled: &NativeSampler,
    local_sampled: &NativeSampler,
    local_not_sampled: &NativeSampler,
) -> NativeSampler {
    NativeSampler::new(Sampler::ParentBased(Box::new(ParentBased {
        root: root.inner.clone(),
        remote_sampled: remote_sampled.inner.clone(),
        remote_not_sampled: remote_not_sampled.inner.clone(),
        local_sampled: local_sampled.inner.clone(),
        local_not_sampled: local_not_sampled.inner.clone(),
    })))
}

/// Decides by the threshold of a composable sampler.
#[pyfunction]
pub fn composite(composable: &NativeComposable) -> NativeSampler {
    NativeSampler::other(composable.inner.clone())
}

/// The threshold of a share of traces, for every span.
#[pyfunction]
pub fn fixed_threshold(rate: f64) -> NativeComposable {
    NativeComposable { inner: Composable::Fixed(Threshold::of_rate(rate)) }
}

/// The parent's threshold; a root span is the delegate's.
#[pyfunction]
pub fn parent_threshold(root: &NativeComposable) -> NativeComposable {
    NativeComposable { inner: Composable::ParentThreshold(Box::new(root.inner.clone())) }
}

/// Critical operations always, others by the rate of their name, their type, or the rest.
#[pyfunction]
pub fn operations(
    critical: Vec<String>,
    by_name: Vec<(String, f64)>,
    by_type: HashMap<String, f64>,
    rest: f64,
) -> NativeComposable {
    let threshold = Threshold::of_rate;
    let rules = Operations {
        critical: critical.into_iter().collect(),
        by_name: by_name.into_iter().map(|(name, rate)| (std::iter::once(name).collect(), threshold(rate))).collect(),
        by_type: by_type.into_iter().map(|(name, rate)| (name.into(), threshold(rate))).collect(),
        rest: threshold(rest),
    };
    NativeComposable { inner: Composable::Operations(Arc::new(rules)) }
}

/// At most so many spans a second, in bursts of `burst`.
#[pyfunction]
pub fn rate_limit(per_second: f64, burst: f64) -> NativeSampler {
    NativeSampler::other(RateLimit::new(per_second, burst))
}

/// A share of the spans that adapts to a target a second.
#[pyfunction]
pub fn adaptive(target: f64) -> NativeSampler {
    NativeSampler::other(Adaptive::new(target))
}

/// Shares by the name of the span, and for the others together, each with a least number a second.
#[pyfunction]
pub fn per_operation(rates: HashMap<String, f64>, others: f64, least: f64) -> NativeSampler {
    let guaranteed =
        |rate| Guaranteed { threshold: Threshold::of_rate(rate), least: RateLimit::new(least, least.max(1.0)) };
    let by_name = rates.into_iter().map(|(name, rate)| (name.into(), guaranteed(rate))).collect();
    NativeSampler::other(PerOperation { by_name, others: guaranteed(others) })
}

/// Decides as `initial` until another is set; calls `on_first_use` at the first decision in each process.
#[pyfunction]
pub fn replaceable(initial: &NativeSampler, on_first_use: Py<PyAny>) -> NativeSampler {
    let tell = move || {
        Python::attach(|py| {
            if let Err(error) = on_first_use.call0(py) {
                error.write_unraisable(py, None);
            }
        });
    };
    let made = Arc::new(Replaceable::new(initial.inner.clone(), tell));
    NativeSampler { inner: Sampler::Other(made.clone()), replaceable: Some(made) }
}

/// Reads `th` and `rv` out of a trace state.
#[pyfunction]
pub fn read_ot(trace_state: &str) -> (Option<u64>, Option<u64>) {
    let state = OtState::read(trace_state);
    (state.threshold.map(Threshold::value), state.randomness)
}

/// Decides by a threshold; returns the decision, and the trace state where that changes.
#[pyfunction]
pub fn decide_by_threshold(
    trace_id: u128,
    threshold: Option<u64>,
    reliable: bool,
    trace_state: &str,
) -> PyResult<(bool, Option<String>)> {
    let none = answer::Nameless;
    let query = Query { parent: None, trace_state, trace_id: known_id(trace_id)?, operation: &none };
    let intent = Intent { threshold: threshold.and_then(Threshold::new), reliable };
    let decision = intent.decide(OtState::read(trace_state), &query);
    let Mark::Threshold(threshold) = decision.mark else { return Ok((decision.sampled, None)) };
    Ok((decision.sampled, with_threshold(trace_state, threshold)))
}

fn known_id(trace_id: u128) -> PyResult<TraceId> {
    let refuse = || PyValueError::new_err("trace_id=0 is no trace id: give a number from 1 to 2**128 - 1");
    TraceId::from_int(trace_id).ok_or_else(refuse)
}
