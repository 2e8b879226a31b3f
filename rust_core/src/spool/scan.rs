//! Finding the next sound record in a segment, past whatever is damaged.

use super::record::{ALIGNMENT, HEADER_LEN, Header, MARKER};
use super::segment::Segment;

/// How much of a segment the search for a header reads at once.
const BLOCK_BYTES: u64 = 1 << 16;

/// Returns the first record at or after `from` that ends by `end` and whose header is sound.
pub(super) fn next_record(segment: &Segment, from: u64, end: u64) -> Option<Header> {
    header_at(segment, from, end).or_else(|| search(segment, from + ALIGNMENT, end))
}

/// Reads the body of `header` to the end of `out`; returns whether it is whole.
pub(super) fn read_body(segment: &Segment, header: &Header, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    out.resize(start + header.length as usize, 0);
    let read = segment.read(&mut out[start..], header.body_offset());
    let whole = read.is_ok() && crc32fast::hash(&out[start..]) == header.checksum;
    if !whole {
        out.truncate(start);
    }
    whole
}

fn header_at(segment: &Segment, offset: u64, end: u64) -> Option<Header> {
    if offset + HEADER_LEN as u64 > end {
        return None;
    }
    let mut bytes = [0; HEADER_LEN];
    segment.read(&mut bytes, offset).ok()?;
    let header = Header::decode(&bytes, segment.header.salt, offset)?;
    (header.end() <= end).then_some(header)
}

fn search(segment: &Segment, mut from: u64, end: u64) -> Option<Header> {
    let mut block = Vec::new();
    while from < end {
        block.resize(usize::try_from(BLOCK_BYTES.min(end - from)).ok()?, 0);
        let read = segment.read(&mut block, from).is_ok();
        if !read && block.len() > 8 {
            // The file is shorter than its header says: go on in small steps up to its end.
            return search_short(segment, from, end);
        }
        if let Some(header) = candidates(&block, from).find_map(|offset| header_at(segment, offset, end)) {
            return Some(header);
        }
        from += BLOCK_BYTES;
    }
    None
}

fn search_short(segment: &Segment, from: u64, end: u64) -> Option<Header> {
    let length = segment.file.metadata().ok()?.len();
    let there = segment.header.base.checked_add(length / ALIGNMENT * ALIGNMENT)?;
    if from < there && there < end { search(segment, from, there) } else { None }
}

/// Returns the places in `block`, which lies at `from`, where a header may begin.
fn candidates(block: &[u8], from: u64) -> impl Iterator<Item = u64> + '_ {
    let places = block.chunks_exact(8).zip(0_u64..);
    places.filter(|(bytes, _)| bytes.starts_with(&MARKER)).map(move |(_, at)| from + at * ALIGNMENT)
}
