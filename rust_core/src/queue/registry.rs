//! All queues of the process, so that a fork finds each one whole and unlocked.

use super::Queue;
use parking_lot::Mutex;
use std::cell::UnsafeCell;
use std::mem;
use std::sync::{Arc, Weak};

static QUEUES: Mutex<Vec<Weak<Queue>>> = Mutex::new(Vec::new());
static HELD: Held = Held(UnsafeCell::new(Vec::new()));

/// The queues that a fork under way holds locked.
struct Held(UnsafeCell<Vec<Arc<Queue>>>);

// SAFETY: it is touched only between `lock_all` and `unlock_all`, under the lock of `QUEUES`.
unsafe impl Sync for Held {}

pub(super) fn add(queue: &Arc<Queue>) {
    let mut queues = QUEUES.lock();
    queues.retain(|known| known.strong_count() > 0);
    queues.push(Arc::downgrade(queue));
}

/// Takes every lock, in the order of registration, so that none is held by another thread when the process forks.
pub(crate) fn lock_all() {
    let queues = QUEUES.lock();
    let live: Vec<Arc<Queue>> = queues.iter().filter_map(Weak::upgrade).collect();
    for queue in &live {
        mem::forget(queue.inner.lock());
    }
    mem::forget(queues);
    // SAFETY: the lock of `QUEUES` is held until `unlock_all`.
    unsafe { *HELD.0.get() = live };
}

/// Gives back what [`lock_all`] took, in the parent and in the child.
pub(crate) fn unlock_all() {
    // SAFETY: `lock_all` left the lock of `QUEUES` held.
    let live = unsafe { mem::take(&mut *HELD.0.get()) };
    for queue in &live {
        // SAFETY: `lock_all` locked it and forgot the guard.
        unsafe { queue.inner.force_unlock() };
    }
    // SAFETY: as above. What `live` holds is dropped after this.
    unsafe { QUEUES.force_unlock() };
}
