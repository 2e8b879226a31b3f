//! A span as a context manager.

use super::start::{self, Above};
use super::state::Phase;
use super::{Request, Span, read, shortcuts};
use crate::api;
use crate::current::{self, Around, Attached};
use crate::fast::bound::{Callable, answer, bind_to_itself, call_by_function, call_method, given};
use crate::fast::{Pool, Pooled, keep_memory};
use crate::truth::Truth;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use pyo3::{Borrowed, ffi};

static POOL: Pool = Pool::new();

impl Callable for Span {
    const FUNCTION_OFFSET: usize = std::mem::offset_of!(Span, function);
}

impl Pooled for Span {
    fn pool() -> &'static Pool {
        &POOL
    }
}

/// Makes spans cheap to make and to enter. To be called when the module is made.
pub fn prepare(py: Python<'_>) -> PyResult<()> {
    keep_memory::<Span>(py);
    call_by_function::<Span>(py);
    bind_to_itself::<Span>(py, "__enter__")?;
    bind_to_itself::<Span>(py, "__exit__")?;
    read::prepare(py)?;
    shortcuts::install_all(py)
}

/// Starts the span, if that is still to be done, and makes it current.
#[inline]
pub fn enter(span: &Bound<'_, Span>) -> PyResult<()> {
    let (py, this) = (span.py(), span.get());
    if !this.options.current {
        return Ok(());
    }
    let phase = this.state.borrow(py).phase;
    match phase {
        Phase::Unstarted => {
            let request = this.state.borrow_mut(py).pending.take(py);
            return start_current(span, &request);
        }
        // A second token would take the place of the first, and the span would stay current for good.
        Phase::Live if this.state.borrow(py).attached.is_some() => return Err(entered_twice()),
        Phase::Live => {}
        Phase::Ended => return Err(entered_twice()),
    }
    keep(span, current::attach(py, this.api(py), span.as_any())?);
    Ok(())
}

/// Starts the span and makes it current. Where no code of the user's runs meanwhile the current context is read once.
#[inline]
fn start_current<'py>(span: &Bound<'py, Span>, request: &Request<'py>) -> PyResult<()> {
    let (py, this) = (span.py(), span.get());
    let api = this.api(py);
    let around = if request.is_empty() && this.tracer(py).starts_alone(py) { Around::read(py, api) } else { None };
    start::start(span, request, around.as_ref().map_or(Above::Context, |around| Above::Found(around.span.as_ref())))?;
    let attached = match around {
        Some(around) => around.attach(py, api, span)?,
        None => current::attach(py, api, span)?,
    };
    keep(span, attached);
    Ok(())
}

#[inline]
fn keep(span: &Bound<'_, Span>, attached: Attached) {
    let replaced = span.get().state.borrow_mut(span.py()).attached.replace(attached);
    drop(replaced);
}

impl Span {
    /// Says who was current before this span, which stays current in a context that can't be reset from here.
    #[cold]
    pub fn hand_on_to(&self, py: Python<'_>, before: Option<Bound<'_, PyAny>>) {
        let before = match before.as_ref().map(|before| before.cast_exact::<Self>()) {
            // Those that were left behind before are passed over, or a loop would make a chain of them.
            Some(Ok(span)) if span.get().is_left_behind(py) => span.get().before(py),
            _ => before,
        };
        let before = before.map_or_else(|| py.None(), Bound::unbind);
        let replaced = self.state.borrow_mut(py).before.replace(before);
        drop(replaced);
    }

    /// Returns who was current before this span, which was left behind.
    #[cold]
    pub fn before<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        let before = self.state.borrow(py).before.as_ref().map(|before| before.bind(py).clone());
        before.filter(|before| !before.is_none())
    }

    fn is_left_behind(&self, py: Python<'_>) -> bool {
        let state = self.state.borrow(py);
        state.before.is_some() && state.phase == Phase::Ended
    }
}

#[cold]
fn entered_twice() -> PyErr {
    PyRuntimeError::new_err(
        "a span of start_as_current_span is entered once; call start_as_current_span again for another, \
         or trace.use_span for a span that goes on",
    )
}

