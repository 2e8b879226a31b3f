//! What a spool knows in memory: its segments, where the next record goes, who reads.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use super::acks::Position;
use super::reader::ReaderState;
use super::segment::{Segment, free_name};
use super::settings::Settings;

/// Free files kept to be used again: memory of the page cache that is there already takes half the time to write to.
/// More only takes space.
const MOST_FREE: usize = 8;

/// A segment in use.
#[derive(Debug)]
pub(super) struct Live {
    pub segment: Arc<Segment>,
    /// Offset after its last record.
    pub end: u64,
}

/// The state behind the spool's lock.
#[derive(Debug)]
pub(super) struct State {
    pub directory: PathBuf,
    pub settings: Settings,
    /// In the order of their offsets; the last takes appends if `active`.
    pub segments: VecDeque<Live>,
    pub active: bool,
    /// Offset of the next record, if it still fits into the last segment.
    pub next: u64,
    /// Base of the next segment.
    pub next_base: u64,
    /// Spans accepted since the spool was made.
    pub spans: u64,
    /// Files that were segments.
    pub free: Vec<PathBuf>,
    pub readers: BTreeMap<String, Arc<ReaderState>>,
    /// Segments that were filled since the last sync.
    pub unsynced: Vec<Arc<Segment>>,
    /// Whether files were created since the last sync.
    pub new_files: bool,
    /// Bytes of the last record that was refused for want of room.
    pub refused: Option<u64>,
    pub closed: bool,
}

impl State {
    /// Returns the segment with the first record at or after `offset`, where in it to look, and where its records end.
    pub fn locate(&self, offset: u64) -> Option<(Arc<Segment>, u64, u64)> {
        let at = self.segments.partition_point(|live| live.end <= offset);
        let live = self.segments.get(at)?;
        Some((live.segment.clone(), offset.max(live.segment.first()), live.end))
    }

    /// Returns the place of the oldest record.
    pub fn oldest(&self) -> Position {
        match self.segments.front() {
            Some(live) => Position { record: live.segment.first(), done: 0, spans: live.segment.header.spans_before },
            None => self.end(),
        }
    }

    /// Returns the place after the newest record.
    pub fn end(&self) -> Position {
        Position { record: self.next, done: 0, spans: self.spans }
    }

    /// Returns whether the folder was removed or replaced: what is written to its files is lost with the process.
    pub fn is_gone(&self) -> bool {
        match self.segments.back() {
            Some(last) => !last.segment.is_in_place(),
            None => !self.directory.is_dir(),
        }
    }

    /// Returns the bytes of all segments in use.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|live| live.segment.header.capacity).sum()
    }

    /// Returns the bytes of the segments that some reader still needs.
    pub fn needed_bytes(&self) -> u64 {
        let acked = self.acked();
        let needed = self.segments.iter().filter(|live| live.end > acked);
        needed.map(|live| live.segment.header.capacity).sum()
    }

    /// Frees the segments that all readers are done with, but the last.
    pub fn reclaim(&mut self) {
        let acked = self.acked();
        while self.segments.len() > 1 && self.segments[0].end <= acked {
            if let Some(live) = self.segments.pop_front() {
                self.retire(&live.segment);
            }
        }
    }

    /// Returns the offset before which nobody needs anything; without readers all is kept for those to come.
    fn acked(&self) -> u64 {
        self.readers.values().map(|reader| reader.acked_record()).min().unwrap_or(0)
    }

    /// Keeps the file of `segment` for further use, or removes it. If neither works it is freed after the next start.
    fn retire(&mut self, segment: &Segment) {
        let length = self.settings.segment_len();
        let kept = self.bytes() + length * (self.free.len() as u64 + 1);
        let wanted =
            segment.header.capacity == length && self.free.len() < MOST_FREE && kept <= self.settings.max_bytes;
        // Nobody needs it on disk any more.
        self.unsynced.retain(|unsynced| unsynced.header.base != segment.header.base);
        let free = self.directory.join(free_name(segment.header.base));
        if wanted && fs::rename(&segment.path, &free).is_ok() {
            self.free.push(free);
        } else {
            let _ = fs::remove_file(&segment.path);
        }
    }
}
