//! A request that is being served: its span from the start to the end.

use super::attributes::{Captured, IntoDict, IntoSpan, put_captured, put_captured_into};
use super::inbound::Inbound;
use super::{ServerSpans, rare, spare_the_request};
use crate::api::{self, Api};
use crate::cell::GilCell;
use crate::current::{self, Attached};
use crate::span::{Request, Span};
use crate::tracer::Tracer;
use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyDict, PyString};
use pyspan_core::clock::now_ns;
use pyspan_core::http::{Answer, Incoming, Sink, Style, known_method};
use pyspan_core::span::Value;
use std::time::Duration;

/// The first status of an error of the server.
const SERVER_ERROR: u16 = 500;

/// The span of a request, and what is known of the answer.
pub struct Served {
    pub spans: Py<ServerSpans>,
    pub span: Py<PyAny>,
    /// The ASGI scope or the WSGI environment, in which frameworks leave the route.
    pub of: Py<PyDict>,
    /// The name that the span was started with, the method.
    name: Py<PyString>,
    /// When it started, if the time is to be an attribute; else 0.
    started_ns: u64,
    progress: GilCell<Progress>,
}

#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "facts of their own")]
pub struct Progress {
    pub status: Option<u16>,
    /// Bytes of the body so far; `None` where nobody counts them.
    pub body_bytes: Option<u64>,
    /// The answer goes on with trailers.
    pub trailers: bool,
    /// When the last of the answer was sent.
    pub complete_ns: Option<u64>,
    /// What went wrong, where no status says it.
    pub error: Option<&'static str>,
    /// That is the server's fault.
    pub at_fault: bool,
    /// An exception was recorded.
    pub failed: bool,
    /// Kept as soon as it is known: Flask takes it away before the body is sent.
    pub route: Option<Py<PyString>>,
    ended: bool,
    attached: Option<Attached>,
}

/// What a request starts with.
pub struct Opening<'a, 'py> {
    pub incoming: &'a Incoming<'a>,
    pub inbound: Inbound<'py>,
    pub captured: &'a Captured,
    /// The method as the server's own string.
    pub method: Option<&'a Bound<'py, PyString>>,
}

impl<'py> Opening<'_, 'py> {
    /// Returns the name to start with. The server's own string, if it is that, costs nothing.
    #[inline]
    fn name(&self, py: Python<'py>) -> Bound<'py, PyString> {
        match self.method.and_then(|method| method.cast_exact::<PyString>().ok()) {
            Some(method) if known_method(&self.incoming.method).is_some() => method.clone(),
            _ => PyString::intern(py, self.incoming.name()),
        }
    }
}

