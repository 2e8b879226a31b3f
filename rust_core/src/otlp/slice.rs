//! New requests made of slices of a received one: by halves, by size, by trace; spans are copied, never decoded.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use super::batch::Batch;
use super::index::{Extent, Index, Run, SpanEntry};
use super::wire::{LEN, put_varint, tag, varint_len};

/// How large the pieces of a request may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most spans in a piece.
    pub spans: usize,
    /// Most bytes in a piece; larger may be a single span, and a piece whose spans share more than half of this
    /// (resource, scope): beside that it holds another half of this, else there would be a copy for each few spans.
    pub bytes: usize,
}

/// Tag and longest length of a message: what a header costs at most.
const FRAME_BYTES: usize = 6;

/// Returns the first and the second half of the spans, or `None` when there is but one.
#[must_use]
pub fn halves(body: &[u8], index: &Index) -> Option<(Batch, Batch)> {
    let spans = index.spans.len();
    let half = (spans > 1).then_some(spans / 2)?;
    Some((range(body, index, 0..half), range(body, index, half..spans)))
}

/// Returns the spans in pieces that keep to `limits`, in order.
#[must_use]
pub fn pieces(body: &[u8], index: &Index, limits: Limits) -> Vec<Batch> {
    let (mut out, mut first) = (Vec::new(), 0);
    while first < index.spans.len() {
        let end = fitting(index, first, limits);
        out.push(range(body, index, first..end));
        first = end;
    }
    out
}

/// Returns the end of the longest run of spans from `first` on that keeps to `limits`; at least one span.
#[must_use]
pub fn fitting(index: &Index, first: usize, limits: Limits) -> usize {
    let last = index.spans.len().min(first.saturating_add(limits.spans.max(1)));
    let shared = index.spans.get(first).map_or(0, |span| headers_len(index, None, span));
    let mut bytes = pieces_len(index, &index.unknown);
    let most = limits.bytes.max((bytes + shared).saturating_add(limits.bytes / 2));
    let mut before: Option<&SpanEntry> = None;
    for (at, span) in index.spans[first..last].iter().enumerate() {
        bytes += span.field.len() + headers_len(index, before, span);
        if bytes > most && at > 0 {
            return first + at;
        }
        before = Some(span);
    }
    last
}

/// Returns the request that holds the spans of `range` alone.
#[must_use]
pub fn range(body: &[u8], index: &Index, range: std::ops::Range<usize>) -> Batch {
    let spans = index.spans[range].iter();
    Batch { spans: spans.len(), data: assemble(body, index, spans) }
}

/// Returns the request that holds the spans at `places` alone, which keep the order of the body.
#[must_use]
pub fn pick(body: &[u8], index: &Index, places: &[u32]) -> Batch {
    let spans = places.iter().map(|&at| &index.spans[at as usize]);
    Batch { spans: places.len(), data: assemble(body, index, spans) }
}

/// Returns a request for each trace, in the order in which the traces appear.
#[must_use]
pub fn by_trace(body: &[u8], index: &Index) -> Vec<([u8; 16], Batch)> {
    records(body, index, 0, usize::MAX, usize::MAX).requests
}

/// Some of the requests that a body comes apart into by trace.
#[derive(Debug, Default)]
pub struct Records {
    /// The requests, with the trace of each.
    pub requests: Vec<([u8; 16], Batch)>,
    /// The places in `Index::spans` of spans that are too large alone, with what they need around them.
    pub too_large: Vec<u32>,
    /// How many spans of the body, in the order of their traces, are dealt with.
    pub done: usize,
}

/// Returns requests of one trace each, of up to `limit` bytes, behind the first `done` spans in the order of the traces;
/// no more of them once they take `budget` bytes, since each holds a copy of its resource.
#[must_use]
pub fn records(body: &[u8], index: &Index, done: usize, limit: usize, budget: usize) -> Records {
    let (mut out, mut bytes, mut before) = (Records { done, ..Records::default() }, 0, 0);
    for group in groups(index) {
        let mut rest = &group[done.saturating_sub(before).min(group.len())..];
        before += group.len();
        while !rest.is_empty() && bytes < budget {
            let fitting = prefix(index, rest, limit);
            if fitting == 0 {
                out.too_large.push(rest[0]);
            } else {
                let request = pick(body, index, &rest[..fitting]);
                bytes += request.data.len();
                out.requests.push((index.spans[rest[0] as usize].trace_id, request));
            }
            out.done += fitting.max(1);
            rest = &rest[fitting.max(1)..];
        }
    }
    out
}

/// Returns how many of the spans at `places`, from the first on, a request of `limit` bytes can hold.
fn prefix(index: &Index, places: &[u32], limit: usize) -> usize {
    let mut bytes = pieces_len(index, &index.unknown);
    let mut before: Option<&SpanEntry> = None;
    for (count, &at) in places.iter().enumerate() {
        let span = &index.spans[at as usize];
        bytes += span.field.len() + headers_len(index, before, span);
        if bytes > limit {
            return count;
        }
        before = Some(span);
    }
    places.len()
}

/// Returns the spans of each trace, as places in `index.spans`, in the order in which the traces appear.
#[must_use]
pub fn groups(index: &Index) -> Vec<Vec<u32>> {
    let mut places: HashMap<[u8; 16], usize, BuildHasherDefault<IdHasher>> = HashMap::default();
    let mut groups: Vec<Vec<u32>> = Vec::new();
    let mut last = ([0; 16], 0);
    for (at, span) in (0..).zip(&index.spans) {
        if span.trace_id != last.0 {
            let place = *places.entry(span.trace_id).or_insert(groups.len());
            if place == groups.len() {
                groups.push(Vec::new());
            }
            last = (span.trace_id, place);
        }
        groups[last.1].push(at);
    }
    groups
}

