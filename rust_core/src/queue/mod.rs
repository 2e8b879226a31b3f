//! The bounded queue between a tracer and its worker: encoded spans, in chunks that become batches.

mod alarm;
mod chunk;
pub(crate) mod wakeup;

use crate::fork;
use crate::scope::Scope;
use alarm::Alarm;
pub use chunk::Chunk;
use std::collections::VecDeque;
use std::os::fd::RawFd;
use std::sync::Arc;

/// The part of a queue that may be in use before its worker is called at once.
const IN_NO_HURRY: usize = 4;

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
    /// There was no room for so many bytes; nothing was counted yet, see [`Queue::make_room`] and [`Queue::count_full`].
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

/// A bounded queue of encoded spans.
///
/// It has no lock of its own: two atomic operations cost as much as framing a span, and whoever shares a queue among
/// threads holds a lock anyway, as Python does.
#[derive(Debug)]
pub struct Queue {
    settings: Settings,
    current: Chunk,
    full: VecDeque<Chunk>,
    counts: Counts,
    alarm: Alarm,
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
    pub fn new(settings: Settings) -> std::io::Result<Self> {
        fork::install();
        Ok(Self {
            settings,
            current: Chunk::default(),
            full: VecDeque::new(),
            counts: Counts::default(),
            alarm: Alarm::new()?,
            generation: fork::generation(),
            started: false,
            closed: false,
        })
    }

    /// Adds a span of `len` bytes that `write` appends.
    #[inline]
    pub fn push(&mut self, scope: &Arc<Scope>, len: usize, write: impl FnOnce(&mut Vec<u8>)) -> Pushed {
        self.notice_fork();
        if self.closed {
            self.counts.dropped_after_shutdown += 1;
            return Pushed::Closed;
        }
        if !self.has_room(len) {
            return self.refuse(len);
        }
        self.counts.queued_spans += 1;
        self.counts.queued_bytes += len;
        self.counts.accepted += 1;
        self.current.push(scope, len, write);
        if self.current.spans >= self.settings.batch_spans || self.current.bytes >= self.settings.batch_bytes {
            self.finish_current();
            self.call_worker();
        }
        if self.started { Pushed::Queued } else { self.start() }
    }

    /// True where there is room for another span of `len` bytes, or no use in waiting for it; else what is there is given
    /// to the worker, to make room.
    pub fn make_room(&mut self, len: usize) -> bool {
        self.notice_fork();
        if self.closed || self.has_room(len) {
            return true;
        }
        self.finish_current();
        self.alarm.ring();
        false
    }

    /// Counts one span as dropped for want of room, and wakes the worker now and then: it says so in the log.
    pub fn count_full(&mut self) {
        self.notice_fork();
        self.counts.dropped_queue_full += 1;
        self.tell_drops(self.counts.dropped_queue_full);
    }

    /// Takes the oldest full chunk, to be framed; with `partial` also one that is not full.
    pub fn take(&mut self, partial: bool) -> Option<Chunk> {
        self.notice_fork();
        if partial && self.full.is_empty() {
            self.finish_current();
        }
        let chunk = self.full.pop_front()?;
        self.counts.queued_spans -= chunk.spans;
        self.counts.queued_bytes -= chunk.bytes;
        self.counts.taken += chunk.spans as u64;
        Some(chunk)
    }

    /// True where a full chunk is there.
    pub fn ready(&mut self) -> bool {
        self.notice_fork();
        !self.full.is_empty()
    }

    /// Has the next span ask for a worker, as the first one did.
    pub fn ask_again(&mut self) {
        self.started = false;
    }

    /// Lets no further span in.
    pub fn close(&mut self) {
        self.notice_fork();
        self.closed = true;
    }

    /// Returns what has been counted.
    pub fn counts(&mut self) -> Counts {
        self.notice_fork();
        self.counts
    }

    /// Returns the descriptor that is readable soon after a batch is full, at once when a good part of the queue is in use
    /// or [`Queue::wake`] was called.
    pub fn fileno(&mut self) -> RawFd {
        self.notice_fork();
        self.alarm.fileno()
    }

