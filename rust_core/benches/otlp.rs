//! Nanoseconds a span for what the agent does to every request: walk, group, split, store, compress.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use pyspan_core::otlp::compress::{Algorithm, compress, decompress};
use pyspan_core::otlp::slice::{self, Limits};
use pyspan_core::otlp::{json, walk};
use pyspan_core::spool::{Fsync, Settings, Spool};

#[path = "../tests/samples/mod.rs"]
mod samples;

const SPANS: u32 = 512;

fn main() {
    let body = samples::request(u64::from(SPANS), 8);
    println!("requests of {SPANS} spans, {} bytes a span, fastest call", body.len() / SPANS as usize);
    report("walk", || drop(black_box(walk::walk(black_box(&body)))));
    slices(&body);
    codecs(&body);
    spool(&body);
}

fn slices(body: &[u8]) {
    let index = walk::walk(body).expect("a sound request");
    report("walk and group by trace", || drop(black_box(walk::walk(body).map(|index| slice::groups(&index)))));
    report("walk and copy by trace", || drop(black_box(walk::walk(body).map(|index| slice::by_trace(body, &index)))));
    report("walk and split in halves", || drop(black_box(walk::walk(body).map(|index| slice::halves(body, &index)))));
    let limits = Limits { spans: 100, bytes: usize::MAX };
    report("split to 100 spans, walked", || drop(black_box(slice::pieces(body, &index, limits))));
}

fn codecs(body: &[u8]) {
    for algorithm in [Algorithm::Gzip, Algorithm::Zstd] {
        let packed = compress(algorithm, body);
        let ratio = body.len() / packed.len();
        report(&format!("{algorithm} 1 ({ratio}x smaller)"), || drop(black_box(compress(algorithm, body))));
        report(&format!("un{algorithm}"), || drop(black_box(decompress(algorithm, &packed, 1 << 26))));
    }
    let line = json::format(body).expect("a sound request");
    report("write JSON", || drop(black_box(json::format(body))));
    report("read JSON and walk", || drop(black_box(json::parse(&line))));
}

/// Spools in shared memory, so that the disk of the machine does not decide.
fn spool(body: &[u8]) {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
    let spool = open(folder.path());
    let reader = spool.reader("bench").expect("a reader");
    let limits = Limits { spans: 4096, bytes: 4 << 20 };
    report("spool: append, no fsync", || {
        if spool.append(body, SPANS).is_err() {
            while let Ok(Some((_, offset))) = reader.read(limits) {
                reader.ack(offset).expect("stored");
            }
        }
    });
    report("spool: append, read, acknowledge", || {
        let _ = black_box(spool.append(body, SPANS));
        while let Ok(Some((_, offset))) = reader.read(limits) {
            reader.ack(offset).expect("stored");
        }
    });
    report("crc32", || _ = black_box(crc32fast::hash(body)));
}

fn open(folder: &Path) -> Spool {
    let settings = Settings { segment_bytes: 16 << 20, max_bytes: 128 << 20, fsync: Fsync::Never };
    Spool::open(folder, settings).expect("a spool")
}

fn report(name: &str, work: impl FnMut()) {
    println!("{name:<32} {:>8.1} ns/span", fastest(work).as_secs_f64() * 1e9 / f64::from(SPANS));
}

/// Returns the time of the fastest call within half a second: what other processes take away does not show in it.
fn fastest(mut work: impl FnMut()) -> Duration {
    let (begin, mut best) = (Instant::now(), Duration::MAX);
    while begin.elapsed() < Duration::from_millis(500) {
        let start = Instant::now();
        work();
        best = best.min(start.elapsed());
    }
    best
}
