//! Bodies that are whole when the application returns: nothing of it runs after that, so the span may end.

use super::wsgi_body::part_length;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple, PyType};

/// Returns the length of a body that is whole: a list, a tuple, or what Werkzeug makes of them.
pub fn length(environ: &Bound<'_, PyDict>, body: &Bound<'_, PyAny>) -> Option<u64> {
    if let Ok(list) = body.cast_exact::<PyList>() {
        return Some(list.iter().map(|part| part_length(&part) as u64).sum());
    }
    if let Ok(tuple) = body.cast_exact::<PyTuple>() {
        return Some(tuple.iter().map(|part| part_length(&part) as u64).sum());
    }
    // What the response is asked is no more than what Werkzeug defines; should that change, the body is wrapped.
    werkzeug_response(environ, body).ok().flatten().and_then(|response| response_length(&response).ok().flatten())
}

/// What tells a response of Werkzeug, of which nothing but Werkzeug's own code runs after it was returned.
struct Werkzeug {
    closing_iterator: Py<PyType>,
    /// The code that encodes the parts of a response.
    encoding: Py<PyAny>,
    close: Py<PyAny>,
}

/// Returns the response that `body` is made of, as Werkzeug makes it: its own encoder over the parts, then its own close.
fn werkzeug_response<'py>(
    environ: &Bound<'py, PyDict>,
    body: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = body.py();
    if !environ.contains(intern!(py, "werkzeug.request"))? {
        return Ok(None);
    }
    let Some(werkzeug) = werkzeug(py) else { return Ok(None) };
    if !body.get_type().is(&werkzeug.closing_iterator) {
        return Ok(None);
    }
    let callbacks = body.getattr(intern!(py, "_callbacks"))?.cast_into::<PyList>()?;
    if callbacks.len() != 2 {
        return Ok(None);
    }
    let parts = callbacks.get_item(0)?.getattr(intern!(py, "__self__"))?;
    let close = callbacks.get_item(1)?;
    let known = parts.getattr(intern!(py, "gi_code"))?.is(&werkzeug.encoding)
        && close.getattr(intern!(py, "__func__"))?.is(&werkzeug.close);
    if known { close.getattr(intern!(py, "__self__")).map(Some) } else { Ok(None) }
}

/// Returns the length of a response that nobody waits for the end of and that is a list of bytes.
fn response_length(response: &Bound<'_, PyAny>) -> PyResult<Option<u64>> {
    let py = response.py();
    let parts = response.getattr(intern!(py, "response"))?;
    let waiting = response.getattr(intern!(py, "_on_close"))?.cast_into::<PyList>()?;
    let Ok(parts) = parts.cast_exact::<PyList>() else { return Ok(None) };
    if !waiting.is_empty() || !parts.iter().all(|part| part.is_exact_instance_of::<PyBytes>()) {
        return Ok(None);
    }
    Ok(Some(parts.iter().map(|part| part_length(&part) as u64).sum()))
}

fn werkzeug(py: Python<'_>) -> Option<&Werkzeug> {
    static KNOWN: PyOnceLock<Option<Werkzeug>> = PyOnceLock::new();
    KNOWN.get_or_init(py, || Werkzeug::look(py).ok()).as_ref()
}

impl Werkzeug {
    /// Werkzeug is there: it has left its request in the environment.
    fn look(py: Python<'_>) -> PyResult<Self> {
        let responses = py.import("werkzeug.wrappers.response")?;
        let closing_iterator = py.import("werkzeug.wsgi")?.getattr("ClosingIterator")?.cast_into::<PyType>()?;
        Ok(Self {
            closing_iterator: closing_iterator.unbind(),
            encoding: responses.getattr("_iter_encoded")?.getattr("__code__")?.unbind(),
            close: responses.getattr("Response")?.getattr("close")?.unbind(),
        })
    }
}
