//! One pass over an `ExportTraceServiceRequest` that validates all of it and notes where its spans lie.

use super::check::{attribute, field, id, is_utf8, optional_id};
use super::cursor::{Cursor, Tag};
use super::index::{Extent, Index, ResourceEntry, Run, ScopeEntry, SpanEntry, extent};
use super::malformed::{Malformed, Reason};
use super::schema;
use super::wire::{LEN, VARINT};

/// Validates `body` and returns its index.
///
/// Checked are the wire types of known fields, all lengths, UTF-8 of all text, the ids of spans (there, of the right
/// length, not zeros) and of links (right length or empty), and the depth of nesting; unknown fields are skipped.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn walk(body: &[u8]) -> Result<Index, Malformed> {
    // Spans of 300 bytes are usual: guessing saves the copies of a growing vector.
    let index = Index { spans: Vec::with_capacity(body.len() / 256), ..Index::default() };
    Ok(Walker::<true>::over(body, index)?.index)
}

/// Validates `body` as [`walk`] does and returns the number of its spans; takes no memory for an index, which may be many
/// times as large as a body that somebody made up.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn count(body: &[u8]) -> Result<usize, Malformed> {
    Ok(Walker::<false>::over(body, Index::default())?.spans)
}

/// Goes over a request; keeps an index if `INDEXED`.
struct Walker<const INDEXED: bool> {
    spans: usize,
    index: Index,
    /// Pieces of the messages we are in; each message moves its own to the index at its end, innermost first.
    pending: Vec<Extent>,
}

impl<const INDEXED: bool> Walker<INDEXED> {
    fn over(body: &[u8], index: Index) -> Result<Self, Malformed> {
        if u32::try_from(body.len()).is_err() {
            return Err(Malformed { at: 0, reason: Reason::TooLarge });
        }
        let mut walker = Self { spans: 0, index, pending: Vec::new() };
        walker.request(Cursor::new(body))?;
        Ok(walker)
    }

    fn request(&mut self, mut rest: Cursor<'_>) -> Result<(), Malformed> {
        while !rest.is_empty() {
            let at = rest.offset();
            let tag = rest.tag()?;
            if tag.number == 1 {
                let body = message(tag, "resource_spans", at, &mut rest)?;
                self.resource_spans(body)?;
            } else {
                rest.skip(tag.wire)?;
                self.piece(0, at, rest.offset());
            }
        }
        self.index.unknown = self.settle(0);
        Ok(())
    }

    fn resource_spans(&mut self, mut rest: Cursor<'_>) -> Result<(), Malformed> {
        let mark = self.pending.len();
        let mut entry = ResourceEntry::default();
        while !rest.is_empty() {
            let at = rest.offset();
            let tag = rest.tag()?;
            if tag.number == 2 {
                let body = message(tag, "scope_spans", at, &mut rest)?;
                self.scope_spans(body)?;
                continue;
            }
            let value = field(&schema::RESOURCE_SPANS, tag, at, &mut rest, 1)?;
            match tag.number {
                1 => entry.resource = value,
                3 => entry.schema_url = value,
                _ => {}
            }
            self.piece(mark, at, rest.offset());
        }
        entry.pieces = self.settle(mark);
        if INDEXED {
            self.index.resources.push(entry);
        }
        Ok(())
    }

    fn scope_spans(&mut self, mut rest: Cursor<'_>) -> Result<(), Malformed> {
        let mark = self.pending.len();
        let first = length(&self.index.spans);
        let mut entry = ScopeEntry { resource: length(&self.index.resources), ..ScopeEntry::default() };
        while !rest.is_empty() {
            let at = rest.offset();
            let tag = rest.tag()?;
            if tag.number == 2 {
                let body = message(tag, "spans", at, &mut rest)?;
                self.span(body, extent(at, rest.offset()))?;
                continue;
            }
            let value = field(&schema::SCOPE_SPANS, tag, at, &mut rest, 2)?;
            match tag.number {
                1 => entry.scope = value,
                3 => entry.schema_url = value,
                _ => {}
            }
            self.piece(mark, at, rest.offset());
        }
        entry.pieces = self.settle(mark);
        entry.spans = first..length(&self.index.spans);
        if INDEXED {
            self.index.scopes.push(entry);
        }
        Ok(())
    }

    fn span(&mut self, rest: Cursor<'_>, field: Extent) -> Result<(), Malformed> {
        let body = extent(rest.offset(), field.end as usize);
        let scope = length(&self.index.scopes);
        let entry = read_span(rest, SpanEntry { scope, field, body, ..SpanEntry::default() })?;
        self.spans += 1;
        if INDEXED {
            self.index.spans.push(entry);
        }
        Ok(())
    }

