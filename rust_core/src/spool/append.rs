//! Appending a record: room in the last segment, or a new segment, or a refusal.

use std::io::IoSlice;
use std::sync::Arc;

use super::error::SpoolError;
use super::record::{ALIGNMENT, Header, record_len};
use super::segment::{END, SEGMENT_HEADER_LEN, Segment, SegmentHeader, fresh_salt};
use super::settings::Fsync;
use super::state::{Live, State};

impl State {
    /// Appends `body` and returns the offset after it. When it fails nothing was stored.
    pub fn append(&mut self, body: &[u8], checksum: u32, spans: u32) -> Result<u64, SpoolError> {
        if self.closed {
            return Err(SpoolError::Closed);
        }
        if self.is_gone() {
            return Err(SpoolError::Gone { directory: self.directory.clone() });
        }
        let length = u32::try_from(body.len()).map_err(|_| self.too_large(body.len() as u64))?;
        let segment = self.segment_for(record_len(length))?;
        let header = Header { offset: self.next, spans_before: self.spans, spans, length, checksum };
        write(&segment, &header, body).map_err(SpoolError::at(&segment.path))?;
        self.next = header.end();
        self.spans += u64::from(spans);
        if let Some(last) = self.segments.back_mut() {
            last.end = self.next;
        }
        self.readers.values().for_each(|reader| reader.notify());
        Ok(self.next)
    }

    fn segment_for(&mut self, need: u64) -> Result<Arc<Segment>, SpoolError> {
        match self.segments.back() {
            Some(last) if self.fits(need) => Ok(last.segment.clone()),
            _ => self.roll(need),
        }
    }

    fn fits(&self, need: u64) -> bool {
        let end = self.next + need + END.len() as u64;
        self.active && self.segments.back().is_some_and(|last| end <= last.segment.limit())
    }

    fn capacity_for(&self, need: u64) -> u64 {
        self.settings.segment_len().max(SEGMENT_HEADER_LEN + need + END.len() as u64)
    }

    /// Returns whether the last record that was refused for want of room would be refused again.
    pub fn is_full(&self) -> bool {
        let over = |need| self.needed_bytes() + self.capacity_for(need) > self.settings.max_bytes;
        self.refused.is_some_and(|need| !self.fits(need) && over(need))
    }

    /// Begins a segment with room for a record of `need` bytes.
    fn roll(&mut self, need: u64) -> Result<Arc<Segment>, SpoolError> {
        let capacity = self.capacity_for(need);
        self.admit(capacity, need)?;
        let header = SegmentHeader {
            base: self.next_base,
            capacity,
            previous_end: self.segments.back().map_or(0, |last| last.end),
            spans_before: self.spans,
            salt: fresh_salt(self.next_base),
        };
        let used = if capacity == self.settings.segment_len() { self.free.pop() } else { None };
        let created = Segment::create(&self.directory, header, used);
        let segment = Arc::new(created.map_err(SpoolError::at(&self.directory))?);
        self.begin(segment.clone());
        Ok(segment)
    }

    fn begin(&mut self, segment: Arc<Segment>) {
        if self.settings.fsync != Fsync::Never {
            self.unsynced.extend(self.segments.back().map(|last| last.segment.clone()));
        }
        (self.next, self.next_base) = (segment.first(), segment.limit().next_multiple_of(ALIGNMENT));
        self.segments.push_back(Live { end: self.next, segment });
        (self.active, self.new_files) = (true, true);
        self.reclaim();
    }

    fn admit(&mut self, capacity: u64, need: u64) -> Result<(), SpoolError> {
        let (bytes, max_bytes) = (self.needed_bytes(), self.settings.max_bytes);
        if capacity > max_bytes {
            return Err(self.too_large(need));
        }
        if bytes + capacity > max_bytes {
            self.refused = Some(need);
            return Err(SpoolError::Full { bytes, max_bytes });
        }
        Ok(())
    }

    fn too_large(&self, bytes: u64) -> SpoolError {
        SpoolError::TooLarge { bytes, max_bytes: self.settings.max_bytes }
    }
}

/// Writes a record and the end mark behind it, which the next record overwrites.
fn write(segment: &Segment, header: &Header, body: &[u8]) -> std::io::Result<()> {
    const PADDING: [u8; 16] = [0; 16];
    let used = header.body_offset() + body.len() as u64;
    #[expect(clippy::cast_possible_truncation, reason = "padding to eight bytes")]
    let padding = (header.end() - used) as usize + END.len();
    let encoded = header.encode(segment.header.salt);
    let mut parts = [IoSlice::new(&encoded), IoSlice::new(body), IoSlice::new(&PADDING[..padding])];
    segment.write(header.offset, &mut parts).inspect_err(|_| {
        // What was written of it is overwritten by the next record; until then it should not look like a torn one.
        let _ = segment.write(header.offset, &mut [IoSlice::new(&END)]);
    })
}
