//! `WsgiRequest`: a WSGI request, which also is the `start_response` that its application gets.

use super::attributes::Captured;
use super::respond::{self, Page};
use super::served::{Opening, Served};
use super::settings::Settings;
use super::text::text;
use super::wsgi_body::WsgiBody;
use super::wsgi_whole;
use super::{ServerSpans, inbound, spare_the_request};
use crate::api;
use crate::current;
use crate::fast::{Pool, Pooled};
use crate::propagation::Reader;
use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};
use pyspan_core::http::{Incoming, encode_path};
use std::borrow::Cow;

static POOL: Pool = Pool::new();

impl Pooled for WsgiRequest {
    fn pool() -> &'static Pool {
        &POOL
    }
}

/// A WSGI request that is served; see `pyspan/_core.pyi`.
#[pyclass(frozen, weakref, module = "pyspan.instrument")]
pub struct WsgiRequest {
    pub served: Served,
    start_response: Py<PyAny>,
    page: Page,
}

#[pymethods]
impl WsgiRequest {
    /// Passes status and headers on to the server, and notes them.
    #[pyo3(signature = (*args, **options))]
    fn __call__<'py>(
        &self,
        args: &Bound<'py, PyTuple>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = args.py();
        let changed = spare_the_request(py, self.look_at(args))?;
        self.start_response.bind(py).call(changed.as_ref().unwrap_or(args), options)
    }

    #[getter]
    fn span(&self, py: Python<'_>) -> Py<PyAny> {
        self.served.span.clone_ref(py)
    }

    /// The application has returned; its body is what the server is to get.
    fn body<'py>(slf: &Bound<'py, Self>, body: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let (py, this) = (body.py(), slf.get());
        this.served.detach(py)?;
        if let Some(length) = wsgi_whole::length(this.served.of.bind(py), &body) {
            this.served.note(py, |progress| progress.body_bytes = Some(length));
        } else if !this.is_file(&body)? {
            return Ok(Bound::new(py, WsgiBody::new(slf, &body)?)?.into_any());
        }
        this.served.end(py)?;
        Ok(body)
    }

    /// The application has raised `error`.
    fn fail(&self, py: Python<'_>, error: &Bound<'_, PyAny>) -> PyResult<()> {
        self.served.detach(py)?;
        self.served.fail(py, error)?;
        self.served.end(py)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.start_response)?;
        self.served.traverse(&visit)
    }
}

impl WsgiRequest {
    /// Returns the arguments to pass on instead, if they change.
    fn look_at<'py>(&self, args: &Bound<'py, PyTuple>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let py = args.py();
        let (Ok(status), Ok(headers)) = (args.get_item(0), args.get_item(1)) else { return Ok(None) };
        let status = status.cast::<PyString>().ok().and_then(|status| text(status).get(..3)?.parse::<u16>().ok());
        self.served.note(py, |progress| progress.status = status);
        self.served.keep_route(py)?;
        self.capture(&headers)?;
        if !self.served.spans.get().settings.respond.any {
            return Ok(None);
        }
        let headers = PyList::new(py, headers.try_iter()?.collect::<PyResult<Vec<_>>>()?)?;
        for line in respond::lines(self.served.spans.get(), self.served.span.bind(py), &self.page)? {
            headers.append(line)?;
        }
        let rest = args.iter().skip(2);
        PyTuple::new(py, [args.get_item(0)?, headers.into_any()].into_iter().chain(rest).collect::<Vec<_>>()).map(Some)
    }

    fn capture(&self, headers: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = headers.py();
        let Some(wanted) = &self.served.spans.get().settings.response_headers else { return Ok(()) };
        let mut captured = Captured::new();
        for pair in headers.try_iter()? {
            let (name, value): (Bound<'_, PyString>, Bound<'_, PyString>) = pair?.extract()?;
            wanted.add(py, text(&name).as_bytes(), &text(&value), &mut captured)?;
        }
        self.served.put_captured(py, &captured)
    }

    /// True for a file that the server sends by itself: in a wrapper it would have to be read.
    fn is_file(&self, body: &Bound<'_, PyAny>) -> PyResult<bool> {
        let py = body.py();
        let Some(wrapper) = self.served.of.bind(py).get_item(intern!(py, "wsgi.file_wrapper"))? else {
            return Ok(false);
        };
        Ok(body.get_type().is(&wrapper))
    }
}

/// Under this key of the environment the request's span is found; it also says that the request is traced.
const SPAN_KEY: &str = "pyspan.span";

/// Starts the span of a request that is to have one.
#[inline]
pub fn begin<'py>(
    spans: &Bound<'py, ServerSpans>,
    environ: &Bound<'py, PyAny>,
    start_response: Bound<'py, PyAny>,
) -> PyResult<Option<WsgiRequest>> {
    let py = spans.py();
    let Ok(environ) = environ.cast::<PyDict>() else { return Ok(None) };
    let api = api::get(py)?;
    let around = current::context(py, api, None)?;
    if environ.contains(intern!(py, SPAN_KEY))? || inbound::is_served_already(&around, api)? {
        return Ok(None);
    }
    let settings = &spans.get().settings;
    let parts = Parts::read(environ)?;
    let incoming = parts.incoming();
    if settings.excludes(py, &incoming)? {
        return Ok(None);
    }
    let captured = captured(environ, settings)?;
    let inbound = inbound::read(spans.get(), api, around, &Reader::Environ(environ), environ)?;
    let opening = Opening { incoming: &incoming, inbound, captured: &captured, method: parts.method.as_ref() };
    let served = Served::start(spans, api, environ, &opening)?;
    opening.inbound.recycle(py, api);
    environ.set_item(intern!(py, SPAN_KEY), &served.span)?;
    let page = Page::of(environ)?;
    Ok(Some(WsgiRequest { served, start_response: start_response.unbind(), page }))
}

