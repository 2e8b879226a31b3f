//! `Spool` and `SpoolReader`: the log on disk between receivers and exporters.

use std::os::fd::RawFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyspan_core::otlp::slice::Limits;
use pyspan_core::spool;

use crate::batch::Batch;
use crate::errors;

/// An append-only log on disk, for one process at a time.
#[pyclass(frozen, module = "pyspan._core")]
pub struct Spool {
    inner: Arc<spool::Spool>,
}

impl Spool {
    /// Returns the spool itself, for the receivers, which append without the interpreter.
    #[must_use]
    pub fn inner(&self) -> &Arc<spool::Spool> {
        &self.inner
    }
}

#[pymethods]
impl Spool {
    #[new]
    #[pyo3(signature = (directory, *, segment_bytes, max_bytes, fsync, fsync_interval = 0.05))]
    fn new(
        py: Python<'_>,
        directory: PathBuf,
        segment_bytes: u64,
        max_bytes: u64,
        fsync: &str,
        fsync_interval: f64,
    ) -> PyResult<Self> {
        let settings = spool::Settings { segment_bytes, max_bytes, fsync: policy(fsync, fsync_interval)? };
        let inner = py.detach(|| spool::Spool::open(&directory, settings)).map_err(errors::spool)?;
        Ok(Self { inner: Arc::new(inner) })
    }

    fn append(&self, py: Python<'_>, batch: &Batch) -> PyResult<u64> {
        let batch = batch.inner();
        let spans = u32::try_from(batch.spans).map_err(|_| PyValueError::new_err("batch of 2^32 spans or more"))?;
        py.detach(|| self.inner.append(&batch.data, spans)).map_err(errors::spool)
    }

    #[pyo3(signature = (name, *, from_end = false))]
    fn reader(&self, name: &str, from_end: bool) -> PyResult<SpoolReader> {
        let reader = if from_end { self.inner.reader_from_end(name) } else { self.inner.reader(name) };
        Ok(SpoolReader { inner: reader.map_err(errors::spool)? })
    }

    fn reader_names(&self) -> Vec<String> {
        self.inner.reader_names()
    }

    fn remove_reader(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        py.detach(|| self.inner.remove_reader(name)).map_err(errors::spool)
    }

    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let stats = self.inner.stats();
        let out = PyDict::new(py);
        out.set_item("bytes", stats.bytes)?;
        out.set_item("segments", stats.segments)?;
        out.set_item("full", stats.full)?;
        out.set_item("gone", stats.gone)?;
        out.set_item("accepted_spans", stats.accepted_spans)?;
        out.set_item("oldest_offset", stats.oldest_offset)?;
        out.set_item("next_offset", stats.next_offset)?;
        out.set_item("torn_records", stats.torn_records)?;
        out.set_item("skipped_records", stats.skipped_records)?;
        out.set_item("skipped_bytes", stats.skipped_bytes)?;
        out.set_item("skipped_spans", stats.skipped_spans)?;
        out.set_item("damaged_segments", stats.damaged_segments)?;
        out.set_item("damaged_readers", stats.damaged_readers)?;
        out.set_item("sync_errors", stats.sync_errors)?;
        Ok(out)
    }

    fn flush(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.inner.flush()).map_err(errors::spool)
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.inner.close()).map_err(errors::spool)
    }
}

/// A named reader of a spool.
#[pyclass(frozen, module = "pyspan._core")]
pub struct SpoolReader {
    inner: spool::Reader,
}

#[pymethods]
impl SpoolReader {
    fn read(&self, py: Python<'_>, max_spans: usize, max_bytes: usize) -> PyResult<Option<(Batch, u64)>> {
        let limits = Limits { spans: max_spans, bytes: max_bytes };
        let read = py.detach(|| self.inner.read(limits)).map_err(errors::spool)?;
        Ok(read.map(|(batch, offset)| (batch.into(), offset)))
    }

    fn rewind(&self, py: Python<'_>) {
        py.detach(|| self.inner.rewind());
    }

    fn ack(&self, py: Python<'_>, offset: u64) -> PyResult<()> {
        py.detach(|| self.inner.ack(offset)).map_err(errors::spool)
    }

    fn fileno(&self) -> RawFd {
        self.inner.fileno()
    }

    fn clear_wakeup(&self) {
        self.inner.clear_wakeup();
    }

    #[getter]
    fn offset(&self, py: Python<'_>) -> u64 {
        py.detach(|| self.inner.offset())
    }

    #[getter]
    fn acked_offset(&self, py: Python<'_>) -> u64 {
        py.detach(|| self.inner.acked_offset())
    }

    #[getter]
    fn lag_bytes(&self, py: Python<'_>) -> u64 {
        py.detach(|| self.inner.lag_bytes())
    }

    #[getter]
    fn lag_spans(&self, py: Python<'_>) -> u64 {
        py.detach(|| self.inner.lag_spans())
    }
}

fn policy(name: &str, interval: f64) -> PyResult<spool::Fsync> {
    match name {
        "never" => Ok(spool::Fsync::Never),
        "always" => Ok(spool::Fsync::Always),
        "interval" => Duration::try_from_secs_f64(interval)
            .map(spool::Fsync::Interval)
            .map_err(|error| PyValueError::new_err(format!("fsync_interval {interval}: {error}"))),
        _ => Err(PyValueError::new_err(format!("fsync {name:?} (use never, interval or always)"))),
    }
}
