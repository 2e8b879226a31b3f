//! Values of any type, by the rules of opentelemetry's `BoundedAttributes`.

use super::key::{item_key, says_something};
use super::plain::encode_plain;
use super::text::{Text, text_of};
use super::{Redaction, Room, secrets};
use crate::api::{self, Api};
use crate::limited;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyFloat, PyInt, PyList, PyMapping, PySequence, PyString, PyTuple};
use pyspan_core::otlp::schema::MAX_DEPTH;
use pyspan_core::redact::MARKER;
use pyspan_core::span::{Value, put_array_element, put_key_value};

/// Where a value lies in the request: resource spans, scope spans, span, event, attribute, value. What nests beyond
/// [`MAX_DEPTH`] messages from there becomes null, with a warning: nobody could read it.
const VALUE_DEPTH: u32 = 6;
/// A list within a list lies two messages deeper (the array, the value), a map within a map three.
const ARRAY_DEPTH: u32 = 2;
const MAP_DEPTH: u32 = 3;
/// Lists and maps are cut where they encode to more, with a warning: one that holds itself, or a few that hold each
/// other many times, double with each level. A request of this size is what gRPC receivers take by default.
const MAX_BYTES: usize = 4 << 20;

/// A converted value: what a Python object holds itself, or bytes of its own.
pub enum Encoded<'a> {
    Borrowed(Value<'a>),
    Text(String),
    Bytes(String),
    Array(Vec<u8>),
    Map(Vec<u8>),
}

impl Encoded<'_> {
    #[inline]
    pub fn as_value(&self) -> Value<'_> {
        match self {
            Self::Borrowed(value) => *value,
            Self::Text(text) => Value::Str(text),
            Self::Bytes(text) => Value::Bytes(text.as_bytes()),
            Self::Array(inner) => Value::Array(inner),
            Self::Map(inner) => Value::Map(inner),
        }
    }
}

/// Converts the value of `key`; odd types become their `str()`, or null where that says nothing, with a warning.
/// An error is what they raised that is no `Exception`.
pub fn encode_item<'a>(
    py: Python<'_>,
    api: &Api,
    key: &str,
    value: &'a Bound<'_, PyAny>,
    room: Room,
) -> PyResult<Encoded<'a>> {
    if let Some(marker) = marker(key, value, room) {
        return Ok(marker);
    }
    let room = Room { redaction: room.redaction.under(key), ..room };
    if let Some(plain) = encode_plain(value, room) {
        return Ok(Encoded::Borrowed(plain));
    }
    encode_odd(py, api, key, value, room)
}

/// What takes the place of a secret, whatever that is.
fn marker<'a>(key: &str, value: &Bound<'_, PyAny>, room: Room) -> Option<Encoded<'a>> {
    let redacts = room.redaction != Redaction::Off && secrets::is_secret(key, value);
    let end = room.length.map_or(MARKER.len(), |limit| MARKER.len().min(limit as usize));
    redacts.then(|| Encoded::Borrowed(Value::Str(&MARKER[..end])))
}

#[inline]
fn encode_text<'a>(text: &'a Bound<'_, PyString>, room: Room, is_shortened: &mut bool) -> Encoded<'a> {
    let text = text_of(text);
    // Before it is shortened, since what is left of a secret could not be told from other text.
    let text = room.redaction.clean(text.as_str()).map_or(text, Text::Replaced);
    let end = room.length.and_then(|limit| text.as_str().char_indices().nth(limit as usize)).map(|(end, _)| end);
    *is_shortened |= end.is_some();
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
    key: &str,
    value: &'a Bound<'_, PyAny>,
    room: Room,
) -> PyResult<Encoded<'a>> {
    let mut walk =
        Walk { py, api, room, bytes_left: MAX_BYTES, is_shortened: false, is_cut: false, is_too_deep: false };
    let encoded = walk.odd(value, VALUE_DEPTH)?;
    if walk.is_shortened {
        limited::say(py, "say_shortened", (key, room.length));
    }
    if walk.is_too_deep {
        api::warn(py, &api.logger, "attribute value nests too deep, the rest becomes null", &[]);
    }
    if walk.is_cut {
        api::warn(py, &api.logger, "attribute value takes more than 4 MiB, the rest is cut off", &[]);
    }
    Ok(encoded)
}

/// The way through one value and the containers in it.
struct Walk<'py, 'api> {
    py: Python<'py>,
    api: &'api Api,
    room: Room,
    bytes_left: usize,
    is_shortened: bool,
    is_cut: bool,
    is_too_deep: bool,
}

impl Walk<'_, '_> {
    #[inline]
    fn any<'a>(&mut self, value: &'a Bound<'_, PyAny>, depth: u32) -> PyResult<Encoded<'a>> {
        encode_plain(value, self.room).map_or_else(|| self.odd(value, depth), |plain| Ok(Encoded::Borrowed(plain)))
    }

