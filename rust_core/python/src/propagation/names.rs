//! What propagation needs of the API, and the keys under which a context holds what is ours; looked up once.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyString, PyType};

/// Objects of the API, alive as long as the process.
pub struct Names {
    pub baggage_key: Py<PyString>,
    /// Under it a context holds the request's id, a string.
    pub request_id_key: Py<PyString>,
    /// Under it a context holds what a Datadog browser said without a trace: a member of a trace state.
    pub datadog_state_key: Py<PyString>,
    /// Under it a context holds a Datadog browser's ids: a dict of attributes.
    pub datadog_attributes_key: Py<PyString>,
    /// Under it a context holds a trace id in hex and the fields of its X-Ray header that are passed on: a string.
    pub xray_fields_key: Py<PyString>,
    pub default_getter: Py<PyAny>,
    pub default_setter: Py<PyAny>,
    pub logger: Py<PyAny>,
    pub baggage_value: Py<PyType>,
}

static NAMES: PyOnceLock<Names> = PyOnceLock::new();

/// Returns the names, importing `opentelemetry` at the first call.
pub fn get(py: Python<'_>) -> PyResult<&'static Names> {
    NAMES.get_or_try_init(py, || {
        let textmap = py.import("opentelemetry.propagators.textmap")?;
        let context = py.import("opentelemetry.context")?;
        let key = |name: &str| -> PyResult<Py<PyString>> {
            Ok(context.call_method1("create_key", (name,))?.cast_into()?.unbind())
        };
        Ok(Names {
            baggage_key: py.import("opentelemetry.baggage")?.getattr("_BAGGAGE_KEY")?.cast_into()?.unbind(),
            request_id_key: key("request-id")?,
            datadog_state_key: key("datadog-state")?,
            datadog_attributes_key: key("datadog-attributes")?,
            xray_fields_key: key("xray-fields")?,
            default_getter: textmap.getattr("default_getter")?.unbind(),
            default_setter: textmap.getattr("default_setter")?.unbind(),
            logger: py.import("logging")?.call_method1("getLogger", ("pyspan.propagation",))?.unbind(),
            baggage_value: py.import("pyspan.propagation.baggage")?.getattr("BaggageValue")?.cast_into()?.unbind(),
        })
    })
}
