//! Any bytes as an export request: the walk never panics, and what it takes can be sliced without loss.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pyspan_core::otlp::slice::{self, Limits};
use pyspan_core::otlp::walk::walk;
use pyspan_core::otlp::{json, view};

fuzz_target!(|body: &[u8]| {
    let Ok(index) = walk(body) else { return };
    let pieces = slice::pieces(body, &index, Limits { spans: 3, bytes: 200 });
    let ids = |body: &[u8]| walk(body).expect("a slice of a request is one").spans.len();
    assert_eq!(pieces.iter().map(|piece| ids(&piece.data)).sum::<usize>(), index.spans.len());
    let traces = slice::by_trace(body, &index);
    assert_eq!(traces.iter().map(|(_, trace)| ids(&trace.data)).sum::<usize>(), index.spans.len());
    let line = json::format(body).expect("what was walked can be written");
    let read = json::parse(&line).expect("what was written can be read");
    assert_eq!(read.spans, index.spans.len());
    view::spans(body).expect("what was walked can be looked at");
});
