//! The one place where errors of the core become classes of `pyspan.errors`.

use pyo3::import_exception;

import_exception!(pyspan.errors, MalformedError);
import_exception!(pyspan.errors, SpoolFullError);
