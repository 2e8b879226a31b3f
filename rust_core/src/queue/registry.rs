//! All queues of the process, so that a fork finds each one whole and unlocked.

use super::{Inner, Queue};
use std::cell::UnsafeCell;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

static QUEUES: Mutex<Vec<Weak<Queue>>> = Mutex::new(Vec::new());
static HELD: Held = Held(UnsafeCell::new(None));

/// What a fork under way holds locked.
struct Held(UnsafeCell<Option<(Vec<Locked>, Registered)>>);

type Registered = MutexGuard<'static, Vec<Weak<Queue>>>;

// SAFETY: it is touched only by the thread that forks, between `lock_all` and `unlock_all`, under the lock of `QUEUES`.
unsafe impl Sync for Held {}

/// A queue that is locked. The lock is given back before the queue: fields are dropped in order.
struct Locked {
    _lock: MutexGuard<'static, Inner>,
    _queue: Arc<Queue>,
}

impl Locked {
    fn new(queue: Arc<Queue>) -> Self {
        // SAFETY: `queue` keeps the mutex where it is for as long as the guard lives.
        let lock = unsafe { mem::transmute::<MutexGuard<'_, Inner>, MutexGuard<'static, Inner>>(lock(&queue.inner)) };
        Self { _lock: lock, _queue: queue }
    }
}

pub(super) fn add(queue: &Arc<Queue>) {
    let mut queues = lock(&QUEUES);
    queues.retain(|known| known.strong_count() > 0);
    queues.push(Arc::downgrade(queue));
}

/// Locks a mutex of the standard library, which a child can unlock though threads waited for it in the parent: those of
/// `parking_lot` would hand the lock to a thread that did not come along.
#[inline]
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes every lock, in the order of registration, so that none is held by another thread when the process forks.
pub(crate) fn lock_all() {
    let queues = lock(&QUEUES);
    let live = queues.iter().filter_map(Weak::upgrade).map(Locked::new).collect();
    // SAFETY: the lock of `QUEUES` is held until `unlock_all`.
    unsafe { *HELD.0.get() = Some((live, queues)) };
}

/// Gives back what [`lock_all`] took, in the parent and in the child.
pub(crate) fn unlock_all() {
    // SAFETY: `lock_all` left the lock of `QUEUES` held, in this thread; it is given back last.
    drop(unsafe { (*HELD.0.get()).take() });
}
