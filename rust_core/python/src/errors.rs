//! The one place where errors of the core become classes of `pyspan.errors`.

use pyo3::PyErr;
use pyo3::import_exception;
use pyspan_core::otlp::malformed::Malformed;

import_exception!(pyspan.errors, MalformedError);
import_exception!(pyspan.errors, SpoolFullError);

/// Returns the error for bytes that are no export request.
pub fn malformed(error: Malformed) -> PyErr {
    MalformedError::new_err(error.to_string())
}
