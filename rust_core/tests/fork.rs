//! Forks while threads push: each child finds the queues whole, and locks that its own threads can share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pyspan_core::queue::{Queue, Settings};
use pyspan_core::scope::{Resource, Scope};

const FORKS: usize = 100;
const SETTINGS: Settings = Settings { max_spans: 1 << 20, max_bytes: 1 << 30, batch_spans: 64, batch_bytes: 1 << 20 };

#[test]
fn children_forked_while_threads_push_can_push_from_threads_of_their_own() {
    let (queue, stop) = (Queue::new(SETTINGS).unwrap(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    push(&queue, 1);
                    queue.take(true);
                }
            });
        }
        let whole = (0..FORKS).all(|_| child_pushes(&queue));
        stop.store(true, Ordering::Relaxed);
        assert!(whole);
    });
}

fn push(queue: &Queue, spans: usize) {
    let scope =
        Arc::new(Scope { resource: Arc::new(Resource::default()), encoded: Vec::new(), schema_url: String::new() });
    for _ in 0..spans {
        queue.push(&scope, 4, |out| out.extend_from_slice(b"span"));
    }
}

/// Forks a child that pushes from two threads; whether it came to its end with all of the spans.
fn child_pushes(queue: &Queue) -> bool {
    // SAFETY: the child ends by `_exit`.
    let child = unsafe { libc::fork() };
    if child == 0 {
        std::thread::scope(|scope| {
            scope.spawn(|| push(queue, 2000));
            push(queue, 2000);
        });
        // SAFETY: it does not return.
        unsafe { libc::_exit(i32::from(queue.counts().queued_spans != 4000)) };
    }
    ended_well(child)
}

fn ended_well(child: libc::pid_t) -> bool {
    let (mut status, deadline) = (-1, Instant::now() + Duration::from_secs(20));
    // SAFETY: `status` is writable, and the child is ours.
    while unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) } == 0 {
        if Instant::now() > deadline {
            // SAFETY: the child is ours and was not waited for yet.
            unsafe { libc::kill(child, libc::SIGKILL) };
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    status == 0
}
