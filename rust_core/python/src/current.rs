//! The current context: natively on the stock context variable, else through the API's own functions.

use crate::api::Api;
use crate::propagation::RemoteSpan;
use crate::span::Span;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// Returns the object under the span key of `context`, or of the current context.
#[inline]
pub fn span<'py>(
    py: Python<'py>,
    api: &Api,
    context: Option<&Bound<'py, PyAny>>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    match (context, &api.context_var) {
        (Some(context), _) => span_of(py, api, context),
        (None, Some(var)) => span_of(py, api, &value_of(py, var)?),
        (None, None) => span_of(py, api, &api.context.bind(py).call_method0("get_current")?),
    }
}

#[inline]
fn span_of<'py>(py: Python<'py>, api: &Api, context: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Ok(context) = context.cast::<PyDict>() else {
        return Ok(Some(context.call_method1("get", (&api.span_key,))?).filter(|span| !span.is_none()));
    };
    // SAFETY: both are live; the result is borrowed from the dict, or null with or without an error set.
    let found = unsafe { ffi::PyDict_GetItemWithError(context.as_ptr(), api.span_key.as_ptr()) };
    // SAFETY: a borrowed reference or null.
    match unsafe { Bound::from_borrowed_ptr_or_opt(py, found) } {
        Some(span) => Ok(Some(span).filter(|span| !span.is_none())),
        None if PyErr::occurred(py) => Err(PyErr::fetch(py)),
        None => Ok(None),
    }
}

/// Returns `given`, or the current context.
pub fn context<'py>(py: Python<'py>, api: &Api, given: Option<&Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
    match (given, &api.context_var) {
        (Some(context), _) => Ok(context.clone()),
        (None, Some(var)) => value_of(py, var),
        (None, None) => api.context.bind(py).call_method0("get_current"),
    }
}

#[inline]
fn value_of<'py>(py: Python<'py>, var: &Py<PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let mut value = std::ptr::null_mut();
    // SAFETY: `var` is a context variable (proved when it was found); its default makes `value` non-null on success.
    let status = unsafe { ffi::PyContextVar_Get(var.as_ptr(), std::ptr::null_mut(), &raw mut value) };
    if status < 0 {
        return Err(PyErr::fetch(py));
    }
    // SAFETY: a new reference on success.
    unsafe { Bound::from_owned_ptr_or_err(py, value) }
}

/// What undoes an [`attach`].
pub struct Attached {
    pub token: Py<PyAny>,
    /// The context that was set, where it was made natively.
    pub context: Option<Py<PyAny>>,
}

/// Makes `span` current.
#[inline]
pub fn attach(py: Python<'_>, api: &Api, span: &Bound<'_, PyAny>) -> PyResult<Attached> {
    attach_over(py, api, None, span)
}

/// Makes `span` current in a context that holds what `base` does, by default the current one.
#[inline]
pub fn attach_over(
    py: Python<'_>,
    api: &Api,
    base: Option<&Bound<'_, PyAny>>,
    span: &Bound<'_, PyAny>,
) -> PyResult<Attached> {
    let Some(var) = &api.context_var else {
        let context = api.trace.bind(py).call_method1("set_span_in_context", (span, base))?;
        let token = api.context.bind(py).call_method1("attach", (context,))?.unbind();
        return Ok(Attached { token, context: None });
    };
    let context = match base {
        Some(base) => with_span(py, api, base, span)?,
        None => with_span(py, api, &value_of(py, var)?, span)?,
    };
    set(py, var, context)
}

#[inline]
fn set(py: Python<'_>, var: &Py<PyAny>, context: Bound<'_, PyAny>) -> PyResult<Attached> {
    // SAFETY: both are live; the result is a new reference or null with an error set.
    let token = unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyContextVar_Set(var.as_ptr(), context.as_ptr()))? };
    Ok(Attached { token: token.unbind(), context: Some(context.unbind()) })
}

/// The current context, read once for a span that starts and becomes current in one go.
pub struct Around<'py> {
    context: Bound<'py, PyAny>,
    /// What is under the span key.
    pub span: Option<Bound<'py, PyAny>>,
}

impl<'py> Around<'py> {
    /// Reads it; `None` where code of the user's has to be asked: the API's own functions, a context of another kind or a span
    /// of another kind in it.
    #[inline]
    pub fn read(py: Python<'py>, api: &Api) -> Option<Self> {
        let context = value_of(py, api.context_var.as_ref()?).ok()?;
        context.cast::<PyDict>().ok()?;
        let span = span_of(py, api, &context).ok()?;
        let native = span
            .as_ref()
            .is_none_or(|span| span.is_exact_instance_of::<Span>() || span.is_exact_instance_of::<RemoteSpan>());
        native.then_some(Self { context, span })
    }

    /// Makes `span` current. Nothing may have changed the current context meanwhile.
    #[inline]
    pub fn attach(self, py: Python<'_>, api: &Api, span: &Bound<'_, PyAny>) -> PyResult<Attached> {
        let Some(var) = &api.context_var else { return attach(py, api, span) };
        // SAFETY: a live dict, as was looked when it was read.
        let entries = unsafe { ffi::PyDict_Size(self.context.as_ptr()) };
        let alone = entries <= isize::from(self.span.is_some());
        set(py, var, copy_with(py, api, &self.context, alone, span)?)
    }
}

/// Copies `base` with `span` under the span key.
#[inline]
pub fn with_span<'py>(
    py: Python<'py>,
    api: &Api,
    base: &Bound<'py, PyAny>,
    span: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: `base` is live.
    let alone = unsafe { holds_only_a_span(api, base) };
    copy_with(py, api, base, alone, span)
}

