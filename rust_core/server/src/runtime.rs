//! What belongs to one process: values that a forked child must make anew instead of touching its parent's.

use std::marker::PhantomData;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use pyspan_core::fork;
use tokio::runtime::{Builder, Handle, Runtime};
pub use tokio::task::AbortHandle;

/// A value made once per process. A forked child makes its own without waiting for anything of its parent's, also where
/// the parent was just making one; the parent's copy is never touched nor dropped there, because its locks may be taken
/// by threads that did not come along.
#[derive(Debug)]
pub struct PerProcess<T> {
    newest: AtomicPtr<Slot<T>>,
    owns: PhantomData<T>,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    value: T,
}

impl<T> PerProcess<T> {
    /// Returns an empty holder.
    #[must_use]
    pub const fn new() -> Self {
        Self { newest: AtomicPtr::new(ptr::null_mut()), owns: PhantomData }
    }

    /// Returns this process's value, made by `make` on first use. Threads that come at the same time may each make one;
    /// all get the first, the others are dropped.
    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        fork::install();
        let generation = fork::generation();
        let seen = self.newest.load(Ordering::Acquire);
        // SAFETY: it is null or was filled below; a filled slot lives at least as long as `self`.
        if let Some(slot) = unsafe { own(seen, generation) } {
            return &slot.value;
        }
        let fresh = Box::into_raw(Box::new(Slot { generation, value: make() }));
        let placed = self.newest.compare_exchange(seen, fresh, Ordering::AcqRel, Ordering::Acquire);
        let first = placed.map_or_else(|theirs| theirs, |_| fresh);
        if first != fresh {
            // SAFETY: `fresh` came from a box above and was shown to nobody.
            drop(unsafe { Box::from_raw(fresh) });
        }
        // SAFETY: it is ours, or a thread of this process has filled it meanwhile; it lives at least as long as `self`.
        unsafe { &(*first).value }
    }
}

/// Returns the slot if it was filled in this process.
///
/// # Safety
/// `slot` is null or lives for `'a`.
unsafe fn own<'a, T>(slot: *mut Slot<T>, generation: u32) -> Option<&'a Slot<T>> {
    // SAFETY: as the caller says.
    unsafe { slot.as_ref() }.filter(|slot| slot.generation == generation)
}

impl<T> Default for PerProcess<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Drop for PerProcess<T> {
    fn drop(&mut self) {
        let newest = *self.newest.get_mut();
        // SAFETY: it is null or was filled by `get_or_init`.
        if unsafe { own(newest, fork::generation()) }.is_some() {
            // SAFETY: `get_or_init` took it out of a box, and nobody else can reach it any more.
            drop(unsafe { Box::from_raw(newest) });
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
pub(crate) mod tests {
    use super::*;
    use std::sync::mpsc::channel;
    use std::time::{Duration, Instant};

    /// Forks and does `work` in the child; whether the child came to its end.
    pub(crate) fn ends_in_a_child(work: impl FnOnce()) -> bool {
        // SAFETY: the child ends by `_exit`, or by a signal when `work` panics or never returns.
        let child = unsafe { libc::fork() };
        if child == 0 {
            work();
            // SAFETY: it does not return.
            unsafe { libc::_exit(0) };
        }
        let (mut status, deadline) = (-1, Instant::now() + Duration::from_secs(20));
        // SAFETY: `status` is writable, and the child is ours.
        while unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) } == 0 {
            if Instant::now() > deadline {
                // SAFETY: the child is ours and was not waited for yet.
                unsafe { libc::kill(child, libc::SIGKILL) };
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        status == 0
    }

    #[test]
    fn a_value_is_made_once_per_process() {
        let holder = PerProcess::new();
        assert_eq!(*holder.get_or_init(|| 1), 1);
        assert_eq!(*holder.get_or_init(|| 2), 1);
    }

    #[test]
    fn threads_that_come_at_the_same_time_get_the_same_value() {
        let (holder, start) = (PerProcess::new(), std::sync::Barrier::new(8));
        let get = |own| {
            start.wait();
            *holder.get_or_init(|| {
                std::thread::yield_now();
                own
            })
        };
        let got: Vec<i32> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|own| scope.spawn(move || get(own))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(got.iter().all(|value| *value == got[0]), "{got:?}");
    }

    #[test]
    fn a_child_makes_its_own_though_a_thread_of_its_parent_was_making_one() {
        let (holder, (tell, told), (go_on, wait)) = (PerProcess::new(), channel(), channel::<()>());
        std::thread::scope(|scope| {
            let slow = move || {
                tell.send(()).unwrap();
                wait.recv().unwrap();
                1
            };
            let (holder, parents) = (&holder, scope.spawn(|| *holder.get_or_init(slow)));
            told.recv().unwrap();
            assert!(ends_in_a_child(|| assert_eq!(*holder.get_or_init(|| 2), 2)));
            go_on.send(()).unwrap();
            assert_eq!(parents.join().unwrap(), 1);
        });
    }

    #[test]
    fn the_value_of_another_process_is_passed_over_and_never_dropped() {
        let parents = Box::into_raw(Box::new(Slot { generation: u32::MAX, value: Bomb(true) }));
        let holder = PerProcess { newest: AtomicPtr::new(parents), owns: PhantomData };
        assert!(!holder.get_or_init(|| Bomb(false)).0);
        drop(holder);
        // SAFETY: it came from a box above, and the holder has left it alone.
        std::mem::forget(unsafe { Box::from_raw(parents) }.value);
    }

    struct Bomb(bool);

    impl Drop for Bomb {
        fn drop(&mut self) {
            assert!(!self.0, "dropped in the wrong process");
        }
    }
}
