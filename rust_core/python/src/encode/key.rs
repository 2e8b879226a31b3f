//! Keys of any type.

use super::text::{Text, replaced, text_of};
use crate::api::{self, Api};
use pyo3::prelude::*;
use pyo3::types::PyString;

/// A key's text, or `None` with a warning when it is empty or no string.
#[inline]
pub fn key_text<'a>(py: Python<'_>, api: &Api, key: &'a Bound<'_, PyAny>) -> Option<Text<'a>> {
    let text = key.cast::<PyString>().ok().map(text_of).filter(|text| !text.as_str().is_empty());
    if text.is_none() {
        api::warn(py, &api.logger, "invalid key `%s`. must be non-empty string. Dropping key from attributes.", &[key]);
    }
    text
}

/// The key of a mapping's item: what is no string is taken by its `str()`, with a warning, as the SDK does.
#[inline]
pub(super) fn item_key<'a>(py: Python<'_>, api: &Api, key: &'a Bound<'_, PyAny>) -> Option<Text<'a>> {
    if key.is_instance_of::<PyString>() || !key.is_truthy().unwrap_or(false) || !says_something(key) {
        return key_text(py, api, key);
    }
    let kind = key.get_type();
    api::warn(py, &api.logger, "Invalid type `%s` for attribute key `%s`, its str() is used.", &[kind.as_any(), key]);
    key.str().map(|text| Text::Replaced(replaced(&text))).ok()
}

/// True when the type defines `__str__` or `__repr__`; the default text, an address, says nothing.
pub(super) fn says_something(value: &Bound<'_, PyAny>) -> bool {
    let kind = value.get_type();
    ["__str__", "__repr__"].iter().any(|name| {
        let own = kind.getattr(*name).ok();
        let default = value.py().get_type::<PyAny>().getattr(*name).ok();
        matches!((own, default), (Some(own), Some(default)) if !own.is(&default))
    })
}
