//! Arguments that are true or false in Python's sense.

use pyo3::prelude::*;
use pyo3::types::PyBool;
use std::convert::Infallible;

/// Whether an argument is true; one that cannot say so is taken for true, since a tracer raises nothing.
pub struct Truth(pub bool);

impl<'a, 'py> FromPyObject<'a, 'py> for Truth {
    type Error = Infallible;

    #[inline]
    fn extract(object: Borrowed<'a, 'py, PyAny>) -> Result<Self, Infallible> {
        Ok(Self(match object.cast_exact::<PyBool>() {
            Ok(known) => known.is_true(),
            Err(_) => object.is_truthy().unwrap_or(true),
        }))
    }
}