    /// Makes the descriptor readable.
    pub fn wake(&mut self) {
        self.notice_fork();
        self.alarm.ring();
    }

    /// Makes the descriptor unreadable until the next wake-up.
    pub fn clear_wakeup(&mut self) {
        self.notice_fork();
        self.alarm.silence();
    }

    /// In a forked child the parent's spans are left to the parent first.
    #[inline]
    fn notice_fork(&mut self) {
        if self.generation != fork::generation() {
            self.leave_to_parent();
        }
    }

    #[cold]
    fn start(&mut self) -> Pushed {
        self.started = true;
        Pushed::First
    }

    #[inline]
    fn has_room(&self, len: usize) -> bool {
        self.counts.queued_spans < self.settings.max_spans && self.counts.queued_bytes + len <= self.settings.max_bytes
    }

    #[cold]
    fn refuse(&mut self, len: usize) -> Pushed {
        if len <= self.settings.max_bytes {
            return Pushed::Full(len);
        }
        self.counts.dropped_too_large += 1;
        self.tell_drops(self.counts.dropped_too_large);
        Pushed::TooLarge
    }

    /// Wakes the worker at powers of two: the first drop is told at once, and a flood of them costs next to nothing.
    fn tell_drops(&mut self, dropped: u64) {
        if dropped.is_power_of_two() {
            self.alarm.ring();
        }
    }

    fn finish_current(&mut self) {
        if self.current.spans == 0 {
            return;
        }
        self.full.push_back(std::mem::take(&mut self.current));
    }

    fn call_worker(&mut self) {
        let Settings { max_spans, max_bytes, .. } = self.settings;
        let spares =
            self.counts.queued_spans < max_spans / IN_NO_HURRY && self.counts.queued_bytes < max_bytes / IN_NO_HURRY;
        if spares { self.alarm.ring_soon() } else { self.alarm.ring() }
    }

