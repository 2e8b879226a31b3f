//! `Propagator`: several formats, each in turn, over one carrier.

mod carrier;
mod extraction;
mod formats;
mod names;
mod outgoing;
mod reading;
mod remote;
mod writing;

pub use carrier::{Reader, ScopeHeaders, header};
pub use extraction::Extracted;
pub use remote::RemoteSpan;

use crate::api::{self, Api};
use crate::current;
use carrier::Writer;
use extraction::Extraction;
use formats::Format;
use names::Names;
use outgoing::Outgoing;
use pyo3::PyTraverseError;
use pyo3::exceptions::PyValueError;
use pyo3::gc::PyVisit;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PySet, PyString};

/// Extracts and injects by formats in their order; see `pyspan/_core.pyi`.
#[pyclass(frozen, subclass, module = "pyspan._core")]
pub struct Propagator {
    parts: Vec<Part>,
    whole_baggage: bool,
    /// A subclass extracts or injects in its own way; looked up once, at the first request.
    overridden: PyOnceLock<bool>,
}

enum Part {
    Native(Format),
    /// A propagator in Python.
    Foreign(Py<PyAny>),
}

#[pymethods]
impl Propagator {
    #[new]
    fn new(parts: Vec<Bound<'_, PyAny>>) -> PyResult<Self> {
        let mut all = Vec::new();
        for part in &parts {
            add_part(&mut all, part)?;
        }
        let whole_baggage = all.iter().any(|part| matches!(part, Part::Native(Format::Baggage)));
        Ok(Self { parts: all, whole_baggage, overridden: PyOnceLock::new() })
    }

    #[pyo3(signature = (carrier, context=None, getter=None))]
    fn extract<'py>(
        &self,
        carrier: &Bound<'py, PyAny>,
        context: Option<Bound<'py, PyAny>>,
        getter: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, names) = (carrier.py(), names::get(carrier.py())?);
        let reader = or_nothing(py, names, Reader::new(py, names, carrier, getter))?;
        self.read(py, names, &reader, context)
    }

    /// Extracts from pairs of name and value, as ASGI and Kafka have them.
    #[pyo3(signature = (headers, context=None))]
    fn extract_headers<'py>(
        &self,
        headers: &Bound<'py, PyAny>,
        context: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, names) = (headers.py(), names::get(headers.py())?);
        self.read(py, names, &or_nothing(py, names, Reader::of_pairs(headers))?, context)
    }

    #[pyo3(signature = (carrier, context=None, setter=None))]
    fn inject<'py>(
        &self,
        carrier: &Bound<'py, PyAny>,
        context: Option<&Bound<'py, PyAny>>,
        setter: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        let py = carrier.py();
        let (api, names) = (api::get(py)?, names::get(py)?);
        let writer = Writer::new(py, names, carrier, setter);
        let context = current::context(py, api, context)?;
        let outcome = Outgoing::new(py, api, names, writer, context).and_then(|out| self.write(&out, carrier, setter));
        spare_the_caller(py, names, "the context could not be injected", outcome)
    }

    #[getter]
    fn fields<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PySet>> {
        let fields = PySet::empty(py)?;
        for part in &self.parts {
            match part {
                Part::Native(format) => format.fields().iter().try_for_each(|field| fields.add(field))?,
                Part::Foreign(foreign) => {
                    foreign.bind(py).getattr("fields")?.try_iter()?.try_for_each(|field| fields.add(field?))?;
                }
            }
        }
        Ok(fields)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.parts.iter().try_for_each(|part| match part {
            Part::Native(_) => Ok(()),
            Part::Foreign(foreign) => visit.call(foreign),
        })
    }
}

/// Returns the keys under which a context holds what is ours.
#[pyfunction]
pub fn context_keys(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let names = names::get(py)?;
    let keys = PyDict::new(py);
    keys.set_item("request_id", &names.request_id_key)?;
    keys.set_item("datadog_attributes", &names.datadog_attributes_key)?;
    Ok(keys)
}

/// Extracts over `base` by any propagator; one in Python gets lists of texts under lower-case names.
pub fn extract_from<'py>(
    propagator: &Bound<'py, PyAny>,
    reader: &Reader<'_, 'py>,
    base: Bound<'py, PyAny>,
) -> PyResult<Extracted<'py>> {
    let py = propagator.py();
    match propagator.cast::<Propagator>() {
        Ok(ours) if !*ours.get().overridden.get_or_try_init(py, || is_overridden(ours))? => {
            ours.get().find(py, names::get(py)?, reader, Some(base))?.finish()
        }
        _ => {
            let context = propagator.call_method1(intern!(py, "extract"), (reader.carrier(py)?, base))?;
            Ok(Extracted::Context(context))
        }
    }
}

/// Returns the baggage of a context.
pub fn baggage_of<'py>(context: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyDict>>> {
    let Ok(context) = context.cast::<PyDict>() else { return Ok(None) };
    let found = context.get_item(&names::get(context.py())?.baggage_key)?;
    Ok(found.and_then(|baggage| baggage.cast_into().ok()))
}

