//! Python attributes as OTLP bytes.

mod key;
pub mod origin;
mod plain;
mod secrets;
mod text;
mod value;

pub use key::key_text;
pub use plain::{Any, put_plain_item, set_plain_items};
pub use secrets::Redaction;
pub use text::{Text, plain_str, plain_text, replaced, text_of};
pub use value::encode_item;

use crate::api::Api;
use key::item_key;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyMapping};
use pyspan_core::span::{Attributes, Value};

/// How many attributes there may be, how many characters a string among them may have, and where secrets are looked for.
#[derive(Clone, Copy)]
pub struct Room {
    pub count: Option<u32>,
    pub length: Option<u32>,
    pub redaction: Redaction,
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
    set_items(py, api, mapping, done, room, |key, value| set_or_drop(attributes, key, value, room.count))
}

/// Sets one attribute, or counts one with an invalid key as dropped.
#[inline]
pub fn set_or_drop(attributes: &mut Attributes, key: Option<&str>, value: &Value<'_>, limit: Option<u32>) {
    match key {
        Some(key) => attributes.set(key, value, limit),
        None => attributes.dropped += 1,
    }
}

/// Calls `set` for each item of `mapping` but the first `skipped`, without a key for an invalid one.
#[cold]
pub fn set_items(
    py: Python<'_>,
    api: &Api,
    mapping: &Bound<'_, PyAny>,
    skipped: usize,
    room: Room,
    mut set: impl FnMut(Option<&str>, &Value<'_>),
) -> PyResult<()> {
    for item in mapping.cast::<PyMapping>()?.items()?.iter().skip(skipped) {
        let (key, value) = item.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
        match item_key(py, api, &key) {
            Some(key) => set(Some(key.as_str()), &encode_item(py, api, key.as_str(), &value, room)?.as_value()),
            None => set(None, &Value::Null),
        }
    }
    Ok(())
}
