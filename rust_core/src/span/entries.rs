//! Events or links of a span: encoded entries, of which the oldest goes when the limit is reached.

use crate::otlp::wire::{LEN, put_varint, read_varint, tag};

/// Encoded entries of one repeated field.
#[derive(Debug)]
pub struct Entries {
    field: u8,
    bytes: Vec<u8>,
    count: u32,
    /// How many were pushed out or left out.
    pub dropped: u32,
}

impl Entries {
    /// Makes an empty list whose entries are written as `field`.
    #[must_use]
    pub const fn new(field: u8) -> Self {
        Self { field, bytes: Vec::new(), count: 0, dropped: 0 }
    }

    /// Adds a message of `len` bytes that `write` appends; over `limit` the oldest is dropped, at a limit of zero this one.
    #[inline]
    pub(super) fn push_with(&mut self, len: usize, limit: Option<u32>, write: impl FnOnce(&mut Vec<u8>)) {
        if limit == Some(0) {
            self.dropped += 1;
            return;
        }
        if limit.is_some_and(|limit| self.count >= limit) {
            self.remove_oldest();
        }
        self.bytes.reserve(len + 11);
        self.bytes.push(tag(self.field, LEN));
        put_varint(&mut self.bytes, len as u64);
        write(&mut self.bytes);
        self.count += 1;
    }

    /// Returns the encoded fields.
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns each encoded message, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.bytes.as_slice();
        std::iter::from_fn(move || {
            let (start, end) = entry_bounds(rest)?;
            let entry = &rest[start..end];
            rest = &rest[end..];
            Some(entry)
        })
    }

    /// Removes all entries and their count.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
        self.dropped = 0;
    }

    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    #[cold]
    fn remove_oldest(&mut self) {
        if let Some((_, end)) = entry_bounds(&self.bytes) {
            self.bytes.drain(..end);
            self.count -= 1;
            self.dropped += 1;
        }
    }
}

/// Where the message of the first entry starts and ends; `None` when there is none.
fn entry_bounds(bytes: &[u8]) -> Option<(usize, usize)> {
    let (len, taken) = read_varint(bytes.get(1..)?)?;
    let start = 1 + taken;
    Some((start, start + usize::try_from(len).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(entries: &mut Entries, entry: &[u8], limit: Option<u32>) {
        entries.push_with(entry.len(), limit, |out| out.extend_from_slice(entry));
    }

    #[test]
    fn over_the_limit_the_oldest_entry_goes() {
        let mut entries = Entries::new(11);
        for entry in [&b"one"[..], b"two", b"three"] {
            push(&mut entries, entry, Some(2));
        }
        assert_eq!(entries.iter().collect::<Vec<_>>(), [&b"two"[..], b"three"]);
        assert_eq!(entries.dropped, 1);
    }

    #[test]
    fn a_limit_of_zero_keeps_nothing() {
        let mut entries = Entries::new(11);
        push(&mut entries, b"one", Some(0));
        assert_eq!((entries.as_bytes(), entries.dropped), (&b""[..], 1));
    }
}
