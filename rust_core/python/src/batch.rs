//! `Batch`: one encoded `ExportTraceServiceRequest` on its way to an exporter.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyspan_core::otlp::batch;

/// An encoded export request and its number of spans; immutable, shared without copies.
#[pyclass(frozen, module = "pyspan._core")]
pub struct Batch {
    inner: Arc<batch::Batch>,
}

impl From<batch::Batch> for Batch {
    fn from(batch: batch::Batch) -> Self {
        Self { inner: Arc::new(batch) }
    }
}

impl Batch {
    /// Returns the batch itself, to be held while no thread state is attached.
    #[must_use]
    pub fn inner(&self) -> &Arc<batch::Batch> {
        &self.inner
    }
}

#[pymethods]
impl Batch {
    fn __len__(&self) -> usize {
        self.inner.spans
    }

    fn __repr__(&self) -> String {
        format!("Batch(spans={}, nbytes={})", self.inner.spans, self.inner.data.len())
    }

    #[getter]
    fn data<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.inner.data)
    }

    #[getter]
    fn nbytes(&self) -> usize {
        self.inner.data.len()
    }
}