impl Served {
    /// Starts the span and makes it current.
    #[inline]
    pub fn start<'py>(
        spans: &Bound<'py, ServerSpans>,
        api: &'static Api,
        of: &Bound<'py, PyDict>,
        opening: &Opening<'_, 'py>,
    ) -> PyResult<Self> {
        let py = spans.py();
        let tracer = spans.get().tracer(py)?;
        let style = spans.get().settings.style;
        let name = opening.name(py);
        let started_ns = if style.documents { now_ns() } else { 0 };
        let span = match tracer.cast_exact::<Tracer>() {
            Ok(native) if native.get().starts_unseen(py) => start_natively(native, &name, style, opening)?,
            _ => start_by_python(&tracer, api, &name, style, opening)?,
        };
        let around = opening.inbound.around.as_ref().unwrap_or(&opening.inbound.context);
        let attached = current::attach_over(py, api, Some(around), &span)?;
        let progress = Progress { attached: Some(attached), ..Progress::default() };
        Ok(Self {
            spans: spans.clone().unbind(),
            span: span.unbind(),
            of: of.clone().unbind(),
            name: name.unbind(),
            started_ns,
            progress: GilCell::new(progress),
        })
    }

    /// Notes something of the answer.
    #[inline]
    pub fn note<T>(&self, py: Python<'_>, note: impl FnOnce(&mut Progress) -> T) -> T {
        note(&mut self.progress.borrow_mut(py))
    }

    /// Writes captured headers of the answer.
    pub fn put_captured(&self, py: Python<'_>, captured: &Captured) -> PyResult<()> {
        if captured.is_empty() {
            return Ok(());
        }
        if let Ok(span) = self.span.bind(py).cast_exact::<Span>() {
            span.get()
                .fill(py, |attributes, room| put_captured(captured, &mut IntoSpan { attributes, room, fresh: false }));
            return Ok(());
        }
        let dict = PyDict::new(py);
        put_captured_into(captured, &dict)?;
        self.span.bind(py).call_method1("set_attributes", (dict,)).map(drop)
    }

    /// Records what the application raised, unless the span has ended: a task in the background has a span of its own.
    #[cold]
    pub fn fail(&self, py: Python<'_>, error: &Bound<'_, PyAny>) -> PyResult<()> {
        let late = self.note(py, |progress| std::mem::replace(&mut progress.failed, true) || progress.ended);
        if late {
            return Ok(());
        }
        let style = [("documents", self.spans.get().settings.style.documents)].into_py_dict(py)?;
        spare_the_request(py, rare(py)?.call_method("fail", (&self.span, error), Some(&style)).map(drop))
    }

    /// Makes current again what was before the request.
    #[inline]
    pub fn detach(&self, py: Python<'_>) -> PyResult<()> {
        let attached = self.note(py, |progress| progress.attached.take());
        attached.map_or(Ok(()), |attached| current::detach(py, api::get(py)?, attached))
    }

    /// Ends the span when the last of the answer has been sent. An error of the server waits for the exception that often
    /// comes after its page.
    #[inline]
    pub fn complete(&self, py: Python<'_>) -> PyResult<()> {
        let waits = self.note(py, |progress| {
            let waits = progress.status.is_some_and(|status| status >= SERVER_ERROR);
            progress.complete_ns = waits.then(now_ns);
            waits
        });
        if waits { Ok(()) } else { self.end(py) }
    }

    /// Ends the span, once.
    #[inline]
    pub fn end(&self, py: Python<'_>) -> PyResult<()> {
        let ended = self.note(py, |progress| std::mem::replace(&mut progress.ended, true));
        if ended { Ok(()) } else { spare_the_request(py, self.finish(py)) }
    }

    #[inline]
    fn finish(&self, py: Python<'_>) -> PyResult<()> {
        let route = self.note(py, |progress| progress.route.take());
        let route = match route {
            Some(route) => Some(route.into_bound(py)),
            None => spare_the_request(py, self.route(py))?,
        };
        let (status, error, body_bytes, complete_ns) =
            self.note(py, |progress| (progress.status, progress.error, progress.body_bytes, progress.complete_ns));
        let (at_fault, failed) = self.note(py, |progress| (progress.at_fault, progress.failed));
        let is_error = status.is_some_and(|status| status >= SERVER_ERROR);
        let template = route.as_ref().map(|route| route.to_string_lossy());
        let answer = Answer { status, body_bytes, route: template.as_deref(), seconds: self.seconds() };
        let digits = status.filter(|_| is_error).map(|status| status.to_string());
        let error_type = digits.as_deref().or(error).filter(|_| !failed);
        let ending = Ending { answer, error_type, is_error: (is_error || at_fault) && !failed, complete_ns };
        let name = route.as_ref().map(|route| named(&self.name, route)).transpose()?;
        match self.span.bind(py).cast_exact::<Span>() {
            Ok(span) => self.finish_natively(span, name, &ending),
            Err(_) => self.finish_by_python(self.span.bind(py), name, &ending),
        }
    }

    /// How long it took, where somebody wants it in an attribute.
    #[inline]
    fn seconds(&self) -> f64 {
        match self.started_ns {
            0 => 0.0,
            started => Duration::from_nanos(now_ns().saturating_sub(started)).as_secs_f64(),
        }
    }

    #[inline]
    fn finish_natively(
        &self,
        span: &Bound<'_, Span>,
        name: Option<Bound<'_, PyString>>,
        ending: &Ending<'_>,
    ) -> PyResult<()> {
        let (py, this) = (span.py(), span.get());
        let style = self.spans.get().settings.style;
        this.fill(py, |attributes, room| ending.describe(style, &mut IntoSpan { attributes, room, fresh: false }));
        if let Some(name) = name {
            this.rename(py, &self.name, name.unbind());
        }
        if ending.is_error {
            this.note_error(py);
        }
        if this.is_live(py) { Span::end_at(span, ending.complete_ns) } else { Ok(()) }
    }

    fn finish_by_python(
        &self,
        span: &Bound<'_, PyAny>,
        name: Option<Bound<'_, PyString>>,
        ending: &Ending<'_>,
    ) -> PyResult<()> {
        let py = span.py();
        let attributes = PyDict::new(py);
        ending.describe(self.spans.get().settings.style, &mut IntoDict(&attributes));
        let args = (span, attributes, &self.name, name, ending.is_error, ending.complete_ns);
        rare(py)?.call_method1("finish", args).map(drop)
    }

    /// Keeps the route that is known now.
    #[inline]
    pub fn keep_route(&self, py: Python<'_>) -> PyResult<()> {
        let route = spare_the_request(py, self.route(py))?.map(Bound::unbind);
        let replaced = self.note(py, |progress| std::mem::replace(&mut progress.route, route));
        drop(replaced);
        Ok(())
    }

    /// Makes the span current in a context of its own, for a part of the body.
    pub fn attach(&self, py: Python<'_>) -> PyResult<()> {
        let attached = current::attach(py, api::get(py)?, self.span.bind(py))?;
        let replaced = self.note(py, |progress| progress.attached.replace(attached));
        drop(replaced);
        Ok(())
    }

    /// Returns the template of the path, by the user's function or as the framework has left it.
    #[inline]
    fn route<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyString>>> {
        let of = self.of.bind(py);
        let found = match &self.spans.get().settings.route {
            Some(route) => Some(route.bind(py).call1((of,))?),
            None => found_route(of)?,
        };
        Ok(found.and_then(|route| route.cast_into::<PyString>().ok()))
    }

    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.spans)?;
        visit.call(&self.span)?;
        visit.call(&self.of)?;
        let Some(progress) = self.progress.try_borrow_for_gc() else { return Ok(()) };
        progress.attached.as_ref().map_or(Ok(()), |attached| {
            visit.call(&attached.token)?;
            visit.call(&attached.context)
        })
    }
}

