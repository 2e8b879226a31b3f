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
}

/// What stands in the class: binds from the pool, and gives the plain method to who asks the class itself.
#[repr(C)]
struct Descriptor {
    base: ffi::PyObject,
    vectorcall: ffi::vectorcallfunc,
    plain: *mut ffi::PyObject,
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

unsafe extern "C" fn bind(
    descriptor: *mut ffi::PyObject,
    receiver: *mut ffi::PyObject,
    _class: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter with live objects, the first of them of this module's type.
    unsafe {
        let descriptor = descriptor.cast::<Descriptor>();
        let py = Python::assume_attached();
        let Some(kind) = METHOD.get(py).filter(|_| !receiver.is_null()) else {
            return ffi::Py_NewRef((*descriptor).plain);
        };
        let made = POOL.take(py, kind.as_ptr().cast()).cast::<BoundMethod>();
        if !made.is_null() {
            (*made).vectorcall = (*descriptor).vectorcall;
            (*made).receiver = ffi::Py_NewRef(receiver);
            ffi::PyObject_GC_Track(made.cast());
        }
        made.cast()
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
    let flags = ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_HAVE_GC | ffi::Py_TPFLAGS_HAVE_VECTORCALL;
    let slots = [
        slot(ffi::Py_tp_dealloc, drop_method as *mut c_void),
        slot(ffi::Py_tp_traverse, visit_method as *mut c_void),
        slot(ffi::Py_tp_call, ffi::PyVectorcall_Call as *mut c_void),
        slot(ffi::Py_tp_members, members.as_mut_ptr().cast()),
    ];
    make_type::<BoundMethod>(py, c"pyspan._core.BoundMethod", flags, &slots)
}

fn descriptor_type(py: Python<'_>) -> PyResult<Py<PyType>> {
    let slots = [slot(ffi::Py_tp_descr_get, bind as *mut c_void)];
    make_type::<Descriptor>(py, c"pyspan._core.PooledMethod", ffi::Py_TPFLAGS_DEFAULT, &slots)
}

fn make_type<T>(py: Python<'_>, name: &CStr, flags: c_ulong, slots: &[ffi::PyType_Slot]) -> PyResult<Py<PyType>> {
    let mut slots: Vec<_> = slots.iter().copied().chain([ffi::PyType_Slot::default()]).collect();
    let mut spec = ffi::PyType_Spec {
        name: name.as_ptr(),
        basicsize: c_int::try_from(size_of::<T>())?,
        itemsize: 0,
        flags: c_uint::try_from(flags)?,
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
