//! `Tracer`: where spans come from.

use crate::cell::GilCell;
use crate::fast::shortcut::{Call, Shortcut, install};
use crate::recorder::Recorder;
use crate::span::{Options, Request, Span};
use crate::truth::Truth;
use crate::{api, encode};
use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyString;
use pyspan_core::scope::Scope;
use std::cell::Ref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A tracer of one instrumentation scope; see `pyspan/_core.pyi`.
#[pyclass(frozen, weakref, module = "pyspan.sdk.trace")]
pub struct Tracer {
    pub recorder: Py<Recorder>,
    pub instrumentation_scope: Py<PyAny>,
    enabled: AtomicBool,
    scope: GilCell<Arc<Scope>>,
}

#[pymethods]
impl Tracer {
    #[pyo3(signature = (name, context=None, kind=None, attributes=None, links=None, start_time=None, record_exception=Truth(true), set_status_on_exception=Truth(true)), text_signature = "($self, name, context=None, kind=None, attributes=None, links=None, start_time=None, record_exception=True, set_status_on_exception=True)")]
    #[expect(clippy::too_many_arguments, reason = "the signature is the API's")]
    fn start_span<'py>(
        slf: &Bound<'py, Self>,
        name: Bound<'py, PyAny>,
        context: Option<Bound<'py, PyAny>>,
        kind: Option<Bound<'py, PyAny>>,
        attributes: Option<Bound<'py, PyAny>>,
        links: Option<Bound<'py, PyAny>>,
        start_time: Option<Bound<'py, PyAny>>,
        record_exception: Truth,
        set_status_on_exception: Truth,
    ) -> PyResult<Bound<'py, PyAny>> {
        let options = Options {
            record_exception: record_exception.0,
            set_status_on_exception: set_status_on_exception.0,
            end_on_exit: true,
            current: false,
        };
        let span = Span::create(slf, name, kind.as_ref(), options)?;
        let request = Request { context, attributes, links, start_time };
        Span::start_with(&span, &request)?;
        Ok(span.into_any())
    }

    #[pyo3(signature = (name, context=None, kind=None, attributes=None, links=None, start_time=None, record_exception=Truth(true), set_status_on_exception=Truth(true), end_on_exit=Truth(true)), text_signature = "($self, name, context=None, kind=None, attributes=None, links=None, start_time=None, record_exception=True, set_status_on_exception=True, end_on_exit=True)")]
    #[expect(clippy::too_many_arguments, reason = "the signature is the API's")]
    fn start_as_current_span<'py>(
        slf: &Bound<'py, Self>,
        name: Bound<'py, PyAny>,
        context: Option<Bound<'py, PyAny>>,
        kind: Option<Bound<'py, PyAny>>,
        attributes: Option<Bound<'py, PyAny>>,
        links: Option<Bound<'py, PyAny>>,
        start_time: Option<Bound<'py, PyAny>>,
        record_exception: Truth,
        set_status_on_exception: Truth,
        end_on_exit: Truth,
    ) -> PyResult<Bound<'py, Span>> {
        let options = Options {
            record_exception: record_exception.0,
            set_status_on_exception: set_status_on_exception.0,
            end_on_exit: end_on_exit.0,
            current: true,
        };
        let span = Span::create(slf, name, kind.as_ref(), options)?;
        let request = Request { context, attributes, links, start_time };
        if !request.is_empty() {
            span.get().keep_for_later(slf.py(), request);
        }
        Ok(span)
    }

    #[getter]
    fn enabled(&self) -> bool {
        self.enabled.load(Ordering::Relaxed)
    }

    #[setter]
    fn set_enabled(&self, enabled: bool) {
        self.enabled.store(enabled, Ordering::Relaxed);
    }

    fn _is_enabled(&self) -> bool {
        self.enabled()
    }

    #[getter(_instrumentation_scope)]
    fn instrumentation_scope<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        self.instrumentation_scope.bind(py)
    }

    #[getter]
    fn instrumentation_info<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        api::readable(py)?.call_method1("instrumentation_info", (&self.instrumentation_scope,))
    }

    #[getter]
    fn _tracer_config<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        api::readable(py)?.call_method1("tracer_config", (self.is_enabled(),))
    }

    #[getter]
    fn resource(&self, py: Python<'_>) -> Py<PyAny> {
        self.recorder.get().state.borrow(py).resource.clone_ref(py)
    }

    #[getter]
    fn sampler(&self, py: Python<'_>) -> Py<PyAny> {
        self.recorder.get().sampler.clone_ref(py)
    }

    #[getter]
    fn id_generator(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.recorder.get().shown(py, "id_generator")
    }

    #[getter]
    fn span_processor(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.recorder.get().shown(py, "active")
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.recorder)?;
        visit.call(&self.instrumentation_scope)
    }
}

