//! A spool whose files were damaged at will: it opens, takes a new record, and gives that record to its reader.
#![no_main]

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use pyspan_core::otlp::slice::Limits;
use pyspan_core::spool::{Fsync, Settings, Spool};

const SETTINGS: Settings = Settings { segment_bytes: 4096, max_bytes: 1 << 20, fsync: Fsync::Never };
const RECORDS: usize = 150;
const FIRST: u8 = 1;
const LAST: u8 = 2;

/// One span: three messages around its two ids.
fn request(id: u8) -> Vec<u8> {
    let mut out = vec![0x0a, 32, 0x12, 30, 0x12, 28, 0x0a, 16];
    out.extend([id; 16]);
    out.extend([0x12, 8]);
    out.extend([id; 8]);
    out
}

fuzz_target!(|damage: &[u8]| {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
    for (name, bytes) in SOUND.iter() {
        fs::write(folder.path().join(name), bytes).expect("written");
    }
    hurt(folder.path(), damage);
    let spool = Spool::open(folder.path(), SETTINGS).expect("a damaged spool opens");
    spool.append(&request(LAST), 1).expect("it takes a record");
    let reader = spool.reader("a").expect("it has a reader");
    let (mut last, mut spans) = (Vec::new(), 0);
    while let Some((batch, offset)) = reader.read(Limits { spans: 7, bytes: 400 }).expect("it is open") {
        spans += batch.spans;
        last = batch.data;
        reader.ack(offset).expect("its file can be written");
    }
    assert!(last.ends_with(&request(LAST)), "what was appended last is read last");
    assert!(spans <= RECORDS + 1, "nothing is read twice");
    assert_eq!(reader.lag_spans(), 0);
});

/// The files of a sound spool of several segments, of which the reader has acknowledged some.
static SOUND: LazyLock<Vec<(OsString, Vec<u8>)>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = Spool::open(folder.path(), SETTINGS).expect("an empty folder opens");
    let reader = spool.reader("a").expect("a reader");
    (0..RECORDS).for_each(|_| _ = spool.append(&request(FIRST), 1).expect("there is room"));
    let (_, offset) = reader.read(Limits { spans: 5, bytes: 4000 }).expect("open").expect("spans");
    reader.ack(offset).expect("stored");
    paths(folder.path())
        .iter()
        .map(|path| (path.file_name().expect("a name").into(), fs::read(path).expect("read")))
        .collect()
});

fn paths(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a file").path());
    let mut paths: Vec<_> = entries.collect();
    paths.sort();
    paths
}

/// Reads `damage` as a list of edits: file, place, and what to write there or how much to cut off.
fn hurt(folder: &Path, damage: &[u8]) {
    let files = paths(folder);
    for edit in damage.chunks(6) {
        let [file, high, low, bytes @ ..] = edit else { continue };
        let path = &files[usize::from(*file & 0x7f) % files.len()];
        let file_to_hurt = OpenOptions::new().write(true).open(path).expect("a file");
        let at = u64::from(*high) << 8 | u64::from(*low);
        if *file & 0x80 == 0 {
            file_to_hurt.write_all_at(bytes, at % 4096).expect("written");
        } else {
            file_to_hurt.set_len(at % 4096).expect("cut");
        }
    }
}
