//! How a spool is set up.

use std::time::Duration;

/// When what was appended is forced to the disk; the page cache alone survives the process, not the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fsync {
    /// Whenever the kernel likes.
    Never,
    /// From a thread of the spool, this long after the first append that is not on disk.
    Interval(Duration),
    /// Before an append returns; appends that wait at the same time share one.
    Always,
}

/// The limits of a spool and when it syncs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Size of a segment; a larger record gets a segment of its own size.
    pub segment_bytes: u64,
    /// Most bytes of segments that hold what some reader still needs.
    pub max_bytes: u64,
    /// When to sync.
    pub fsync: Fsync,
}

impl Settings {
    /// Returns the segment size in use: a quarter of `max_bytes` at most, as space is freed by segments.
    pub(super) fn segment_len(&self) -> u64 {
        const SMALLEST: u64 = 4096;
        self.segment_bytes.min(self.max_bytes / 4).max(SMALLEST).next_multiple_of(8)
    }
}
