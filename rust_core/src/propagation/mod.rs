//! How a trace travels: one file a format, each a strict parser that never fails loudly, and its formatter.

pub mod b3;
pub mod baggage;
pub mod datadog;
pub mod jaeger;
pub mod ot_trace;
pub mod request_id;
pub mod sentry;
pub mod traceparent;
pub mod tracestate;
pub mod xray;

use crate::context::{SAMPLED, SpanContext};
use crate::ids::{SpanId, TraceId};

/// The caller's span as a format's headers name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Its identity; sampled where the caller left the decision open.
    pub context: SpanContext,
    /// True when the caller left it to us whether to sample.
    pub deferred: bool,
    /// A clean `tracestate` header that keeps what the format says beyond the identity; mostly empty.
    pub trace_state: String,
}

impl Caller {
    /// A caller of which nothing is known but who it is and whether it samples.
    fn new(trace_id: TraceId, span_id: SpanId, sampled: Option<bool>) -> Self {
        let flags = if sampled.unwrap_or(true) { SAMPLED } else { 0 };
        let context = SpanContext { trace_id, span_id, flags, remote: true };
        Self { context, deferred: sampled.is_none(), trace_state: String::new() }
    }

    /// Marks a request to trace at all costs; B3's way of saying so fits into a trace state.
    fn forced(mut self) -> Self {
        DEBUG_STATE.clone_into(&mut self.trace_state);
        self
    }
}

/// What a trace state says of a forced trace: B3's header with nothing but the debug flag.
const DEBUG_STATE: &str = "b3=d";

/// True when the caller of B3 or Jaeger asked to trace at all costs.
fn is_forced(trace_state: &str) -> bool {
    tracestate::value(trace_state, "b3") == Some("d")
}

/// Removes the optional whitespace (space and tab) that HTTP allows around list members.
fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// Reads a trace id of 1 to 32 hex digits of either case, as formats older than the W3C's write it.
fn loose_trace_id(text: &str) -> Option<TraceId> {
    let digits = is_hex(text) && text.len() <= 32;
    TraceId::from_int(u128::from_str_radix(text, 16).ok().filter(|_| digits)?)
}

/// Reads a span id of 1 to 16 hex digits of either case.
fn loose_span_id(text: &str) -> Option<SpanId> {
    let digits = is_hex(text) && text.len() <= 16;
    SpanId::from_int(u64::from_str_radix(text, 16).ok().filter(|_| digits)?)
}

/// `from_str_radix` takes a sign, which is no digit.
fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
