//! `__enter__` and `__exit__` without bound methods. Up to Python 3.13 a `with` binds both anew each time, which costs a
//! fifth of an empty span; from 3.14 on nothing is bound, so nothing is done here.
//!
//! What is bound is the object itself: called without an argument it is entered, with three it is left.

use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::True;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use pyo3::{Borrowed, PyClass, ffi};
use std::ffi::{c_int, c_uint, c_void};

/// The first version of Python that calls `__enter__` and `__exit__` without binding them.
const UNBOUND_SINCE: (u8, u8) = (3, 14);

static DESCRIPTOR: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// A class whose objects carry a function that calls of them go to.
pub trait Callable: PyClass<Frozen = True> + Sync {
    /// Where in the class that function stands, a `vectorcallfunc`.
    const FUNCTION_OFFSET: usize;
}

/// What stands in the class: binds to the object itself, and gives the plain method to who asks the class.
#[repr(C)]
struct Descriptor {
    base: ffi::PyObject,
    plain: *mut ffi::PyObject,
    /// The class whose objects it binds to.
    class: *mut ffi::PyTypeObject,
}

/// Lets objects of `T` be called by their function. To be called before the first object is made.
pub fn call_by_function<T: Callable>(py: Python<'_>) {
    let class = T::type_object(py).as_type_ptr();
    // SAFETY: a live class of this module's own without objects as yet, all of which are going to have that function
    // there.
    unsafe {
        (*class).tp_vectorcall_offset = (offset_in_object::<T>(py, class) + T::FUNCTION_OFFSET).cast_signed();
        (*class).tp_flags |= ffi::Py_TPFLAGS_HAVE_VECTORCALL;
        ffi::PyType_Modified(class);
    }
}

/// Gives the interpreter a result, or null with the error set.
#[inline]
pub fn answer(py: Python<'_>, result: PyResult<*mut ffi::PyObject>) -> *mut ffi::PyObject {
    result.unwrap_or_else(|error| {
        error.restore(py);
        std::ptr::null_mut()
    })
}

/// Returns how many arguments a call has, by position and by name.
///
/// # Safety
///
/// They are those of a `vectorcallfunc` that the interpreter calls.
#[cold]
pub unsafe fn given(count: usize, names: *mut ffi::PyObject) -> usize {
    // SAFETY: the names are a tuple or null.
    unsafe {
        let by_name = if names.is_null() { 0 } else { ffi::PyTuple_GET_SIZE(names) };
        (ffi::PyVectorcall_NARGS(count) + by_name).unsigned_abs()
    }
}

/// Calls the plain method `name`, which knows all arguments and words all errors.
///
/// # Safety
///
/// The arguments are those of a `vectorcallfunc` that the interpreter calls with `object`.
#[cold]
pub unsafe fn call_method<T: Callable>(
    object: &Bound<'_, T>,
    name: &str,
    args: *const *mut ffi::PyObject,
    count: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: so many live arguments, of which the named ones come last, as the names are many.
    unsafe {
        let positional = ffi::PyVectorcall_NARGS(count).unsigned_abs();
        let given = (0..given(count, names)).map(|index| *args.add(index));
        let all: Vec<_> = [object.as_ptr()].into_iter().chain(given).collect();
        match object.as_any().get_type().getattr(name) {
            Ok(plain) => ffi::PyObject_Vectorcall(plain.as_ptr(), all.as_ptr(), 1 + positional, names),
            Err(error) => answer(object.py(), Err(error)),
        }
    }
}

/// How far into an object of `class` its `T` lies.
unsafe fn offset_in_object<T: Callable>(py: Python<'_>, class: *mut ffi::PyTypeObject) -> usize {
    // SAFETY: memory of the size of an object, of which but the address is looked at.
    unsafe {
        let mut memory = vec![0_u128; (*class).tp_basicsize.unsigned_abs().div_ceil(size_of::<u128>())];
        let object = Borrowed::from_ptr(py, memory.as_mut_ptr().cast()).cast_unchecked::<T>();
        std::ptr::from_ref(object.get()).addr() - object.as_ptr().addr()
    }
}

/// Replaces the method `name` of `T` by one that binds to the object itself.
pub fn bind_to_itself<T: PyClass>(py: Python<'_>, name: &str) -> PyResult<()> {
    let version = py.version_info();
    if (version.major, version.minor) >= UNBOUND_SINCE {
        return Ok(());
    }
    let kind = DESCRIPTOR.get_or_try_init(py, || descriptor_type(py))?;
    let class = T::type_object(py);
    let plain = class.getattr(name)?;
    // SAFETY: objects of this type have this layout; the fields are zero until they are set here.
    let descriptor = unsafe {
        let made = Bound::from_owned_ptr_or_err(py, ffi::PyType_GenericAlloc(kind.as_ptr().cast(), 0))?;
        let fields = made.as_ptr().cast::<Descriptor>();
        (*fields).plain = plain.into_ptr();
        (*fields).class = class.as_type_ptr();
        made
    };
    class.setattr(name, descriptor)
}

unsafe extern "C" fn bind(
    descriptor: *mut ffi::PyObject,
    receiver: *mut ffi::PyObject,
    class: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter with live objects, the first of them of this module's type. The class cannot be
    // subclassed, so that objects of it have it as their very type.
    unsafe {
        let descriptor = descriptor.cast::<Descriptor>();
        if !receiver.is_null() && ffi::Py_TYPE(receiver) == (*descriptor).class {
            return ffi::Py_NewRef(receiver);
        }
        bind_plain((*descriptor).plain, receiver, class)
    }
}

/// Binds as the plain method does, which refuses what is not of its class.
#[cold]
unsafe fn bind_plain(
    plain: *mut ffi::PyObject,
    receiver: *mut ffi::PyObject,
    class: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: a live method of a class, which is a descriptor; the others are live or null.
    unsafe {
        match (*ffi::Py_TYPE(plain)).tp_descr_get {
            Some(bind) if !receiver.is_null() => bind(plain, receiver, class),
            _ => ffi::Py_NewRef(plain),
        }
    }
}

fn descriptor_type(py: Python<'_>) -> PyResult<Py<PyType>> {
    let mut slots =
        [ffi::PyType_Slot { slot: ffi::Py_tp_descr_get, pfunc: bind as *mut c_void }, ffi::PyType_Slot::default()];
    let mut spec = ffi::PyType_Spec {
        name: c"pyspan._core.MethodOfItself".as_ptr(),
        basicsize: c_int::try_from(size_of::<Descriptor>())?,
        itemsize: 0,
        flags: c_uint::try_from(ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION)?,
        slots: slots.as_mut_ptr(),
    };
    // SAFETY: the specification is whole; the interpreter copies what it keeps, but for the name, which is static.
    let made = unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyType_FromSpec(&raw mut spec))? };
    Ok(made.cast_into::<PyType>()?.unbind())
}
