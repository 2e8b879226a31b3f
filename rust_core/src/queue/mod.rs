//! The bounded queue between a tracer and its worker: encoded spans, in chunks that become batches.

mod chunk;
pub(crate) mod registry;
pub(crate) mod wakeup;

use crate::fork;
use crate::otlp::batch::Batch;
use crate::scope::Scope;
use chunk::Chunk;
use std::collections::VecDeque;
use std::os::fd::RawFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use wakeup::Wakeup;

/// How much a queue holds and when a chunk is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Spans in the queue.
    pub max_spans: usize,
    /// Bytes of encoded spans in the queue.
    pub max_bytes: usize,
    /// Spans that make a batch.
    pub batch_spans: usize,
    /// Bytes that make a batch.
    pub batch_bytes: usize,
}

/// What became of a span that was pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It is in the queue.
    Queued,
    /// It is in the queue as the first one of this process: the worker is to be started.
    First,
    /// There was no room for so many bytes; nothing was counted yet, see [`Queue::wait_for_room`] and
    /// [`Queue::count_full`].
    Full(usize),
    /// It is larger than the queue, so that no waiting helps; it is counted as dropped.
    TooLarge,
    /// The queue is closed; the span is counted as dropped.
    Closed,
}

/// What has happened to the spans of a queue in this process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Spans in the queue now.
    pub queued_spans: usize,
    /// Bytes in the queue now.
    pub queued_bytes: usize,
    /// Spans that were let in.
    pub accepted: u64,
    /// Spans that were taken out.
    pub taken: u64,
    /// Spans for which there was no room.
    pub dropped_queue_full: u64,
    /// Spans larger than the whole queue.
    pub dropped_too_large: u64,
    /// Spans that came after the queue was closed.
    pub dropped_after_shutdown: u64,
    /// Spans that a forked child found in its copy of the queue and left to its parent.
    pub left_to_parent: u64,
}

/// A bounded queue of encoded spans; any thread may push and take.
#[derive(Debug)]
pub struct Queue {
    settings: Settings,
    inner: Mutex<Inner>,
    room: Condvar,
}

#[derive(Debug)]
struct Inner {
    current: Chunk,
    full: VecDeque<Chunk>,
    counts: Counts,
    wakeup: Wakeup,
    generation: u32,
    started: bool,
    closed: bool,
}

impl Queue {
    /// Makes an empty queue.
    ///
    /// # Errors
    ///
    /// When the system has no file descriptor left for the wake-up.
    pub fn new(settings: Settings) -> std::io::Result<Arc<Self>> {
        fork::install();
        let queue = Arc::new(Self { settings, inner: Mutex::new(Inner::new()?), room: Condvar::new() });
        registry::add(&queue);
        Ok(queue)
    }

    /// Adds a span of `len` bytes that `write` appends; never blocks for longer than another thread's push.
    #[inline]
    pub fn push(&self, scope: &Arc<Scope>, len: usize, write: impl FnOnce(&mut Vec<u8>)) -> Pushed {
        let mut inner = self.lock();
        if inner.closed {
            inner.counts.dropped_after_shutdown += 1;
            return Pushed::Closed;
        }
        if !inner.has_room(len, &self.settings) {
            return inner.refuse(len, self.settings.max_bytes);
        }
        inner.counts.queued_spans += 1;
        inner.counts.queued_bytes += len;
        inner.counts.accepted += 1;
        inner.current.push(scope, len, write);
        if inner.current.spans >= self.settings.batch_spans || inner.current.bytes >= self.settings.batch_bytes {
            inner.finish_current();
        }
        if inner.started { Pushed::Queued } else { inner.start() }
    }

