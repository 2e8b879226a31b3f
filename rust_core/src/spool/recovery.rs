//! Opening what an earlier process left: whole segments as they are, the last one up to its last sound record.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, DirBuilder};
use std::io::{self, IoSlice};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::acks::{self, Position};
use super::error::SpoolError;
use super::reader::ReaderState;
use super::record::ALIGNMENT;
use super::scan::{next_record, read_body};
use super::segment::{END, Segment, base_of, is_free};
use super::settings::Settings;
use super::state::{Live, State};
use super::stats::Stats;

/// Creates the folders that are missing, for their owner alone. One that is there keeps its mode: it is somebody
/// else's to set, and may belong to another user.
pub(super) fn prepare(directory: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

/// Reads the folder and returns the state and what was damaged.
pub(super) fn recover(directory: &Path, settings: Settings) -> Result<(State, Stats), SpoolError> {
    let files = list(directory).map_err(SpoolError::at(directory))?;
    let mut found = Stats::default();
    let (segments, after_damaged) = open_segments(directory, &files, &mut found);
    let mut state = State {
        directory: directory.to_owned(),
        settings,
        segments: with_ends(segments),
        active: false,
        next: 0,
        next_base: after_damaged,
        spans: 0,
        free: reusable(directory, &files, settings),
        readers: BTreeMap::new(),
        unsynced: Vec::new(),
        new_files: false,
        refused: None,
        closed: false,
    };
    resume(&mut state, &mut found);
    state.readers = open_readers(directory, &files, state.oldest(), &mut found);
    go_past_readers(&mut state);
    state.reclaim();
    Ok((state, found))
}

fn list(directory: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        names.extend(entry?.file_name().into_string());
    }
    names.sort_unstable();
    Ok(names)
}

/// Opens the segments in the order of their offsets; returns also the offset after those that were set aside.
fn open_segments(directory: &Path, files: &[String], found: &mut Stats) -> (Vec<Segment>, u64) {
    let (mut segments, mut after_damaged): (Vec<Segment>, u64) = (Vec::new(), 0);
    for (name, base) in files.iter().filter_map(|name| Some((name, base_of(name)?))) {
        let path = directory.join(name);
        let before = segments.last().map_or(0, Segment::limit);
        match Segment::open(&path) {
            Ok(Some(segment)) if segment.header.base == base && base >= before => segments.push(segment),
            _ => {
                let length = fs::metadata(&path).map_or(0, |data| data.len());
                after_damaged = after_damaged.max((base + length).next_multiple_of(ALIGNMENT));
                set_aside(&path);
                found.damaged_segments += 1;
            }
        }
    }
    (segments, after_damaged)
}

/// Renames a damaged file, so that it can be looked at and is not in the way; over none that is there already.
fn set_aside(path: &Path) {
    let name = |count: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(if count == 0 { ".damaged".to_owned() } else { format!(".{count}.damaged") });
        PathBuf::from(name)
    };
    if let Some(free) = (0..1000).map(name).find(|name| !name.exists()) {
        let _ = fs::rename(path, free);
    }
}

/// Adds where the records of each segment end: the next one's header says it. The last is left at its limit.
fn with_ends(segments: Vec<Segment>) -> VecDeque<Live> {
    let said: Vec<u64> = segments.iter().skip(1).map(|next| next.header.previous_end).chain([0]).collect();
    let live = |(segment, said): (Segment, u64)| {
        let possible = segment.first()..=segment.limit();
        let end = if possible.contains(&said) { said } else { segment.limit() };
        Live { end, segment: Arc::new(segment) }
    };
    segments.into_iter().zip(said).map(live).collect()
}

/// Finds where to go on: behind the last sound record, in the last segment unless a damaged one came after it.
fn resume(state: &mut State, found: &mut Stats) {
    let Some(last) = state.segments.back_mut() else {
        state.next = state.next_base;
        return;
    };
    let tail = find_tail(&last.segment);
    found.torn_records += u64::from(tail.torn);
    last.end = tail.end;
    state.active = state.next_base <= last.segment.header.base && cut(&last.segment, &tail).is_ok();
    state.next = tail.end;
    state.next_base = state.next_base.max(last.segment.limit().next_multiple_of(ALIGNMENT));
    state.spans = tail.spans;
}

struct Tail {
    end: u64,
    spans: u64,
    torn: bool,
}

fn find_tail(segment: &Segment) -> Tail {
    let mut tail = Tail { end: segment.first(), spans: segment.header.spans_before, torn: false };
    let (mut at, mut body) = (tail.end, Vec::new());
    while let Some(header) = next_record(segment, at, segment.limit()) {
        at = header.end();
        body.clear();
        if read_body(segment, &header, &mut body) {
            tail.end = at;
            tail.spans = header.spans_before.saturating_add(u64::from(header.spans));
        }
    }
    tail.torn = is_torn(segment, tail.end);
    tail
}

/// Returns whether something other than the end mark stands at `end`, where a record would begin.
fn is_torn(segment: &Segment, end: u64) -> bool {
    let mut mark = END;
    let room = end + END.len() as u64 <= segment.limit();
    room && (segment.read(&mut mark, end).is_err() || mark != END)
}

/// Makes the segment fit for appends at the tail.
fn cut(segment: &Segment, tail: &Tail) -> io::Result<()> {
    if segment.file.metadata()?.len() < segment.header.capacity {
        segment.file.set_len(segment.header.capacity)?;
    }
    if tail.torn { segment.write(tail.end, &mut [IoSlice::new(&END)]) } else { Ok(()) }
}

/// Returns the free files that fit, and removes the others.
fn reusable(directory: &Path, files: &[String], settings: Settings) -> Vec<PathBuf> {
    let mut free = Vec::new();
    for path in files.iter().filter(|name| is_free(name)).map(|name| directory.join(name)) {
        let fits = fs::metadata(&path).is_ok_and(|data| data.len() == settings.segment_len());
        if fits && free.is_empty() {
            free.push(path);
        } else {
            let _ = fs::remove_file(path);
        }
    }
    free
}

fn open_readers(
    directory: &Path,
    files: &[String],
    oldest: Position,
    found: &mut Stats,
) -> BTreeMap<String, Arc<ReaderState>> {
    let mut readers = BTreeMap::new();
    for (file, name) in files.iter().filter_map(|file| Some((file, acks::name_of(file)?))) {
        match ReaderState::open(&directory.join(file), oldest) {
            Ok((reader, damaged)) => {
                found.damaged_readers += u64::from(damaged);
                readers.insert(name, Arc::new(reader));
            }
            Err(_) => found.damaged_readers += 1,
        }
    }
    readers
}

/// Begins a new segment behind all that readers have acknowledged: after a power cut the log may end before that, and
/// what is written there would count as read.
fn go_past_readers(state: &mut State) {
    let acked = state.readers.values().map(|reader| reader.acked()).max_by_key(|acked| acked.record);
    let Some(acked) = acked.filter(|acked| acked.record > state.next) else { return };
    state.active = false;
    state.next_base = state.next_base.max(acked.record.next_multiple_of(ALIGNMENT));
    state.spans = state.spans.max(acked.spans);
    if state.segments.is_empty() {
        state.next = state.next_base;
    }
}
