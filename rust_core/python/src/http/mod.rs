//! Spans of a server's requests, behind `pyspan.instrument.asgi` and `pyspan.instrument.wsgi`.

mod asgi;
mod asgi_last;
mod asgi_scope;
mod attributes;
mod globals;
mod inbound;
mod respond;
mod served;
mod settings;
mod text;
mod wsgi;
mod wsgi_body;
mod wsgi_whole;

pub use asgi::AsgiRequest;
pub use wsgi::WsgiRequest;
pub use wsgi_body::WsgiBody;

use crate::api;
use crate::cell::GilCell;
use crate::fast::bound::call_by_function;
use crate::fast::keep_memory;
use globals::Global;
use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use settings::Settings;

static PROPAGATOR: Global = Global::new("opentelemetry.propagate", "get_global_textmap", "_HTTP_TEXT_FORMAT");
static TRACER_PROVIDER: Global = Global::new("opentelemetry.trace", "get_tracer_provider", "_TRACER_PROVIDER");

/// Makes requests cheap to make. To be called when the module is made.
pub fn prepare(py: Python<'_>) {
    keep_memory::<AsgiRequest>(py);
    call_by_function::<AsgiRequest>(py);
    keep_memory::<asgi_last::LastMessage>(py);
    keep_memory::<WsgiRequest>(py);
}

/// Starts the span of each request; see `pyspan/_core.pyi`.
#[pyclass(frozen, module = "pyspan.instrument")]
pub struct ServerSpans {
    settings: Settings,
    /// The provider that gave the tracer in use, and that tracer.
    known: GilCell<Option<(Py<PyAny>, Py<PyAny>)>>,
}

#[pymethods]
impl ServerSpans {
    #[new]
    fn new(settings: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self { settings: Settings::read(settings)?, known: GilCell::new(None) })
    }

    /// Starts the span of an ASGI connection and makes it current; `None` where there is none to be.
    fn asgi<'py>(
        slf: &Bound<'py, Self>,
        scope: &Bound<'py, PyAny>,
        send: Bound<'py, PyAny>,
    ) -> PyResult<Option<AsgiRequest>> {
        spare_the_request(slf.py(), asgi::begin(slf, scope, send))
    }

    /// Starts the span of a WSGI request and makes it current; `None` where there is none to be.
    fn wsgi<'py>(
        slf: &Bound<'py, Self>,
        environ: &Bound<'py, PyAny>,
        start_response: Bound<'py, PyAny>,
    ) -> PyResult<Option<WsgiRequest>> {
        spare_the_request(slf.py(), wsgi::begin(slf, environ, start_response))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.settings.traverse(&visit)?;
        let Some(known) = self.known.try_borrow_for_gc() else { return Ok(()) };
        known.as_ref().map_or(Ok(()), |(provider, tracer)| {
            visit.call(provider)?;
            visit.call(tracer)
        })
    }
}

impl ServerSpans {
    /// Returns the tracer of the provider that was given, or of the global one, which may be set at any time.
    #[inline]
    fn tracer<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let provider = match &self.settings.tracer_provider {
            Some(provider) => provider.bind(py).clone(),
            None => TRACER_PROVIDER.get(py)?,
        };
        if let Some((known, tracer)) = &*self.known.borrow(py)
            && known.is(&provider)
        {
            return Ok(tracer.bind(py).clone());
        }
        let tracer = self.settings.tracer_of.bind(py).call1((&provider,))?;
        let replaced = self.known.borrow_mut(py).replace((provider.unbind(), tracer.clone().unbind()));
        drop(replaced);
        Ok(tracer)
    }

    /// Returns the propagator that was given, or the global one.
    #[inline]
    fn propagator<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match &self.settings.propagator {
            Some(propagator) => Ok(propagator.bind(py).clone()),
            None => PROPAGATOR.get(py),
        }
    }
}

/// Returns true for a key whose value is a secret.
#[pyfunction]
pub fn is_secret(key: &str) -> bool {
    pyspan_core::redact::is_secret(key)
}

/// Replaces the values of secrets in a URL's query.
#[pyfunction]
pub fn redact_query(query: &str) -> std::borrow::Cow<'_, str> {
    pyspan_core::redact::query(query)
}

/// Returns the Python module that does what is rare or awaits.
fn rare(py: Python<'_>) -> PyResult<&Bound<'_, PyModule>> {
    static MODULE: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let import = || Ok(py.import("pyspan.instrument._rare")?.unbind());
    MODULE.get_or_try_init(py, import).map(|module| module.bind(py))
}

/// Logs what failed: a span is not worth a request.
fn spare_the_request<T: Default>(py: Python<'_>, outcome: PyResult<T>) -> PyResult<T> {
    let log = |error| api::log_exception(py, &api::get(py)?.logger, "a request could not be traced", error);
    outcome.or_else(|error| log(error).map(|()| T::default()))
}
