//! `LastMessage`: what an application awaits that has sent the last message of an answer.

use super::asgi::AsgiRequest;
use crate::fast::{Pool, Pooled};
use pyo3::PyTraverseError;
use pyo3::exceptions::PyStopIteration;
use pyo3::ffi;
use pyo3::gc::PyVisit;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::ptr::null_mut;

static POOL: Pool = Pool::new();

impl Pooled for LastMessage {
    fn pool() -> &'static Pool {
        &POOL
    }
}

/// The server's sending, at whose end the span ends; it has the methods of a coroutine, for those who make a task of it.
#[pyclass(frozen, weakref, module = "pyspan.instrument")]
pub struct LastMessage {
    request: Py<AsgiRequest>,
    sending: Py<PyAny>,
}

#[pymethods]
impl LastMessage {
    const fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    const fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self.step(&py.None().into_bound(py))? {
            Step::Waits(on) => Ok(Some(on)),
            // Nothing says the same as an exception with None, and costs nothing.
            Step::Sent(result) if result.is_none() => Ok(None),
            Step::Sent(result) => Err(stop(result)),
        }
    }

    fn send<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        match self.step(value)? {
            Step::Waits(on) => Ok(on),
            Step::Sent(result) => Err(stop(result)),
        }
    }

    #[pyo3(signature = (*args))]
    fn throw<'py>(&self, args: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
        let py = args.py();
        let thrown = self.sending.bind(py).call_method1(intern!(py, "throw"), args);
        match thrown {
            Err(error) if error.is_instance_of::<PyStopIteration>(py) => {
                self.request.get().served.complete(py)?;
                Err(error)
            }
            thrown => thrown,
        }
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.sending.bind(py).call_method0(intern!(py, "close")).map(drop)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.request)?;
        visit.call(&self.sending)
    }
}

impl LastMessage {
    /// Takes what the server's `send` has returned.
    pub fn new(request: &Bound<'_, AsgiRequest>, sending: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = request.py();
        // SAFETY: a live object.
        let is_coroutine = unsafe { ffi::PyCoro_CheckExact(sending.as_ptr()) } != 0;
        let sending = if is_coroutine { sending.clone() } else { sending.call_method0(intern!(py, "__await__"))? };
        Ok(Self { request: request.clone().unbind(), sending: sending.unbind() })
    }

    /// Lets the server go on to where it waits, or to its end, which is the span's.
    fn step<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        let py = value.py();
        let mut result = null_mut();
        // SAFETY: both are live; the result is a new reference, or null with an error set.
        let outcome = unsafe { ffi::PyIter_Send(self.sending.as_ptr(), value.as_ptr(), &raw mut result) };
        if outcome == ffi::PySendResult::PYGEN_ERROR {
            return Err(PyErr::fetch(py));
        }
        // SAFETY: as said above.
        let result = unsafe { Bound::from_owned_ptr_or_err(py, result)? };
        if outcome == ffi::PySendResult::PYGEN_NEXT {
            return Ok(Step::Waits(result));
        }
        self.request.get().served.complete(py)?;
        Ok(Step::Sent(result))
    }
}

enum Step<'py> {
    Waits(Bound<'py, PyAny>),
    Sent(Bound<'py, PyAny>),
}

fn stop(result: Bound<'_, PyAny>) -> PyErr {
    PyStopIteration::new_err((result.unbind(),))
}
