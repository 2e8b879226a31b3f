//! Shortcuts of a span's methods: a recording span, given what is commonly given.

use super::{Span, State, parts, with};
use crate::encode::{self, Any};
use crate::fast::shortcut::{Call, Shortcut, install};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyTuple};
use pyspan_core::clock::now_ns;

/// Puts all of them before the methods.
pub fn install_all(py: Python<'_>) -> PyResult<()> {
    install::<SetAttribute>(py)?;
    install::<AddEvent>(py)?;
    install::<SetStatus>(py)?;
    install::<Again>(py)?;
    install::<Run>(py)
}

/// The answer of a span that does not record: none is owed unless it did once, which the plain method warns about.
#[inline]
fn nothing_to_do<'py>(py: Python<'py>, state: &State) -> Option<PyResult<Bound<'py, PyAny>>> {
    (!state.recording).then(|| none(py))
}

#[expect(clippy::unnecessary_wraps, reason = "what a shortcut answers")]
fn none(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    Ok(py.None().into_bound(py))
}

struct SetAttribute;

impl Shortcut for SetAttribute {
    type Class = Span;
    const NAME: &'static str = "set_attribute";

    #[inline]
    fn run<'py>(call: &Call<'_, 'py, Span>) -> Option<PyResult<Bound<'py, PyAny>>> {
        let [key, value] = call.by_position()?;
        let (py, span) = (call.receiver.py(), call.receiver.get());
        let room = span.room(py);
        let mut state = span.state.borrow_mut(py);
        if !state.is_recording() {
            return nothing_to_do(py, &state);
        }
        let mut sink = Any { attributes: &mut state.body().attributes, limit: room.count };
        let set = encode::put_plain_item(key, value, room, &mut sink);
        set.then(|| none(py))
    }

    fn plain() -> &'static PyOnceLock<Py<PyAny>> {
        static PLAIN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        &PLAIN
    }
}

struct AddEvent;

impl Shortcut for AddEvent {
    type Class = Span;
    const NAME: &'static str = "add_event";

    #[inline]
    fn run<'py>(call: &Call<'_, 'py, Span>) -> Option<PyResult<Bound<'py, PyAny>>> {
        let [name, attributes] = call.by_position()?;
        let (py, span) = (call.receiver.py(), call.receiver.get());
        if !span.state.borrow(py).is_recording() {
            return nothing_to_do(py, &span.state.borrow(py));
        }
        let name = encode::plain_str(name.cast_exact::<PyString>().ok()?)?;
        let attributes = attributes.cast_exact::<PyDict>().ok()?;
        let added = parts::add_plain_event(py, span, name, now_ns(), attributes);
        added.then(|| none(py))
    }

    fn plain() -> &'static PyOnceLock<Py<PyAny>> {
        static PLAIN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        &PLAIN
    }
}

struct SetStatus;

impl Shortcut for SetStatus {
    type Class = Span;
    const NAME: &'static str = "set_status";

    #[inline]
    fn run<'py>(call: &Call<'_, 'py, Span>) -> Option<PyResult<Bound<'py, PyAny>>> {
        let [status] = call.by_position()?;
        let (py, span) = (call.receiver.py(), call.receiver.get());
        if !span.state.borrow(py).is_recording() {
            return nothing_to_do(py, &span.state.borrow(py));
        }
        let code = span.api(py).status_code(status)?;
        span.take_status(py, code, None);
        Some(none(py))
    }

    fn plain() -> &'static PyOnceLock<Py<PyAny>> {
        static PLAIN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        &PLAIN
    }
}

struct Again;

impl Shortcut for Again {
    type Class = Span;
    const NAME: &'static str = "_again";

    #[inline]
    fn run<'py>(call: &Call<'_, 'py, Span>) -> Option<PyResult<Bound<'py, PyAny>>> {
        let [] = call.by_position()?;
        Some(Span::again(call.receiver).map(Bound::into_any))
    }

    fn plain() -> &'static PyOnceLock<Py<PyAny>> {
        static PLAIN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        &PLAIN
    }
}

struct Run;

impl Shortcut for Run {
    type Class = Span;
    const NAME: &'static str = "_run";

    #[inline]
    fn run<'py>(call: &Call<'_, 'py, Span>) -> Option<PyResult<Bound<'py, PyAny>>> {
        let [function, args, kwargs] = call.by_position()?;
        let (args, kwargs) = (args.cast_exact::<PyTuple>().ok()?, kwargs.cast_exact::<PyDict>().ok()?);
        Some(with::run(call.receiver, function, args, Some(kwargs)))
    }

    fn plain() -> &'static PyOnceLock<Py<PyAny>> {
        static PLAIN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        &PLAIN
    }
}
