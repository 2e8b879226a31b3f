//! The spool against a model: random operations, crashes and damage.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use proptest::prelude::*;
use pyspan_core::otlp::slice::Limits;
use pyspan_core::otlp::walk::walk;
use pyspan_core::spool::{Fsync, Reader, Settings, Spool, SpoolError};
use tempfile::TempDir;

mod samples;

const SMALL: Settings = Settings { segment_bytes: 16_384, max_bytes: 1 << 20, fsync: Fsync::Never };
const ALL: Limits = Limits { spans: usize::MAX, bytes: usize::MAX };

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn open(folder: &TempDir) -> Spool {
    Spool::open(folder.path(), SMALL).unwrap()
}

/// Returns a request of `spans` spans with ids from `first` on.
fn request(first: u64, spans: u64) -> Vec<u8> {
    let spans: Vec<_> = (first..first + spans).map(|seed| samples::span(seed / 3, seed)).collect();
    samples::field(1, &samples::resource_spans("orders", &[samples::scope_spans("test", &spans)]))
}

fn append(spool: &Spool, first: u64, spans: u64) -> Result<u64, SpoolError> {
    spool.append(&request(first, spans), u32::try_from(spans).unwrap())
}

fn ids(body: &[u8]) -> Vec<[u8; 8]> {
    walk(body).unwrap().spans.iter().map(|span| span.span_id).collect()
}

fn expected(range: std::ops::Range<u64>) -> Vec<[u8; 8]> {
    range.map(samples::span_id).collect()
}

/// Reads all there is, in batches within `limits`, and acknowledges it.
fn drain(reader: &Reader, limits: Limits) -> Vec<[u8; 8]> {
    let mut out = Vec::new();
    while let Some((batch, offset)) = reader.read(limits).unwrap() {
        assert_eq!(ids(&batch.data).len(), batch.spans);
        out.extend(ids(&batch.data));
        reader.ack(offset).unwrap();
    }
    out
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut out: Vec<_> = entries.filter(|path| path.extension().is_some_and(|ext| ext == "segment")).collect();
    out.sort();
    out
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0x55;
    fs::write(path, bytes).unwrap();
}

#[test]
fn what_was_appended_is_read_once_and_in_order() {
    let folder = folder();
    let spool = open(&folder);
    let reader = spool.reader("a").unwrap();
    (0..20).for_each(|at| _ = append(&spool, at * 3, 3).unwrap());
    assert_eq!(drain(&reader, Limits { spans: 7, bytes: usize::MAX }), expected(0..60));
    assert_eq!((reader.lag_spans(), reader.lag_bytes()), (0, 0));
    assert!(reader.read(ALL).unwrap().is_none());
}

#[test]
fn records_are_merged_up_to_the_limits() {
    let folder = folder();
    let spool = open(&folder);
    let reader = spool.reader("a").unwrap();
    (0..5).for_each(|at| _ = append(&spool, at * 3, 3).unwrap());
    let (batch, _) = reader.read(Limits { spans: 7, bytes: usize::MAX }).unwrap().unwrap();
    assert_eq!(batch.spans, 6);
    let one = request(0, 3).len();
    let (batch, _) = reader.read(Limits { spans: 100, bytes: one * 2 + 1 }).unwrap().unwrap();
    assert_eq!(batch.spans, 6);
}

#[test]
fn a_record_larger_than_the_limits_comes_in_pieces_that_survive_a_restart() {
    let folder = folder();
    let spool = open(&folder);
    append(&spool, 0, 10).unwrap();
    let reader = spool.reader("a").unwrap();
    let limits = Limits { spans: 4, bytes: usize::MAX };
    let (batch, offset) = reader.read(limits).unwrap().unwrap();
    assert_eq!(ids(&batch.data), expected(0..4));
    reader.ack(offset).unwrap();
    assert_eq!(reader.lag_spans(), 6);
    drop((reader, spool));
    let spool = open(&folder);
    let reader = spool.reader("a").unwrap();
    assert_eq!(reader.lag_spans(), 6);
    assert_eq!(drain(&reader, limits), expected(4..10));
}

#[test]
fn segments_that_all_have_read_are_kept_for_reuse_though_they_were_never_synced() {
    let folder = folder();
    let settings = Settings { fsync: Fsync::Interval(Duration::from_secs(3600)), ..SMALL };
    let spool = Spool::open(folder.path(), settings).unwrap();
    let reader = spool.reader("a").unwrap();
    let mut at = 0;
    while segments(folder.path()).len() < 6 {
        append(&spool, at, 3).unwrap();
        at += 3;
    }
    drain(&reader, ALL);
    let files = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let free = files.filter(|path| path.extension().is_some_and(|ext| ext == "free")).count();
    assert_eq!((segments(folder.path()).len(), free), (1, 5));
}

