//! Forcing appended records to the disk: shared by appends that wait at the same time, or from a thread.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::error::SpoolError;
use super::log::Shared;

/// How far the disk has what was appended.
#[derive(Debug, Default)]
pub(super) struct Sync {
    progress: Mutex<Progress>,
    changed: Condvar,
    dirty: AtomicBool,
    pub errors: AtomicU64,
}

#[derive(Debug, Default)]
struct Progress {
    synced: u64,
    running: bool,
    stop: bool,
}

impl Shared {
    /// Returns when all before `end` is on disk; of the threads that wait one syncs for all.
    pub fn sync_to(&self, end: u64) -> Result<(), SpoolError> {
        let mut progress = self.sync.progress.lock();
        while progress.synced < end {
            if progress.running {
                self.sync.changed.wait(&mut progress);
                continue;
            }
            progress.running = true;
            drop(progress);
            let synced = self.sync_now();
            progress = self.sync.progress.lock();
            progress.running = false;
            self.sync.changed.notify_all();
            progress.synced = progress.synced.max(synced?);
        }
        Ok(())
    }

    /// Forces what is appended so far to the disk and returns the offset after it.
    pub fn sync_now(&self) -> Result<u64, SpoolError> {
        let mut state = self.state.lock();
        let (next, new_files, mut segments) =
            (state.next, std::mem::take(&mut state.new_files), std::mem::take(&mut state.unsynced));
        segments.extend(state.segments.back().map(|last| last.segment.clone()));
        drop(state);
        let directory = || if new_files { File::open(&self.directory)?.sync_all() } else { Ok(()) };
        let synced = directory().and_then(|()| segments.iter().try_for_each(|segment| segment.file.sync_data()));
        synced.map(|()| next).map_err(|error| {
            self.sync.errors.fetch_add(1, Ordering::Relaxed);
            let mut state = self.state.lock();
            state.new_files |= new_files;
            state.unsynced.append(&mut segments);
            SpoolError::at(&self.directory)(error)
        })
    }

    /// Tells the thread that there is something to sync.
    pub fn mark_dirty(&self) {
        if !self.sync.dirty.swap(true, Ordering::AcqRel) {
            let _progress = self.sync.progress.lock();
            self.sync.changed.notify_all();
        }
    }

    /// Ends the thread, which syncs once more if there is something.
    pub fn stop_sync(&self) {
        self.sync.progress.lock().stop = true;
        self.sync.changed.notify_all();
    }
}

/// Syncs `interval` after the first append that is not on disk, until told to stop; asleep when there is none.
pub(super) fn run(shared: &Arc<Shared>, interval: Duration) {
    let sync = &shared.sync;
    loop {
        let mut progress = sync.progress.lock();
        while !progress.stop && !sync.dirty.load(Ordering::Acquire) {
            sync.changed.wait(&mut progress);
        }
        if !progress.stop {
            sync.changed.wait_while_for(&mut progress, |progress| !progress.stop, interval);
        }
        let stop = progress.stop;
        drop(progress);
        if sync.dirty.swap(false, Ordering::AcqRel) && shared.sync_now().is_err() {
            // Counted; tried again after the next interval.
            sync.dirty.store(!stop, Ordering::Release);
        }
        if stop {
            return;
        }
    }
}