    /// Starts empty in a forked child. The wake-up is made anew, else the child would wake its parent's worker.
    #[cold]
    fn leave_to_parent(&mut self) {
        let left_to_parent = self.counts.left_to_parent + self.counts.queued_spans as u64;
        self.counts = Counts { left_to_parent, ..Counts::default() };
        self.current = Chunk::default();
        self.full.clear();
        self.alarm.renew();
        self.started = false;
        self.generation = fork::generation();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scope::Resource;
    use std::time::{Duration, Instant};

    const SETTINGS: Settings = Settings { max_spans: 4, max_bytes: 100, batch_spans: 2, batch_bytes: 50 };

    fn scope() -> Arc<Scope> {
        Arc::new(Scope { resource: Arc::new(Resource::default()), encoded: Vec::new(), schema_url: String::new() })
    }

    fn push(queue: &mut Queue, scope: &Arc<Scope>, span: &[u8]) -> Pushed {
        queue.push(scope, span.len(), |out| out.extend_from_slice(span))
    }

    #[test]
    fn the_first_span_asks_for_a_worker() {
        let (mut queue, scope) = (Queue::new(SETTINGS).unwrap(), scope());
        assert_eq!(push(&mut queue, &scope, b"a"), Pushed::First);
        assert_eq!(push(&mut queue, &scope, b"b"), Pushed::Queued);
        queue.ask_again();
        assert_eq!(push(&mut queue, &scope, b"c"), Pushed::First);
    }

    #[test]
    fn a_full_batch_can_be_taken_and_a_partial_one_on_request() {
        let (mut queue, scope) = (Queue::new(SETTINGS).unwrap(), scope());
        for span in [b"a", b"b", b"c"] {
            push(&mut queue, &scope, span);
        }
        assert_eq!(queue.take(false).map(|chunk| chunk.spans), Some(2));
        assert!(queue.take(false).is_none());
        assert_eq!(queue.take(true).map(|chunk| chunk.spans), Some(1));
        assert!(queue.take(true).is_none());
    }

    #[test]
    fn a_full_queue_says_so_and_has_room_again_after_a_take() {
        let (mut queue, scope) = (Queue::new(SETTINGS).unwrap(), scope());
        for span in [b"a", b"b", b"c", b"d"] {
            push(&mut queue, &scope, span);
        }
        assert_eq!(push(&mut queue, &scope, b"e"), Pushed::Full(1));
        assert!(!queue.make_room(1));
        queue.take(false);
        assert!(queue.make_room(1));
        assert_eq!(push(&mut queue, &scope, b"e"), Pushed::Queued);
    }

    #[test]
    fn bytes_bound_the_queue_too() {
        let (mut queue, scope) = (Queue::new(SETTINGS).unwrap(), scope());
        push(&mut queue, &scope, &[b'x'; 90]);
        assert_eq!(push(&mut queue, &scope, &[b'x'; 11]), Pushed::Full(11));
        assert!(!queue.make_room(11));
        assert!(queue.take(false).is_some(), "what waits is given to the worker");
    }

    #[test]
    fn a_span_larger_than_the_queue_is_counted_by_that_reason() {
        let (mut queue, scope) = (Queue::new(SETTINGS).unwrap(), scope());
        assert_eq!(push(&mut queue, &scope, &[b'x'; 101]), Pushed::TooLarge);
        assert_eq!(queue.counts(), Counts { dropped_too_large: 1, ..Counts::default() });
    }

    #[test]
    fn drops_wake_the_worker_at_powers_of_two() {
        let mut queue = Queue::new(SETTINGS).unwrap();
        let wakes: Vec<u64> = (1..=9).filter(|_| drops_and_wakes(&mut queue)).collect();
        assert_eq!(wakes, [1, 2, 4, 8]);
    }

    fn drops_and_wakes(queue: &mut Queue) -> bool {
        queue.count_full();
        is_woken_within(queue, 50)
    }

    fn is_woken_within(queue: &mut Queue, milliseconds: i32) -> bool {
        let mut poll = libc::pollfd { fd: queue.fileno(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one valid entry.
        let woken = unsafe { libc::poll(&raw mut poll, 1, milliseconds) } == 1;
        queue.clear_wakeup();
        woken
    }

    #[test]
    #[cfg(target_os = "linux")] // elsewhere there is no timer, and it is woken at once
    fn a_full_batch_wakes_the_worker_soon_and_a_later_one_does_not_put_that_off() {
        let (mut queue, scope) = (Queue::new(Settings { max_spans: 100, ..SETTINGS }).unwrap(), scope());
        push(&mut queue, &scope, b"a");
        assert!(!is_woken_within(&mut queue, 50), "no batch is full");
        let begun = Instant::now();
        push(&mut queue, &scope, b"b");
        while !is_woken_within(&mut queue, 1) {
            assert!(begun.elapsed() < Duration::from_secs(10), "each batch puts off the wake-up");
            queue.take(true);
            push(&mut queue, &scope, b"c");
            push(&mut queue, &scope, b"d");
        }
        assert!(begun.elapsed() >= Duration::from_millis(20), "no second batch was waited for");
    }

    #[test]
    fn a_quarter_of_the_queue_in_use_wakes_the_worker_at_once_though_it_was_to_be_woken_soon() {
        let (mut queue, scope) = (Queue::new(Settings { max_spans: 16, ..SETTINGS }).unwrap(), scope());
        for span in [b"a", b"b", b"c", b"d"] {
            push(&mut queue, &scope, span);
        }
        assert!(is_woken_within(&mut queue, 15));
    }

    #[test]
    fn a_closed_queue_counts_what_comes_late() {
        let (mut queue, scope) = (Queue::new(SETTINGS).unwrap(), scope());
        queue.close();
        assert_eq!(push(&mut queue, &scope, b"a"), Pushed::Closed);
        assert_eq!(queue.counts().dropped_after_shutdown, 1);
    }
}
