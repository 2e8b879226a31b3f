//! The spool itself: what opens, appends, makes readers and closes.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use parking_lot::Mutex;

use super::acks::Position;
use super::error::SpoolError;
use super::reader::{Reader, ReaderState};
use super::recovery;
use super::settings::{Fsync, Settings};
use super::state::State;
use super::stats::{Damage, Stats};
use super::sync::{self, Sync};
use super::{acks, lock};

/// An append-only log on disk; used from any thread, by one process at a time.
#[derive(Debug)]
pub struct Spool {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the spool shares with its readers and its thread.
#[derive(Debug)]
pub(super) struct Shared {
    pub directory: PathBuf,
    pub settings: Settings,
    pub state: Mutex<State>,
    pub sync: Sync,
    pub damage: Damage,
    /// What recovery counted.
    recovered: Stats,
    lock: Mutex<Option<File>>,
}

impl Spool {
    /// Opens the spool in `directory`, which is created if need be, and recovers what is in it.
    ///
    /// # Errors
    /// When another process has it, or the folder cannot be used. Damaged files are no error: they are cut or set
    /// aside, and counted.
    pub fn open(directory: &Path, settings: Settings) -> Result<Self, SpoolError> {
        recovery::prepare(directory).map_err(SpoolError::at(directory))?;
        let lock = lock::take(directory)?;
        let (state, recovered) = recovery::recover(directory, settings)?;
        let shared = Arc::new(Shared {
            directory: directory.to_owned(),
            settings,
            state: Mutex::new(state),
            sync: Sync::default(),
            damage: Damage::default(),
            recovered,
            lock: Mutex::new(Some(lock)),
        });
        let thread = start_sync(&shared).map_err(SpoolError::at(directory))?;
        Ok(Self { shared, thread: Mutex::new(thread) })
    }

    /// Appends a request body of `spans` spans and returns the offset after it. It blocks for the disk only with
    /// [`Fsync::Always`].
    ///
    /// # Errors
    /// When the spool is full or closed or the disk fails; nothing is stored then. If only forcing it to the disk
    /// fails, it may be delivered though it was refused.
    pub fn append(&self, body: &[u8], spans: u32) -> Result<u64, SpoolError> {
        if spans == 0 {
            return Ok(self.shared.state.lock().next);
        }
        let checksum = crc32fast::hash(body);
        let end = self.shared.state.lock().append(body, checksum, spans)?;
        match self.shared.settings.fsync {
            Fsync::Never => {}
            Fsync::Interval(_) => self.shared.mark_dirty(),
            Fsync::Always => self.shared.sync_to(end)?,
        }
        Ok(end)
    }

    /// Returns whether `append` waits for the disk, so that it is no work for a thread that serves others.
    #[must_use]
    pub fn append_waits_for_disk(&self) -> bool {
        self.shared.settings.fsync == Fsync::Always
    }

    /// Returns the reader called `name`; a new one begins at the oldest record and from now on holds back space.
    ///
    /// # Errors
    /// When its file cannot be made.
    pub fn reader(&self, name: &str) -> Result<Reader, SpoolError> {
        self.open_reader(name, State::oldest)
    }

    /// Returns the reader called `name`; a new one begins behind the newest record.
    ///
    /// # Errors
    /// When its file cannot be made.
    pub fn reader_from_end(&self, name: &str) -> Result<Reader, SpoolError> {
        self.open_reader(name, State::end)
    }

    fn open_reader(&self, name: &str, start: fn(&State) -> Position) -> Result<Reader, SpoolError> {
        let mut state = self.shared.state.lock();
        if let Some(reader) = state.readers.get(name) {
            return Ok(Reader::new(self.shared.clone(), reader.clone()));
        }
        let path = self.shared.directory.join(acks::file_name(name));
        let reader = Arc::new(ReaderState::create(&path, start(&state)).map_err(SpoolError::at(&path))?);
        state.readers.insert(name.to_owned(), reader.clone());
        Ok(Reader::new(self.shared.clone(), reader))
    }

    /// Returns the names of the readers that hold back space.
    #[must_use]
    pub fn reader_names(&self) -> Vec<String> {
        self.shared.state.lock().readers.keys().cloned().collect()
    }

    /// Forgets the reader called `name`, and what only it still needed. Its `Reader`s return nothing any more.
    ///
    /// # Errors
    /// When its file cannot be removed.
    pub fn remove_reader(&self, name: &str) -> Result<(), SpoolError> {
        let Some(reader) = self.shared.state.lock().readers.remove(name) else { return Ok(()) };
        // A read under way ends first: what it reads may be freed then.
        let path = reader.remove();
        self.shared.state.lock().reclaim();
        std::fs::remove_file(&path).map_err(SpoolError::at(&path))
    }

    /// Returns sizes and counts.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut out = self.shared.recovered;
        let state = self.shared.state.lock();
        out.bytes = state.bytes();
        out.segments = state.segments.len() as u64;
        out.full = state.is_full();
        out.gone = state.is_gone();
        out.accepted_spans = state.spans;
        out.oldest_offset = state.oldest().record;
        out.next_offset = state.next;
        drop(state);
        out.sync_errors = self.shared.sync.errors.load(Ordering::Relaxed);
        self.shared.damage.add_to(&mut out);
        out
    }

    /// Forces all that was appended to the disk, whatever the policy.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn flush(&self) -> Result<(), SpoolError> {
        self.shared.sync_now().map(drop)
    }

    /// Syncs unless the policy is never, refuses further appends, and lets other processes have the spool.
    ///
    /// # Errors
    /// When the sync fails; it is closed all the same.
    pub fn close(&self) -> Result<(), SpoolError> {
        if std::mem::replace(&mut self.shared.state.lock().closed, true) {
            return Ok(());
        }
        self.shared.stop_sync();
        if let Some(thread) = self.thread.lock().take() {
            let _ = thread.join();
        }
        let synced = if self.shared.settings.fsync == Fsync::Never { Ok(()) } else { self.flush() };
        *self.shared.lock.lock() = None;
        synced
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        // A failed sync has been counted, and nobody is left to be told.
        let _ = self.close();
    }
}

fn start_sync(shared: &Arc<Shared>) -> std::io::Result<Option<JoinHandle<()>>> {
    let Fsync::Interval(interval) = shared.settings.fsync else { return Ok(None) };
    let shared = shared.clone();
    let thread = std::thread::Builder::new().name("pyspan-sync".to_owned());
    thread.spawn(move || sync::run(&shared, interval)).map(Some)
}
