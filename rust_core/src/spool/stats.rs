//! What a spool has counted since it was opened.

use std::collections::HashSet;

use parking_lot::Mutex;

/// Sizes of a spool and what was damaged in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Bytes of segments in use.
    pub bytes: u64,
    /// Segments in use.
    pub segments: u64,
    /// Whether what was last refused for want of room would be refused again.
    pub full: bool,
    /// Whether the folder was removed or replaced, so that nothing is taken any more.
    pub gone: bool,
    /// Spans accepted since the spool was first made, over all restarts.
    pub accepted_spans: u64,
    /// Offset of the oldest record.
    pub oldest_offset: u64,
    /// Offset of the next record.
    pub next_offset: u64,
    /// Records that the process before was writing when it died, cut off.
    pub torn_records: u64,
    /// Stretches of damaged bytes that readers stepped over.
    pub skipped_records: u64,
    /// Bytes of them.
    pub skipped_bytes: u64,
    /// Spans that were in them and in lost segments.
    pub skipped_spans: u64,
    /// Segments set aside because their header was damaged.
    pub damaged_segments: u64,
    /// Readers that start over from the oldest record because their file was damaged.
    pub damaged_readers: u64,
    /// Failures to force data to the disk.
    pub sync_errors: u64,
}

/// The counters that several readers raise, each damage once.
#[derive(Debug, Default)]
pub(super) struct Damage {
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    places: HashSet<u64>,
    records: u64,
    bytes: u64,
    spans: u64,
}

impl Damage {
    /// Counts what is lost before or at the record at `place`, unless another reader met it already.
    pub fn count(&self, place: u64, bytes: u64, spans: u64) {
        let mut seen = self.seen.lock();
        if (bytes > 0 || spans > 0) && seen.places.insert(place) {
            seen.records += u64::from(bytes > 0);
            seen.bytes += bytes;
            seen.spans += spans;
        }
    }

    pub fn add_to(&self, stats: &mut Stats) {
        let seen = self.seen.lock();
        stats.skipped_records = seen.records;
        stats.skipped_bytes = seen.bytes;
        stats.skipped_spans = seen.spans;
    }
}
