//! OTLP trace payloads: writing them, and walking and slicing them without decoding.

pub mod batch;
pub mod buffers;
mod check;
pub mod compress;
mod cursor;
mod deflate;
pub mod frame;
pub mod index;
pub mod json;
pub mod malformed;
pub mod schema;
pub mod slice;
pub mod view;
pub mod walk;
pub mod wire;
