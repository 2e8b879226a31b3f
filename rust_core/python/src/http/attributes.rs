//! Attributes of a server's span: into the span itself, or into a dict where Python looks at them first.

use crate::cell::GilCell;
use crate::encode::Room;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use pyspan_core::http::Sink;
use pyspan_core::redact;
use pyspan_core::span::{Attributes, Value, put_array_element};
use std::collections::HashMap;

/// Writes into a span.
pub struct IntoSpan<'a> {
    pub attributes: &'a mut Attributes,
    pub room: Room,
    /// Nothing was set before: no key is looked for.
    pub fresh: bool,
}

impl Sink for IntoSpan<'_> {
    #[inline]
    fn put(&mut self, key: &str, value: &Value<'_>) {
        let value = match value {
            Value::Str(text) => Value::Str(shortened(text, self.room.length)),
            other => *other,
        };
        if self.fresh {
            self.attributes.set_new(key, &value, self.room.count);
        } else {
            self.attributes.set(key, &value, self.room.count);
        }
    }
}

#[inline]
fn shortened(text: &str, limit: Option<u32>) -> &str {
    match limit {
        Some(limit) if text.len() > limit as usize => {
            text.char_indices().nth(limit as usize).map_or(text, |(end, _)| &text[..end])
        }
        _ => text,
    }
}

/// Writes into a dict.
pub struct IntoDict<'a, 'py>(pub &'a Bound<'py, PyDict>);

impl Sink for IntoDict<'_, '_> {
    fn put(&mut self, key: &str, value: &Value<'_>) {
        // Keys are texts, which hash: only want of memory can fail here.
        let _ = match value {
            Value::Str(text) => self.0.set_item(key, text),
            Value::Int(number) => self.0.set_item(key, number),
            Value::Double(number) => self.0.set_item(key, number),
            Value::Bool(truth) => self.0.set_item(key, truth),
            _ => Ok(()),
        };
    }
}

/// A header that is kept, under its attribute's key: several lines of one header are one list.
pub type Captured = Vec<(String, Vec<String>)>;

/// Writes captured headers into a span.
pub fn put_captured(captured: &Captured, sink: &mut IntoSpan<'_>) {
    for (key, values) in captured {
        let mut encoded = Vec::new();
        for value in values {
            put_array_element(&mut encoded, &Value::Str(shortened(value, sink.room.length)));
        }
        sink.put(key, &Value::Array(&encoded));
    }
}

/// Writes captured headers into a dict.
pub fn put_captured_into(captured: &Captured, dict: &Bound<'_, PyDict>) -> PyResult<()> {
    captured.iter().try_for_each(|(key, values)| dict.set_item(key, PyTuple::new(dict.py(), values)?))
}

/// So many names of headers are remembered; a caller may send any number of them.
const REMEMBERED: usize = 1_000;

/// Which headers are captured.
pub struct Captures {
    /// Returns the attribute's key of a lower-case name and whether its value is a secret, or None.
    decide: Py<PyAny>,
    decided: GilCell<HashMap<Vec<u8>, Decision>>,
}

/// The attribute's key and whether the value is a secret, for a header that is captured.
type Decision = Option<(String, bool)>;

impl Captures {
    pub fn new(decide: Py<PyAny>) -> Self {
        Self { decide, decided: GilCell::new(HashMap::new()) }
    }

    /// Adds the header to `captured` if it is one of those.
    pub fn add(&self, py: Python<'_>, name: &[u8], value: &str, captured: &mut Captured) -> PyResult<()> {
        let name = name.to_ascii_lowercase();
        let known = self.decided.borrow(py).get(&name).cloned();
        let decision = match known {
            Some(decision) => decision,
            None => self.ask(py, name)?,
        };
        let Some((key, secret)) = decision else { return Ok(()) };
        let value = if secret { redact::MARKER.to_owned() } else { redact::card_numbers(value).into_owned() };
        match captured.iter_mut().find(|(known, _)| *known == key) {
            Some((_, values)) => values.push(value),
            None => captured.push((key, vec![value])),
        }
        Ok(())
    }

    fn ask(&self, py: Python<'_>, name: Vec<u8>) -> PyResult<Decision> {
        let decision: Decision = self.decide.bind(py).call1((String::from_utf8_lossy(&name),))?.extract()?;
        let mut decided = self.decided.borrow_mut(py);
        if decided.len() < REMEMBERED {
            decided.insert(name, decision.clone());
        }
        Ok(decision)
    }
}
