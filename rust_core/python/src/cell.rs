//! A cell that the interpreter lock guards.

use pyo3::prelude::*;
use std::cell::{Ref, RefCell, RefMut};

/// State of a Python object: borrowed only while attached, and only where no Python code can run.
///
/// A mutex costs two atomic operations a borrow, a fifth of an empty span. The rule that makes the cell safe is that a
/// borrow neither calls into Python, nor allocates objects the collector tracks, nor drops references.
pub struct GilCell<T>(RefCell<T>);

// SAFETY: both accessors ask for an attached thread, of which there is one at a time: the module declares that it needs
// the lock, so that also a free-threaded interpreter keeps it.
unsafe impl<T: Send> Sync for GilCell<T> {}

impl<T> GilCell<T> {
    pub const fn new(value: T) -> Self {
        Self(RefCell::new(value))
    }

    #[inline]
    pub fn borrow<'a>(&'a self, _py: Python<'a>) -> Ref<'a, T> {
        self.0.borrow()
    }

    #[inline]
    pub fn borrow_mut<'a>(&'a self, _py: Python<'a>) -> RefMut<'a, T> {
        self.0.borrow_mut()
    }

    #[inline]
    pub fn get_mut(&mut self) -> &mut T {
        self.0.get_mut()
    }

    /// Borrows for the garbage collector, which may come while the state is borrowed: then there is nothing to see.
    pub fn try_borrow_for_gc(&self) -> Option<Ref<'_, T>> {
        self.0.try_borrow().ok()
    }

    /// As [`Self::try_borrow_for_gc`], to break cycles.
    pub fn try_borrow_mut_for_gc(&self) -> Option<RefMut<'_, T>> {
        self.0.try_borrow_mut().ok()
    }
}
