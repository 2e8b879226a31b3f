//! Python attribute values as OTLP bytes, by the rules of opentelemetry's `BoundedAttributes`.

use crate::api::{self, Api};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyFloat, PyInt, PyList, PyMapping, PySequence, PyString, PyTuple};
use pyo3::{Borrowed, ffi};
use pyspan_core::span::{Attributes, Value, put_array_element, put_key_value};

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

/// How many attributes there may be, and how many characters a string among them may have.
#[derive(Clone, Copy)]
pub struct Room {
    pub count: Option<u32>,
    pub length: Option<u32>,
}

/// Adds the items at the front of `dict` that need no second look, and returns how many those are: nearly always all.
#[inline]
pub fn set_plain_items(dict: &Bound<'_, PyDict>, attributes: &mut Attributes, room: Room) -> usize {
    // The keys of a dict differ from each other, so there is nothing to replace in an empty list.
    if attributes.is_empty() {
        each_plain_item(dict, room.length, &mut New { attributes, limit: room.count })
    } else {
        each_plain_item(dict, room.length, &mut Any { attributes, limit: room.count })
    }
}

#[inline]
fn each_plain_item(dict: &Bound<'_, PyDict>, max_length: Option<u32>, sink: &mut impl Sink) -> usize {
    let (mut position, mut done) = (0, 0);
    let (mut key, mut value) = (std::ptr::null_mut(), std::ptr::null_mut());
    // SAFETY: the dict is live and does not change meanwhile: converting plain keys and values runs no Python code.
    while unsafe { ffi::PyDict_Next(dict.as_ptr(), &raw mut position, &raw mut key, &raw mut value) } != 0 {
        // SAFETY: borrowed from the dict, which keeps them alive for this round.
        let (key, value) = unsafe { (Borrowed::from_ptr(dict.py(), key), Borrowed::from_ptr(dict.py(), value)) };
        if !put_plain_item(&key, &value, max_length, sink) {
            break;
        }
        done += 1;
    }
    done
}

/// Calls `set` for each item of `mapping` but the first `skipped`, without a key for an invalid one.
#[cold]
pub fn set_items(
    py: Python<'_>,
    api: &Api,
    mapping: &Bound<'_, PyAny>,
    skipped: usize,
    max_length: Option<u32>,
    mut set: impl FnMut(Option<&str>, &Value<'_>),
) -> PyResult<()> {
    for item in mapping.cast::<PyMapping>()?.items()?.iter().skip(skipped) {
        let (key, value) = item.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
        match item_key(py, api, &key) {
            Some(key) => set(Some(key.as_str()), &encode(py, api, &value, max_length, 0).as_value()),
            None => set(None, &Value::Null),
        }
    }
    Ok(())
}

/// Where plain items go. A trait, since a closure would not be compiled anew for each type of value: that spares it to
/// look for the type again, three times an attribute.
pub trait Sink {
    fn put(&mut self, key: &str, value: &Value<'_>);
}

/// Attributes among which the key may be.
pub struct Any<'a> {
    pub attributes: &'a mut Attributes,
    pub limit: Option<u32>,
}

/// Attributes among which the key is not.
struct New<'a> {
    attributes: &'a mut Attributes,
    limit: Option<u32>,
}

#[expect(clippy::inline_always, reason = "see `Sink`")]
impl Sink for Any<'_> {
    #[inline(always)]
    fn put(&mut self, key: &str, value: &Value<'_>) {
        self.attributes.set(key, value, self.limit);
    }
}

#[expect(clippy::inline_always, reason = "see `Sink`")]
impl Sink for New<'_> {
    #[inline(always)]
    fn put(&mut self, key: &str, value: &Value<'_>) {
        self.attributes.set_new(key, value, self.limit);
    }
}

/// Puts a key and a value that need no second look, which most do; false for others.
#[inline(always)]
#[expect(clippy::inline_always, reason = "see `Sink`")]
pub fn put_plain_item(
    key: &Bound<'_, PyAny>,
    value: &Bound<'_, PyAny>,
    max_length: Option<u32>,
    sink: &mut impl Sink,
) -> bool {
    let Some(key) = plain_key(key) else { return false };
    if let Ok(text) = value.cast_exact::<PyString>() {
        let text = plain_str(text).filter(|text| max_length.is_none_or(|limit| text.len() <= limit as usize));
        return text.map(|text| sink.put(key, &Value::Str(text))).is_some();
    }
    match plain_number(value) {
        Some(Value::Int(number)) => sink.put(key, &Value::Int(number)),
        Some(Value::Double(number)) => sink.put(key, &Value::Double(number)),
        Some(Value::Bool(flag)) => sink.put(key, &Value::Bool(flag)),
        _ => return false,
    }
    true
}

/// A key that needs no second look.
#[inline]
fn plain_key<'a>(key: &'a Bound<'_, PyAny>) -> Option<&'a str> {
    let Ok(text) = key.cast_exact::<PyString>() else { return None };
    plain_str(text).filter(|text| !text.is_empty())
}