/// As [`with_span`]; of a `base` that holds a span `alone`, or nothing, nothing has to be copied.
#[inline]
fn copy_with<'py>(
    py: Python<'py>,
    api: &Api,
    base: &Bound<'_, PyAny>,
    alone: bool,
    span: &Bound<'_, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let pooled = if alone { api.pool.borrow_mut(py).pop() } else { None };
    let context = pooled.map_or_else(|| empty_context(py, api), |context| Ok(context.into_bound(py)))?;
    // SAFETY: `context` is a dict of its own that nobody else holds; `base` is a mapping; the C functions go past the
    // methods with which `Context` forbids changes, as the API's own constructor does.
    unsafe {
        if !alone && ffi::PyDict_Update(context.as_ptr(), base.as_ptr()) < 0 {
            return Err(PyErr::fetch(py));
        }
        if ffi::PyDict_SetItem(context.as_ptr(), api.span_key.as_ptr(), span.as_ptr()) < 0 {
            return Err(PyErr::fetch(py));
        }
    }
    Ok(context)
}

/// So many contexts that held nothing but a span are kept for the next spans: making one costs as much as all the rest
/// of making a span current.
const POOL_SIZE: usize = 512;

/// Keeps `context` for another span if nobody else holds it.
#[inline]
pub fn recycle(py: Python<'_>, api: &Api, context: Py<PyAny>) {
    let context = context.into_bound(py);
    // SAFETY: a live dict; the count is exact while the interpreter lock is held.
    let free = unsafe { ffi::Py_REFCNT(context.as_ptr()) == 1 && ffi::PyDict_Size(context.as_ptr()) == 1 };
    if !free || api.pool.borrow(py).len() >= POOL_SIZE {
        return;
    }
    // SAFETY: both are live and nobody else sees the dict. The span must not live on in the pool.
    let emptied = unsafe { ffi::PyDict_SetItem(context.as_ptr(), api.span_key.as_ptr(), ffi::Py_None()) };
    if emptied == 0 {
        api.pool.borrow_mut(py).push(context.unbind());
    } else {
        drop(PyErr::take(py));
    }
}

/// Makes an empty context past the methods with which it forbids changes.
#[inline]
pub fn empty_context<'py>(py: Python<'py>, api: &Api) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: `Context` subclasses dict and defines no `__new__`; the arguments are an empty tuple and no keywords.
    unsafe {
        let new = ffi::PyDict_Type.tp_new.unwrap_unchecked();
        let made = new(api.context_type.as_ptr().cast(), api.empty_tuple.as_ptr(), std::ptr::null_mut());
        Bound::from_owned_ptr_or_err(py, made)
    }
}

/// True when nothing of `base` has to be copied: the one entry that it may have is about to be replaced.
#[inline]
unsafe fn holds_only_a_span(api: &Api, base: &Bound<'_, PyAny>) -> bool {
    if !base.is_instance_of::<PyDict>() {
        return false;
    }
    // SAFETY: `base` is a dict.
    unsafe {
        match ffi::PyDict_Size(base.as_ptr()) {
            0 => true,
            1 => ffi::PyDict_Contains(base.as_ptr(), api.span_key.as_ptr()) == 1,
            _ => false,
        }
    }
}

/// Undoes [`attach`]. A token of another context, as when an async generator is closed in another task, is let go
/// quietly: there the variable is not ours to reset. The span stays current in its own context, so it is told who was
/// current before it.
#[inline]
pub fn detach(py: Python<'_>, api: &Api, attached: Attached) -> PyResult<()> {
    let reset = match &api.context_var {
        // SAFETY: both are live objects; a token of another kind makes the call fail with an error set.
        Some(var) => match unsafe { ffi::PyContextVar_Reset(var.as_ptr(), attached.token.as_ptr()) } {
            0 => Ok(()),
            _ => Err(PyErr::fetch(py)),
        },
        None => api.context.bind(py).call_method1("detach", (&attached.token,)).map(drop),
    };
    match reset {
        Ok(()) => {
            attached.token.drop_ref(py);
            if let Some(context) = attached.context {
                recycle(py, api, context);
            }
            Ok(())
        }
        Err(error) if error.is_instance_of::<PyValueError>(py) || error.is_instance_of::<PyRuntimeError>(py) => {
            leave_behind(py, api, &attached)
        }
        Err(error) => Err(error),
    }
}

#[cold]
fn leave_behind(py: Python<'_>, api: &Api, attached: &Attached) -> PyResult<()> {
    let Some(context) = &attached.context else { return Ok(()) };
    let left = span_of(py, api, context.bind(py))?;
    let Some(left) = left.as_ref().and_then(|left| left.cast_exact::<Span>().ok()) else { return Ok(()) };
    let before = attached.token.bind(py).getattr(intern!(py, "old_value"))?;
    let before = before.is_instance_of::<PyDict>().then(|| span_of(py, api, &before)).transpose()?.flatten();
    left.get().hand_on_to(py, before);
    Ok(())
}

/// Builds an API `SpanContext` without running its Python constructor, which costs more than an empty span.
pub fn span_context<'py>(py: Python<'py>, api: &Api, fields: Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
    let args = PyTuple::new(py, [fields])?;
    // SAFETY: `SpanContext` subclasses tuple; tuple's `tp_new` with one sequence argument fills the subclass's items.
    unsafe {
        let new = ffi::PyTuple_Type.tp_new.unwrap_unchecked();
        let made = new(api.span_context_type.as_ptr().cast(), args.as_ptr(), std::ptr::null_mut());
        Bound::from_owned_ptr_or_err(py, made)
    }
}
