//! OTLP trace payloads: writing them, and walking and slicing them without decoding.

pub mod batch;
pub mod frame;
pub mod wire;
