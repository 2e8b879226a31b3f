//! `AsgiRequest`: an ASGI connection, which also is the `send` that its application gets.

use super::asgi_last::LastMessage;
use super::attributes::Captured;
use super::respond::{self, Page};
use super::served::{Opening, Progress, Served};
use super::settings::Settings;
use super::text::{latin1, text};
use super::{ServerSpans, inbound, spare_the_request};
use crate::api;
use crate::current;
use crate::encode::{self, Text};
use crate::fast::{Pool, Pooled};
use crate::propagation::{Reader, ScopeHeaders, header};
use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};
use pyspan_core::http::{Incoming, encode_path};
use std::borrow::Cow;

static POOL: Pool = Pool::new();

impl Pooled for AsgiRequest {
    fn pool() -> &'static Pool {
        &POOL
    }
}

/// An ASGI connection that is served; see `pyspan/_core.pyi`.
#[pyclass(frozen, weakref, module = "pyspan.instrument")]
pub struct AsgiRequest {
    pub served: Served,
    send: Py<PyAny>,
    websocket: bool,
    page: Page,
}

#[pymethods]
impl AsgiRequest {
    /// Passes a message on to the server, and notes what it says of the answer.
    fn __call__<'py>(slf: &Bound<'py, Self>, message: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        let (changed, last) = spare_the_request(py, this.look_at(&message))?;
        let message = changed.unwrap_or(message);
        if last {
            let sending = this.send.bind(py).call1((message,))?;
            return Ok(Bound::new(py, LastMessage::new(slf, &sending)?)?.into_any());
        }
        this.send.bind(py).call1((message,))
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

impl AsgiRequest {
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
    Ok(Some(AsgiRequest { served, send: send.unbind(), websocket, page: parts.page() }))
}

fn is_websocket(scope: &Bound<'_, PyDict>) -> PyResult<Option<bool>> {
    let kind = text_at(scope, intern!(scope.py(), "type"))?;
    Ok(match kind.as_ref().map(encode::text_of).as_ref().map(Text::as_str) {
        Some("http") => Some(false),
        Some("websocket") => Some(true),
        _ => None,
    })
}

/// An address and a port, as scopes have them.
type Address<'py> = Option<(Bound<'py, PyString>, Option<i64>)>;

/// What a scope holds, kept alive while it is described.
struct Parts<'py> {
    method: Option<Bound<'py, PyString>>,
    scheme: Option<Bound<'py, PyString>>,
    raw_path: Option<Bound<'py, PyBytes>>,
    path: Option<Bound<'py, PyString>>,
    query: Option<Bound<'py, PyBytes>>,
    version: Option<Bound<'py, PyString>>,
    server: Address<'py>,
    client: Address<'py>,
    headers: ScopeHeaders<'py>,
    named: Named<'py>,
    captured: Captured,
}

/// The headers that say something of the request; of several of a name the first counts.
#[derive(Default)]
struct Named<'py> {
    host: Option<Bound<'py, PyBytes>>,
    user_agent: Option<Bound<'py, PyBytes>>,
    content_length: Option<i64>,
    origin: Option<Bound<'py, PyBytes>>,
    preflight: bool,
}

impl<'py> Named<'py> {
    #[inline]
    fn look_at(&mut self, name: &[u8], value: &Bound<'py, PyBytes>) {
        let slot = match name {
            b"host" => &mut self.host,
            b"user-agent" => &mut self.user_agent,
            b"origin" => &mut self.origin,
            b"content-length" => {
                self.content_length = std::str::from_utf8(value.as_bytes()).ok().and_then(|digits| digits.parse().ok());
                return;
            }
            b"access-control-request-method" => {
                self.preflight = true;
                return;
            }
            _ => return,
        };
        slot.get_or_insert_with(|| value.clone());
    }
}

impl<'py> Parts<'py> {
    #[inline]
    fn read(scope: &Bound<'py, PyDict>, settings: &Settings) -> PyResult<Self> {
        let py = scope.py();
        let (mut named, mut captured) = (Named::default(), Captured::new());
        let headers = ScopeHeaders::new(headers_of(scope)?, |name, value| {
            named.look_at(name, value);
            let wanted = settings.request_headers.as_ref();
            wanted.map_or(Ok(()), |wanted| wanted.add(py, name, &latin1(value.as_bytes()), &mut captured))
        })?;
        let raw_path = bytes_at(scope, intern!(py, "raw_path"))?.filter(|raw| !raw.as_bytes().is_empty());
        Ok(Self {
            method: text_at(scope, intern!(py, "method"))?,
            scheme: text_at(scope, intern!(py, "scheme"))?,
            path: if raw_path.is_some() { None } else { text_at(scope, intern!(py, "path"))? },
            raw_path,
            query: bytes_at(scope, intern!(py, "query_string"))?,
            version: text_at(scope, intern!(py, "http_version"))?,
            server: address_at(scope, intern!(py, "server"))?,
            client: address_at(scope, intern!(py, "client"))?,
            headers,
            named,
            captured,
        })
    }

