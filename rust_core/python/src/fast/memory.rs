//! Memory of dead objects, kept for the next of their class: to allocate and free an object that the collector tracks
//! costs as much as framing a span.

use crate::cell::GilCell;
use pyo3::prelude::*;
use pyo3::{PyTypeInfo, ffi};
use std::ffi::c_void;

/// So many dead objects are kept; what a burst needs beyond that comes from the allocator.
const KEPT: usize = 512;

/// Dead objects of one class, untracked.
pub struct Pool(GilCell<Vec<Dead>>);

/// The memory of an object that nobody refers to.
struct Dead(*mut ffi::PyObject);

// SAFETY: nothing but the pool knows the memory.
unsafe impl Send for Dead {}

impl Pool {
    pub const fn new() -> Self {
        Self(GilCell::new(Vec::new()))
    }

    /// Returns an untracked object of `class` with one reference and undefined content, or null with an error set.
    ///
    /// # Safety
    ///
    /// All objects of this pool are of `class`, which the collector knows and whose objects all have one size.
    #[inline]
    pub unsafe fn take(&self, py: Python<'_>, class: *mut ffi::PyTypeObject) -> *mut ffi::PyObject {
        // In a statement of its own: up to Python 3.11 an allocation may collect garbage, which comes back to `give`.
        let dead = self.0.borrow_mut(py).pop();
        match dead {
            // SAFETY: memory of that size, that nobody else knows.
            Some(Dead(object)) => unsafe { ffi::PyObject_Init(object, class) },
            // SAFETY: as the caller promises.
            None => unsafe { ffi::PyObject_GC_New(class) },
        }
    }

    /// Keeps the memory of `object`, or frees it.
    ///
    /// # Safety
    ///
    /// `object` came from this pool, is untracked and has no reference and no content any more.
    #[inline]
    pub unsafe fn give(&self, py: Python<'_>, object: *mut ffi::PyObject) {
        let mut kept = self.0.borrow_mut(py);
        if kept.len() < KEPT {
            kept.push(Dead(object));
        } else {
            // SAFETY: as the caller promises.
            unsafe { ffi::PyObject_GC_Del(object.cast()) };
        }
    }
}

/// A class whose objects' memory is kept.
pub trait Pooled: PyTypeInfo {
    fn pool() -> &'static Pool;
}

/// Lets `T` take its memory from its pool. To be called before the first object is made.
pub fn keep_memory<T: Pooled>(py: Python<'_>) {
    let class = T::type_object_raw(py);
    // SAFETY: a live class of this module's own, which nobody uses yet and which has no subclasses.
    unsafe {
        (*class).tp_alloc = Some(allocate::<T>);
        (*class).tp_free = Some(free::<T>);
    }
}

unsafe extern "C" fn allocate<T: Pooled>(class: *mut ffi::PyTypeObject, _: ffi::Py_ssize_t) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter for the class of this pool. As with the general allocator the object is tracked
    // before it has content, and filled before any other object is made.
    unsafe {
        let made = T::pool().take(Python::assume_attached(), class);
        if !made.is_null() {
            ffi::PyObject_GC_Track(made.cast());
        }
        made
    }
}

unsafe extern "C" fn free<T: Pooled>(object: *mut c_void) {
    // SAFETY: called at the end of an object that `allocate` has made.
    unsafe { T::pool().give(Python::assume_attached(), object.cast()) };
}
