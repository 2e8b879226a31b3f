//! Keys and values that need no second look, which most do: written without running Python code.

use super::text::plain_str;
use super::{Redaction, Room, secrets};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use pyo3::{Borrowed, ffi};
use pyspan_core::span::{Attributes, Value};

/// Adds the items at the front of `dict` that need no second look, and returns how many those are: nearly always all.
#[inline]
pub fn set_plain_items(dict: &Bound<'_, PyDict>, attributes: &mut Attributes, room: Room) -> usize {
    // The keys of a dict differ from each other, so there is nothing to replace in an empty list.
    if attributes.is_empty() {
        each_plain_item(dict, room, &mut New { attributes, limit: room.count })
    } else {
        each_plain_item(dict, room, &mut Any { attributes, limit: room.count })
    }
}

#[inline]
fn each_plain_item(dict: &Bound<'_, PyDict>, room: Room, sink: &mut impl Sink) -> usize {
    let (mut position, mut done) = (0, 0);
    let (mut key, mut value) = (std::ptr::null_mut(), std::ptr::null_mut());
    // SAFETY: the dict is live and does not change meanwhile: converting plain keys and values runs no Python code.
    while unsafe { ffi::PyDict_Next(dict.as_ptr(), &raw mut position, &raw mut key, &raw mut value) } != 0 {
        // SAFETY: borrowed from the dict, which keeps them alive for this round.
        let (key, value) = unsafe { (Borrowed::from_ptr(dict.py(), key), Borrowed::from_ptr(dict.py(), value)) };
        if !put_plain_item(&key, &value, room, sink) {
            break;
        }
        done += 1;
    }
    done
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
pub fn put_plain_item(key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>, room: Room, sink: &mut impl Sink) -> bool {
    let Some((key, object)) = plain_key(key) else { return false };
    let redacts = room.redaction != Redaction::Off;
    if redacts && secrets::is_suspect(object, key) && secrets::is_changed(key, value, room.redaction) {
        return false;
    }
    if let Ok(text) = value.cast_exact::<PyString>() {
        return plain_value(text, room).map(|text| sink.put(key, &Value::Str(text))).is_some();
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
fn plain_key<'a>(key: &'a Bound<'_, PyAny>) -> Option<(&'a str, &'a Bound<'a, PyString>)> {
    let Ok(text) = key.cast_exact::<PyString>() else { return None };
    plain_str(text).filter(|name| !name.is_empty()).map(|name| (name, text))
}

/// Converts a value of the four common types without running Python code; `None` for what needs a second look.
#[inline]
pub(super) fn encode_plain<'a>(value: &'a Bound<'_, PyAny>, room: Room) -> Option<Value<'a>> {
    let Ok(text) = value.cast_exact::<PyString>() else { return plain_number(value) };
    plain_value(text, room).map(Value::Str)
}

/// A text that is written as it is.
#[inline(always)]
#[expect(clippy::inline_always, reason = "see `Sink`")]
fn plain_value<'a>(text: &'a Bound<'_, PyString>, room: Room) -> Option<&'a str> {
    let plain = plain_str(text)?;
    let fits = room.length.is_none_or(|limit| plain.len() <= limit as usize);
    if fits && !room.redaction.finds_in(plain) { Some(plain) } else { None }
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
