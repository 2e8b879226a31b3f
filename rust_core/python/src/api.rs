//! The objects of the OpenTelemetry API that the hot path touches, looked up once.

use crate::cell::GilCell;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};
use pyspan_core::span::StatusCode;

/// Objects of `opentelemetry.*`, alive as long as the process.
pub struct Api {
    /// The stock context variable, or `None` where another context implementation is in force.
    pub context_var: Option<Py<PyAny>>,
    pub context_type: Py<PyType>,
    pub span_key: Py<PyString>,
    pub span_context_type: Py<PyType>,
    pub non_recording_span_type: Py<PyType>,
    pub trace_flags_type: Py<PyType>,
    known_flags: [Py<PyAny>; 4],
    pub default_trace_state: Py<PyAny>,
    pub kinds: [Py<PyAny>; 5],
    pub status_codes: [Py<PyAny>; 3],
    pub status_type: Py<PyType>,
    pub exception_type: Py<PyType>,
    pub empty_tuple: Py<PyTuple>,
    pub context: Py<PyModule>,
    pub trace: Py<PyModule>,
    pub logger: Py<PyAny>,
    /// Contexts that wait for their next span.
    pub pool: GilCell<Vec<Py<PyAny>>>,
}

static API: PyOnceLock<Api> = PyOnceLock::new();

/// Returns the API's objects, importing `opentelemetry` at the first call.
pub fn get(py: Python<'_>) -> PyResult<&'static Api> {
    API.get_or_try_init(py, || Api::load(py))
}

impl Api {
    fn load(py: Python<'_>) -> PyResult<Self> {
        let trace = py.import("opentelemetry.trace")?;
        let context = py.import("opentelemetry.context")?;
        let kind = trace.getattr("SpanKind")?;
        let code = trace.getattr("StatusCode")?;
        let member = |of: &Bound<'_, PyAny>, name: &str| of.getattr(name).map(Bound::unbind);
        let trace_flags_type = class(trace.as_any(), "TraceFlags")?;
        let flags = |bits: u8| trace_flags_type.call1(py, (bits,));
        let mut api = Self {
            context_var: None,
            context_type: class(context.as_any(), "Context")?,
            span_key: py.import("opentelemetry.trace.propagation")?.getattr("_SPAN_KEY")?.cast_into()?.unbind(),
            span_context_type: class(trace.as_any(), "SpanContext")?,
            non_recording_span_type: class(trace.as_any(), "NonRecordingSpan")?,
            known_flags: [flags(0)?, flags(1)?, flags(2)?, flags(3)?],
            trace_flags_type,
            default_trace_state: member(trace.as_any(), "DEFAULT_TRACE_STATE")?,
            kinds: [
                member(&kind, "INTERNAL")?,
                member(&kind, "SERVER")?,
                member(&kind, "CLIENT")?,
                member(&kind, "PRODUCER")?,
                member(&kind, "CONSUMER")?,
            ],
            status_codes: [member(&code, "UNSET")?, member(&code, "OK")?, member(&code, "ERROR")?],
            status_type: class(trace.as_any(), "Status")?,
            exception_type: py.get_type::<PyException>().unbind(),
            empty_tuple: PyTuple::empty(py).unbind(),
            logger: py.import("logging")?.call_method1("getLogger", ("pyspan.sdk.trace",))?.unbind(),
            pool: GilCell::new(Vec::new()),
            context: context.unbind(),
            trace: trace.unbind(),
        };
        api.context_var = api.stock_context_var(py);
        if api.context_var.is_none() {
            warn(py, &api.logger, "OpenTelemetry's context is not the stock one: spans are slower to start", &[]);
        }
        Ok(api)
    }

    /// Finds the variable behind the stock context and proves by one round trip that it is the one that counts.
    fn stock_context_var(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        let found = self.context.bind(py).getattr("_RUNTIME_CONTEXT").and_then(|runtime| {
            let stock = py.import("opentelemetry.context.contextvars_context")?.getattr("ContextVarsRuntimeContext")?;
            if runtime.get_type().is(&stock) { runtime.getattr("_current_context").map(Some) } else { Ok(None) }
        });
        let var = found.ok().flatten()?;
        self.round_trip(py, &var).ok().filter(|same| *same).map(|_| var.unbind())
    }

    fn round_trip(&self, py: Python<'_>, var: &Bound<'_, PyAny>) -> PyResult<bool> {
        let entries = PyDict::new(py);
        entries.set_item("pyspan-self-test", true)?;
        let probe = self.context_type.bind(py).call1((entries,))?;
        let token = var.call_method1("set", (&probe,))?;
        let seen = self.context.bind(py).call_method0("get_current");
        var.call_method1("reset", (token,))?;
        Ok(seen?.is(&probe) && probe.is_instance_of::<PyDict>())
    }

    /// Returns the API's `TraceFlags` of `flags`; the four that the W3C text names are made once.
    pub fn trace_flags<'py>(&self, py: Python<'py>, flags: u8) -> PyResult<Bound<'py, PyAny>> {
        match self.known_flags.get(usize::from(flags)) {
            Some(known) => Ok(known.bind(py).clone()),
            None => self.trace_flags_type.bind(py).call1((flags,)),
        }
    }

    /// Returns the status code that the API's enum member `code` stands for.
    pub fn status_code(&self, code: &Bound<'_, PyAny>) -> Option<StatusCode> {
        let position = self.status_codes.iter().position(|known| known.is(code))?;
        Some([StatusCode::Unset, StatusCode::Ok, StatusCode::Error][position])
    }

    /// Returns the OTLP number of a `SpanKind` (1 internal to 5 consumer); anything else counts as internal, with a log
    /// line, but for None, which stands for the default.
    #[inline]
    pub fn kind_number(&self, kind: Option<&Bound<'_, PyAny>>) -> u8 {
        let Some(kind) = kind else { return 1 };
        let Some(position) = self.kinds.iter().position(|known| known.is(kind)) else { return self.unknown_kind(kind) };
        #[expect(clippy::cast_possible_truncation, reason = "one of five")]
        let number = position as u8 + 1;
        number
    }

    #[cold]
    fn unknown_kind(&self, kind: &Bound<'_, PyAny>) -> u8 {
        if !kind.is_none() {
            warn(kind.py(), &self.logger, "kind=%s is no `SpanKind`, the span is INTERNAL", &[kind]);
        }
        1
    }
}

