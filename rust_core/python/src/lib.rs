//! The extension module `pyspan._core`: an index of what Python sees of the Rust core.

#![expect(clippy::needless_pass_by_value, reason = "arguments that come from Python are owned")]

mod api;
mod batch;
mod callback;
mod cell;
mod client;
mod current;
mod decode;
mod encode;
mod errors;
mod fast;
mod murmur2;
mod propagation;
mod queue;
mod receivers;
mod recorder;
mod sampling;
mod span;
mod spool;
mod tracer;

use pyo3::prelude::*;

#[pymodule(name = "_core", gil_used = true)]
mod core {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::batch::Batch;
    #[pymodule_export]
    use super::client::{OtlpCall, OtlpClient, OtlpReply};
    #[pymodule_export]
    use super::murmur2::kafka_partitions;
    #[pymodule_export]
    use super::propagation::{format_baggage, format_traceparent, parse_baggage, parse_traceparent, parse_tracestate};
    #[pymodule_export]
    use super::queue::SpanQueue;
    #[pymodule_export]
    use super::receivers::Receivers;
    #[pymodule_export]
    use super::recorder::{Limits, Recorder};
    #[pymodule_export]
    use super::sampling::{NativeSampler, always_off, always_on, parent_based, trace_id_ratio};
    #[pymodule_export]
    use super::span::{Span, encode_resource, encode_scope};
    #[pymodule_export]
    use super::spool::{Spool, SpoolReader};
    #[pymodule_export]
    use super::tracer::Tracer;

    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        super::span::prepare(module.py())?;
        super::tracer::prepare(module.py())?;
        super::callback::close_at_exit(module.py())
    }
}