    /// Waits until there is room for another span of `len` bytes or `deadline` has passed; false when it has.
    pub fn wait_for_room(&self, len: usize, deadline: Instant) -> bool {
        let mut inner = self.lock();
        while !inner.closed && !inner.has_room(len, &self.settings) {
            inner.finish_current();
            inner.wakeup.wake();
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            inner = self.room.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        Instant::now() < deadline
    }

    /// Counts one span as dropped for want of room, and wakes the worker now and then: it says so in the log.
    pub fn count_full(&self) {
        let mut inner = self.lock();
        inner.counts.dropped_queue_full += 1;
        inner.tell_drops(inner.counts.dropped_queue_full);
    }

    /// Takes the oldest full batch; with `partial` also one that is not full. Frames it outside of the lock.
    pub fn take(&self, partial: bool) -> Option<Batch> {
        let chunk = self.lock().take(partial)?;
        self.room.notify_all();
        Some(chunk.frame())
    }

    /// Lets no further span in and wakes whoever waits for room.
    pub fn close(&self) {
        self.lock().closed = true;
        self.room.notify_all();
    }

    /// Returns what has been counted.
    pub fn counts(&self) -> Counts {
        self.lock().counts
    }

    /// Returns the descriptor that is readable when a batch is full or [`Queue::wake`] was called.
    pub fn fileno(&self) -> RawFd {
        self.lock().wakeup.fileno()
    }

    /// Makes the descriptor readable.
    pub fn wake(&self) {
        self.lock().wakeup.wake();
    }

    /// Makes the descriptor unreadable until the next wake-up.
    pub fn clear_wakeup(&self) {
        self.lock().wakeup.clear();
    }

    /// Locks the state; in a forked child the parent's spans are left to the parent first.
    #[inline]
    fn lock(&self) -> MutexGuard<'_, Inner> {
        let mut inner = registry::lock(&self.inner);
        if inner.generation != fork::generation() {
            inner.leave_to_parent();
        }
        inner
    }
}