#[test]
fn a_record_larger_than_a_segment_gets_its_own() {
    let folder = folder();
    let spool = open(&folder);
    let reader = spool.reader("a").unwrap();
    append(&spool, 0, 2).unwrap();
    append(&spool, 2, 200).unwrap();
    append(&spool, 202, 2).unwrap();
    assert_eq!(drain(&reader, Limits { spans: 50, bytes: usize::MAX }), expected(0..204));
}

#[test]
fn rewind_goes_back_to_the_acknowledged_place() {
    let folder = folder();
    let spool = open(&folder);
    let reader = spool.reader("a").unwrap();
    (0..4).for_each(|at| _ = append(&spool, at, 1).unwrap());
    let one = Limits { spans: 1, bytes: usize::MAX };
    let offsets: Vec<_> = (0..3).map(|_| reader.read(one).unwrap().unwrap().1).collect();
    reader.ack(offsets[0]).unwrap();
    reader.rewind();
    assert_eq!(drain(&reader, ALL), expected(1..4));
}

#[test]
fn readers_hold_back_space_until_all_have_acknowledged() {
    let folder = folder();
    let spool = open(&folder);
    let (fast, slow) = (spool.reader("fast").unwrap(), spool.reader("slow").unwrap());
    (0..40).for_each(|at| _ = append(&spool, at * 10, 10).unwrap());
    drain(&fast, ALL);
    assert!(spool.stats().segments > 5);
    drain(&slow, ALL);
    assert_eq!(spool.stats().segments, 1);
    assert_eq!(spool.stats().accepted_spans, 400);
}

#[test]
fn a_removed_reader_holds_back_nothing() {
    let folder = folder();
    let spool = open(&folder);
    let (fast, gone) = (spool.reader("fast").unwrap(), spool.reader("gone").unwrap());
    (0..40).for_each(|at| _ = append(&spool, at * 10, 10).unwrap());
    drain(&fast, ALL);
    spool.remove_reader("gone").unwrap();
    assert_eq!(spool.stats().segments, 1);
    assert!(gone.read(ALL).unwrap().is_none());
    assert_eq!(spool.reader_names(), ["fast"]);
}

#[test]
fn a_full_spool_refuses_and_takes_again_once_read() {
    let folder = folder();
    let spool = Spool::open(folder.path(), Settings { max_bytes: 65_536, ..SMALL }).unwrap();
    let reader = spool.reader("a").unwrap();
    let mut taken = 0;
    while append(&spool, taken * 5, 5).is_ok() {
        taken += 1;
    }
    assert!(matches!(append(&spool, 0, 5), Err(SpoolError::Full { max_bytes: 65_536, .. })));
    assert!(spool.stats().bytes <= 65_536);
    assert_eq!(drain(&reader, ALL), expected(0..taken * 5));
    append(&spool, taken * 5, 5).unwrap();
    assert_eq!(drain(&reader, ALL).len(), 5);
}

#[test]
fn a_spool_is_full_from_the_first_refusal_until_there_is_room() {
    let folder = folder();
    let spool = Spool::open(folder.path(), Settings { max_bytes: 65_536, ..SMALL }).unwrap();
    let reader = spool.reader("a").unwrap();
    let mut taken = 0;
    while append(&spool, taken * 5, 5).is_ok() {
        taken += 1;
        assert!(!spool.stats().full || append(&spool, taken * 5, 5).is_err());
    }
    assert!(spool.stats().full);
    drain(&reader, ALL);
    assert!(!spool.stats().full);
}

#[test]
fn a_removed_folder_refuses_appends_and_still_gives_what_it_took() {
    let parent = folder();
    let path = parent.path().join("spool");
    let spool = Spool::open(&path, SMALL).unwrap();
    let reader = spool.reader("a").unwrap();
    append(&spool, 0, 10).unwrap();
    assert!(!spool.stats().gone);
    fs::remove_dir_all(&path).unwrap();
    assert!(spool.stats().gone);
    assert!(matches!(append(&spool, 10, 10), Err(SpoolError::Gone { .. })));
    fs::create_dir(&path).unwrap();
    assert!(matches!(append(&spool, 10, 10), Err(SpoolError::Gone { .. })));
    assert_eq!(drain(&reader, ALL), expected(0..10));
}

