//! Encoded attributes, events and links back as Python objects, for those who read a span.

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use pyspan_core::otlp::wire::{FIXED32, FIXED64, LEN, VARINT, read_varint};

/// One protobuf field of bytes that this crate wrote itself.
pub enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// Iterates over the fields of a message; ends at the first byte that is no field.
pub fn fields(mut bytes: &[u8]) -> impl Iterator<Item = (u64, Field<'_>)> {
    std::iter::from_fn(move || {
        let (tag, taken) = read_varint(bytes)?;
        bytes = &bytes[taken..];
        let field = match (tag & 7) as u8 {
            VARINT => take_varint(&mut bytes).map(Field::Number),
            FIXED64 => take(&mut bytes, 8).map(|fixed| Field::Number(little_endian(fixed))),
            FIXED32 => take(&mut bytes, 4).map(|fixed| Field::Number(little_endian(fixed))),
            LEN => {
                take_varint(&mut bytes).and_then(|len| take(&mut bytes, usize::try_from(len).ok()?)).map(Field::Bytes)
            }
            _ => None,
        }?;
        Some((tag >> 3, field))
    })
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let (value, taken) = read_varint(bytes)?;
    *bytes = &bytes[taken..];
    Some(value)
}

fn take<'a>(bytes: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (head, tail) = bytes.split_at_checked(len)?;
    *bytes = tail;
    Some(head)
}

fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte))
}

/// Decodes the attributes that are written as `field` of `message`.
pub fn attributes<'py>(py: Python<'py>, message: &[u8], field: u8) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (number, content) in fields(message) {
        match content {
            Field::Bytes(entry) if number == u64::from(field) => {
                let (key, value) = key_value(py, entry)?;
                dict.set_item(key, value)?;
            }
            _ => {}
        }
    }
    Ok(dict)
}

fn key_value<'py>(py: Python<'py>, entry: &[u8]) -> PyResult<(Bound<'py, PyString>, Bound<'py, PyAny>)> {
    let mut key = PyString::new(py, "");
    let mut value = py.None().into_bound(py);
    for (number, content) in fields(entry) {
        match (number, content) {
            (1, Field::Bytes(text)) => key = string(py, text),
            (2, Field::Bytes(content)) => value = any_value(py, content)?,
            _ => {}
        }
    }
    Ok((key, value))
}

fn any_value<'py>(py: Python<'py>, content: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let Some((number, field)) = fields(content).last() else { return Ok(py.None().into_bound(py)) };
    Ok(match (number, field) {
        (1, Field::Bytes(text)) => string(py, text).into_any(),
        (2, Field::Number(flag)) => PyBool::new(py, flag != 0).to_owned().into_any(),
        (3, Field::Number(number)) => PyInt::new(py, number.cast_signed()).into_any(),
        (4, Field::Number(bits)) => PyFloat::new(py, f64::from_bits(bits)).into_any(),
        (5, Field::Bytes(inner)) => array(py, inner)?.into_any(),
        (6, Field::Bytes(inner)) => attributes(py, inner, 1)?.into_any(),
        (7, Field::Bytes(bytes)) => PyBytes::new(py, bytes).into_any(),
        _ => py.None().into_bound(py),
    })
}

fn array<'py>(py: Python<'py>, inner: &[u8]) -> PyResult<Bound<'py, PyTuple>> {
    let elements = PyList::empty(py);
    for (_, content) in fields(inner) {
        if let Field::Bytes(element) = content {
            elements.append(any_value(py, element)?)?;
        }
    }
    Ok(elements.to_tuple())
}

fn string<'py>(py: Python<'py>, text: &[u8]) -> Bound<'py, PyString> {
    PyString::new(py, std::str::from_utf8(text).unwrap_or_default())
}

/// A decoded event: name, nanoseconds, attributes, how many of them were dropped.
pub type Event<'py> = (Bound<'py, PyString>, u64, Bound<'py, PyDict>, u64);

/// Decodes the content of an `Event` message.
pub fn event<'py>(py: Python<'py>, message: &[u8]) -> PyResult<Event<'py>> {
    let (mut name, mut time_ns, mut dropped) = (PyString::new(py, ""), 0, 0);
    for (number, content) in fields(message) {
        match (number, content) {
            (1, Field::Number(value)) => time_ns = value,
            (2, Field::Bytes(text)) => name = string(py, text),
            (4, Field::Number(value)) => dropped = value,
            _ => {}
        }
    }
    Ok((name, time_ns, attributes(py, message, pyspan_core::span::field::EVENT_ATTRIBUTES)?, dropped))
}
