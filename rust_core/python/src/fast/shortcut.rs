//! Shortcuts: methods that take the calls nearly everybody makes by the plain C interface, at half the price of a call.
//! Any other call goes to the method that stood there before, which knows all arguments and words all errors.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyString;
use pyo3::{Borrowed, PyTypeInfo, ffi};
use std::ffi::CString;
use std::ptr::null_mut;

/// A shortcut of the method [`Self::NAME`].
pub trait Shortcut {
    /// The class that has the method.
    type Class: PyTypeInfo;
    /// The method's name.
    const NAME: &'static str;

    /// Answers the call; `None` where the plain method has to. `PyO3` does not know that the thread is attached: drop no
    /// `Py` here, but a `Bound`.
    fn run<'py>(call: &Call<'_, 'py, Self::Class>) -> Option<PyResult<Bound<'py, PyAny>>>;

    /// Where the plain method is kept.
    fn plain() -> &'static PyOnceLock<Py<PyAny>>;
}

/// What a method was called with.
pub struct Call<'a, 'py, C> {
    pub receiver: &'a Bound<'py, C>,
    pub positional: &'a [Bound<'py, PyAny>],
    by_name: &'a [Bound<'py, PyAny>],
    /// The names of those, a tuple of as many strings, or null.
    names: *mut ffi::PyObject,
}

impl<'a, 'py, C> Call<'a, 'py, C> {
    /// Returns the arguments when all are given by position.
    #[inline]
    pub fn by_position<const N: usize>(&self) -> Option<&'a [Bound<'py, PyAny>; N]> {
        if self.by_name.is_empty() { self.positional.try_into().ok() } else { None }
    }

    /// Arranges the arguments in the order of the parameters `names`. `None` for a call with too many arguments, or with a
    /// name that is not the very object in `names`.
    #[inline]
    pub fn arrange<const N: usize>(&self, names: &[Py<PyString>; N]) -> Option<[Option<&'a Bound<'py, PyAny>>; N]> {
        let mut arranged = [None; N];
        for (place, given) in arranged.get_mut(..self.positional.len())?.iter_mut().zip(self.positional) {
            *place = Some(given);
        }
        for (index, given) in self.by_name.iter().enumerate() {
            // SAFETY: a tuple of as many names as there are named arguments.
            let name = unsafe { ffi::PyTuple_GET_ITEM(self.names, index.cast_signed()) };
            let position = names.iter().position(|known| known.as_ptr() == name)?;
            if arranged[position].replace(given).is_some() {
                return None;
            }
        }
        Some(arranged)
    }
}

/// Puts the shortcut before the method of its class.
pub fn install<S: Shortcut>(py: Python<'_>) -> PyResult<()> {
    let class = S::Class::type_object(py);
    let name = S::NAME;
    let plain = class.getattr(name)?;
    let definition = Box::new(ffi::PyMethodDef {
        ml_name: CString::new(name)?.into_raw(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: answer::<S> },
        ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
        ml_doc: documentation(name, &plain)?.into_raw(),
    });
    // SAFETY: the class is live, and so is the definition for as long as the process.
    let method = unsafe { ffi::PyDescr_NewMethod(class.as_type_ptr(), Box::into_raw(definition)) };
    // SAFETY: a new reference, or null with an error set.
    class.setattr(name, unsafe { Bound::from_owned_ptr_or_err(py, method)? })?;
    S::plain().get_or_init(py, || plain.unbind());
    Ok(())
}

/// The documentation with the signature in front, as the interpreter wants it.
fn documentation(name: &str, plain: &Bound<'_, PyAny>) -> PyResult<CString> {
    let text = |attribute: &str| plain.getattr(attribute).and_then(|text| text.extract::<Option<String>>());
    let signature = text("__text_signature__")?.unwrap_or_else(|| "($self, *args, **kwargs)".to_owned());
    Ok(CString::new(format!("{name}{signature}\n--\n\n{}", text("__doc__")?.unwrap_or_default()))?)
}

unsafe extern "C" fn answer<S: Shortcut>(
    receiver: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter as a method of the class, with so many live arguments and a tuple of names or
    // null; a `Bound` is a pointer, so a slice of pointers may be read as one of borrowed objects.
    unsafe {
        let py = Python::assume_attached();
        let receiver = Borrowed::from_ptr(py, receiver).cast_unchecked::<S::Class>();
        let positional = positional.unsigned_abs();
        let by_name = if names.is_null() { 0 } else { ffi::PyTuple_GET_SIZE(names).unsigned_abs() };
        let given = match positional + by_name {
            0 => &[],
            count => std::slice::from_raw_parts(arguments.cast::<Bound<'_, PyAny>>(), count),
        };
        let (positional, by_name) = given.split_at(positional);
        let call = Call { receiver: &receiver, positional, by_name, names };
        match S::run(&call) {
            Some(Ok(result)) => result.into_ptr(),
            Some(Err(error)) => raise(py, error),
            None => ask_plain::<S>(&call),
        }
    }
}

#[cold]
fn raise(py: Python<'_>, error: PyErr) -> *mut ffi::PyObject {
    error.restore(py);
    null_mut()
}

#[cold]
fn ask_plain<S: Shortcut>(call: &Call<'_, '_, S::Class>) -> *mut ffi::PyObject {
    Python::attach(|py| {
        let Some(plain) = S::plain().get(py) else { return null_mut() };
        let all =
            [call.receiver.as_ptr()].into_iter().chain(call.positional.iter().chain(call.by_name).map(Bound::as_ptr));
        let all: Vec<_> = all.collect();
        // SAFETY: all are live, and the count is that of the receiver and the positional arguments.
        unsafe { ffi::PyObject_Vectorcall(plain.as_ptr(), all.as_ptr(), 1 + call.positional.len(), call.names) }
    })
}