impl Inner {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            current: Chunk::default(),
            full: VecDeque::new(),
            counts: Counts::default(),
            wakeup: Wakeup::new()?,
            generation: fork::generation(),
            started: false,
            closed: false,
        })
    }

    #[cold]
    fn start(&mut self) -> Pushed {
        self.started = true;
        Pushed::First
    }

    #[inline]
    fn has_room(&self, len: usize, settings: &Settings) -> bool {
        self.counts.queued_spans < settings.max_spans && self.counts.queued_bytes + len <= settings.max_bytes
    }

    #[cold]
    fn refuse(&mut self, len: usize, max_bytes: usize) -> Pushed {
        if len <= max_bytes {
            return Pushed::Full(len);
        }
        self.counts.dropped_too_large += 1;
        self.tell_drops(self.counts.dropped_too_large);
        Pushed::TooLarge
    }

    /// Wakes the worker at powers of two: the first drop is told at once, and a flood of them costs next to nothing.
    fn tell_drops(&self, dropped: u64) {
        if dropped.is_power_of_two() {
            self.wakeup.wake();
        }
    }

    fn finish_current(&mut self) {
        if self.current.spans == 0 {
            return;
        }
        self.full.push_back(std::mem::take(&mut self.current));
        self.wakeup.wake();
    }

    fn take(&mut self, partial: bool) -> Option<Chunk> {
        if partial && self.full.is_empty() {
            self.finish_current();
        }
        let chunk = self.full.pop_front()?;
        self.counts.queued_spans -= chunk.spans;
        self.counts.queued_bytes -= chunk.bytes;
        self.counts.taken += chunk.spans as u64;
        Some(chunk)
    }

    /// Starts empty in a forked child. The wake-up is made anew, else the child would wake its parent's worker.
    #[cold]
    fn leave_to_parent(&mut self) {
        let left_to_parent = self.counts.left_to_parent + self.counts.queued_spans as u64;
        self.counts = Counts { left_to_parent, ..Counts::default() };
        self.current = Chunk::default();
        self.full.clear();
        self.wakeup.renew();
        self.started = false;
        self.generation = fork::generation();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scope::Resource;
    use std::time::Duration;

    const SETTINGS: Settings = Settings { max_spans: 4, max_bytes: 100, batch_spans: 2, batch_bytes: 50 };

    fn scope() -> Arc<Scope> {
        Arc::new(Scope { resource: Arc::new(Resource::default()), encoded: Vec::new(), schema_url: String::new() })
    }

    fn push(queue: &Queue, scope: &Arc<Scope>, span: &[u8]) -> Pushed {
        queue.push(scope, span.len(), |out| out.extend_from_slice(span))
    }

    #[test]
    fn the_first_span_asks_for_a_worker() {
        let (queue, scope) = (Queue::new(SETTINGS).unwrap(), scope());
        assert_eq!(push(&queue, &scope, b"a"), Pushed::First);
        assert_eq!(push(&queue, &scope, b"b"), Pushed::Queued);
    }

    #[test]
    fn a_full_batch_can_be_taken_and_a_partial_one_on_request() {
        let (queue, scope) = (Queue::new(SETTINGS).unwrap(), scope());
        for span in [b"a", b"b", b"c"] {
            push(&queue, &scope, span);
        }
        assert_eq!(queue.take(false).map(|batch| batch.spans), Some(2));
        assert_eq!(queue.take(false), None);
        assert_eq!(queue.take(true).map(|batch| batch.spans), Some(1));
        assert_eq!(queue.take(true), None);
    }

    #[test]
    fn a_full_queue_says_so_and_has_room_again_after_a_take() {
        let (queue, scope) = (Queue::new(SETTINGS).unwrap(), scope());
        for span in [b"a", b"b", b"c", b"d"] {
            push(&queue, &scope, span);
        }
        assert_eq!(push(&queue, &scope, b"e"), Pushed::Full(1));
        assert!(!queue.wait_for_room(1, Instant::now()));
        queue.take(false);
        assert_eq!(push(&queue, &scope, b"e"), Pushed::Queued);
    }

    #[test]
    fn bytes_bound_the_queue_too() {
        let (queue, scope) = (Queue::new(SETTINGS).unwrap(), scope());
        push(&queue, &scope, &[b'x'; 90]);
        assert_eq!(push(&queue, &scope, &[b'x'; 11]), Pushed::Full(11));
        assert!(!queue.wait_for_room(11, Instant::now()));
    }

    #[test]
    fn a_span_larger_than_the_queue_is_counted_by_that_reason() {
        let (queue, scope) = (Queue::new(SETTINGS).unwrap(), scope());
        assert_eq!(push(&queue, &scope, &[b'x'; 101]), Pushed::TooLarge);
        assert_eq!(queue.counts(), Counts { dropped_too_large: 1, ..Counts::default() });
    }

    #[test]
    fn drops_wake_the_worker_at_powers_of_two() {
        let queue = Queue::new(SETTINGS).unwrap();
        let wakes: Vec<u64> = (1..=9).filter(|_| drops_and_wakes(&queue)).collect();
        assert_eq!(wakes, [1, 2, 4, 8]);
    }

    fn drops_and_wakes(queue: &Queue) -> bool {
        queue.count_full();
        let mut poll = libc::pollfd { fd: queue.fileno(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one valid entry; a timeout of zero does not block.
        let woken = unsafe { libc::poll(&raw mut poll, 1, 0) } == 1;
        queue.clear_wakeup();
        woken
    }

    #[test]
    fn a_waiting_thread_gets_the_room_that_a_take_makes() {
        let (queue, scope) = (Queue::new(SETTINGS).unwrap(), scope());
        for span in [b"a", b"b", b"c", b"d"] {
            push(&queue, &scope, span);
        }
        let waiter = queue.clone();
        let waiting = std::thread::spawn(move || waiter.wait_for_room(1, Instant::now() + Duration::from_secs(30)));
        queue.take(false);
        assert!(waiting.join().unwrap());
    }

    #[test]
    fn a_closed_queue_counts_what_comes_late() {
        let (queue, scope) = (Queue::new(SETTINGS).unwrap(), scope());
        queue.close();
        assert_eq!(push(&queue, &scope, b"a"), Pushed::Closed);
        assert_eq!(queue.counts().dropped_after_shutdown, 1);
    }

    #[test]
    fn every_span_pushed_by_eight_threads_is_taken_once() {
        let settings = Settings { max_spans: 100_000, max_bytes: 1 << 30, batch_spans: 100, batch_bytes: 1 << 20 };
        let (queue, scope) = (Queue::new(settings).unwrap(), scope());
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let (queue, scope) = (queue.clone(), scope.clone());
                std::thread::spawn(move || {
                    for _ in 0..1000 {
                        assert_ne!(push(&queue, &scope, b"span"), Pushed::Full(4));
                    }
                })
            })
            .collect();
        let mut taken = 0;
        while taken < 8000 {
            taken += queue.take(true).map_or(0, |batch| batch.spans);
        }
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(queue.counts(), Counts { accepted: 8000, taken: 8000, ..Counts::default() });
    }
}
