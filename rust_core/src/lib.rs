//! The pure core of pyspan: what is done once per span, without Python and without network.

pub mod otlp;
