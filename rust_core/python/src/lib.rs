//! The extension module `pyspan._core`: an index of what Python sees of the Rust core.

#![expect(clippy::needless_pass_by_value, reason = "arguments that come from Python are owned")]

mod api;
mod baggage_attributes;
mod batch;
mod callback;
mod cell;
mod client;
mod clock;
mod counts;
mod current;
mod decode;
mod encode;
mod errors;
mod fast;
mod http;
mod interpreter;
mod limited;
mod murmur2;
mod open_spans;
mod propagation;
mod queue;
mod raised;
mod receivers;
mod recorder;
mod sampling;
mod span;
mod spool;
mod trace_state;
mod tracer;
mod truth;

use pyo3::prelude::*;
use pyo3::wrap_pyfunction;

/// Fills the module, after the check that it may be loaded: a declarative module would make the classes first.
#[pymodule(name = "_core", gil_used = true)]
fn core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    interpreter::require_main(module.py())?;
    interpreter::require_lock(module.py())?;
    module.add("VERSION", env!("CARGO_PKG_VERSION"))?;
    module.add("PROFILE_GUIDED", option_env!("PYSPAN_PROFILE_GUIDED").is_some())?;
    add_classes(module)?;
    add_functions(module)?;
    span::prepare(module.py())?;
    tracer::prepare(module.py())?;
    http::prepare(module.py());
    callback::close_at_exit(module.py())
}

fn add_classes(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<batch::Batch>()?;
    module.add_class::<client::OtlpCall>()?;
    module.add_class::<client::OtlpClient>()?;
    module.add_class::<client::OtlpReply>()?;
    module.add_class::<http::AsgiRequest>()?;
    module.add_class::<http::ServerSpans>()?;
    module.add_class::<http::WsgiBody>()?;
    module.add_class::<http::WsgiRequest>()?;
    module.add_class::<propagation::Propagator>()?;
    module.add_class::<propagation::RemoteSpan>()?;
    module.add_class::<queue::SpanQueue>()?;
    module.add_class::<receivers::Receivers>()?;
    module.add_class::<recorder::Limits>()?;
    module.add_class::<recorder::Recorder>()?;
    module.add_class::<sampling::NativeComposable>()?;
    module.add_class::<sampling::NativeSampler>()?;
    module.add_class::<span::Span>()?;
    module.add_class::<spool::Spool>()?;
    module.add_class::<spool::SpoolReader>()?;
    module.add_class::<tracer::Tracer>()
}

fn add_functions(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(clock::step_clock, module)?)?;
    module.add_function(wrap_pyfunction!(http::is_secret, module)?)?;
    module.add_function(wrap_pyfunction!(http::redact_query, module)?)?;
    module.add_function(wrap_pyfunction!(murmur2::kafka_partitions, module)?)?;
    module.add_function(wrap_pyfunction!(propagation::context_keys, module)?)?;
    sampling::add_functions(module)?;
    module.add_function(wrap_pyfunction!(encode::origin::encode_resource, module)?)?;
    module.add_function(wrap_pyfunction!(encode::origin::encode_scope, module)?)?;
    module.add_function(wrap_pyfunction!(span::span_by_hand, module)?)
}