/// Puts the shortcuts before the methods. To be called when the module is made.
pub fn prepare(py: Python<'_>) -> PyResult<()> {
    let parameters = PARAMETERS.map(|name| PyString::intern(py, name).unbind());
    INTERNED.get_or_init(py, || parameters);
    install::<StartSpan>(py)?;
    install::<StartAsCurrentSpan>(py)
}

const PARAMETERS: [&str; 9] = [
    "name",
    "context",
    "kind",
    "attributes",
    "links",
    "start_time",
    "record_exception",
    "set_status_on_exception",
    "end_on_exit",
];
static INTERNED: PyOnceLock<[Py<PyString>; 9]> = PyOnceLock::new();

/// Makes a span by a call with a clean name and without options; also what else it was given.
#[inline]
fn create_plain<'py>(call: &Call<'_, 'py, Tracer>, current: bool) -> Option<(Bound<'py, Span>, Request<'py>)> {
    let (name, kind, request) = match call.by_position() {
        Some([name]) => (name, None, Request::default()),
        None => read_plain(call)?,
    };
    let name = name.cast_exact::<PyString>().ok().filter(|name| encode::plain_str(name).is_some())?;
    let options = Options { record_exception: true, set_status_on_exception: true, end_on_exit: true, current };
    let span = Span::create_named(call.receiver, name.clone(), kind, options).ok()?;
    Some((span, request))
}

/// What a call gives: a name, a kind, and what the span is to start with.
type Given<'a, 'py> = (&'a Bound<'py, PyAny>, Option<&'a Bound<'py, PyAny>>, Request<'py>);

fn read_plain<'a, 'py>(call: &Call<'a, 'py, Tracer>) -> Option<Given<'a, 'py>> {
    let given = call.arrange(INTERNED.get(call.receiver.py())?)?;
    let [Some(name), context, kind, attributes, links, start_time, None, None, None] = given else { return None };
    let keep = |given: Option<&Bound<'py, PyAny>>| given.filter(|given| !given.is_none()).cloned();
    let [context, attributes, links, start_time] = [context, attributes, links, start_time].map(keep);
    Some((name, kind, Request { context, attributes, links, start_time }))
}

struct StartAsCurrentSpan;

impl Shortcut for StartAsCurrentSpan {
    type Class = Tracer;
    const NAME: &'static str = "start_as_current_span";

    #[inline]
    fn run<'py>(call: &Call<'_, 'py, Tracer>) -> Option<PyResult<Bound<'py, PyAny>>> {
        let (span, request) = create_plain(call, true)?;
        if !request.is_empty() {
            span.get().keep_for_later(span.py(), request);
        }
        Some(Ok(span.into_any()))
    }

    fn plain() -> &'static PyOnceLock<Py<PyAny>> {
        static PLAIN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        &PLAIN
    }
}

struct StartSpan;

impl Shortcut for StartSpan {
    type Class = Tracer;
    const NAME: &'static str = "start_span";

    #[inline]
    fn run<'py>(call: &Call<'_, 'py, Tracer>) -> Option<PyResult<Bound<'py, PyAny>>> {
        let (span, request) = create_plain(call, false)?;
        Some(Span::start_with(&span, &request).map(|()| span.into_any()))
    }

    fn plain() -> &'static PyOnceLock<Py<PyAny>> {
        static PLAIN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        &PLAIN
    }
}

impl Tracer {
    pub fn new(
        recorder: &Bound<'_, Recorder>,
        instrumentation_scope: Py<PyAny>,
        encoded: Vec<u8>,
        schema_url: String,
    ) -> Self {
        let resource = recorder.get().state.borrow(recorder.py()).encoded_resource.clone();
        Self {
            recorder: recorder.clone().unbind(),
            instrumentation_scope,
            enabled: AtomicBool::new(true),
            scope: GilCell::new(Arc::new(Scope { resource, encoded, schema_url })),
        }
    }

    #[inline]
    pub fn is_enabled(&self) -> bool {
        self.enabled.load(Ordering::Relaxed)
    }

    /// Returns the scope under the recorder's resource of now; a fork changes the resource.
    #[inline]
    pub fn scope<'a>(&'a self, py: Python<'a>) -> Ref<'a, Arc<Scope>> {
        let scope = self.scope.borrow(py);
        let current = self.recorder.get().state.borrow(py);
        if Arc::ptr_eq(&scope.resource, &current.encoded_resource) {
            return scope;
        }
        let resource = current.encoded_resource.clone();
        let moved = Scope { resource, encoded: scope.encoded.clone(), schema_url: scope.schema_url.clone() };
        drop(scope);
        *self.scope.borrow_mut(py) = Arc::new(moved);
        self.scope.borrow(py)
    }
}
