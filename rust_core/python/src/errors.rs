//! The one place where errors of the core become classes of `pyspan.errors`.

use pyo3::exceptions::PyOSError;
use pyo3::{PyErr, import_exception};
use pyspan_core::otlp::json::JsonError;
use pyspan_core::otlp::malformed::Malformed;
use pyspan_core::spool::SpoolError;

import_exception!(pyspan.errors, ConfigurationError);
import_exception!(pyspan.errors, MalformedError);
import_exception!(pyspan.errors, PermanentError);
import_exception!(pyspan.errors, PyspanError);
import_exception!(pyspan.errors, SpoolFullError);

/// Returns the error for bytes that are no export request.
pub fn malformed(error: Malformed) -> PyErr {
    MalformedError::new_err(error.to_string())
}

/// Returns the error for JSON that is no export request.
pub fn json(error: JsonError) -> PyErr {
    MalformedError::new_err(error.to_string())
}

/// Returns the error for what a spool refused; `OSError` with number and file name for the disk's own.
pub fn spool(error: SpoolError) -> PyErr {
    let text = error.to_string();
    match error {
        SpoolError::Full { .. } => SpoolFullError::new_err(text),
        SpoolError::TooLarge { .. } => PermanentError::new_err(text),
        SpoolError::Locked { .. } => ConfigurationError::new_err(text),
        SpoolError::Closed => PyspanError::new_err(text),
        SpoolError::Gone { .. } => PyOSError::new_err(text),
        SpoolError::Io { path, error } => match error.raw_os_error() {
            Some(number) => PyOSError::new_err((number, error.to_string(), path.into_os_string())),
            None => PyOSError::new_err(text),
        },
    }
}
