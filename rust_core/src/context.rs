//! What a span hands to its children and across processes.

use crate::ids::{SpanId, TraceId};

/// The flag that says the trace is sampled.
pub const SAMPLED: u8 = 0x01;
/// The flag that says the low 56 bits of the trace id are random (W3C trace context level 2).
pub const RANDOM_TRACE_ID: u8 = 0x02;

/// The identity of a span: what is propagated, without its trace state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanContext {
    /// The trace.
    pub trace_id: TraceId,
    /// The span.
    pub span_id: SpanId,
    /// The W3C trace flags.
    pub flags: u8,
    /// True when it came from another process.
    pub remote: bool,
}

impl SpanContext {
    /// Returns true when the sampled flag is set.
    #[inline]
    #[must_use]
    pub const fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }
}
