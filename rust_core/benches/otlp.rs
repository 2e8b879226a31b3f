//! Nanoseconds a span for what the agent does to every request: walk, group, split, store, compress.

use std::hint::black_box;
use std::time::{Duration, Instant};

use pyspan_core::otlp::walk;

#[path = "../tests/samples/mod.rs"]
mod samples;

const SPANS: u32 = 512;

fn main() {
    let body = samples::request(u64::from(SPANS), 8);
    println!("requests of {SPANS} spans, {} bytes a span, fastest call", body.len() / SPANS as usize);
    report("walk", || drop(black_box(walk::walk(black_box(&body)))));
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