fn captured(environ: &Bound<'_, PyDict>, settings: &Settings) -> PyResult<Captured> {
    let mut captured = Captured::new();
    let Some(wanted) = &settings.request_headers else { return Ok(captured) };
    for (key, value) in environ {
        let (Ok(key), Ok(value)) = (key.cast::<PyString>(), value.cast::<PyString>()) else { continue };
        let key = text(key);
        let name = key.strip_prefix("HTTP_").or_else(|| key.starts_with("CONTENT_").then_some(&key));
        if let Some(name) = name {
            wanted.add(environ.py(), name.replace('_', "-").as_bytes(), &text(value), &mut captured)?;
        }
    }
    Ok(captured)
}

impl Page {
    fn of(environ: &Bound<'_, PyDict>) -> PyResult<Self> {
        let py = environ.py();
        let origin = text_at(environ, intern!(py, "HTTP_ORIGIN"))?.map(|origin| text(&origin).into_owned());
        Ok(Self { origin, preflight: environ.contains(intern!(py, "HTTP_ACCESS_CONTROL_REQUEST_METHOD"))? })
    }
}

/// What an environment holds, kept alive while it is described.
struct Parts<'py> {
    method: Option<Bound<'py, PyString>>,
    scheme: Option<Bound<'py, PyString>>,
    script_name: Option<Bound<'py, PyString>>,
    path_info: Option<Bound<'py, PyString>>,
    query: Option<Bound<'py, PyString>>,
    protocol: Option<Bound<'py, PyString>>,
    host: Option<Bound<'py, PyString>>,
    server: (Option<Bound<'py, PyString>>, Option<i64>),
    client: (Option<Bound<'py, PyString>>, Option<i64>),
    user_agent: Option<Bound<'py, PyString>>,
    content_length: Option<i64>,
}

impl<'py> Parts<'py> {
    #[inline]
    fn read(environ: &Bound<'py, PyDict>) -> PyResult<Self> {
        let py = environ.py();
        Ok(Self {
            method: text_at(environ, intern!(py, "REQUEST_METHOD"))?,
            scheme: text_at(environ, intern!(py, "wsgi.url_scheme"))?,
            script_name: text_at(environ, intern!(py, "SCRIPT_NAME"))?,
            path_info: text_at(environ, intern!(py, "PATH_INFO"))?,
            query: text_at(environ, intern!(py, "QUERY_STRING"))?,
            protocol: text_at(environ, intern!(py, "SERVER_PROTOCOL"))?,
            host: text_at(environ, intern!(py, "HTTP_HOST"))?,
            server: (text_at(environ, intern!(py, "SERVER_NAME"))?, number_at(environ, intern!(py, "SERVER_PORT"))?),
            client: (text_at(environ, intern!(py, "REMOTE_ADDR"))?, number_at(environ, intern!(py, "REMOTE_PORT"))?),
            user_agent: text_at(environ, intern!(py, "HTTP_USER_AGENT"))?,
            content_length: number_at(environ, intern!(py, "CONTENT_LENGTH"))?,
        })
    }

    #[inline]
    fn incoming(&self) -> Incoming<'_> {
        let version = self.protocol.as_ref().map(text).unwrap_or_default();
        Incoming {
            method: self.method.as_ref().map_or(Cow::Borrowed("GET"), text),
            scheme: self.scheme.as_ref().map_or(Cow::Borrowed("http"), text),
            path: self.path(),
            query: self.query.as_ref().map(text).unwrap_or_default(),
            version: match version {
                Cow::Borrowed(version) => Cow::Borrowed(version.strip_prefix("HTTP/").unwrap_or(version)),
                Cow::Owned(version) => Cow::Owned(version),
            },
            host: self.host.as_ref().map(text),
            server: self.server.0.as_ref().map(|address| (text(address), self.server.1)),
            client: self
                .client
                .0
                .as_ref()
                .filter(|address| !text(address).is_empty())
                .map(|address| (text(address), self.client.1)),
            user_agent: self.user_agent.as_ref().map(text),
            content_length: self.content_length,
        }
    }

    /// Servers hand the path over decoded, its bytes as Latin-1 (PEP 3333).
    fn path(&self) -> Cow<'_, str> {
        let root = self.script_name.as_ref().map(text).unwrap_or_default();
        if let (true, Some(Cow::Borrowed(path))) = (root.is_empty(), self.path_info.as_ref().map(text))
            && path.is_ascii()
        {
            return encode_path(path.as_bytes());
        }
        let part = |part: &'_ Option<Bound<'py, PyString>>| -> Vec<u8> {
            part.as_ref().map_or_else(Vec::new, |part| {
                text(part).chars().map(|letter| u8::try_from(letter).unwrap_or(b'?')).collect()
            })
        };
        let path = [part(&self.script_name), part(&self.path_info)].concat();
        Cow::Owned(encode_path(&path).into_owned())
    }
}

fn text_at<'py>(environ: &Bound<'py, PyDict>, key: &Bound<'py, PyString>) -> PyResult<Option<Bound<'py, PyString>>> {
    Ok(environ.get_item(key)?.and_then(|value| value.cast_into::<PyString>().ok()))
}

fn number_at(environ: &Bound<'_, PyDict>, key: &Bound<'_, PyString>) -> PyResult<Option<i64>> {
    let Some(value) = environ.get_item(key)? else { return Ok(None) };
    match value.cast::<PyString>() {
        Ok(digits) => Ok(text(digits).parse().ok()),
        Err(_) => Ok(value.extract::<i64>().ok()),
    }
}
