//! `Batch`: one encoded `ExportTraceServiceRequest` on its way to an exporter.

use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use pyspan_core::ids::format_hex;
use pyspan_core::otlp::compress::{Algorithm, compress};
use pyspan_core::otlp::json;
use pyspan_core::otlp::slice::Limits;
use pyspan_core::otlp::view;
use pyspan_core::otlp::walk::walk;
use pyspan_core::otlp::{batch, buffers};

use crate::errors::{self, malformed};

/// Requests by trace id, the places of spans that are too large, and how many spans these are with those before.
type Records<'py> = (Vec<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)>, Vec<u32>, usize);

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

impl Drop for Batch {
    fn drop(&mut self) {
        if let Some(batch) = Arc::get_mut(&mut self.inner) {
            buffers::give(std::mem::take(&mut batch.data));
        }
    }
}

#[pymethods]
impl Batch {
    #[staticmethod]
    fn parse(py: Python<'_>, data: Vec<u8>) -> PyResult<Self> {
        py.detach(|| batch::Batch::parse(data)).map(Self::from).map_err(malformed)
    }

    #[staticmethod]
    fn parse_json(py: Python<'_>, data: &[u8]) -> PyResult<Self> {
        py.detach(|| json::parse(data)).map(Self::from).map_err(errors::json)
    }

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

    fn split(&self, py: Python<'_>) -> PyResult<Option<(Self, Self)>> {
        let halves = py.detach(|| self.inner.split()).map_err(malformed)?;
        Ok(halves.map(|(first, second)| (first.into(), second.into())))
    }

    #[pyo3(signature = (max_bytes, max_spans = usize::MAX))]
    fn split_to(&self, py: Python<'_>, max_bytes: usize, max_spans: usize) -> PyResult<Vec<Self>> {
        let limits = Limits { spans: max_spans, bytes: max_bytes };
        let pieces = py.detach(|| self.inner.split_to(limits)).map_err(malformed)?;
        Ok(pieces.into_iter().map(Self::from).collect())
    }

    #[pyo3(signature = (done = 0, limit = usize::MAX, budget = usize::MAX))]
    fn records<'py>(&self, py: Python<'py>, done: usize, limit: usize, budget: usize) -> PyResult<Records<'py>> {
        let found = py.detach(|| self.inner.records(done, limit, budget)).map_err(malformed)?;
        let pair = |(id, batch): ([u8; 16], batch::Batch)| {
            (PyBytes::new(py, hex(&id).as_bytes()), PyBytes::new(py, &batch.data))
        };
        Ok((found.requests.into_iter().map(pair).collect(), found.too_large, found.done))
    }

    fn pick(&self, py: Python<'_>, places: Vec<u32>) -> PyResult<Self> {
        py.detach(|| self.inner.pick(places)).map(Self::from).map_err(malformed)
    }

    fn span_ids(&self, py: Python<'_>) -> PyResult<Vec<(String, String)>> {
        let index = py.detach(|| walk(&self.inner.data)).map_err(malformed)?;
        Ok(index.spans.iter().map(|span| (hex(&span.trace_id), hex(&span.span_id))).collect())
    }

    fn to_json<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let line = py.detach(|| json::format(&self.inner.data)).map_err(malformed)?;
        Ok(PyBytes::new(py, &line))
    }

    fn spans<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let views = py.detach(|| view::spans(&self.inner.data)).map_err(malformed)?;
        py.import("json")?.call_method1("loads", (PyBytes::new(py, &views),))
    }

    fn compress<'py>(&self, py: Python<'py>, algorithm: &str) -> PyResult<Bound<'py, PyBytes>> {
        let Some(algorithm) = Algorithm::named(algorithm) else {
            return Err(PyValueError::new_err(format!("compression {algorithm:?} (use none, gzip or zstd)")));
        };
        if algorithm == Algorithm::None {
            return Ok(self.data(py));
        }
        let packed = py.detach(|| compress(algorithm, &self.inner.data));
        Ok(PyBytes::new(py, &packed))
    }
}

fn hex(id: &[u8]) -> String {
    let mut digits = vec![0; id.len() * 2];
    format_hex(id, &mut digits);
    digits.into_iter().map(char::from).collect()
}