/// Hashes trace ids under a key of the process, so that nobody can choose ids that collide.
struct IdHasher(u64);

impl Default for IdHasher {
    fn default() -> Self {
        Self(hash_key())
    }
}

/// Returns the key, drawn at first use; not behind a lock, which a fork in that moment would leave taken in the child.
fn hash_key() -> u64 {
    static KEY: AtomicU64 = AtomicU64::new(0);
    let draw = || RandomState::new().hash_one(0_u8).max(1);
    let place = |fresh| KEY.compare_exchange(0, fresh, Ordering::Relaxed, Ordering::Relaxed);
    match KEY.load(Ordering::Relaxed) {
        0 => place(draw()).map_or_else(|first| first, |_| KEY.load(Ordering::Relaxed)),
        key => key,
    }
}

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for word in bytes.as_chunks::<8>().0 {
            let product = u128::from(self.0 ^ u64::from_ne_bytes(*word)) * 0x9e37_79b9_7f4a_7c15;
            #[expect(clippy::cast_possible_truncation, reason = "folds the upper half onto the lower")]
            {
                self.0 = product as u64 ^ (product >> 64) as u64;
            }
        }
    }

    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Returns the request that holds `spans`, which keep the order of the body.
fn assemble<'a>(body: &[u8], index: &Index, spans: impl Iterator<Item = &'a SpanEntry> + Clone) -> Vec<u8> {
    let plan = plan(index, spans.clone());
    let mut out = Vec::with_capacity(plan.bytes);
    copy(&mut out, body, index, &index.unknown);
    let (mut resources, mut scopes) = (plan.resources.iter(), plan.scopes.iter());
    let mut before: Option<&SpanEntry> = None;
    for span in spans {
        let scope = &index.scopes[span.scope as usize];
        if before.is_none_or(|before| index.scopes[before.scope as usize].resource != scope.resource) {
            put_header(&mut out, 1, resources.next());
            copy(&mut out, body, index, &index.resources[scope.resource as usize].pieces);
        }
        if before.is_none_or(|before| before.scope != span.scope) {
            put_header(&mut out, 2, scopes.next());
            copy(&mut out, body, index, &scope.pieces);
        }
        out.extend_from_slice(span.field.of(body));
        before = Some(span);
    }
    out
}

/// The lengths of the messages to write, in the order of writing.
#[derive(Default)]
struct Plan {
    resources: Vec<usize>,
    scopes: Vec<usize>,
    bytes: usize,
}

fn plan<'a>(index: &Index, spans: impl Iterator<Item = &'a SpanEntry>) -> Plan {
    let mut plan = Plan { bytes: pieces_len(index, &index.unknown), ..Plan::default() };
    let mut open: Option<u32> = None;
    for span in spans {
        if open != Some(span.scope) {
            plan.close_scope();
            plan.open_scope(index, open, span.scope);
            open = Some(span.scope);
        }
        if let Some(length) = plan.scopes.last_mut() {
            *length += span.field.len();
        }
    }
    plan.close_scope();
    plan.close_resource();
    plan
}

impl Plan {
    fn open_scope(&mut self, index: &Index, before: Option<u32>, scope: u32) {
        let entry = &index.scopes[scope as usize];
        if before.is_none_or(|before| index.scopes[before as usize].resource != entry.resource) {
            self.close_resource();
            self.resources.push(pieces_len(index, &index.resources[entry.resource as usize].pieces));
        }
        self.scopes.push(pieces_len(index, &entry.pieces));
    }

    fn close_scope(&mut self) {
        if let (Some(scope), Some(resource)) = (self.scopes.last(), self.resources.last_mut()) {
            *resource += framed_len(*scope);
        }
    }

    fn close_resource(&mut self) {
        self.bytes += self.resources.last().map_or(0, |length| framed_len(*length));
    }
}

fn framed_len(length: usize) -> usize {
    1 + varint_len(length as u64) + length
}

/// Returns an upper bound of what the headers of `span` add behind `before`.
fn headers_len(index: &Index, before: Option<&SpanEntry>, span: &SpanEntry) -> usize {
    if before.is_some_and(|before| before.scope == span.scope) {
        return 0;
    }
    let scope = &index.scopes[span.scope as usize];
    let within = FRAME_BYTES + pieces_len(index, &scope.pieces);
    if before.is_some_and(|before| index.scopes[before.scope as usize].resource == scope.resource) {
        return within;
    }
    within + FRAME_BYTES + pieces_len(index, &index.resources[scope.resource as usize].pieces)
}

fn put_header(out: &mut Vec<u8>, field: u8, length: Option<&usize>) {
    out.push(tag(field, LEN));
    put_varint(out, length.map_or(0, |length| *length as u64));
}

fn copy(out: &mut Vec<u8>, body: &[u8], index: &Index, run: &Run) {
    for piece in extents(index, run) {
        out.extend_from_slice(piece.of(body));
    }
}

fn pieces_len(index: &Index, run: &Run) -> usize {
    extents(index, run).iter().map(|piece| piece.len()).sum()
}

fn extents<'a>(index: &'a Index, run: &Run) -> &'a [Extent] {
    &index.pieces[run.start as usize..run.end as usize]
}
