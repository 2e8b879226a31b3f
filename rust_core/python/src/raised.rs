//! What the user's code raises inside the tracer that is no `Exception`: it goes on once the work is done.

use crate::api::{self, Api};
use pyo3::prelude::*;

/// The first error that is to go on; in a box, since one in place would cost each span the room and the moves.
#[derive(Default)]
pub struct Raised(Option<Box<PyErr>>);

impl Raised {
    #[inline]
    pub fn keep(&mut self, outcome: PyResult<()>) {
        if let Err(error) = outcome {
            self.put(error);
        }
    }

    /// Logs `error`, or keeps it where it is no `Exception`.
    #[cold]
    pub fn log(&mut self, py: Python<'_>, api: &Api, message: &str, error: PyErr) {
        self.keep(api::log_exception(py, &api.logger, message, error));
    }

    #[inline]
    pub fn release(self) -> PyResult<()> {
        self.0.map_or(Ok(()), |error| Err(*error))
    }

    #[cold]
    fn put(&mut self, error: PyErr) {
        self.0.get_or_insert_with(|| Box::new(error));
    }
}