#[test]
fn a_folder_that_is_removed_before_the_first_append_refuses_it() {
    let parent = folder();
    let path = parent.path().join("spool");
    let spool = Spool::open(&path, SMALL).unwrap();
    assert!(!spool.stats().gone);
    fs::remove_dir_all(&path).unwrap();
    assert!(spool.stats().gone);
    assert!(matches!(append(&spool, 0, 10), Err(SpoolError::Gone { .. })));
}

#[test]
fn a_reader_from_the_end_gets_what_comes_after_it_also_over_a_restart() {
    let folder = folder();
    let spool = open(&folder);
    let first = spool.reader_from_end("first").unwrap();
    append(&spool, 0, 10).unwrap();
    let late = spool.reader_from_end("late").unwrap();
    assert_eq!((first.lag_spans(), late.lag_spans()), (10, 0));
    drop((first, late, spool));
    let spool = open(&folder);
    append(&spool, 10, 10).unwrap();
    assert_eq!(drain(&spool.reader_from_end("first").unwrap(), ALL), expected(0..20));
    assert_eq!(drain(&spool.reader_from_end("late").unwrap(), ALL), expected(10..20));
}

#[test]
fn a_request_larger_than_the_spool_is_refused_for_good() {
    let folder = folder();
    let spool = Spool::open(folder.path(), Settings { max_bytes: 65_536, ..SMALL }).unwrap();
    assert!(matches!(append(&spool, 0, 300), Err(SpoolError::TooLarge { .. })));
}

#[test]
fn a_second_process_is_told_who_has_the_spool() {
    let folder = folder();
    let spool = open(&folder);
    let error = Spool::open(folder.path(), SMALL).unwrap_err().to_string();
    assert_eq!(error, format!("spool {} is in use by process {}", folder.path().display(), std::process::id()));
    spool.close().unwrap();
    assert!(matches!(append(&spool, 0, 1), Err(SpoolError::Closed)));
    assert!(Spool::open(folder.path(), SMALL).is_ok());
}

#[test]
fn files_belong_to_their_owner_alone() {
    let folder = folder();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let spool = open(&folder);
    spool.reader("a").unwrap();
    append(&spool, 0, 1).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(folder.path()), 0o755, "a folder that is there keeps its mode");
    let (parent, fresh) = (folder.path().join("parent"), folder.path().join("parent/spool"));
    drop(Spool::open(&fresh, SMALL).unwrap());
    assert_eq!((mode(&parent), mode(&fresh)), (0o700, 0o700));
    fs::remove_dir_all(parent).unwrap();
    for entry in fs::read_dir(folder.path()).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
}

#[test]
fn a_torn_record_is_cut_and_counted() {
    let folder = folder();
    let spool = open(&folder);
    let whole = append(&spool, 0, 2).unwrap();
    append(&spool, 2, 2).unwrap();
    drop(spool);
    let path = &segments(folder.path())[0];
    let mut bytes = fs::read(path).unwrap();
    bytes[usize::try_from(whole).unwrap() + 100..].fill(0);
    fs::write(path, bytes).unwrap();
    let spool = open(&folder);
    assert_eq!((spool.stats().torn_records, spool.stats().accepted_spans), (1, 2));
    append(&spool, 10, 2).unwrap();
    let read = drain(&spool.reader("a").unwrap(), ALL);
    assert_eq!(read, [expected(0..2), expected(10..12)].concat());
    drop(spool);
    assert_eq!(open(&folder).stats().torn_records, 0);
}

#[test]
fn a_damaged_record_in_the_middle_is_stepped_over_and_counted_once() {
    for within in [4, 30, 50, 200] {
        let folder = folder();
        let spool = open(&folder);
        let first = append(&spool, 0, 2).unwrap();
        let second = append(&spool, 2, 3).unwrap();
        append(&spool, 5, 2).unwrap();
        drop(spool);
        flip(&segments(folder.path())[0], usize::try_from(first).unwrap() + within);
        let spool = open(&folder);
        for name in ["a", "b"] {
            let read = drain(&spool.reader(name).unwrap(), ALL);
            assert_eq!(read, [expected(0..2), expected(5..7)].concat(), "{within}");
        }
        let stats = spool.stats();
        assert_eq!(
            (stats.skipped_records, stats.skipped_bytes, stats.skipped_spans),
            (1, second - first, 3),
            "{within}"
        );
        assert_eq!((stats.torn_records, stats.accepted_spans), (0, 7), "{within}");
    }
}

