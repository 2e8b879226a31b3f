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

/// Registers the fork handler, once: the generation moves on in each child.
pub fn install() {
    INSTALL.call_once(|| {
        // SAFETY: the handler is a plain function that lives as long as the process.
        unsafe { libc::pthread_atfork(None, None, Some(after_in_child)) };
    });
}

extern "C" fn after_in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
}
