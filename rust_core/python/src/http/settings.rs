//! What a middleware was told, read once off `pyspan.instrument._settings.Settings`.

use super::attributes::Captures;
use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::PyString;
use pyspan_core::http::{Incoming, Style};
use std::collections::HashSet;

/// What is done with the context that a caller sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallerPolicy {
    /// Its span is the parent, its decision to sample is followed.
    Trust,
    /// A new trace begins, with a link to its span; its baggage is not taken.
    Link,
    /// Its span is the parent, the decision is made anew.
    IgnoreSampling,
}

impl CallerPolicy {
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "trust" => Self::Trust,
            "link" => Self::Link,
            "ignore_sampling" => Self::IgnoreSampling,
            _ => return None,
        })
    }
}

/// Headers that tell the caller about the trace.
#[derive(Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "headers of their own")]
pub struct Respond {
    pub trace_response: bool,
    pub server_timing: bool,
    pub datadog: bool,
    /// False when none of them is sent and no origin may read any.
    pub any: bool,
}

pub struct Settings {
    pub tracer_provider: Option<Py<PyAny>>,
    /// Gives the tracer of a provider.
    pub tracer_of: Py<PyAny>,
    pub propagator: Option<Py<PyAny>>,
    pub trust: CallerPolicy,
    /// Says the word for a connection, where it is not the same for all.
    pub trust_of: Option<Py<PyAny>>,
    /// Says whether a URL is left out.
    pub excluded: Option<Py<PyAny>>,
    pub request_headers: Option<Captures>,
    pub response_headers: Option<Captures>,
    pub respond: Respond,
    /// Origins whose pages may read the headers of [`Respond`].
    pub exposed_to: HashSet<String>,
    /// Says the route of a connection.
    pub route: Option<Py<PyAny>>,
    pub style: Style,
}

impl Settings {
    pub fn read(given: &Bound<'_, PyAny>) -> PyResult<Self> {
        let optional = |name: &str| -> PyResult<Option<Py<PyAny>>> {
            Ok(Some(given.getattr(name)?).filter(|value| !value.is_none()).map(Bound::unbind))
        };
        let style = given.getattr("style")?;
        let flag = |name: &str| style.getattr(name)?.is_truthy();
        let inbound = given.getattr("inbound_context")?;
        let trust = inbound.cast::<PyString>().ok().and_then(|name| CallerPolicy::named(name.to_str().ok()?));
        let respond: HashSet<String> = given.getattr("response_headers")?.extract()?;
        let exposed_to: HashSet<String> = given.getattr("expose_to")?.extract()?;
        Ok(Self {
            tracer_provider: optional("tracer_provider")?,
            tracer_of: given.getattr("tracer_of")?.unbind(),
            propagator: optional("propagator")?,
            trust: trust.unwrap_or(CallerPolicy::Link),
            trust_of: trust.is_none().then(|| inbound.unbind()),
            excluded: optional("excluded")?,
            request_headers: optional("captured_request_header")?.map(Captures::new),
            response_headers: optional("captured_response_header")?.map(Captures::new),
            respond: Respond {
                trace_response: respond.contains("traceresponse"),
                server_timing: respond.contains("server-timing"),
                datadog: respond.contains("datadog"),
                any: !respond.is_empty() || !exposed_to.is_empty(),
            },
            exposed_to,
            route: optional("route")?,
            style: Style { current: flag("current")?, old: flag("old")?, documents: flag("documents")? },
        })
    }

    /// True for a URL that is left out.
    #[inline]
    pub fn excludes(&self, py: Python<'_>, incoming: &Incoming<'_>) -> PyResult<bool> {
        self.excluded.as_ref().map_or(Ok(false), |excluded| excluded.bind(py).call1((incoming.url(),))?.is_truthy())
    }

    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.tracer_of)?;
        [&self.tracer_provider, &self.propagator, &self.trust_of, &self.excluded, &self.route]
            .into_iter()
            .try_for_each(|kept| visit.call(kept))
    }
}
