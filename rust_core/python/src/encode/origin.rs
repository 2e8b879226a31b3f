//! Where spans come from: the resource and the scope, each encoded once.

use super::{Redaction, Room, attributes_into};
use crate::api;
use pyo3::prelude::*;
use pyspan_core::otlp::wire::put_bytes;
use pyspan_core::span::{Attributes, field};

const UNLIMITED: Room = Room { count: None, length: None, redaction: Redaction::Off };

/// Encodes `attributes` as a `Resource` message.
#[pyfunction]
pub fn encode_resource(py: Python<'_>, attributes: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    let mut encoded = Attributes::new(field::RESOURCE_ATTRIBUTES);
    attributes_into(py, api::get(py)?, Some(attributes), &mut encoded, UNLIMITED)?;
    Ok(encoded.as_bytes().to_vec())
}

/// Encodes an `InstrumentationScope` message.
#[pyfunction]
pub fn encode_scope(py: Python<'_>, name: &str, version: &str, attributes: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    let mut encoded = Attributes::new(field::SCOPE_ATTRIBUTES);
    attributes_into(py, api::get(py)?, Some(attributes), &mut encoded, UNLIMITED)?;
    let mut out = Vec::new();
    put_bytes(&mut out, 1, name.as_bytes());
    if !version.is_empty() {
        put_bytes(&mut out, 2, version.as_bytes());
    }
    out.extend_from_slice(encoded.as_bytes());
    Ok(out)
}
