//! Texts of headers and of what servers say.

use crate::encode::{self, Text};
use pyo3::prelude::*;
use pyo3::types::PyString;
use std::borrow::Cow;

/// Returns the text of a Python string.
#[inline]
pub fn text<'a>(string: &'a Bound<'_, PyString>) -> Cow<'a, str> {
    match encode::text_of(string) {
        Text::Borrowed(text) => Cow::Borrowed(text),
        Text::Replaced(text) => Cow::Owned(text),
    }
}

/// Returns the text of a header, which HTTP has in Latin-1.
#[inline]
pub fn latin1(bytes: &[u8]) -> Cow<'_, str> {
    if bytes.is_ascii() {
        // SAFETY: ASCII is UTF-8; to look again would cost as much as the rest.
        return Cow::Borrowed(unsafe { std::str::from_utf8_unchecked(bytes) });
    }
    Cow::Owned(bytes.iter().map(|&byte| char::from(byte)).collect())
}