#[test]
fn a_segment_with_a_damaged_header_is_set_aside() {
    let folder = folder();
    let spool = open(&folder);
    let reader = spool.reader("a").unwrap();
    (0..20).for_each(|at| _ = append(&spool, at * 10, 10).unwrap());
    drop((reader, spool));
    let second = segments(folder.path())[1].clone();
    flip(&second, 20);
    let spool = open(&folder);
    assert_eq!(spool.stats().damaged_segments, 1);
    assert!(fs::exists(format!("{}.damaged", second.display())).unwrap());
    let read = drain(&spool.reader("a").unwrap(), ALL);
    assert_eq!(read.len() as u64 + spool.stats().skipped_spans, 200);
    assert!(spool.stats().skipped_spans > 0);
}

#[test]
fn a_damaged_last_segment_does_not_stop_appends() {
    let folder = folder();
    let spool = open(&folder);
    (0..20).for_each(|at| _ = append(&spool, at * 10, 10).unwrap());
    drop(spool);
    flip(segments(folder.path()).last().unwrap(), 0);
    let spool = open(&folder);
    append(&spool, 500, 2).unwrap();
    let read = drain(&spool.reader("a").unwrap(), ALL);
    assert_eq!(read[read.len() - 2..], expected(500..502));
}

#[test]
fn a_damaged_reader_file_starts_over() {
    let folder = folder();
    let spool = open(&folder);
    let reader = spool.reader("kafka=localhost:9092/otlp").unwrap();
    append(&spool, 0, 4).unwrap();
    drain(&reader, ALL);
    drop((reader, spool));
    let path = folder.path().join("kafka%3Dlocalhost%3A9092%2Fotlp.reader");
    fs::write(&path, "nonsense").unwrap();
    let spool = open(&folder);
    assert_eq!(spool.stats().damaged_readers, 1);
    assert_eq!(drain(&spool.reader("kafka=localhost:9092/otlp").unwrap(), ALL), expected(0..4));
}

#[test]
fn a_log_that_ends_before_what_was_acknowledged_loses_nothing_new() {
    let folder = folder();
    let spool = open(&folder);
    let reader = spool.reader("a").unwrap();
    append(&spool, 0, 2).unwrap();
    fs::copy(&segments(folder.path())[0], folder.path().join("copy")).unwrap();
    append(&spool, 2, 2).unwrap();
    drain(&reader, ALL);
    drop((reader, spool));
    fs::rename(folder.path().join("copy"), &segments(folder.path())[0]).unwrap();
    let spool = open(&folder);
    append(&spool, 4, 2).unwrap();
    assert_eq!(drain(&spool.reader("a").unwrap(), ALL), expected(4..6));
}

#[test]
fn many_threads_append_under_every_policy() {
    let interval = Fsync::Interval(Duration::from_millis(1));
    for fsync in [Fsync::Never, interval, Fsync::Always] {
        let folder = folder();
        let spool = Spool::open(folder.path(), Settings { fsync, ..SMALL }).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4_u64 {
                let spool = &spool;
                scope.spawn(move || (0..20).for_each(|at| _ = append(spool, thread * 1000 + at * 2, 2).unwrap()));
            }
        });
        let read = drain(&spool.reader("a").unwrap(), ALL);
        let wanted = (0..4).flat_map(|thread| expected(thread * 1000..thread * 1000 + 40));
        assert_eq!(read.iter().collect::<HashSet<_>>(), wanted.collect::<Vec<_>>().iter().collect(), "{fsync:?}");
        assert_eq!((read.len(), spool.stats().sync_errors), (160, 0), "{fsync:?}");
    }
}

#[derive(Clone, Debug)]
enum Step {
    Append(u64),
    Read(usize, usize),
    AckAll,
    Rewind(usize),
    Reopen,
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (1..40_u64).prop_map(Step::Append),
        4 => (0..2_usize, 1..60_usize).prop_map(|(reader, spans)| Step::Read(reader, spans)),
        2 => Just(Step::AckAll),
        1 => (0..2_usize).prop_map(Step::Rewind),
        1 => Just(Step::Reopen),
        1 => Just(Step::Crash),
    ];
    proptest::collection::vec(step, 1..80)
}

/// What a reader must have: spans read so far, spans acknowledged, and what the last read returned.
#[derive(Clone, Copy, Default)]
struct Place {
    read: u64,
    acked: u64,
    offset: Option<u64>,
}

