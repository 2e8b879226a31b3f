//! Bound methods from a pool. Up to Python 3.13 a `with` binds `__enter__` and `__exit__` anew each time, which costs a
//! fifth of an empty span; from 3.14 on nothing is bound, so nothing is done here.

use super::memory::Pool;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use pyo3::{PyTypeInfo, ffi};
use std::ffi::{CStr, c_int, c_uint, c_ulong, c_void};
use std::mem::offset_of;

/// The first version of Python that calls `__enter__` and `__exit__` without binding them.
const UNBOUND_SINCE: (u8, u8) = (3, 14);

static POOL: Pool = Pool::new();
static METHOD: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static DESCRIPTOR: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// A method and the object that it is called on.
#[repr(C)]
struct BoundMethod {
    base: ffi::PyObject,
    vectorcall: ffi::vectorcallfunc,
    receiver: *mut ffi::PyObject,
    /// The plain method, borrowed from the class.
    plain: *mut ffi::PyObject,
}

/// What stands in the class: binds from the pool, and gives the plain method to who asks the class itself.
#[repr(C)]
struct Descriptor {
    base: ffi::PyObject,
    vectorcall: ffi::vectorcallfunc,
    plain: *mut ffi::PyObject,
    /// The class whose objects it binds to.
    class: *mut ffi::PyTypeObject,
}

/// Replaces the method `name` of `T` by one that is bound from the pool and runs `vectorcall`.
pub fn bind_from_pool<T: PyTypeInfo>(py: Python<'_>, name: &str, vectorcall: ffi::vectorcallfunc) -> PyResult<()> {
    let version = py.version_info();
    if (version.major, version.minor) >= UNBOUND_SINCE {
        return Ok(());
    }
    METHOD.get_or_try_init(py, || method_type(py))?;
    let kind = DESCRIPTOR.get_or_try_init(py, || descriptor_type(py))?;
    let class = T::type_object(py);
    let plain = class.getattr(name)?;
    // SAFETY: objects of this type have this layout; the fields are zero until they are set here.
    let descriptor = unsafe {
        let made = Bound::from_owned_ptr_or_err(py, ffi::PyType_GenericAlloc(kind.as_ptr().cast(), 0))?;
        let fields = made.as_ptr().cast::<Descriptor>();
        (*fields).vectorcall = vectorcall;
        (*fields).plain = plain.into_ptr();
        (*fields).class = class.as_type_ptr();
        made
    };
    class.setattr(name, descriptor)
}

/// Returns the receiver of the bound method that a function given to [`bind_from_pool`] was called as.
///
/// # Safety
///
/// `callable` must be the first argument of such a call.
#[inline]
pub unsafe fn receiver(callable: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: only objects of this layout carry such functions.
    unsafe { (*callable.cast::<BoundMethod>()).receiver }
}

/// Calls the plain method, which knows all arguments and words all errors, as the bound method `callable` was called.
///
/// # Safety
///
/// The arguments must be those of a call of a function given to [`bind_from_pool`].
#[cold]
pub unsafe fn ask_plain(
    callable: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    count: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: as the caller promises: so many live arguments, of which the named ones come last.
    unsafe {
        let method = callable.cast::<BoundMethod>();
        let positional = ffi::PyVectorcall_NARGS(count).unsigned_abs();
        let by_name = if names.is_null() { 0 } else { ffi::PyTuple_GET_SIZE(names).unsigned_abs() };
        let given = (0..positional + by_name).map(|index| *args.add(index));
        let all: Vec<_> = [(*method).receiver].into_iter().chain(given).collect();
        ffi::PyObject_Vectorcall((*method).plain, all.as_ptr(), 1 + positional, names)
    }
}

