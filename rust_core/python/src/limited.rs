//! What the limits of a span take away is said by `pyspan.sdk.trace._limited`, once for each name.

use pyo3::call::PyCallArgs;
use pyo3::prelude::*;

/// Calls a function of that module; never raises.
#[cold]
pub fn say<'py>(py: Python<'py>, function: &str, args: impl PyCallArgs<'py>) {
    let said = py.import("pyspan.sdk.trace._limited").and_then(|module| module.call_method1(function, args));
    if let Err(error) = said {
        error.write_unraisable(py, None);
    }
}
