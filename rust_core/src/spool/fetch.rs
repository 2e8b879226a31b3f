//! Putting together what one read returns.

use crate::otlp::batch::Batch;
use crate::otlp::index::Index;
use crate::otlp::slice::{self, Limits};
use crate::otlp::walk::walk;

use super::acks::Position;
use super::log::Shared;
use super::reader::Place;
use super::record::{Header, record_len};
use super::scan::{next_record, read_body};
use super::segment::Segment;

/// A record that is handed out in pieces.
#[derive(Debug)]
pub(super) struct OpenRecord {
    header: Header,
    body: Vec<u8>,
    index: Index,
}

impl Place {
    /// Returns whole records from here on, as many as the limits allow, or else a piece of one.
    pub fn fetch(&mut self, shared: &Shared, limits: Limits) -> Batch {
        let mut batch = Batch::default();
        while let Some((segment, header)) = self.next(shared) {
            if self.at.done == 0 && fits(&batch, &header, limits) {
                self.take(shared, &segment, &header, &mut batch);
            } else if batch.spans > 0 || self.take_piece(shared, &segment, &header, limits, &mut batch) {
                break;
            }
        }
        batch
    }

    /// Moves to the next sound record, counts what was stepped over, and returns it.
    fn next(&mut self, shared: &Shared) -> Option<(std::sync::Arc<Segment>, Header)> {
        loop {
            let (segment, start, end) = shared.state.lock().locate(self.at.record)?;
            let Some(header) = next_record(&segment, start, end) else {
                shared.damage.count(end + 2, end - start, 0);
                self.move_to(end);
                continue;
            };
            let lost = header.spans_before.saturating_sub(self.at.spans);
            if header.offset != self.at.record {
                self.move_to(header.offset);
            }
            if self.at.done == 0 {
                shared.damage.count(header.offset, header.offset - start, lost);
                self.at.spans = header.spans_before;
            }
            return Some((segment, header));
        }
    }

    fn move_to(&mut self, record: u64) {
        self.at = Position { record, done: 0, spans: self.at.spans };
        self.open = None;
    }

    fn pass(&mut self, header: &Header) {
        self.move_to(header.end());
        self.at.spans = header.spans_before.saturating_add(u64::from(header.spans));
    }

    fn skip(&mut self, shared: &Shared, header: &Header) {
        // One more than the record's own place, where what lies before it is counted.
        shared.damage.count(
            header.offset + 1,
            record_len(header.length),
            u64::from(header.spans.saturating_sub(self.at.done)),
        );
        self.pass(header);
    }

    fn take(&mut self, shared: &Shared, segment: &Segment, header: &Header, batch: &mut Batch) {
        if read_body(segment, header, &mut batch.data) {
            batch.spans += header.spans as usize;
            self.pass(header);
        } else {
            self.skip(shared, header);
        }
    }

    /// Puts the next piece of a record that is larger than the limits into `batch`; returns false if it is damaged.
    fn take_piece(
        &mut self,
        shared: &Shared,
        segment: &Segment,
        header: &Header,
        limits: Limits,
        batch: &mut Batch,
    ) -> bool {
        let open = self.open.take().filter(|open| open.header == *header);
        let Some(open) = open.or_else(|| OpenRecord::read(segment, header)) else {
            self.skip(shared, header);
            return false;
        };
        let first = open.index.spans.len().min(self.at.done as usize);
        let end = slice::fitting(&open.index, first, limits);
        *batch = slice::range(&open.body, &open.index, first..end);
        if end == open.index.spans.len() {
            self.pass(header);
        } else {
            self.at.done = u32::try_from(end).unwrap_or(u32::MAX);
            self.at.spans = header.spans_before.saturating_add(end as u64);
            self.open = Some(open);
        }
        batch.spans > 0
    }
}

impl OpenRecord {
    fn read(segment: &Segment, header: &Header) -> Option<Self> {
        let mut body = Vec::new();
        if !read_body(segment, header, &mut body) {
            return None;
        }
        let index = walk(&body).ok()?;
        (index.spans.len() == header.spans as usize).then_some(Self { header: *header, body, index })
    }
}

fn fits(batch: &Batch, header: &Header, limits: Limits) -> bool {
    batch.spans + header.spans as usize <= limits.spans && batch.data.len() + header.length as usize <= limits.bytes
}
