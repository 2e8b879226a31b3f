//! The header in front of every request body in a segment.
//!
//! It says how long the body is, which spans it holds and its checksum, and is itself checked by a sum that covers the
//! segment's salt: what an earlier use of the file left behind, or what a client smuggles into a body, is no header.

/// Length of a header.
pub(super) const HEADER_LEN: usize = 40;
/// Records start at multiples of this, so that a search tries an eighth of the places.
pub(super) const ALIGNMENT: u64 = 8;
/// First bytes of a header; zeros in its place say that nothing follows.
pub(super) const MARKER: [u8; 4] = *b"\xa5spn";

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Where the record begins in the log.
    pub offset: u64,
    /// Spans that were accepted before this record, since the spool began.
    pub spans_before: u64,
    /// Spans in this record.
    pub spans: u32,
    /// Length of the body.
    pub length: u32,
    /// CRC-32 of the body.
    pub checksum: u32,
}

impl Header {
    /// Returns the offset after the record.
    pub fn end(&self) -> u64 {
        self.offset + record_len(self.length)
    }

    /// Returns where the body begins.
    pub fn body_offset(&self) -> u64 {
        self.offset + HEADER_LEN as u64
    }

    pub fn encode(&self, salt: u32) -> [u8; HEADER_LEN] {
        let mut out = [0; HEADER_LEN];
        out[..4].copy_from_slice(&MARKER);
        out[8..16].copy_from_slice(&self.offset.to_le_bytes());
        out[16..24].copy_from_slice(&self.spans_before.to_le_bytes());
        out[24..28].copy_from_slice(&self.spans.to_le_bytes());
        out[28..32].copy_from_slice(&self.length.to_le_bytes());
        out[32..36].copy_from_slice(&self.checksum.to_le_bytes());
        let sum = checksum(salt, &out[8..]);
        out[4..8].copy_from_slice(&sum.to_le_bytes());
        out
    }

    /// Returns the header that `bytes` are, if they are one of the segment with `salt` and for `offset`.
    pub fn decode(bytes: &[u8; HEADER_LEN], salt: u32, offset: u64) -> Option<Self> {
        let header = Self {
            offset: u64::from_le_bytes(part(bytes, 8)),
            spans_before: u64::from_le_bytes(part(bytes, 16)),
            spans: u32::from_le_bytes(part(bytes, 24)),
            length: u32::from_le_bytes(part(bytes, 28)),
            checksum: u32::from_le_bytes(part(bytes, 32)),
        };
        let sound = bytes.starts_with(&MARKER)
            && header.offset == offset
            && u32::from_le_bytes(part(bytes, 4)) == checksum(salt, &bytes[8..]);
        sound.then_some(header)
    }
}

/// Returns what a body of `length` bytes takes in the log.
pub(super) fn record_len(length: u32) -> u64 {
    (HEADER_LEN as u64 + u64::from(length)).next_multiple_of(ALIGNMENT)
}

/// Returns the CRC-32 of `bytes` behind `salt`.
pub(super) fn checksum(salt: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(salt);
    hasher.update(bytes);
    hasher.finalize()
}

/// Returns the `N` bytes at `start`, which lies within `bytes`.
pub(super) fn part<const N: usize>(bytes: &[u8], start: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[start..start + N]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    prop_compose! {
        fn headers()(offset in 0..1_u64 << 60, spans_before: u64, spans: u32, length: u32, checksum: u32) -> Header {
            Header { offset, spans_before, spans, length, checksum }
        }
    }

    proptest! {
        #[test]
        fn headers_round_trip(header in headers(), salt: u32) {
            prop_assert_eq!(Header::decode(&header.encode(salt), salt, header.offset), Some(header));
        }

        #[test]
        fn a_header_of_another_place_or_time_is_none(header in headers(), salt: u32, other in 1_u32..) {
            let bytes = header.encode(salt);
            prop_assert_eq!(Header::decode(&bytes, salt ^ other, header.offset), None);
            prop_assert_eq!(Header::decode(&bytes, salt, header.offset + u64::from(other)), None);
        }

        #[test]
        fn a_flipped_bit_is_noticed(header in headers(), bit in 0..HEADER_LEN * 8) {
            let mut bytes = header.encode(7);
            bytes[bit / 8] ^= 1 << (bit % 8);
            let unused = bit / 8 >= 36;
            prop_assert!(unused || Header::decode(&bytes, 7, header.offset).is_none());
        }
    }
}
