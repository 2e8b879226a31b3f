//! What an ASGI scope says of a request.

use super::attributes::Captured;
use super::respond::Page;
use super::settings::Settings;
use super::text::{latin1, text};
use crate::propagation::ScopeHeaders;
use pyo3::PyTypeCheck;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};
use pyspan_core::http::{Incoming, encode_path};
use std::borrow::Cow;

/// An address and a port, as scopes have them.
type Address<'py> = Option<(Bound<'py, PyString>, Option<i64>)>;

/// What a scope holds, kept alive while it is described.
pub struct Parts<'py> {
    pub method: Option<Bound<'py, PyString>>,
    pub headers: ScopeHeaders<'py>,
    pub captured: Captured,
    scheme: Option<Bound<'py, PyString>>,
    raw_path: Option<Bound<'py, PyBytes>>,
    path: Option<Bound<'py, PyString>>,
    query: Option<Bound<'py, PyBytes>>,
    version: Option<Bound<'py, PyString>>,
    server: Address<'py>,
    client: Address<'py>,
    named: Named<'py>,
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
    pub fn read(scope: &Bound<'py, PyDict>, settings: &Settings) -> PyResult<Self> {
        let py = scope.py();
        let (mut named, mut captured) = (Named::default(), Captured::new());
        let headers = ScopeHeaders::new(list_of(py, scope.get_item(intern!(py, "headers"))?)?, |name, value| {
            named.look_at(name, value);
            let wanted = settings.request_headers.as_ref();
            wanted.map_or(Ok(()), |wanted| wanted.add(py, name, &latin1(value.as_bytes()), &mut captured))
        })?;
        let raw_path =
            at(scope, intern!(py, "raw_path"))?.filter(|raw: &Bound<'_, PyBytes>| !raw.as_bytes().is_empty());
        Ok(Self {
            method: at(scope, intern!(py, "method"))?,
            scheme: at(scope, intern!(py, "scheme"))?,
            path: if raw_path.is_some() { None } else { at(scope, intern!(py, "path"))? },
            raw_path,
            query: at(scope, intern!(py, "query_string"))?,
            version: at(scope, intern!(py, "http_version"))?,
            server: address(scope.get_item(intern!(py, "server"))?),
            client: address(scope.get_item(intern!(py, "client"))?),
            headers,
            named,
            captured,
        })
    }

    #[inline]
    pub fn incoming(&self) -> Incoming<'_> {
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

    pub fn page(&self) -> Page {
        let origin = self.named.origin.as_ref().map(|origin| latin1(origin.as_bytes()).into_owned());
        Page { origin, preflight: self.named.preflight }
    }
}

/// Returns the headers as a list of tuples, as most servers have them.
#[inline]
fn list_of<'py>(py: Python<'py>, headers: Option<Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyList>> {
    let Some(headers) = headers.filter(|headers| !headers.is_none()) else { return Ok(PyList::empty(py)) };
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
pub fn tuple_of(pair: Bound<'_, PyAny>) -> Bound<'_, PyAny> {
    match pair.cast::<PyList>() {
        Ok(list) => list.to_tuple().into_any(),
        Err(_) => pair,
    }
}

/// Returns what is at `key`, unless it is of another type.
#[inline]
fn at<'py, T: PyTypeCheck>(scope: &Bound<'py, PyDict>, key: &Bound<'py, PyString>) -> PyResult<Option<Bound<'py, T>>> {
    Ok(scope.get_item(key)?.and_then(|value| value.cast_into::<T>().ok()))
}

#[inline]
fn address(pair: Option<Bound<'_, PyAny>>) -> Address<'_> {
    let pair = pair?;
    let Ok(tuple) = pair.cast_exact::<PyTuple>() else { return odd_address(&pair) };
    let [address, rest @ ..] = tuple.as_slice() else { return None };
    Some((address.cast::<PyString>().ok()?.clone(), rest.first().and_then(|port| port.extract::<i64>().ok())))
}

/// Some servers have the address in a list.
#[cold]
fn odd_address<'py>(pair: &Bound<'py, PyAny>) -> Address<'py> {
    let address = pair.get_item(0).ok()?.cast_into::<PyString>().ok()?;
    Some((address, pair.get_item(1).ok().and_then(|port| port.extract::<i64>().ok())))
}