/// Text that UTF-8 can hold.
#[inline]
pub fn plain_str<'a>(string: &'a Bound<'_, PyString>) -> Option<&'a str> {
    match text_of(string) {
        Text::Borrowed(text) => Some(text),
        Text::Replaced(_) => None,
    }
}

/// Converts a value of the four common types without running Python code; `None` for what needs a second look.
#[inline]
fn encode_plain<'a>(value: &'a Bound<'_, PyAny>, max_length: Option<u32>) -> Option<Value<'a>> {
    let Ok(text) = value.cast_exact::<PyString>() else { return plain_number(value) };
    plain_str(text).filter(|text| max_length.is_none_or(|limit| text.len() <= limit as usize)).map(Value::Str)
}

#[inline]
fn plain_number(value: &Bound<'_, PyAny>) -> Option<Value<'static>> {
    // SAFETY: the object is live; the exact types make the unchecked accessors valid.
    unsafe {
        let object = value.as_ptr();
        if ffi::PyLong_CheckExact(object) != 0 {
            let mut overflow = 0;
            let number = ffi::PyLong_AsLongLongAndOverflow(object, &raw mut overflow);
            return (overflow == 0).then_some(Value::Int(number));
        }
        if ffi::PyFloat_CheckExact(object) != 0 {
            return Some(Value::Double(ffi::PyFloat_AS_DOUBLE(object)));
        }
        (ffi::PyBool_Check(object) != 0).then(|| Value::Bool(object == ffi::Py_True()))
    }
}

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
fn item_key<'a>(py: Python<'_>, api: &Api, key: &'a Bound<'_, PyAny>) -> Option<Text<'a>> {
    if key.is_instance_of::<PyString>() || !key.is_truthy().unwrap_or(false) || !says_something(key) {
        return key_text(py, api, key);
    }
    let kind = key.get_type();
    api::warn(py, &api.logger, "Invalid type `%s` for attribute key `%s`, its str() is used.", &[kind.as_any(), key]);
    key.str().map(|text| Text::Replaced(replaced(&text))).ok()
}

/// True when the type defines `__str__` or `__repr__`; the default text, an address, says nothing.
fn says_something(value: &Bound<'_, PyAny>) -> bool {
    let kind = value.get_type();
    ["__str__", "__repr__"].iter().any(|name| {
        let own = kind.getattr(*name).ok();
        let default = value.py().get_type::<PyAny>().getattr(*name).ok();
        matches!((own, default), (Some(own), Some(default)) if !own.is(&default))
    })
}

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
    // SAFETY: the object is a live string; compact ASCII keeps its bytes, which are UTF-8, right behind its header.
    unsafe {
        let object = string.as_ptr();
        if ffi::PyUnicode_IS_COMPACT_ASCII(object) != 0 {
            let bytes = std::slice::from_raw_parts(
                ffi::PyUnicode_1BYTE_DATA(object).cast_const(),
                ffi::PyUnicode_GET_LENGTH(object).cast_unsigned(),
            );
            return Text::Borrowed(std::str::from_utf8_unchecked(bytes));
        }
    }
    string.to_str().map_or_else(|_| Text::Replaced(replaced(string)), Text::Borrowed)
}

/// Replaces each lone surrogate by one replacement character.
#[cold]
pub fn replaced(string: &Bound<'_, PyString>) -> String {
    let encoded = string.call_method1("encode", ("utf-16-le", "surrogatepass"));
    let units = encoded.and_then(|encoded| Ok(encoded.cast::<PyBytes>()?.as_bytes().to_vec())).unwrap_or_default();
    let units: Vec<u16> = units.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]])).collect();
    String::from_utf16_lossy(&units)
}

/// Returns the text of a name that was cleaned when it was set.
#[inline]
pub fn plain_text<'a>(string: &'a Bound<'_, PyString>) -> &'a str {
    plain_str(string).unwrap_or_default()
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

/// Adds the items of `mapping` to `attributes`.
#[inline]
pub fn attributes_into(
    py: Python<'_>,
    api: &Api,
    mapping: Option<&Bound<'_, PyAny>>,
    attributes: &mut Attributes,
    room: Room,
) -> PyResult<()> {
    let Some(mapping) = mapping.filter(|mapping| !mapping.is_none()) else { return Ok(()) };
    let mut done = 0;
    if let Ok(dict) = mapping.cast_exact::<PyDict>() {
        done = set_plain_items(dict, attributes, room);
        if done == dict.len() {
            return Ok(());
        }
    }
    set_items(py, api, mapping, done, room.length, |key, value| set_or_drop(attributes, key, value, room.count))
}

/// Sets one attribute, or counts one with an invalid key as dropped.
#[inline]
pub fn set_or_drop(attributes: &mut Attributes, key: Option<&str>, value: &Value<'_>, limit: Option<u32>) {
    match key {
        Some(key) => attributes.set(key, value, limit),
        None => attributes.dropped += 1,
    }
}
