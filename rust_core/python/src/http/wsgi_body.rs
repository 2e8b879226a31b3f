//! `WsgiBody`: the body of an answer, whose end is the span's.

use super::served::Served;
use super::wsgi::WsgiRequest;
use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyIterator};
use pyspan_core::clock::now_ns;

/// A body on its way to the server; see `pyspan/_core.pyi`.
#[pyclass(frozen, module = "pyspan.instrument")]
pub struct WsgiBody {
    request: Py<WsgiRequest>,
    body: Py<PyAny>,
    parts: Py<PyIterator>,
}

#[pymethods]
impl WsgiBody {
    const fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// Gives the next part. The span is current only while the application makes it.
    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let part = self.within(py, || self.parts.bind(py).clone().next())?;
        match part {
            // The span waits for `close`, which may fail; the time is that of the last part.
            None if self.body.bind(py).hasattr(intern!(py, "close"))? => {
                self.served().note(py, |progress| progress.complete_ns = Some(now_ns()));
                Ok(None)
            }
            None => self.served().complete(py).map(|()| None),
            Some(Ok(part)) => {
                let length = part_length(&part) as u64;
                self.served().note(py, |progress| *progress.body_bytes.get_or_insert(0) += length);
                Ok(Some(part))
            }
            Some(Err(error)) => {
                self.served().fail(py, error.value(py).as_any())?;
                Err(error)
            }
        }
    }

    /// Closes the application's body. One that was not sent to its end has mostly lost its client.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let close = self.body.bind(py).getattr_opt(intern!(py, "close"))?;
        let closed = self.within(py, || close.map_or(Ok(()), |close| close.call0().map(drop)))?;
        if let Err(error) = &closed {
            self.served().fail(py, error.value(py).as_any())?;
        }
        self.end(py)?;
        closed
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.request)?;
        visit.call(&self.body)?;
        visit.call(&self.parts)
    }
}

impl WsgiBody {
    pub fn new(request: &Bound<'_, WsgiRequest>, body: &Bound<'_, PyAny>) -> PyResult<Self> {
        let parts = match body.try_iter() {
            Ok(parts) => parts.unbind(),
            Err(error) => {
                let served = &request.get().served;
                served.fail(body.py(), error.value(body.py()).as_any())?;
                served.end(body.py())?;
                return Err(error);
            }
        };
        Ok(Self { request: request.clone().unbind(), body: body.clone().unbind(), parts })
    }

    fn served(&self) -> &Served {
        &self.request.get().served
    }

    fn within<T>(&self, py: Python<'_>, run: impl FnOnce() -> T) -> PyResult<T> {
        self.served().attach(py)?;
        let outcome = run();
        self.served().detach(py)?;
        Ok(outcome)
    }

    fn end(&self, py: Python<'_>) -> PyResult<()> {
        self.served().note(py, |progress| {
            if progress.complete_ns.is_none() {
                progress.error = Some("incomplete_response");
            }
        });
        self.served().end(py)
    }
}

impl Drop for WsgiBody {
    /// Not every server closes what it was given.
    fn drop(&mut self) {
        Python::try_attach(|py| self.end(py));
    }
}

pub fn part_length(part: &Bound<'_, PyAny>) -> usize {
    part.cast::<PyBytes>().map_or(0, |part| part.as_bytes().len())
}
