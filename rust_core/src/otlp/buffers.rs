//! Large buffers that go round: a fresh one costs a page fault for every 4 KiB, a tenth of what encoding spans costs.

use parking_lot::Mutex;

/// So many buffers are kept, each of at most so many bytes.
const KEPT: usize = 4;
const KEPT_BYTES: usize = 4 << 20;

static BUFFERS: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// Returns an empty buffer with room for `capacity` bytes.
#[must_use]
pub fn take(capacity: usize) -> Vec<u8> {
    let kept = BUFFERS.try_lock().and_then(|mut buffers| buffers.pop());
    let mut buffer = kept.unwrap_or_default();
    buffer.reserve_exact(capacity);
    buffer
}

/// Hands a buffer back. A contended or forked-while-locked pool is passed by.
pub fn give(mut buffer: Vec<u8>) {
    if buffer.capacity() == 0 || buffer.capacity() > KEPT_BYTES {
        return;
    }
    buffer.clear();
    if let Some(mut buffers) = BUFFERS.try_lock()
        && buffers.len() < KEPT
    {
        buffers.push(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_has_the_room_asked_for_and_nothing_in_it() {
        give(vec![1; 10]);
        for capacity in [1, 100, 10_000] {
            let buffer = take(capacity);
            assert!(buffer.is_empty() && buffer.capacity() >= capacity);
            give(buffer);
        }
    }
}