fn class(of: &Bound<'_, PyAny>, name: &str) -> PyResult<Py<PyType>> {
    Ok(of.getattr(name)?.cast_into::<PyType>()?.unbind())
}

/// Logs a warning as the SDK does: never raises. What the arguments say is asked for here, since not every handler of a
/// log stops what their `str()` raises.
#[cold]
pub fn warn(py: Python<'_>, logger: &Py<PyAny>, message: &str, args: &[&Bound<'_, PyAny>]) {
    let texts = args.iter().map(|arg| arg.str().unwrap_or_else(|_| unprintable(arg)));
    let all: Vec<_> = std::iter::once(PyString::new(py, message)).chain(texts).collect();
    let outcome = PyTuple::new(py, all).and_then(|all| logger.bind(py).call_method1("warning", all));
    if let Err(error) = outcome {
        error.write_unraisable(py, None);
    }
}

/// Stands for an object whose `str()` raises.
#[cold]
pub fn unprintable<'py>(object: &Bound<'py, PyAny>) -> Bound<'py, PyString> {
    let name =
        object.get_type().name().map_or_else(|_| "object".to_owned(), |name| name.to_string_lossy().into_owned());
    PyString::new(object.py(), &format!("<unprintable {name}>"))
}

/// Logs an exception that must not reach the user's code. What is no `Exception`, such as a keyboard interrupt or the
/// end of a time limit, is the user's: it is not logged, but returned.
#[cold]
pub fn log_exception(py: Python<'_>, logger: &Py<PyAny>, message: &str, error: PyErr) -> PyResult<()> {
    if !error.is_instance_of::<PyException>(py) {
        return Err(error);
    }
    let kwargs = PyDict::new(py);
    let outcome = kwargs
        .set_item("exc_info", error.into_value(py))
        .and_then(|()| logger.bind(py).call_method("error", (message,), Some(&kwargs)));
    if let Err(error) = outcome {
        error.write_unraisable(py, None);
    }
    Ok(())
}

static READABLE: PyOnceLock<Py<PyModule>> = PyOnceLock::new();

/// Returns the Python module that builds what one reads off a span.
pub fn readable(py: Python<'_>) -> PyResult<&Bound<'_, PyModule>> {
    READABLE.get_or_try_init(py, || Ok(py.import("pyspan.sdk.trace._readable")?.unbind())).map(|module| module.bind(py))
}