    #[inline]
    fn incoming(&self) -> Incoming<'_> {
        Incoming {
            method: self.method.as_ref().map_or(Cow::Borrowed("GET"), text),
            scheme: self.scheme.as_ref().map_or(Cow::Borrowed("http"), text),
            path: self.path(),
            query: self.query.as_ref().map(|query| latin1(query.as_bytes())).unwrap_or_default(),
            version: self.version.as_ref().map(text).unwrap_or_default(),
            host: self.named.host.as_ref().map(|host| latin1(host.as_bytes())),
            server: self.server.as_ref().map(|(address, port)| (text(address), *port)),
            client: self.client.as_ref().map(|(address, port)| (text(address), *port)),
            user_agent: self.named.user_agent.as_ref().map(|agent| latin1(agent.as_bytes())),
            content_length: self.named.content_length,
        }
    }

    /// The path as it was sent; some servers leave the query at it.
    fn path(&self) -> Cow<'_, str> {
        if let Some(raw) = &self.raw_path {
            let raw = raw.as_bytes();
            let end = raw.iter().position(|&byte| byte == b'?').unwrap_or(raw.len());
            return latin1(&raw[..end]);
        }
        match self.path.as_ref().map(text) {
            Some(Cow::Borrowed(path)) => encode_path(path.as_bytes()),
            Some(Cow::Owned(path)) => Cow::Owned(encode_path(path.as_bytes()).into_owned()),
            None => Cow::Borrowed(""),
        }
    }

    fn page(&self) -> Page {
        let origin = self.named.origin.as_ref().map(|origin| latin1(origin.as_bytes()).into_owned());
        Page { origin, preflight: self.named.preflight }
    }
}

/// Returns the headers as a list of tuples, as most servers have them.
fn headers_of<'py>(scope: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyList>> {
    let py = scope.py();
    let headers = scope.get_item(intern!(py, "headers"))?.filter(|headers| !headers.is_none());
    let Some(headers) = headers else { return Ok(PyList::empty(py)) };
    match headers.cast_into::<PyList>() {
        Ok(headers) if headers.iter().all(|pair| pair.is_instance_of::<PyTuple>()) => Ok(headers),
        Ok(headers) => PyList::new(py, headers.iter().map(tuple_of)),
        Err(other) => {
            let pairs = other.into_inner().try_iter()?.collect::<PyResult<Vec<_>>>()?;
            PyList::new(py, pairs.into_iter().map(tuple_of))
        }
    }
}

/// Returns a list as a tuple, and what is none as it is.
fn tuple_of(pair: Bound<'_, PyAny>) -> Bound<'_, PyAny> {
    match pair.cast::<PyList>() {
        Ok(list) => list.to_tuple().into_any(),
        Err(_) => pair,
    }
}

fn text_at<'py>(scope: &Bound<'py, PyDict>, key: &Bound<'py, PyString>) -> PyResult<Option<Bound<'py, PyString>>> {
    Ok(scope.get_item(key)?.and_then(|value| value.cast_into::<PyString>().ok()))
}

fn bytes_at<'py>(scope: &Bound<'py, PyDict>, key: &Bound<'py, PyString>) -> PyResult<Option<Bound<'py, PyBytes>>> {
    Ok(scope.get_item(key)?.and_then(|value| value.cast_into::<PyBytes>().ok()))
}

fn address_at<'py>(scope: &Bound<'py, PyDict>, key: &Bound<'py, PyString>) -> PyResult<Address<'py>> {
    let Some(pair) = scope.get_item(key)?.filter(|pair| !pair.is_none()) else { return Ok(None) };
    let Ok(pair) = pair.cast_exact::<PyTuple>() else { return Ok(odd_address(&pair)) };
    let address = pair.get_borrowed_item(0).ok().and_then(|address| Some(address.cast::<PyString>().ok()?.to_owned()));
    let port = pair.get_borrowed_item(1).ok().and_then(|port| port.extract::<i64>().ok());
    Ok(address.map(|address| (address, port)))
}

/// Some servers have the address in a list.
#[cold]
fn odd_address<'py>(pair: &Bound<'py, PyAny>) -> Address<'py> {
    let address = pair.get_item(0).ok()?.cast_into::<PyString>().ok()?;
    Some((address, pair.get_item(1).ok().and_then(|port| port.extract::<i64>().ok())))
}
