//! Members of the baggage that spans take as attributes when they start.

use crate::api::{self, Api};
use crate::current;
use crate::encode::text_of;
use crate::propagation::baggage_of;
use crate::span::Span;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

/// Which members are taken: by their names, or by how these begin.
pub struct Patterns {
    names: Vec<Py<PyString>>,
    beginnings: Vec<String>,
}

impl Patterns {
    /// A pattern is a name, or its beginning with a star.
    pub fn new(py: Python<'_>, patterns: &[String]) -> Self {
        let (mut names, mut beginnings) = (Vec::new(), Vec::new());
        for pattern in patterns {
            match pattern.strip_suffix('*') {
                Some(beginning) => beginnings.push(beginning.to_owned()),
                None => names.push(PyString::new(py, pattern).unbind()),
            }
        }
        Self { names, beginnings }
    }

    /// Sets what is taken of `context`, by default the current one, on `span`.
    #[cold]
    pub fn set_on(&self, py: Python<'_>, api: &Api, span: &Span, context: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        match self.pick(py, api, context) {
            Ok(Some(picked)) => span.set_all(py, &picked),
            Ok(None) => Ok(()),
            Err(error) => api::log_exception(py, &api.logger, "the baggage could not be read", error),
        }
    }

    fn pick<'py>(
        &self,
        py: Python<'py>,
        api: &Api,
        context: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyDict>>> {
        let Some(baggage) = baggage_of(&current::context(py, api, context)?)? else { return Ok(None) };
        let picked = PyDict::new(py);
        for name in &self.names {
            if let Some(value) = baggage.get_item(name)? {
                picked.set_item(name, value)?;
            }
        }
        if !self.beginnings.is_empty() {
            for (key, value) in baggage.copy()? {
                if key.cast::<PyString>().is_ok_and(|key| self.begins(key)) {
                    picked.set_item(key, value)?;
                }
            }
        }
        Ok(Some(picked))
    }

    fn begins(&self, key: &Bound<'_, PyString>) -> bool {
        self.beginnings.iter().any(|beginning| text_of(key).as_str().starts_with(beginning))
    }
}