/// Copies a spool that is in use, as a crash of its process leaves it.
fn copy_of(from: &TempDir) -> TempDir {
    let to = folder();
    for entry in fs::read_dir(from.path()).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.path().join(path.file_name().unwrap())).unwrap();
    }
    to
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn random_operations_agree_with_a_list(steps in steps()) {
        let (mut folder, mut next, mut places) = (folder(), 0, [Place::default(); 2]);
        let settings = Settings { max_bytes: 200_000, ..SMALL };
        let mut spool = Spool::open(folder.path(), settings).unwrap();
        let mut readers = ["a", "b"].map(|name| spool.reader(name).unwrap());
        for step in steps {
            match step {
                Step::Append(spans) => match append(&spool, next, spans) {
                    Ok(_) => next += spans,
                    Err(error) => prop_assert!(matches!(error, SpoolError::Full { .. }), "{}", error),
                },
                Step::Read(at, spans) => {
                    let place = &mut places[at];
                    if let Some((batch, offset)) = readers[at].read(Limits { spans, bytes: usize::MAX }).unwrap() {
                        let read = ids(&batch.data);
                        prop_assert!(read.len() <= spans);
                        let end = place.read + read.len() as u64;
                        prop_assert_eq!(read, expected(place.read..end));
                        (place.read, place.offset) = (end, Some(offset));
                    } else { prop_assert_eq!(place.read, next) }
                }
                Step::AckAll => for (reader, place) in readers.iter().zip(&mut places) {
                    if let Some(offset) = place.offset {
                        reader.ack(offset).unwrap();
                        place.acked = place.read;
                    }
                },
                Step::Rewind(at) => {
                    readers[at].rewind();
                    places[at] = Place { read: places[at].acked, offset: None, ..places[at] };
                }
                Step::Reopen | Step::Crash => {
                    if matches!(step, Step::Crash) {
                        folder = copy_of(&folder);
                    }
                    drop(readers);
                    drop(spool);
                    spool = Spool::open(folder.path(), settings).unwrap();
                    readers = ["a", "b"].map(|name| spool.reader(name).unwrap());
                    places = places.map(|place| Place { read: place.acked, offset: None, ..place });
                }
            }
            for (reader, place) in readers.iter().zip(places) {
                prop_assert_eq!(reader.lag_spans(), next - place.acked);
            }
            let stats = spool.stats();
            prop_assert_eq!(stats.accepted_spans, next);
            prop_assert!(stats.bytes <= 200_000 + 65_536);
            prop_assert_eq!((stats.torn_records, stats.skipped_records, stats.damaged_segments), (0, 0, 0));
        }
    }

    #[test]
    fn damage_loses_only_what_it_hits(
        sizes in proptest::collection::vec(1..30_u64, 1..40),
        hits in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1..300_usize), 0..4),
        cut in proptest::option::of((any::<prop::sample::Index>(), any::<prop::sample::Index>())),
    ) {
        let folder = folder();
        let spool = open(&folder);
        spool.reader("a").unwrap();
        let mut total = 0;
        for spans in &sizes {
            append(&spool, total, *spans).unwrap();
            total += spans;
        }
        drop(spool);
        let files = segments(folder.path());
        for (file, at, length) in hits {
            let path = file.get(&files);
            let mut bytes = fs::read(path).unwrap();
            let start = at.index(bytes.len());
            bytes[start..].iter_mut().take(length).for_each(|byte| *byte ^= 0x3c);
            fs::write(path, bytes).unwrap();
        }
        if let Some((file, at)) = cut {
            let path = file.get(&files);
            let length = fs::read(path).unwrap().len();
            fs::OpenOptions::new().write(true).open(path).unwrap().set_len(at.index(length) as u64).unwrap();
        }
        let spool = open(&folder);
        let accepted = spool.stats().accepted_spans;
        append(&spool, 10_000, 5).unwrap();
        let read = drain(&spool.reader("a").unwrap(), Limits { spans: 25, bytes: usize::MAX });
        let wanted: Vec<_> = (0..total).chain(10_000..10_005).map(samples::span_id).collect();
        let mut rest = wanted.iter();
        prop_assert!(read.iter().all(|id| rest.any(|other| other == id)), "in order, once, nothing strange");
        prop_assert_eq!(&read[read.len() - 5..], &expected(10_000..10_005)[..]);
        prop_assert_eq!(read.len() as u64 + spool.stats().skipped_spans, accepted + 5);
    }
}
