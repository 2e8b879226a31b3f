//! OTLP/JSON: the protobuf JSON mapping with hex ids, read from what clients send and written as the Collector does.

mod base64;
mod read;
mod value;
mod write;

use std::fmt;

pub use read::parse;
pub use write::format;

use super::malformed::Malformed;

/// Why a JSON body is not an export request.
#[derive(Debug)]
pub enum JsonError {
    /// It is broken JSON, or a value does not fit its field; the text says where.
    Json(serde_json::Error),
    /// What it says is no valid request.
    Request(Malformed),
}

impl fmt::Display for JsonError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(error) => error.fmt(out),
            Self::Request(malformed) => write!(out, "{malformed} of its protobuf form"),
        }
    }
}

impl std::error::Error for JsonError {}
