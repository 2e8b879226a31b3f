//! Objects that the OpenTelemetry API keeps for all, read without calling the getter: that is a function in Python.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyFunction, PyString};

/// An object of a module of the API.
pub struct Global {
    module: &'static str,
    getter: &'static str,
    /// Where the getter finds it.
    variable: &'static str,
    known: PyOnceLock<Known>,
}

struct Known {
    module: Py<PyModule>,
    namespace: Py<PyDict>,
    getter: Py<PyString>,
    variable: Py<PyString>,
    /// The API's own getter; without it the getter is called.
    stock: Option<Py<PyAny>>,
}

impl Global {
    pub const fn new(module: &'static str, getter: &'static str, variable: &'static str) -> Self {
        Self { module, getter, variable, known: PyOnceLock::new() }
    }

    /// Returns the object of now. A getter that somebody has replaced is asked.
    #[inline]
    pub fn get<'py>(&'static self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let known = self.known.get_or_try_init(py, || self.look(py))?;
        let namespace = known.namespace.bind(py);
        if let (Some(stock), Some(getter)) = (&known.stock, namespace.get_item(&known.getter)?)
            && getter.is(stock)
            && let Some(value) = namespace.get_item(&known.variable)?.filter(|value| !value.is_none())
        {
            return Ok(value);
        }
        known.module.bind(py).call_method0(&known.getter)
    }

    #[cold]
    fn look(&self, py: Python<'_>) -> PyResult<Known> {
        let module = py.import(self.module)?;
        let namespace = module.dict();
        let getter = namespace.get_item(self.getter)?;
        let stock = getter.filter(|getter| is_defined_in(getter, &namespace));
        Ok(Known {
            namespace: namespace.unbind(),
            module: module.unbind(),
            getter: PyString::intern(py, self.getter).unbind(),
            variable: PyString::intern(py, self.variable).unbind(),
            stock: stock.map(Bound::unbind),
        })
    }
}

fn is_defined_in(function: &Bound<'_, PyAny>, namespace: &Bound<'_, PyDict>) -> bool {
    function.is_instance_of::<PyFunction>()
        && function.getattr("__globals__").is_ok_and(|globals| globals.is(namespace))
}
