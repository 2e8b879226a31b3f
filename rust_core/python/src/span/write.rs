//! What changes a live span: attributes, events, links, status.

use super::{Span, parts, start};
use crate::api;
use crate::encode::{self, Redaction, Room};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use pyspan_core::clock::now_ns;
use pyspan_core::span::{StatusCode, Value};

impl Span {
    pub(crate) fn set_all(&self, py: Python<'_>, attributes: &Bound<'_, PyAny>) -> PyResult<()> {
        let mut done = 0;
        if let Ok(dict) = attributes.cast_exact::<PyDict>() {
            done = encode::set_plain_items(dict, &mut self.state.borrow_mut(py).body().attributes, self.room(py));
            if done == dict.len() {
                return Ok(());
            }
        }
        self.set_rest(py, attributes, done)
    }

    /// Sets what [`encode::set_plain_items`] has left; converting it may run Python code, so the state is not borrowed.
    #[cold]
    fn set_rest(&self, py: Python<'_>, attributes: &Bound<'_, PyAny>, done: usize) -> PyResult<()> {
        let (api, room) = (self.api(py), self.room(py));
        let set = |key: Option<&str>, value: &Value<'_>| {
            encode::set_or_drop(&mut self.state.borrow_mut(py).body().attributes, key, value, room.count);
        };
        encode::set_items(py, api, attributes, done, room, set)
            .or_else(|error| api::log_exception(py, &api.logger, "attributes could not be read", error))
    }

    #[inline]
    pub(super) fn room(&self, py: Python<'_>) -> Room {
        let limits = self.limits(py);
        Room { count: limits.attributes, length: limits.span_attribute_length, redaction: self.redaction(py) }
    }

    /// Where secrets are looked for.
    #[inline]
    pub(super) fn redaction(&self, py: Python<'_>) -> Redaction {
        self.tracer(py).recorder.get().redaction
    }

    /// Sets an attribute that the shortcut has left.
    #[cold]
    pub(super) fn set_any_attribute(
        &self,
        py: Python<'_>,
        key: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let (api, room) = (self.api(py), self.room(py));
        let key = encode::key_text(py, api, key);
        let key = key.as_ref().map(encode::Text::as_str);
        let value = encode::encode_item(py, api, key.unwrap_or_default(), value, room)?;
        let mut state = self.state.borrow_mut(py);
        encode::set_or_drop(&mut state.body().attributes, key, &value.as_value(), room.count);
        Ok(())
    }

    pub(super) fn add_links(&self, py: Python<'_>, links: &Bound<'_, PyAny>) -> PyResult<()> {
        let each = links.try_iter().and_then(|links| {
            for link in links {
                let link = link?;
                self.link(py, &link.getattr("context")?, Some(&link.getattr("attributes")?))?;
            }
            Ok(())
        });
        each.or_else(|error| api::log_exception(py, &self.api(py).logger, "links could not be read", error))
    }

    pub(super) fn link(
        &self,
        py: Python<'_>,
        context: &Bound<'_, PyAny>,
        attributes: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        parts::add_link(py, self, context, attributes)
            .or_else(|error| api::log_exception(py, &self.api(py).logger, "a link could not be read", error))
    }

    /// OK is final and UNSET says nothing, as the specification has it.
    pub(super) fn take_status(&self, py: Python<'_>, code: StatusCode, message: Option<String>) {
        let mut state = self.state.borrow_mut(py);
        if state.status != StatusCode::Ok && code != StatusCode::Unset {
            state.status = code;
            state.status_message = message.map(String::into_boxed_str);
        }
    }

    pub(super) fn event(
        &self,
        py: Python<'_>,
        name: Bound<'_, PyAny>,
        attributes: Option<&Bound<'_, PyAny>>,
        timestamp: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let time_ns = start::given_time(py, self.api(py), timestamp).unwrap_or_else(now_ns);
        let name = start::clean_name(name)?;
        parts::add_event(py, self, encode::text_of(&name).as_str(), time_ns, attributes)
            .or_else(|error| api::log_exception(py, &self.api(py).logger, "an event could not be recorded", error))
    }

    /// The attributes of an exception's event; `attributes` win over what the exception says of itself.
    pub(super) fn describe_exception<'py>(
        py: Python<'py>,
        exception: &Bound<'py, PyAny>,
        attributes: Option<&Bound<'py, PyAny>>,
        escaped: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let described = api::readable(py)?.call_method1("exception_attributes", (exception, escaped))?;
        if let Some(attributes) = attributes.filter(|attributes| !attributes.is_none()) {
            described.call_method1("update", (attributes,))?;
        }
        Ok(described)
    }

    /// Sets the status from what the API allows: a `Status`, or a `StatusCode` with a description; one whose own code fails is
    /// logged.
    pub(super) fn status_from(
        &self,
        py: Python<'_>,
        status: &Bound<'_, PyAny>,
        description: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let set = self.try_status_from(py, status, description);
        set.or_else(|error| api::log_exception(py, &self.api(py).logger, "a status could not be set", error))
    }

    fn try_status_from(
        &self,
        py: Python<'_>,
        status: &Bound<'_, PyAny>,
        description: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let api = self.api(py);
        let description = description.filter(|text| !text.is_none());
        if let (Some(code), None) = (api.status_code(status), description) {
            self.take_status(py, code, None);
            return Ok(());
        }
        let Some(status) = self.status_object(py, status, description)? else { return Ok(()) };
        let code = api.status_code(&status.getattr("status_code")?).unwrap_or_default();
        let description = status.getattr("description")?;
        let description = description.cast::<PyString>().ok().map(|text| self.told(py, encode::text_of(text).as_str()));
        self.take_status(py, code, description);
        Ok(())
    }

    /// What an exception says, as it is written.
    fn told(&self, py: Python<'_>, text: &str) -> String {
        self.redaction(py).in_messages().clean(text).unwrap_or_else(|| text.to_owned())
    }

    fn status_object<'py>(
        &self,
        py: Python<'py>,
        status: &Bound<'py, PyAny>,
        description: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let api = self.api(py);
        if status.is_instance(api.status_type.bind(py))? {
            if let Some(text) = description {
                let message = "Description %s ignored. Use either `Status` or `(StatusCode, Description)`";
                api::warn(py, &api.logger, message, &[text]);
            }
            return Ok(Some(status.clone()));
        }
        api.status_code(status).map(|_| api.status_type.bind(py).call1((status, description))).transpose()
    }
}