/// Returns what a Datadog browser and the request's id say of a request: attributes for its span.
pub fn attributes_of(context: &Bound<'_, PyAny>) -> PyResult<Vec<(String, String)>> {
    let Ok(context) = context.cast::<PyDict>() else { return Ok(Vec::new()) };
    let names = names::get(context.py())?;
    let mut found = Vec::new();
    if let Some(ids) = context.get_item(&names.datadog_attributes_key)? {
        found.extend(ids.extract::<std::collections::BTreeMap<String, String>>()?);
    }
    if let Some(id) = context.get_item(&names.request_id_key)? {
        found.push(("http.request.id".to_owned(), id.extract()?));
    }
    Ok(found)
}

impl Propagator {
    fn read<'py>(
        &self,
        py: Python<'py>,
        names: &'static Names,
        reader: &Reader<'_, 'py>,
        context: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.find(py, names, reader, context)?.make_context()
    }

    fn find<'py>(
        &self,
        py: Python<'py>,
        names: &'static Names,
        reader: &Reader<'_, 'py>,
        context: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Extraction<'py>> {
        let api = api::get(py)?;
        let mut found = Extraction::new(py, api, names, self.base(py, api, names, context)?);
        for part in &self.parts {
            let outcome = match part {
                Part::Native(format) => format.extract(reader, &mut found),
                Part::Foreign(foreign) => found.pass_through(|context| {
                    let options = PyDict::new(py);
                    options.set_item(intern!(py, "getter"), reader.getter(names, py))?;
                    foreign.bind(py).call_method(intern!(py, "extract"), (reader.carrier(py)?, context), Some(&options))
                }),
            };
            spare_the_caller(py, names, UNREADABLE, outcome)?;
        }
        Ok(found)
    }

    /// Returns what to start from: as with the API's own, the current context where baggage comes first, else nothing.
    fn base<'py>(
        &self,
        py: Python<'py>,
        api: &Api,
        names: &Names,
        given: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        match (given, self.parts.first()) {
            (None, Some(Part::Native(Format::Baggage))) => current::context(py, api, None).map(Some),
            (Some(given), _) if !given.is_instance_of::<PyDict>() => {
                let message = "the context is a %s and no Context: headers are read into an empty one";
                api::warn(py, &names.logger, message, &[given.get_type().name()?.as_any()]);
                Ok(None)
            }
            (given, _) => Ok(given),
        }
    }

    fn write<'py>(
        &self,
        out: &Outgoing<'_, 'py>,
        carrier: &Bound<'py, PyAny>,
        setter: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        let py = out.py;
        for part in &self.parts {
            match part {
                Part::Native(format) => format.inject(out, self.whole_baggage)?,
                Part::Foreign(foreign) => {
                    let options = PyDict::new(py);
                    let setter = setter.unwrap_or_else(|| out.names.default_setter.bind(py));
                    options.set_item(intern!(py, "setter"), setter)?;
                    options.set_item(intern!(py, "context"), out.context())?;
                    foreign.bind(py).call_method(intern!(py, "inject"), (carrier,), Some(&options))?;
                }
            }
        }
        Ok(())
    }
}

/// Adds a format by its name, the parts of one of our propagators, or any other propagator; no format twice.
fn add_part(all: &mut Vec<Part>, part: &Bound<'_, PyAny>) -> PyResult<()> {
    if let Ok(name) = part.cast::<PyString>() {
        let unknown = || PyValueError::new_err(format!("{name} is no format that is known natively"));
        add_format(all, Format::named(name.to_str()?).ok_or_else(unknown)?);
        return Ok(());
    }
    match part.cast::<Propagator>() {
        Ok(ours) if !is_overridden(ours)? => {
            for part in &ours.get().parts {
                match part {
                    Part::Native(format) => add_format(all, *format),
                    Part::Foreign(foreign) => all.push(Part::Foreign(foreign.clone_ref(ours.py()))),
                }
            }
        }
        _ => all.push(Part::Foreign(part.clone().unbind())),
    }
    Ok(())
}

fn add_format(all: &mut Vec<Part>, format: Format) {
    if !all.iter().any(|known| matches!(known, Part::Native(known) if *known == format)) {
        all.push(Part::Native(format));
    }
}

/// True where a subclass does not extract and inject as its class does.
fn is_overridden(propagator: &Bound<'_, Propagator>) -> PyResult<bool> {
    let ours = propagator.py().get_type::<Propagator>();
    for method in ["extract", "inject"] {
        if !propagator.get_type().getattr(method)?.is(&ours.getattr(method)?) {
            return Ok(true);
        }
    }
    Ok(false)
}

const UNREADABLE: &str = "headers could not be read, they are taken for absent";

/// Returns the reader, or one without headers where they cannot be iterated.
fn or_nothing<'a, 'py>(py: Python<'py>, names: &Names, reader: PyResult<Reader<'a, 'py>>) -> PyResult<Reader<'a, 'py>> {
    match reader {
        Ok(reader) => Ok(reader),
        Err(error) => spare_the_caller(py, names, UNREADABLE, Err(error)).map(|()| Reader::Pairs(Vec::new())),
    }
}

/// Logs what the user's carrier, its getter or setter or another propagator raised: a trace is not worth a failed
/// request.
fn spare_the_caller(py: Python<'_>, names: &Names, message: &str, outcome: PyResult<()>) -> PyResult<()> {
    outcome.or_else(|error| api::log_exception(py, &names.logger, message, error))
}