/// Makes the span before it current again and ends this one; `exception` is what left the block, or None.
#[inline]
pub fn exit(span: &Bound<'_, Span>, exception: &Bound<'_, PyAny>) -> PyResult<()> {
    let (py, this) = (span.py(), span.get());
    let attached = this.state.borrow_mut(py).attached.take();
    if let Some(attached) = attached {
        current::detach(py, this.api(py), attached)?;
    }
    if exception.is_none() {
        return leave(span);
    }
    let noted = note_exception(span, exception);
    noted.and(leave(span))
}

#[inline]
fn leave(span: &Bound<'_, Span>) -> PyResult<()> {
    let (py, this) = (span.py(), span.get());
    let ended = this.state.borrow(py).phase == Phase::Ended;
    if this.options.end_on_exit && !(this.options.current && ended) { Span::end(span, None) } else { Ok(()) }
}

/// Records what left the block; an error is what its `str()` has raised that is no `Exception`.
#[cold]
fn note_exception(span: &Bound<'_, Span>, exception: &Bound<'_, PyAny>) -> PyResult<()> {
    let api = span.get().api(span.py());
    try_note_exception(span, exception)
        .or_else(|error| api::log_exception(span.py(), &api.logger, "an exception could not be recorded", error))
}

/// A span made current ignores `GeneratorExit` and its like, as the API does.
fn try_note_exception(span: &Bound<'_, Span>, exception: &Bound<'_, PyAny>) -> PyResult<()> {
    let (py, this) = (span.py(), span.get());
    let counts = !this.options.current || exception.is_instance(this.api(py).exception_type.bind(py))?;
    if !counts || !this.state.borrow(py).is_recording() {
        return Ok(());
    }
    if this.options.record_exception {
        this.record_exception(py, exception, None, None, Truth(!this.options.current))?;
    }
    if this.options.set_status_on_exception {
        let description = api::readable(py)?.call_method1("exception_description", (exception,))?;
        let error = &this.api(py).status_codes[2];
        this.set_status(py, error.bind(py), Some(&description))?;
    }
    Ok(())
}

/// What a call of a span goes to: without an argument it is entered, with three it is left, with one it decorates.
pub unsafe extern "C" fn call(
    span: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    count: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter with a live span and so many live arguments.
    unsafe {
        let py = Python::assume_attached();
        let this = Borrowed::from_ptr(py, span).cast_unchecked::<Span>();
        let result = match (ffi::PyVectorcall_NARGS(count), names.is_null()) {
            (0, true) => enter(&this).map(|()| ffi::Py_NewRef(span)),
            (3, true) => exit(&this, &Borrowed::from_ptr(py, *args.add(1))).map(|()| ffi::Py_NewRef(ffi::Py_None())),
            _ => {
                let method = if given(count, names) == 1 { "__call__" } else { "__exit__" };
                return call_method(&this, method, args, count, names);
            }
        };
        answer(py, result)
    }
}

/// Calls `function` in a fresh span like `template`.
pub fn run<'py>(
    template: &Bound<'py, Span>,
    function: &Bound<'py, PyAny>,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let (py, (span, request)) = (template.py(), Span::like(template)?);
    if template.get().options.current {
        start_current(&span, &request)?;
    } else {
        Span::start_with(&span, &request)?;
    }
    match function.call(args, kwargs.filter(|kwargs| !kwargs.is_empty())) {
        Ok(result) => exit(&span, &py.None().into_bound(py)).map(|()| result),
        Err(error) => exit(&span, &raised(py, &error)).and(Err(error)),
    }
}

/// The exception, with the traceback that a handler in Python would find.
#[cold]
fn raised<'py>(py: Python<'py>, error: &PyErr) -> Bound<'py, PyAny> {
    let exception = error.value(py).clone().into_any();
    if let Some(traceback) = error.traceback(py) {
        // SAFETY: both are live; the only error is a traceback of another type.
        unsafe { ffi::PyException_SetTraceback(exception.as_ptr(), traceback.as_ptr()) };
    }
    exception
}
