//! `AsgiRequest`: an ASGI connection, which also is the `send` that its application gets.

use super::asgi_last::LastMessage;
use super::asgi_scope::{Parts, tuple_of};
use super::attributes::Captured;
use super::respond::{self, Page};
use super::served::{Opening, Progress, Served};
use super::text::latin1;
use super::{ServerSpans, inbound, spare_the_request};
use crate::api;
use crate::current;
use crate::encode::{self, Text};
use crate::fast::bound::{Callable, answer, call_method};
use crate::fast::{Pool, Pooled};
use crate::propagation::{Reader, header};
use pyo3::Borrowed;
use pyo3::PyTraverseError;
use pyo3::ffi;
use pyo3::gc::PyVisit;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};

static POOL: Pool = Pool::new();

impl Callable for AsgiRequest {
    const FUNCTION_OFFSET: usize = std::mem::offset_of!(AsgiRequest, function);
}

impl Pooled for AsgiRequest {
    fn pool() -> &'static Pool {
        &POOL
    }
}

/// An ASGI connection that is served; see `pyspan/_core.pyi`.
#[pyclass(frozen, weakref, module = "pyspan.instrument")]
pub struct AsgiRequest {
    /// What a call of this object goes to, the same for all.
    function: ffi::vectorcallfunc,
    pub served: Served,
    send: Py<PyAny>,
    websocket: bool,
    page: Page,
}

#[pymethods]
impl AsgiRequest {
    /// Passes a message on to the server, and notes what it says of the answer.
    fn __call__<'py>(slf: &Bound<'py, Self>, message: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        Self::pass_on(slf, message)
    }

    #[getter]
    fn span(&self, py: Python<'_>) -> Py<PyAny> {
        self.served.span.clone_ref(py)
    }

    /// The application, or the server, has raised `error`.
    fn fail(&self, py: Python<'_>, error: &Bound<'_, PyAny>) -> PyResult<()> {
        self.served.fail(py, error)
    }

    /// The application has returned.
    fn leave(&self, py: Python<'_>) -> PyResult<()> {
        let detached = self.served.detach(py);
        if !self.websocket {
            self.served.note(py, note_lack);
        }
        self.served.end(py)?;
        detached
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.send)?;
        self.served.traverse(&visit)
    }
}

/// Without a status the server has to answer in the application's place; without the end of a body the client has
/// mostly gone.
fn note_lack(progress: &mut Progress) {
    if progress.status.is_none() {
        progress.error = Some("no_response");
        progress.at_fault = true;
    } else if progress.complete_ns.is_none() {
        progress.error = Some("incomplete_response");
    }
}

/// What a call of a request goes to: it mostly is with one message.
unsafe extern "C" fn call(
    request: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    count: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter with a live request and so many live arguments.
    unsafe {
        let py = Python::assume_attached();
        let this = Borrowed::from_ptr(py, request).cast_unchecked::<AsgiRequest>();
        if ffi::PyVectorcall_NARGS(count) != 1 || !names.is_null() {
            return call_method(&this, "__call__", args, count, names);
        }
        answer(py, AsgiRequest::pass_on(&this, &Borrowed::from_ptr(py, *args)).map(Bound::into_ptr))
    }
}