/// What a span ends with.
struct Ending<'a> {
    answer: Answer<'a>,
    error_type: Option<&'a str>,
    is_error: bool,
    complete_ns: Option<u64>,
}

impl Ending<'_> {
    #[inline]
    fn describe(&self, style: Style, sink: &mut impl Sink) {
        self.answer.describe(style, sink);
        if let Some(error_type) = self.error_type {
            sink.put("error.type", &Value::Str(error_type));
        }
        if style.documents && self.is_error {
            sink.put("error", &Value::Bool(true));
        }
    }
}

#[inline]
fn start_natively<'py>(
    tracer: &Bound<'py, Tracer>,
    name: &Bound<'py, PyString>,
    style: Style,
    opening: &Opening<'_, 'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let Inbound { context, caller, links, attributes: said, .. } = &opening.inbound;
    let request = Request { context: Some(context.clone()), attributes: None, links: links.clone(), start_time: None };
    let span = Span::start_server(tracer, name.clone(), &request, caller.clone(), |attributes, room| {
        let fresh = attributes.is_empty();
        let mut sink = IntoSpan { attributes, room, fresh };
        opening.incoming.describe(style, &mut sink);
        put_captured(opening.captured, &mut sink);
        for (key, value) in said {
            sink.put(key, &Value::Str(value));
        }
    })?;
    Ok(span.into_any())
}

/// Starts the span where a sampler or processor in Python is to see its attributes, or where another SDK makes it.
fn start_by_python<'py>(
    tracer: &Bound<'py, PyAny>,
    api: &'static Api,
    name: &Bound<'py, PyString>,
    style: Style,
    opening: &Opening<'_, 'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = tracer.py();
    let attributes = PyDict::new(py);
    opening.incoming.describe(style, &mut IntoDict(&attributes));
    put_captured_into(opening.captured, &attributes)?;
    opening.inbound.attributes.iter().try_for_each(|(key, value)| attributes.set_item(key, value))?;
    let options = PyDict::new(py);
    options.set_item(intern!(py, "context"), opening.inbound.whole_context(py, api)?)?;
    options.set_item(intern!(py, "kind"), &api.kinds[1])?;
    options.set_item(intern!(py, "attributes"), attributes)?;
    options.set_item(intern!(py, "links"), &opening.inbound.links)?;
    tracer.call_method(intern!(py, "start_span"), (name,), Some(&options))
}

/// Returns `GET /orders/{id}`.
#[inline]
fn named<'py>(method: &Py<PyString>, route: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyString>> {
    let py = route.py();
    Ok(PyString::new(py, &[method.bind(py).to_str()?, " ", &route.to_string_lossy()].concat()))
}

/// Returns the route that a framework has left behind. The plain case of Starlette is read here, all others in Python.
#[inline]
fn found_route<'py>(of: &Bound<'py, PyDict>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = of.py();
    if let Some(route) = of.get_item(intern!(py, "route"))?
        && !of.contains(intern!(py, "app_root_path"))?
        && !of.contains(intern!(py, "fastapi"))?
        && of.get_item(intern!(py, "root_path"))?.is_none_or(|root| root.len().is_ok_and(|length| length == 0))
    {
        return route.getattr_opt(intern!(py, "path_format"));
    }
    if let Some(request) = of.get_item(intern!(py, "werkzeug.request"))?.filter(|request| !request.is_none()) {
        return werkzeug_route(of, &request);
    }
    for key in [intern!(py, "route"), intern!(py, "router"), intern!(py, "bottle.route")] {
        if of.contains(key)? {
            return rare(py)?.call_method1(intern!(py, "route_of"), (of,)).map(Some);
        }
    }
    Ok(None)
}

/// Returns the rule of Flask, below the path of the application.
fn werkzeug_route<'py>(
    environ: &Bound<'py, PyDict>,
    request: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = environ.py();
    let rule = request.getattr_opt(intern!(py, "url_rule"))?.filter(|rule| !rule.is_none());
    let Some(rule) = rule.map(|rule| rule.getattr(intern!(py, "rule"))).transpose()? else { return Ok(None) };
    match environ.get_item(intern!(py, "SCRIPT_NAME"))? {
        Some(root) if root.is_truthy()? => root.add(rule).map(Some),
        _ => Ok(Some(rule)),
    }
}