unsafe extern "C" fn bind(
    descriptor: *mut ffi::PyObject,
    receiver: *mut ffi::PyObject,
    class: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter with live objects, the first of them of this module's type. The class is made
    // by this module and cannot be subclassed, so that objects of it have it as their very type.
    unsafe {
        let descriptor = descriptor.cast::<Descriptor>();
        let py = Python::assume_attached();
        if receiver.is_null() || ffi::Py_TYPE(receiver) != (*descriptor).class {
            return bind_plain((*descriptor).plain, receiver, class);
        }
        let Some(kind) = METHOD.get(py) else { return bind_plain((*descriptor).plain, receiver, class) };
        let made = POOL.take(py, kind.as_ptr().cast()).cast::<BoundMethod>();
        if !made.is_null() {
            (*made).vectorcall = (*descriptor).vectorcall;
            (*made).receiver = ffi::Py_NewRef(receiver);
            (*made).plain = (*descriptor).plain;
            ffi::PyObject_GC_Track(made.cast());
        }
        made.cast()
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

/// Finds what the interpreter's own bound methods have besides: a name, a documentation, a comparison by what is bound.
unsafe extern "C" fn get_attribute(method: *mut ffi::PyObject, name: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter with a live object of this type and a string.
    unsafe {
        let found = ffi::PyObject_GenericGetAttr(method, name);
        if !found.is_null() || ffi::PyErr_ExceptionMatches(ffi::PyExc_AttributeError) == 0 {
            return found;
        }
        ffi::PyErr_Clear();
        let this = method.cast::<BoundMethod>();
        let plain = bind_plain((*this).plain, (*this).receiver, ffi::Py_TYPE((*this).receiver).cast());
        if plain.is_null() {
            return plain;
        }
        let found = ffi::PyObject_GetAttr(plain, name);
        ffi::Py_DECREF(plain);
        found
    }
}

unsafe extern "C" fn drop_method(method: *mut ffi::PyObject) {
    // SAFETY: called when the last reference is gone. The memory is given back before the receiver's end may run code.
    unsafe {
        ffi::PyObject_GC_UnTrack(method.cast());
        let (receiver, kind) = ((*method.cast::<BoundMethod>()).receiver, ffi::Py_TYPE(method));
        POOL.give(Python::assume_attached(), method);
        ffi::Py_DECREF(receiver);
        ffi::Py_DECREF(kind.cast());
    }
}

unsafe extern "C" fn visit_method(method: *mut ffi::PyObject, visit: ffi::visitproc, arg: *mut c_void) -> c_int {
    // SAFETY: a live object of this type.
    unsafe { visit((*method.cast::<BoundMethod>()).receiver, arg) }
}

fn method_type(py: Python<'_>) -> PyResult<Py<PyType>> {
    let mut members = [
        member(c"__vectorcalloffset__", ffi::Py_T_PYSSIZET, offset_of!(BoundMethod, vectorcall)),
        member(c"__self__", ffi::Py_T_OBJECT_EX, offset_of!(BoundMethod, receiver)),
        ffi::PyMemberDef::default(),
    ];
    let flags = ffi::Py_TPFLAGS_HAVE_GC | ffi::Py_TPFLAGS_HAVE_VECTORCALL;
    let slots = [
        slot(ffi::Py_tp_dealloc, drop_method as *mut c_void),
        slot(ffi::Py_tp_traverse, visit_method as *mut c_void),
        slot(ffi::Py_tp_call, ffi::PyVectorcall_Call as *mut c_void),
        slot(ffi::Py_tp_getattro, get_attribute as *mut c_void),
        slot(ffi::Py_tp_members, members.as_mut_ptr().cast()),
    ];
    make_type::<BoundMethod>(py, c"pyspan._core.BoundMethod", flags, &slots)
}

fn descriptor_type(py: Python<'_>) -> PyResult<Py<PyType>> {
    let slots = [slot(ffi::Py_tp_descr_get, bind as *mut c_void)];
    make_type::<Descriptor>(py, c"pyspan._core.PooledMethod", 0, &slots)
}

fn make_type<T>(py: Python<'_>, name: &CStr, flags: c_ulong, slots: &[ffi::PyType_Slot]) -> PyResult<Py<PyType>> {
    let mut slots: Vec<_> = slots.iter().copied().chain([ffi::PyType_Slot::default()]).collect();
    let mut spec = ffi::PyType_Spec {
        name: name.as_ptr(),
        basicsize: c_int::try_from(size_of::<T>())?,
        itemsize: 0,
        flags: c_uint::try_from(ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION | flags)?,
        slots: slots.as_mut_ptr(),
    };
    // SAFETY: the specification is whole; the interpreter copies what it keeps, but for the name, which is static.
    let made = unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyType_FromSpec(&raw mut spec))? };
    Ok(made.cast_into::<PyType>()?.unbind())
}

fn slot(slot: c_int, pfunc: *mut c_void) -> ffi::PyType_Slot {
    ffi::PyType_Slot { slot, pfunc }
}

fn member(name: &'static CStr, kind: c_int, offset: usize) -> ffi::PyMemberDef {
    ffi::PyMemberDef {
        name: name.as_ptr(),
        type_code: kind,
        offset: offset.cast_signed(),
        flags: ffi::Py_READONLY,
        ..Default::default()
    }
}