    fn odd<'a>(&mut self, value: &'a Bound<'_, PyAny>, depth: u32) -> PyResult<Encoded<'a>> {
        if value.is_none() {
            return Ok(Encoded::Borrowed(Value::Null));
        }
        if let Ok(bytes) = value.cast::<PyBytes>() {
            let clean = self.room.redaction.clean_bytes(bytes.as_bytes());
            let plain = || Encoded::Borrowed(Value::Bytes(bytes.as_bytes()));
            return Ok(clean.map_or_else(plain, Encoded::Bytes));
        }
        if let Ok(text) = value.cast::<PyString>() {
            return Ok(encode_text(text, self.room, &mut self.is_shortened));
        }
        if value.is_instance_of::<PyInt>() {
            return Ok(encode_int(value));
        }
        if let Ok(number) = value.cast::<PyFloat>() {
            return Ok(Encoded::Borrowed(Value::Double(number.value())));
        }
        self.container(value, depth)
    }

    fn container<'a>(&mut self, value: &'a Bound<'_, PyAny>, depth: u32) -> PyResult<Encoded<'a>> {
        let is_sequence =
            value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() || value.cast::<PySequence>().is_ok();
        let is_mapping = !is_sequence && value.cast::<PyMapping>().is_ok();
        if !is_sequence && !is_mapping {
            return encode_unknown(self.py, self.api, value, self.room);
        }
        let inner_depth = depth + if is_sequence { ARRAY_DEPTH } else { MAP_DEPTH };
        if inner_depth > MAX_DEPTH {
            self.is_too_deep = true;
            return Ok(Encoded::Borrowed(Value::Null));
        }
        let encoded = if is_sequence {
            self.sequence(value, inner_depth).map(Encoded::Array)
        } else {
            self.mapping(value, inner_depth).map(Encoded::Map)
        };
        encoded.or_else(|error| {
            api::log_exception(self.py, &self.api.logger, "attribute value could not be read, it becomes null", error)?;
            Ok(Encoded::Borrowed(Value::Null))
        })
    }

    fn sequence(&mut self, value: &Bound<'_, PyAny>, depth: u32) -> PyResult<Vec<u8>> {
        let mut out = Vec::new();
        for element in value.try_iter()? {
            let element = element?;
            let encoded = self.any(&element, depth)?;
            let start = out.len();
            put_array_element(&mut out, &encoded.as_value());
            self.count(&mut out, start, &encoded);
            if self.is_cut {
                break;
            }
        }
        Ok(out)
    }

    fn mapping(&mut self, value: &Bound<'_, PyAny>, depth: u32) -> PyResult<Vec<u8>> {
        let mut out = Vec::new();
        for item in value.cast::<PyMapping>()?.items()?.iter() {
            let (key, value) = item.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
            let Some(key) = item_key(self.py, self.api, &key) else { continue };
            let marker = marker(key.as_str(), &value, self.room);
            let encoded = marker.map_or_else(|| self.any(&value, depth), Ok)?;
            let start = out.len();
            put_key_value(&mut out, 1, key.as_str(), &encoded.as_value());
            self.count(&mut out, start, &encoded);
            if self.is_cut {
                break;
            }
        }
        Ok(out)
    }

    /// Takes what was written from `start` on off the bytes that are left; beyond them the element is taken back, but a
    /// container stays: what is in it has been counted, and cut where there was too much.
    #[inline]
    fn count(&mut self, out: &mut Vec<u8>, start: usize, encoded: &Encoded<'_>) {
        let inner = match encoded {
            Encoded::Array(inner) | Encoded::Map(inner) => Some(inner.len()),
            Encoded::Borrowed(_) | Encoded::Text(_) | Encoded::Bytes(_) => None,
        };
        if let Some(left) = self.bytes_left.checked_sub(out.len() - start - inner.unwrap_or(0)) {
            self.bytes_left = left;
            return;
        }
        (self.bytes_left, self.is_cut) = (0, true);
        if inner.is_none() {
            out.truncate(start);
        }
    }
}

/// Takes `str()` where the type defines one.
fn encode_unknown<'a>(py: Python<'_>, api: &Api, value: &Bound<'_, PyAny>, room: Room) -> PyResult<Encoded<'a>> {
    let kind = value.get_type();
    api::warn(
        py,
        &api.logger,
        "Invalid type `%s` for attribute value. Its str() is used where the type defines one, else null.",
        &[kind.as_any()],
    );
    if !says_something(value) {
        return Ok(Encoded::Borrowed(Value::Null));
    }
    match value.str() {
        Ok(text) => {
            let text = text.to_string_lossy();
            Ok(Encoded::Text(room.redaction.clean(&text).unwrap_or_else(|| text.into_owned())))
        }
        Err(error) => {
            api::log_exception(py, &api.logger, "str() of an attribute value failed, it becomes null", error)?;
            Ok(Encoded::Borrowed(Value::Null))
        }
    }
}
