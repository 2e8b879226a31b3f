//! Native samplers as opaque Python objects; `pyspan.sdk.trace.sampling` holds one beside each of its classes.

use pyo3::prelude::*;
use pyspan_core::sampling::{ParentBased, Sampler};

/// A sampler that decides without Python.
#[pyclass(frozen, module = "pyspan._core")]
pub struct NativeSampler {
    pub inner: Sampler,
}

/// Samples every span.
#[pyfunction]
pub fn always_on() -> NativeSampler {
    NativeSampler { inner: Sampler::AlwaysOn }
}

/// Samples no span.
#[pyfunction]
pub fn always_off() -> NativeSampler {
    NativeSampler { inner: Sampler::AlwaysOff }
}

/// Samples the given share of traces by their id.
#[pyfunction]
pub fn trace_id_ratio(rate: f64) -> NativeSampler {
    NativeSampler { inner: Sampler::trace_id_ratio(rate) }
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
    NativeSampler {
        inner: Sampler::ParentBased(Box::new(ParentBased {
            root: root.inner.clone(),
            remote_sampled: remote_sampled.inner.clone(),
            remote_not_sampled: remote_not_sampled.inner.clone(),
            local_sampled: local_sampled.inner.clone(),
            local_not_sampled: local_not_sampled.inner.clone(),
        })),
    }
}
