//! A span as a context manager.

use super::state::Phase;
use super::{Span, read, shortcuts};
use crate::fast::bound::{ask_plain, bind_from_pool, receiver};
use crate::fast::{Pool, Pooled, keep_memory};
use crate::{api, current};
use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use std::ptr::null_mut;

static POOL: Pool = Pool::new();

impl Pooled for Span {
    fn pool() -> &'static Pool {
        &POOL
    }
}

/// Makes spans cheap to make and to enter. To be called when the module is made.
pub fn prepare(py: Python<'_>) -> PyResult<()> {
    keep_memory::<Span>(py);
    bind_from_pool::<Span>(py, "__enter__", call_enter)?;
    bind_from_pool::<Span>(py, "__exit__", call_exit)?;
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
        Phase::Unstarted => start_pending(span),
        // A second token would take the place of the first, and the span would stay current for good.
        Phase::Live if this.state.borrow(py).attached.is_some() => return Err(entered_twice()),
        Phase::Live => {}
        Phase::Ended => return Err(entered_twice()),
    }
    let attached = current::attach(py, this.api(py), span.as_any())?;
    let replaced = this.state.borrow_mut(py).attached.replace(attached);
    drop(replaced);
    Ok(())
}

#[cold]
fn entered_twice() -> PyErr {
    PyRuntimeError::new_err(
        "a span of start_as_current_span is entered once; call start_as_current_span again for another, \
         or trace.use_span for a span that goes on",
    )
}

#[inline]
fn start_pending(span: &Bound<'_, Span>) {
    let pending = std::mem::take(&mut span.get().state.borrow_mut(span.py()).pending);
    Span::start_with(span, &pending.into_request(span.py()));
}

/// Makes the span before it current again and ends this one; `exception` is what left the block, or None.
#[inline]
pub fn exit(span: &Bound<'_, Span>, exception: &Bound<'_, PyAny>) -> PyResult<()> {
    let (py, this) = (span.py(), span.get());
    let attached = this.state.borrow_mut(py).attached.take();
    if let Some(attached) = attached {
        current::detach(py, this.api(py), attached)?;
    }
    if !exception.is_none() {
        note_exception(span, exception)?;
    }
    let ended = this.state.borrow(py).phase == Phase::Ended;
    if this.options.end_on_exit && !(this.options.current && ended) { Span::end(span, None) } else { Ok(()) }
}

/// Records what left the block. A span made current ignores `GeneratorExit` and its like, as the API does.
#[cold]
fn note_exception(span: &Bound<'_, Span>, exception: &Bound<'_, PyAny>) -> PyResult<()> {
    let (py, this) = (span.py(), span.get());
    let counts = !this.options.current || exception.is_instance(this.api(py).exception_type.bind(py))?;
    if !counts || !this.state.borrow(py).is_recording() {
        return Ok(());
    }
    if this.options.record_exception {
        this.record_exception(py, exception, None, None, !this.options.current)?;
    }
    if this.options.set_status_on_exception {
        let description = api::readable(py)?.call_method1("exception_description", (exception,))?;
        let error = &this.api(py).status_codes[2];
        this.set_status(py, error.bind(py), Some(&description))?;
    }
    Ok(())
}

unsafe extern "C" fn call_enter(
    callable: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    count: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter, and only as a method bound to a span.
    unsafe {
        let py = Python::assume_attached();
        if ffi::PyVectorcall_NARGS(count) != 0 || !names.is_null() {
            return ask_plain(callable, args, count, names);
        }
        let span = Bound::from_borrowed_ptr(py, receiver(callable)).cast_into_unchecked();
        answer(py, enter(&span).map(|()| span.into_ptr()))
    }
}

unsafe extern "C" fn call_exit(
    callable: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    count: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter, and only as a method bound to a span, with so many arguments.
    unsafe {
        let py = Python::assume_attached();
        if ffi::PyVectorcall_NARGS(count) != 3 || !names.is_null() {
            return ask_plain(callable, args, count, names);
        }
        let span = Bound::from_borrowed_ptr(py, receiver(callable)).cast_into_unchecked();
        let exited = exit(&span, &Bound::from_borrowed_ptr(py, *args.add(1)));
        answer(py, exited.map(|()| ffi::Py_NewRef(ffi::Py_None())))
    }
}

/// Gives the interpreter a result, or null with the error set.
fn answer(py: Python<'_>, result: PyResult<*mut ffi::PyObject>) -> *mut ffi::PyObject {
    result.unwrap_or_else(|error| {
        error.restore(py);
        null_mut()
    })
}
