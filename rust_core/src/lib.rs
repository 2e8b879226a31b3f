//! The pure core of pyspan: what is done once per span, without Python and without network.

pub mod clock;
pub mod context;
pub mod fork;
pub mod http;
pub mod ids;
pub mod murmur2;
pub mod otlp;
pub mod propagation;
pub mod queue;
pub mod redact;
pub mod sampling;
pub mod scope;
pub mod span;
pub mod spool;
pub mod unended;
