//! The W3C texts of trace context and baggage: strict parsers that never fail loudly, and their formatters.

pub mod baggage;
pub mod traceparent;
pub mod tracestate;

/// Removes the optional whitespace (space and tab) that HTTP allows around list members.
fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}
