//! What belongs to one process: values that a forked child must make anew instead of touching its parent's.

use std::mem::ManuallyDrop;
use std::sync::OnceLock;

use tokio::runtime::{Builder, Handle, Runtime};
pub use tokio::task::AbortHandle;

/// A value made once per process. After a fork the child finds it stale by the process id and makes its own; the
/// parent's copy is never dropped there, because its locks and threads did not come along.
#[derive(Debug)]
pub struct PerProcess<T> {
    slot: OnceLock<Slot<T>>,
}

#[derive(Debug)]
struct Slot<T> {
    pid: u32,
    value: ManuallyDrop<T>,
    next: Box<PerProcess<T>>,
}

impl<T> PerProcess<T> {
    /// Returns an empty holder.
    #[must_use]
    pub const fn new() -> Self {
        Self { slot: OnceLock::new() }
    }

    /// Returns this process's value, made by `make` on first use.
    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        let pid = std::process::id();
        let mut holder = self;
        while let Some(slot) = holder.slot.get().filter(|slot| slot.pid != pid) {
            holder = &slot.next;
        }
        let fresh = || Slot { pid, value: ManuallyDrop::new(make()), next: Box::new(Self::new()) };
        &holder.slot.get_or_init(fresh).value
    }
}

impl<T> Default for PerProcess<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Drop for PerProcess<T> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take().filter(|slot| slot.pid == std::process::id()) {
            drop(ManuallyDrop::into_inner(slot.value));
        }
    }
}

/// Returns the runtime that all clients of this process share: one thread named `pyspan-io`, started on first use.
///
/// # Panics
/// When the operating system refuses the thread or its event queue.
pub fn shared() -> Handle {
    static RUNTIME: PerProcess<Runtime> = PerProcess::new();
    RUNTIME.get_or_init(|| start("pyspan-io", 1).expect("the operating system refused a thread")).handle().clone()
}

/// Starts a runtime of `threads` threads with this name.
///
/// # Errors
/// When the operating system refuses a thread or the event queue.
pub fn start(name: &str, threads: usize) -> std::io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(threads).thread_name(name).enable_all().build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_made_once_per_process() {
        let holder = PerProcess::new();
        assert_eq!(*holder.get_or_init(|| 1), 1);
        assert_eq!(*holder.get_or_init(|| 2), 1);
    }

    #[test]
    fn the_value_of_another_process_is_passed_over_and_never_dropped() {
        let parents = PerProcess::new();
        let stale = Slot { pid: 0, value: ManuallyDrop::new(Bomb), next: Box::default() };
        assert!(parents.slot.set(stale).is_ok());
        drop(parents);
    }

    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("dropped in the wrong process");
        }
    }
}
