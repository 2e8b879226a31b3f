//! Values of any type, by the rules of opentelemetry's `BoundedAttributes`.

use super::key::{item_key, says_something};
use super::plain::encode_plain;
use super::text::{Text, text_of};
use crate::api::{self, Api};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyFloat, PyInt, PyList, PyMapping, PySequence, PyString, PyTuple};
use pyspan_core::span::{Value, put_array_element, put_key_value};

/// Containers nest at most this deep; what lies deeper becomes null, with a warning.
const MAX_DEPTH: usize = 32;

/// A converted value: what a Python object holds itself, or bytes of its own.
pub enum Encoded<'a> {
    Borrowed(Value<'a>),
    Text(String),
    Array(Vec<u8>),
    Map(Vec<u8>),
}

impl Encoded<'_> {
    #[inline]
    pub fn as_value(&self) -> Value<'_> {
        match self {
            Self::Borrowed(value) => *value,
            Self::Text(text) => Value::Str(text),
            Self::Array(inner) => Value::Array(inner),
            Self::Map(inner) => Value::Map(inner),
        }
    }
}

/// Converts `value`; odd types become their `str()`, or null where that says nothing, with a warning.
#[inline]
pub fn encode<'a>(
    py: Python<'_>,
    api: &Api,
    value: &'a Bound<'_, PyAny>,
    max_length: Option<u32>,
    depth: usize,
) -> Encoded<'a> {
    if let Some(plain) = encode_plain(value, max_length) {
        return Encoded::Borrowed(plain);
    }
    encode_odd(py, api, value, max_length, depth)
}

#[inline]
fn encode_text<'a>(py: Python<'_>, api: &Api, text: &'a Bound<'_, PyString>, max_length: Option<u32>) -> Encoded<'a> {
    let text = text_of(text);
    let end = max_length.and_then(|limit| text.as_str().char_indices().nth(limit as usize)).map(|(end, _)| end);
    if end.is_some() {
        let limit = max_length.unwrap_or_default().into_pyobject(py).map(Bound::into_any);
        let args = limit.as_ref().map_or_else(|never| match *never {}, |limit| [limit]);
        api::warn(py, &api.logger, "String attribute value exceeds max length of %d, truncating.", &args);
    }
    match text {
        Text::Borrowed(text) => Encoded::Borrowed(Value::Str(&text[..end.unwrap_or(text.len())])),
        Text::Replaced(text) => Encoded::Text(text[..end.unwrap_or(text.len())].to_owned()),
    }
}

/// Integers beyond 64 bits become decimal text, as the specification maps them.
#[inline]
fn encode_int<'a>(value: &Bound<'_, PyAny>) -> Encoded<'a> {
    let mut overflow = 0;
    // SAFETY: the object is a live int.
    let number = unsafe { ffi::PyLong_AsLongLongAndOverflow(value.as_ptr(), &raw mut overflow) };
    match overflow {
        0 => Encoded::Borrowed(Value::Int(number)),
        _ => Encoded::Text(value.str().map(|text| text.to_string_lossy().into_owned()).unwrap_or_default()),
    }
}

#[cold]
fn encode_odd<'a>(
    py: Python<'_>,
    api: &Api,
    value: &'a Bound<'_, PyAny>,
    max_length: Option<u32>,
    depth: usize,
) -> Encoded<'a> {
    if value.is_none() {
        return Encoded::Borrowed(Value::Null);
    }
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Encoded::Borrowed(Value::Bytes(bytes.as_bytes()));
    }
    if let Ok(text) = value.cast::<PyString>() {
        return encode_text(py, api, text, max_length);
    }
    if value.is_instance_of::<PyInt>() {
        return encode_int(value);
    }
    if let Ok(number) = value.cast::<PyFloat>() {
        return Encoded::Borrowed(Value::Double(number.value()));
    }
    encode_container(py, api, value, max_length, depth)
}

fn encode_container<'a>(
    py: Python<'_>,
    api: &Api,
    value: &'a Bound<'_, PyAny>,
    max_length: Option<u32>,
    depth: usize,
) -> Encoded<'a> {
    let is_sequence =
        value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() || value.cast::<PySequence>().is_ok();
    let is_mapping = !is_sequence && value.cast::<PyMapping>().is_ok();
    if !is_sequence && !is_mapping {
        return encode_unknown(py, api, value);
    }
    if depth >= MAX_DEPTH {
        api::warn(py, &api.logger, "attribute value nests too deep, the rest becomes null", &[]);
        return Encoded::Borrowed(Value::Null);
    }
    let encoded = if is_sequence {
        encode_sequence(py, api, value, max_length, depth).map(Encoded::Array)
    } else {
        encode_mapping(py, api, value, max_length, depth).map(Encoded::Map)
    };
    encoded.unwrap_or_else(|error| {
        api::log_exception(py, &api.logger, "attribute value could not be read, it becomes null", error);
        Encoded::Borrowed(Value::Null)
    })
}

fn encode_sequence(
    py: Python<'_>,
    api: &Api,
    value: &Bound<'_, PyAny>,
    max_length: Option<u32>,
    depth: usize,
) -> PyResult<Vec<u8>> {
    let mut out = Vec::new();
    for element in value.try_iter()? {
        put_array_element(&mut out, &encode(py, api, &element?, max_length, depth + 1).as_value());
    }
    Ok(out)
}

fn encode_mapping(
    py: Python<'_>,
    api: &Api,
    value: &Bound<'_, PyAny>,
    max_length: Option<u32>,
    depth: usize,
) -> PyResult<Vec<u8>> {
    let mut out = Vec::new();
    for item in value.cast::<PyMapping>()?.items()?.iter() {
        let (key, value) = item.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
        if let Some(key) = item_key(py, api, &key) {
            put_key_value(&mut out, 1, key.as_str(), &encode(py, api, &value, max_length, depth + 1).as_value());
        }
    }
    Ok(out)
}

/// Takes `str()` where the type defines one.
fn encode_unknown<'a>(py: Python<'_>, api: &Api, value: &Bound<'_, PyAny>) -> Encoded<'a> {
    let kind = value.get_type();
    api::warn(
        py,
        &api.logger,
        "Invalid type `%s` for attribute value. Its str() is used where the type defines one, else null.",
        &[kind.as_any()],
    );
    if !says_something(value) {
        return Encoded::Borrowed(Value::Null);
    }
    match value.str() {
        Ok(text) => Encoded::Text(text.to_string_lossy().into_owned()),
        Err(error) => {
            api::log_exception(py, &api.logger, "str() of an attribute value failed, it becomes null", error);
            Encoded::Borrowed(Value::Null)
        }
    }
}
