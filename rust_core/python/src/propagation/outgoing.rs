//! What is to be injected: the span and the baggage of a context.

use super::carrier::Writer;
use super::names::Names;
use crate::api::Api;
use crate::current;
use crate::span::Parent;
use crate::{encode, span::start};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use pyspan_core::propagation::baggage;

/// A context on its way out.
pub struct Outgoing<'a, 'py> {
    pub py: Python<'py>,
    pub names: &'static Names,
    pub writer: Writer<'a, 'py>,
    pub span: Option<Parent>,
    context: Bound<'py, PyAny>,
}

impl<'a, 'py> Outgoing<'a, 'py> {
    pub fn new(
        py: Python<'py>,
        api: &'static Api,
        names: &'static Names,
        writer: Writer<'a, 'py>,
        context: Bound<'py, PyAny>,
    ) -> PyResult<Self> {
        let found = current::span(py, api, Some(&context))?;
        let span = found.map_or(Ok(None), |found| start::parent_of(py, api, &found))?;
        Ok(Self { py, names, writer, span, context })
    }

    pub const fn context(&self) -> &Bound<'py, PyAny> {
        &self.context
    }

    /// Returns the header text of the span's trace state.
    pub fn trace_state(&self) -> &str {
        let state = self.span.as_ref().and_then(|span| span.trace_state.as_ref());
        state.map_or("", |state| state.header(self.py))
    }

    /// Sets a header.
    #[inline]
    pub fn set(&self, name: &Bound<'py, PyString>, value: &str) -> PyResult<()> {
        self.writer.set(name, &PyString::new(self.py, value))
    }

    /// Returns what the context holds under `key`.
    pub fn get(&self, key: &Py<PyString>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self.context.cast::<PyDict>() {
            Ok(context) => context.get_item(key),
            Err(_) => Ok(Some(self.context.call_method1(intern!(self.py, "get"), (key,))?)),
        }
    }

    /// Calls `each` with the key and the text of each member of the baggage, and its properties.
    pub fn each_baggage(&self, mut each: impl FnMut(&str, &str, &str) -> PyResult<()>) -> PyResult<()> {
        let baggage = self.get(&self.names.baggage_key)?;
        let Some(baggage) = baggage.as_ref().and_then(|baggage| baggage.cast::<PyDict>().ok()) else { return Ok(()) };
        // The text of a value may be made by anybody's code, which must not meet an iteration under way.
        let members: Vec<_> = baggage.iter().collect();
        for (key, value) in members {
            let properties = self.properties_of(&value)?;
            let (key, value) = (text_of(key)?, text_of(value)?);
            let (key, value) = (encode::text_of(&key), encode::text_of(&value));
            each(key.as_str(), value.as_str(), properties.as_deref().unwrap_or_default())?;
        }
        Ok(())
    }

    fn properties_of(&self, value: &Bound<'py, PyAny>) -> PyResult<Option<String>> {
        if value.is_exact_instance_of::<PyString>() || !value.is_instance(self.names.baggage_value.bind(self.py))? {
            return Ok(None);
        }
        value.getattr(intern!(self.py, "properties"))?.extract().map(Some)
    }

    /// Sets the header `baggage` to the members that `wanted` admits.
    pub fn set_baggage(&self, wanted: impl Fn(&str) -> bool) -> PyResult<()> {
        let mut list = baggage::Writer::default();
        self.each_baggage(|key, value, properties| {
            if wanted(key) && !list.push(key, value, properties) {
                self.warn_of_member(key);
            }
            Ok(())
        })?;
        let header = list.finish();
        if header.is_empty() { Ok(()) } else { self.set(intern!(self.py, "baggage"), &header) }
    }

    #[cold]
    pub fn warn_of_member(&self, key: &str) {
        let key = PyString::new(self.py, key);
        let message = "the baggage `%s` does not travel: its name is no token, or the header would become too long";
        crate::api::warn(self.py, &self.names.logger, message, &[key.as_any()]);
    }
}

fn text_of(value: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyString>> {
    match value.cast_into::<PyString>() {
        Ok(text) => Ok(text),
        Err(other) => other.into_inner().str(),
    }
}
