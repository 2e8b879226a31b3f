//! Forks: a child leaves the spans in its copy of a queue to the parent and goes on with its own.

use std::sync::Arc;

use pyspan_core::queue::{Counts, Pushed, Queue, Settings};
use pyspan_core::scope::{Resource, Scope};

const SETTINGS: Settings = Settings { max_spans: 64, max_bytes: 1 << 20, batch_spans: 8, batch_bytes: 1 << 20 };

#[test]
fn a_child_leaves_what_is_queued_to_its_parent_and_asks_for_a_worker_of_its_own() {
    let mut queue = Queue::new(SETTINGS).unwrap();
    for _ in 0..10 {
        push(&mut queue);
    }
    // SAFETY: the child ends by `_exit`, and touches nothing that another thread could hold.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let first = push(&mut queue) == Pushed::First;
        let expected =
            Counts { queued_spans: 1, queued_bytes: 4, accepted: 1, left_to_parent: 10, ..Counts::default() };
        // SAFETY: it does not return.
        unsafe { libc::_exit(i32::from(!first || queue.counts() != expected)) };
    }
    let mut status = -1;
    // SAFETY: `status` is writable, and the child is ours.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(status, 0);
    assert_eq!(queue.counts().queued_spans, 10);
}

fn push(queue: &mut Queue) -> Pushed {
    let scope =
        Arc::new(Scope { resource: Arc::new(Resource::default()), encoded: Vec::new(), schema_url: String::new() });
    queue.push(&scope, 4, |out| out.extend_from_slice(b"span"))
}
