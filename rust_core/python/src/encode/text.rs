//! Text of Python strings.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

/// Text of a Python string; lone surrogates, which UTF-8 cannot hold, are replaced.
pub enum Text<'a> {
    Borrowed(&'a str),
    Replaced(String),
}

impl Text<'_> {
    #[inline]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Replaced(text) => text,
        }
    }
}

/// Returns the text of `string`.
#[inline]
pub fn text_of<'a>(string: &'a Bound<'_, PyString>) -> Text<'a> {
    plain_str(string).map_or_else(|| Text::Replaced(replaced(string)), Text::Borrowed)
}

/// Replaces each lone surrogate by one replacement character.
#[cold]
pub fn replaced(string: &Bound<'_, PyString>) -> String {
    // SAFETY: a live string and two C strings; the method of the same purpose may be overridden by a subclass.
    let encoded = unsafe {
        let made = ffi::PyUnicode_AsEncodedString(string.as_ptr(), c"utf-16-le".as_ptr(), c"surrogatepass".as_ptr());
        Bound::from_owned_ptr_or_err(string.py(), made)
    };
    let units = encoded.and_then(|encoded| Ok(encoded.cast::<PyBytes>()?.as_bytes().to_vec())).unwrap_or_default();
    let units: Vec<u16> = units.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]])).collect();
    String::from_utf16_lossy(&units)
}

/// Returns the text of a name that was cleaned when it was set.
#[inline]
pub fn plain_text<'a>(string: &'a Bound<'_, PyString>) -> &'a str {
    plain_str(string).unwrap_or_default()
}

/// Text that UTF-8 can hold. Runs no Python code and makes no object, not even for an error.
#[inline]
pub fn plain_str<'a>(string: &'a Bound<'_, PyString>) -> Option<&'a str> {
    // SAFETY: the object is a live string; compact ASCII keeps its bytes, which are UTF-8, right behind its header.
    unsafe {
        let object = string.as_ptr();
        if ffi::PyUnicode_IS_COMPACT_ASCII(object) != 0 {
            let bytes = std::slice::from_raw_parts(
                ffi::PyUnicode_1BYTE_DATA(object).cast_const(),
                ffi::PyUnicode_GET_LENGTH(object).cast_unsigned(),
            );
            return Some(std::str::from_utf8_unchecked(bytes));
        }
    }
    wide_str(string)
}

/// The text of a string that is not ASCII. One with a surrogate is left alone: the interpreter would make an exception,
/// and to make an object may collect garbage, which runs Python code.
#[inline(never)]
fn wide_str<'a>(string: &'a Bound<'_, PyString>) -> Option<&'a str> {
    // SAFETY: a live string, whose kind says how wide its characters are; kind 0 has no characters to look at yet.
    let clean = unsafe {
        let object = string.as_ptr();
        let length = ffi::PyUnicode_GET_LENGTH(object).cast_unsigned();
        match ffi::PyUnicode_KIND(object) {
            ffi::PyUnicode_1BYTE_KIND => true,
            ffi::PyUnicode_2BYTE_KIND => !std::slice::from_raw_parts(ffi::PyUnicode_2BYTE_DATA(object), length)
                .iter()
                .any(|unit| (0xD800..=0xDFFF).contains(unit)),
            ffi::PyUnicode_4BYTE_KIND => !std::slice::from_raw_parts(ffi::PyUnicode_4BYTE_DATA(object), length)
                .iter()
                .any(|unit| (0xD800..=0xDFFF).contains(unit)),
            _ => false,
        }
    };
    if clean { string.to_str().ok() } else { None }
}
