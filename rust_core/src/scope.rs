//! The resource and instrumentation scope that spans are exported under.

use std::sync::Arc;

/// An encoded `Resource` and the schema URL of its attributes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Resource {
    /// The `Resource` message.
    pub encoded: Vec<u8>,
    /// The schema URL, empty for none.
    pub schema_url: String,
}

/// An encoded `InstrumentationScope` with its schema URL, below a resource.
#[derive(Debug)]
pub struct Scope {
    /// The resource around it.
    pub resource: Arc<Resource>,
    /// The `InstrumentationScope` message.
    pub encoded: Vec<u8>,
    /// The schema URL, empty for none.
    pub schema_url: String,
}
