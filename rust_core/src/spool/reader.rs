//! A named reader of a spool: its place, and what it has acknowledged.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::otlp::batch::Batch;
use crate::otlp::slice::Limits;
use crate::queue::wakeup::Wakeup;

use super::acks::{AckFile, Acked, Position};
use super::error::SpoolError;
use super::fetch::OpenRecord;
use super::log::Shared;

/// Reads the spool from its own place; its acknowledgements outlive the process.
#[derive(Debug)]
pub struct Reader {
    shared: Arc<Shared>,
    state: Arc<ReaderState>,
}

/// The reader as the spool knows it.
#[derive(Debug)]
pub(super) struct ReaderState {
    wakeup: Wakeup,
    /// Whether the next append shall wake the reader.
    armed: AtomicBool,
    removed: AtomicBool,
    acked_record: AtomicU64,
    place: Mutex<Place>,
}

/// Where a reader is.
#[derive(Debug)]
pub(super) struct Place {
    file: AckFile,
    acked: Position,
    /// Where the next read begins.
    pub at: Position,
    /// Places that reads have returned and that are not acknowledged, by their offset.
    delivered: BTreeMap<u64, Position>,
    /// The record at `at`, while it is handed out in pieces.
    pub open: Option<OpenRecord>,
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>, state: Arc<ReaderState>) -> Self {
        Self { shared, state }
    }

    /// Returns records from the reader's place on, merged into one batch within `limits`, and the offset after them;
    /// `None` when there is nothing new. The place moves on. A record larger than the limits comes in pieces.
    ///
    /// # Errors
    /// When the spool is closed. Damaged records are no error: they are stepped over and counted.
    pub fn read(&self, limits: Limits) -> Result<Option<(Batch, u64)>, SpoolError> {
        self.state.armed.store(true, Ordering::SeqCst);
        let mut place = self.state.place.lock();
        if self.shared.state.lock().closed {
            return Err(SpoolError::Closed);
        }
        if self.state.removed.load(Ordering::Acquire) {
            return Ok(None);
        }
        let batch = place.fetch(&self.shared, limits);
        if batch.spans == 0 {
            return Ok(None);
        }
        let at = place.at;
        place.delivered.insert(at.offset(), at);
        Ok(Some((batch, at.offset())))
    }

    /// Goes back to what was acknowledged last.
    pub fn rewind(&self) {
        let mut place = self.state.place.lock();
        place.at = place.acked;
        place.open = None;
    }

    /// Marks everything before `offset`, which a read returned, as done, durably; space that nobody needs is freed.
    ///
    /// # Errors
    /// When the spool is closed or the reader's file cannot be written; the acknowledgement holds until the process
    /// ends.
    pub fn ack(&self, offset: u64) -> Result<(), SpoolError> {
        let mut place = self.state.place.lock();
        let Some((_, &position)) = place.delivered.range(..=offset).next_back() else { return Ok(()) };
        if self.shared.state.lock().closed {
            return Err(SpoolError::Closed);
        }
        place.delivered = place.delivered.split_off(&(position.offset() + 1));
        place.acked = position;
        let stored = place.file.store(position).map_err(SpoolError::at(&place.file.path));
        self.state.acked_record.store(position.record, Ordering::Release);
        drop(place);
        self.shared.state.lock().reclaim();
        stored
    }

    /// Returns the offset of the next read.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.state.place.lock().at.offset()
    }

    /// Returns the offset up to which all is acknowledged.
    #[must_use]
    pub fn acked_offset(&self) -> u64 {
        self.state.acked().offset()
    }

    /// Returns the accepted spans that are not acknowledged.
    #[must_use]
    pub fn lag_spans(&self) -> u64 {
        let acked = self.state.acked().spans;
        self.shared.state.lock().spans.saturating_sub(acked)
    }

    /// Returns about the bytes of log that are not acknowledged.
    #[must_use]
    pub fn lag_bytes(&self) -> u64 {
        let acked = self.state.acked();
        let state = self.shared.state.lock();
        if state.spans == acked.spans { 0 } else { state.next.saturating_sub(acked.record) }
    }

    /// Returns a descriptor that becomes readable when something was appended after the last read.
    #[must_use]
    pub fn fileno(&self) -> RawFd {
        self.state.wakeup.fileno()
    }

    /// Makes the descriptor unreadable until the next append.
    pub fn clear_wakeup(&self) {
        self.state.wakeup.clear();
        self.state.armed.store(true, Ordering::SeqCst);
    }
}

impl ReaderState {
    /// Makes the file of a new reader, whose place is `start`.
    pub fn create(path: &Path, start: Position) -> io::Result<Self> {
        let (mut file, _) = AckFile::open(path)?;
        file.store(start)?;
        Self::at(file, start)
    }

    /// Opens the file of a reader; it begins at `oldest` if the file is damaged, which is the second result.
    pub fn open(path: &Path, oldest: Position) -> io::Result<(Self, bool)> {
        let (file, acked) = AckFile::open(path)?;
        let position = if let Acked::Up(position) = acked { position } else { oldest };
        Ok((Self::at(file, position)?, acked == Acked::Damaged))
    }

    fn at(file: AckFile, acked: Position) -> io::Result<Self> {
        let wakeup = Wakeup::new()?;
        // What is there already is news to this reader.
        wakeup.wake();
        Ok(Self {
            wakeup,
            armed: AtomicBool::new(false),
            removed: AtomicBool::new(false),
            acked_record: AtomicU64::new(acked.record),
            place: Mutex::new(Place { file, acked, at: acked, delivered: BTreeMap::new(), open: None }),
        })
    }

    /// Makes the descriptor readable if the reader has looked since the last time.
    pub fn notify(&self) {
        if self.armed.swap(false, Ordering::SeqCst) {
            self.wakeup.wake();
        }
    }

    pub fn acked(&self) -> Position {
        self.place.lock().acked
    }

    pub fn acked_record(&self) -> u64 {
        self.acked_record.load(Ordering::Acquire)
    }

    /// Ends the reader and returns the path of its file.
    pub fn remove(&self) -> PathBuf {
        self.removed.store(true, Ordering::Release);
        self.wakeup.wake();
        self.place.lock().file.path.clone()
    }
}
