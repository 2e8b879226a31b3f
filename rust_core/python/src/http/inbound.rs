//! The caller's context, as far as it is trusted.

use super::ServerSpans;
use super::rare;
use super::settings::CallerPolicy;
use crate::api::{self, Api};
use crate::current;
use crate::propagation::{Extracted, Reader, RemoteSpan, attributes_of, extract_from};
use crate::span::start::parent_of;
use crate::span::{Parent, Span};
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

/// What a server's span starts from.
pub struct Inbound<'py> {
    /// The context with its parent, unless that is the caller.
    pub context: Bound<'py, PyAny>,
    pub caller: Option<Parent>,
    /// What else is current while the request is served, if not the same.
    pub around: Option<Bound<'py, PyAny>>,
    pub links: Option<Bound<'py, PyAny>>,
    /// What the headers say beside the context.
    pub attributes: Vec<(String, String)>,
}

impl<'py> Inbound<'py> {
    const fn under(context: Bound<'py, PyAny>) -> Self {
        Self { context, caller: None, around: None, links: None, attributes: Vec::new() }
    }

    /// Returns the context with its parent, for those who look for it there.
    pub fn whole_context(&self, py: Python<'py>, api: &Api) -> PyResult<Bound<'py, PyAny>> {
        match &self.caller {
            Some(caller) => with_caller(py, api, &self.context, caller.clone()),
            None => Ok(self.context.clone()),
        }
    }

    /// Lets another request use the context again, which nobody else has seen in most.
    #[inline]
    pub fn recycle(self, py: Python<'_>, api: &Api) {
        current::recycle(py, api, self.context.unbind());
    }
}

/// Reads the headers of a connection, the ASGI scope or WSGI environment `of`, over the current context.
#[inline]
pub fn read<'py>(
    spans: &ServerSpans,
    api: &'static Api,
    around: Bound<'py, PyAny>,
    reader: &Reader<'_, 'py>,
    of: &Bound<'py, PyDict>,
) -> PyResult<Inbound<'py>> {
    let py = of.py();
    let extracted = match extract_from(&spans.propagator(py)?, reader, around.clone())? {
        Extracted::Context(context) if context.is(&around) => return Ok(Inbound::under(around)),
        extracted => extracted,
    };
    let policy = trust(spans, api, of)?;
    let extracted = match extracted {
        Extracted::Caller(caller) if policy == CallerPolicy::Trust => {
            let attributes = attributes_of(&around)?;
            return Ok(Inbound { caller: Some(caller), attributes, ..Inbound::under(around) });
        }
        Extracted::Caller(caller) => with_caller(py, api, &around, caller)?,
        Extracted::Context(context) => context,
    };
    let attributes = attributes_of(&extracted)?;
    match policy {
        CallerPolicy::Trust => Ok(Inbound { attributes, ..Inbound::under(extracted) }),
        CallerPolicy::IgnoreSampling => {
            let context = undecided(py, api, &extracted)?;
            Ok(Inbound { around: Some(extracted), attributes, ..Inbound::under(context) })
        }
        CallerPolicy::Link => {
            let links = link(py, api, &around, &extracted)?;
            let context = if links.is_some() { current::empty_context(py, api)? } else { around.clone() };
            Ok(Inbound { around: Some(around), links, attributes, ..Inbound::under(context) })
        }
    }
}

/// Copies `context` with the caller's span as the current one.
fn with_caller<'py>(
    py: Python<'py>,
    api: &Api,
    context: &Bound<'py, PyAny>,
    caller: Parent,
) -> PyResult<Bound<'py, PyAny>> {
    current::with_span(py, api, context, Bound::new(py, RemoteSpan::of(caller))?.as_any())
}

/// Asks the user's function, if there is one. One that fails is not trusted with the caller: that is linked to.
fn trust(spans: &ServerSpans, api: &Api, of: &Bound<'_, PyDict>) -> PyResult<CallerPolicy> {
    let Some(ask) = &spans.settings.trust_of else { return Ok(spans.settings.trust) };
    policy_by(ask, of).or_else(|error| {
        let message = "inbound_context failed, the caller is linked to";
        api::log_exception(of.py(), &api.logger, message, error).map(|()| CallerPolicy::Link)
    })
}

fn policy_by(ask: &Py<PyAny>, of: &Bound<'_, PyDict>) -> PyResult<CallerPolicy> {
    let word = ask.bind(of.py()).call1((of,))?;
    let known = word.cast::<PyString>().ok().and_then(|word| CallerPolicy::named(word.to_str().ok()?));
    known.ok_or_else(|| {
        PyValueError::new_err(format!("inbound_context returned {word:?}: give trust, link or ignore_sampling"))
    })
}

/// Copies `context` with a remote parent that leaves it to us whether to sample.
fn undecided<'py>(py: Python<'py>, api: &'static Api, context: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let found = current::span(py, api, Some(context))?;
    let Some(parent) = found.map_or(Ok(None), |found| parent_of(py, api, &found))? else { return Ok(context.clone()) };
    with_caller(py, api, context, Parent { deferred: true, ..parent })
}

/// Links to the caller's span, if the headers have named one.
fn link<'py>(
    py: Python<'py>,
    api: &'static Api,
    around: &Bound<'py, PyAny>,
    extracted: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let before = current::span(py, api, Some(around))?;
    let Some(caller) = current::span(py, api, Some(extracted))? else { return Ok(None) };
    if before.is_some_and(|before| before.is(&caller)) {
        return Ok(None);
    }
    let context = caller.call_method0(intern!(py, "get_span_context"))?;
    let link = api.trace.bind(py).getattr(intern!(py, "Link"))?.call1((context,))?;
    Ok(Some(PyList::new(py, [link])?.into_any()))
}

/// True where a generic package for OpenTelemetry serves this request already: then its span is the one.
pub fn is_served_already(around: &Bound<'_, PyAny>, api: &'static Api) -> PyResult<bool> {
    let py = around.py();
    let Some(found) = current::span(py, api, Some(around))? else { return Ok(false) };
    match found.cast_exact::<Span>() {
        Ok(span) => span.get().is_of_generic_server(py),
        Err(_) if found.is_exact_instance_of::<RemoteSpan>() => Ok(false),
        Err(_) => rare(py)?.call_method1("is_generic_server", (found,))?.is_truthy(),
    }
}
