//! Noticing forks, also those made in C: a generation number that changes in every child.

use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

static GENERATION: AtomicU32 = AtomicU32::new(0);
static INSTALL: Once = Once::new();

/// Returns how many forks lie between this process and the one that first called [`install`].
#[inline]
#[must_use]
pub fn generation() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

/// Registers the fork handlers, once: locks that a child needs are held across the fork, then the generation moves on.
pub fn install() {
    INSTALL.call_once(|| {
        // SAFETY: the three handlers are plain functions that live as long as the process.
        unsafe { libc::pthread_atfork(Some(before), Some(after_in_parent), Some(after_in_child)) };
    });
}

extern "C" fn before() {
    crate::queue::registry::lock_all();
}

extern "C" fn after_in_parent() {
    crate::queue::registry::unlock_all();
}

extern "C" fn after_in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    crate::queue::registry::unlock_all();
}