    /// Notes the field from `at` to `end` as part of the message whose pieces begin at `mark`.
    fn piece(&mut self, mark: usize, at: usize, end: usize) {
        if !INDEXED {
            return;
        }
        let extent = extent(at, end);
        match self.pending[mark..].last_mut() {
            Some(last) if last.end == extent.start => last.end = extent.end,
            _ => self.pending.push(extent),
        }
    }

    fn settle(&mut self, mark: usize) -> Run {
        let start = length(&self.index.pieces);
        self.index.pieces.extend(self.pending.drain(mark..));
        start..length(&self.index.pieces)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a body below 4 GiB holds fewer things than that")]
fn length<T>(items: &[T]) -> u32 {
    items.len() as u32
}

fn message<'a>(tag: Tag, name: &'static str, at: usize, rest: &mut Cursor<'a>) -> Result<Cursor<'a>, Malformed> {
    if tag.wire != LEN {
        return Err(Malformed { at, reason: Reason::WireType(name, tag.wire) });
    }
    let body = rest.bytes()?;
    Ok(rest.within(body))
}

/// Tags of fields of a span as the single bytes they are; matching these costs half of decoding them.
mod tags {
    use crate::otlp::wire::{FIXED64, LEN, VARINT, tag};

    pub const TRACE_ID: u8 = tag(1, LEN);
    pub const SPAN_ID: u8 = tag(2, LEN);
    pub const PARENT_ID: u8 = tag(4, LEN);
    pub const NAME: u8 = tag(5, LEN);
    pub const KIND: u8 = tag(6, VARINT);
    pub const START: u8 = tag(7, FIXED64);
    pub const END: u8 = tag(8, FIXED64);
    pub const ATTRIBUTE: u8 = tag(9, LEN);
    pub const STATUS: u8 = tag(15, LEN);
}

/// Checks a span and fills in what the index wants of it.
fn read_span(mut rest: Cursor<'_>, mut span: SpanEntry) -> Result<SpanEntry, Malformed> {
    let whole = rest.offset();
    let (mut has_trace, mut has_span) = (false, false);
    while let Some(first) = rest.peek() {
        let at = rest.offset();
        match first {
            tags::TRACE_ID => {
                span.trace_id = id(rest.bytes_after_tag()?, "trace id", at)?;
                has_trace = true;
            }
            tags::SPAN_ID => {
                span.span_id = id(rest.bytes_after_tag()?, "span id", at)?;
                has_span = true;
            }
            tags::PARENT_ID => span.parent_id = optional_id(rest.bytes_after_tag()?, "parent span id", at)?,
            tags::NAME => text(rest.bytes_after_tag()?, "name", at)?,
            tags::KIND => rest.skip_after_tag(VARINT)?,
            tags::START => span.start_ns = u64::from_le_bytes(rest.fixed_after_tag()?),
            tags::END => span.end_ns = u64::from_le_bytes(rest.fixed_after_tag()?),
            tags::ATTRIBUTE => attribute(rest.bytes_after_tag()?, &rest)?,
            tags::STATUS => status(rest.bytes_after_tag()?, &rest, &mut span.status)?,
            _ => {
                let tag = rest.tag()?;
                field(&schema::SPAN, tag, at, &mut rest, 3)?;
            }
        }
    }
    present(has_trace, span.trace_id == [0; 16], "trace id", whole)?;
    present(has_span, span.span_id == [0; 8], "span id", whole)?;
    Ok(span)
}

fn present(there: bool, zeros: bool, name: &'static str, at: usize) -> Result<(), Malformed> {
    match (there, zeros) {
        (false, _) => Err(Malformed { at, reason: Reason::NoId(name) }),
        (true, true) => Err(Malformed { at, reason: Reason::ZeroId(name) }),
        _ => Ok(()),
    }
}

fn text(bytes: &[u8], name: &'static str, at: usize) -> Result<(), Malformed> {
    if is_utf8(bytes) { Ok(()) } else { Err(Malformed { at, reason: Reason::Utf8(name) }) }
}

/// Checks a `Status` and reads its code.
fn status<'a>(bytes: &'a [u8], outer: &Cursor<'a>, code: &mut u32) -> Result<(), Malformed> {
    let mut rest = outer.within(bytes);
    while !rest.is_empty() {
        let at = rest.offset();
        let tag = rest.tag()?;
        if tag.number == 3 && tag.wire == VARINT {
            *code = u32::try_from(rest.varint()?).unwrap_or(u32::MAX);
        } else {
            field(&schema::STATUS, tag, at, &mut rest, 4)?;
        }
    }
    Ok(())
}
