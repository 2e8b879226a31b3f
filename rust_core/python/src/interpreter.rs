//! Which interpreter may load the extension.

use pyo3::exceptions::PyImportError;
use pyo3::{ffi, prelude::*};

/// Refuses a free-threaded interpreter whose lock is forced off: by itself it switches the lock on for a module that
/// declares that it needs it.
pub fn require_lock(py: Python<'_>) -> PyResult<()> {
    let Ok(is_enabled) = py.import("sys")?.getattr("_is_gil_enabled") else { return Ok(()) };
    if is_enabled.call0()?.is_truthy()? {
        return Ok(());
    }
    Err(PyImportError::new_err("pyspan needs the global interpreter lock: leave out PYTHON_GIL=0 and -X gil=0"))
}

/// Refuses sub-interpreters: the classes and the objects of `opentelemetry` found at the first import serve the whole
/// process, and a worker's thread keeps a sub-interpreter from ending.
pub fn require_main(_: Python<'_>) -> PyResult<()> {
    // SAFETY: the thread is attached, so it has a current interpreter, which both functions only look at.
    if unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) } == 0 {
        return Ok(());
    }
    Err(PyImportError::new_err(
        "pyspan cannot be used in a sub-interpreter: import it in the main interpreter, or use processes \
         (under mod_wsgi set WSGIApplicationGroup %{GLOBAL}, under uWSGI single-interpreter = true)",
    ))
}