impl AsgiRequest {
    #[inline]
    fn pass_on<'py>(slf: &Bound<'py, Self>, message: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        let (changed, last) = spare_the_request(py, this.look_at(message))?;
        let sending = this.send.bind(py).call1((changed.as_ref().unwrap_or(message),))?;
        if last { Ok(Bound::new(py, LastMessage::new(slf, &sending)?)?.into_any()) } else { Ok(sending) }
    }

    /// Returns the message to send instead, if it changes, and whether it is the last.
    #[inline]
    fn look_at<'py>(&self, message: &Bound<'py, PyAny>) -> PyResult<(Option<Bound<'py, PyAny>>, bool)> {
        let py = message.py();
        let Ok(message) = message.cast::<PyDict>() else { return Ok((None, false)) };
        let Some(kind) = message.get_item(intern!(py, "type"))? else { return Ok((None, false)) };
        let Ok(kind) = kind.cast::<PyString>() else { return Ok((None, false)) };
        match encode::text_of(kind).as_str() {
            "http.response.body" => Ok((None, self.note_body(message)?)),
            "http.response.start" | "websocket.http.response.start" => Ok((self.note_start(message)?, false)),
            "http.response.zerocopysend" => {
                Ok((None, !flag(message, intern!(message.py(), "more_body"))? && !self.has_trailers(py)))
            }
            "http.response.pathsend" => Ok((None, !self.has_trailers(py))),
            "http.response.trailers" => Ok((None, !flag(message, intern!(message.py(), "more_trailers"))?)),
            "websocket.accept" => {
                self.served.note(py, |progress| progress.status = Some(101));
                Ok((self.with_lines(message)?, false))
            }
            "websocket.close" => self.note_close(message).map(|()| (None, false)),
            _ => Ok((None, false)),
        }
    }

    #[inline]
    fn note_start<'py>(&self, message: &Bound<'py, PyDict>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = message.py();
        let status = message.get_item(intern!(py, "status"))?.and_then(|status| status.extract::<u16>().ok());
        let trailers = flag(message, intern!(message.py(), "trailers"))?;
        self.served.note(py, |progress| {
            progress.status = status;
            progress.trailers = trailers;
        });
        self.with_lines(message)
    }

    /// Counts a part of the body; true for the last message.
    #[inline]
    fn note_body(&self, message: &Bound<'_, PyDict>) -> PyResult<bool> {
        let py = message.py();
        let body = message.get_item(intern!(py, "body"))?;
        let length = body.map_or(Ok(0), |body| match body.cast::<PyBytes>() {
            Ok(bytes) => Ok(bytes.as_bytes().len()),
            Err(_) if body.is_none() => Ok(0),
            Err(_) => body.len(),
        })?;
        let more = flag(message, intern!(message.py(), "more_body"))?;
        Ok(self.served.note(py, |progress| {
            *progress.body_bytes.get_or_insert(0) += length as u64;
            !more && !progress.trailers
        }))
    }

    /// A connection that is closed before it is accepted is refused; code 1011 says that the server has failed.
    fn note_close(&self, message: &Bound<'_, PyDict>) -> PyResult<()> {
        let code = message.get_item("code")?.and_then(|code| code.extract::<u16>().ok());
        self.served.note(message.py(), |progress| {
            progress.status.get_or_insert(403);
            if code == Some(1011) {
                progress.error = Some("1011");
                progress.at_fault = true;
            }
        });
        Ok(())
    }

    fn has_trailers(&self, py: Python<'_>) -> bool {
        self.served.note(py, |progress| progress.trailers)
    }

    fn capture(&self, headers: &Bound<'_, PyList>) -> PyResult<()> {
        let py = headers.py();
        let Some(wanted) = &self.served.spans.get().settings.response_headers else { return Ok(()) };
        let mut captured = Captured::new();
        for pair in headers.iter().map(tuple_of) {
            if let Some((name, value)) = header(&pair) {
                wanted.add(py, name.as_bytes(), &latin1(value.as_bytes()), &mut captured)?;
            }
        }
        self.served.put_captured(py, &captured)
    }

    /// Looks at the headers of an answer and adds those about the trace. Returns the message with a list of its own: the
    /// application's may be used again, or may be of headers that can be iterated once.
    #[inline]
    fn with_lines<'py>(&self, message: &Bound<'py, PyDict>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = message.py();
        let spans = self.served.spans.get();
        if !spans.settings.respond.any && spans.settings.response_headers.is_none() {
            return Ok(None);
        }
        let changed = message.copy()?;
        let headers = match changed.get_item(intern!(py, "headers"))?.filter(|headers| !headers.is_none()) {
            Some(headers) => PyList::new(py, headers.try_iter()?.collect::<PyResult<Vec<_>>>()?)?,
            None => PyList::empty(py),
        };
        self.capture(&headers)?;
        for (name, value) in respond::lines(spans, self.served.span.bind(py), &self.page)? {
            headers.append((PyBytes::new(py, name.as_bytes()), PyBytes::new(py, value.as_bytes())))?;
        }
        changed.set_item(intern!(py, "headers"), headers)?;
        Ok(Some(changed.into_any()))
    }
}

#[inline]
fn flag(message: &Bound<'_, PyDict>, key: &Bound<'_, PyString>) -> PyResult<bool> {
    message.get_item(key)?.map_or(Ok(false), |flag| flag.is_truthy())
}

/// Under this key of the scope the connection's span is found; it also says that the connection is traced.
const SPAN_KEY: &str = "pyspan.span";

/// Starts the span of a connection that is to have one.
#[inline]
pub fn begin<'py>(
    spans: &Bound<'py, ServerSpans>,
    scope: &Bound<'py, PyAny>,
    send: Bound<'py, PyAny>,
) -> PyResult<Option<AsgiRequest>> {
    let py = spans.py();
    let Ok(scope) = scope.cast::<PyDict>() else { return Ok(None) };
    let Some(websocket) = is_websocket(scope)? else { return Ok(None) };
    let api = api::get(py)?;
    let around = current::context(py, api, None)?;
    if scope.contains(intern!(py, SPAN_KEY))? || inbound::is_served_already(&around, api)? {
        return Ok(None);
    }
    let settings = &spans.get().settings;
    let parts = Parts::read(scope, settings)?;
    let incoming = parts.incoming();
    if settings.excludes(py, &incoming)? {
        return Ok(None);
    }
    let inbound = inbound::read(spans.get(), api, around, &Reader::Scope(&parts.headers), scope)?;
    let opening = Opening { incoming: &incoming, inbound, captured: &parts.captured, method: parts.method.as_ref() };
    let served = Served::start(spans, api, scope, &opening)?;
    opening.inbound.recycle(py, api);
    scope.set_item(intern!(py, SPAN_KEY), &served.span)?;
    Ok(Some(AsgiRequest { function: call, served, send: send.unbind(), websocket, page: parts.page() }))
}

fn is_websocket(scope: &Bound<'_, PyDict>) -> PyResult<Option<bool>> {
    let kind = scope.get_item(intern!(scope.py(), "type"))?.and_then(|kind| kind.cast_into::<PyString>().ok());
    Ok(match kind.as_ref().map(encode::text_of).as_ref().map(Text::as_str) {
        Some("http") => Some(false),
        Some("websocket") => Some(true),
        _ => None,
    })
}
