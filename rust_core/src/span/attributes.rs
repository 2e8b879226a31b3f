//! Attributes encoded as they are set: the last value of a key wins, the oldest goes when the limit is reached.

#![expect(clippy::inline_always, reason = "a value whose type the caller knows is then written without looking at it")]

use super::value::{Value, put_key_value};
use crate::otlp::wire::read_varint;

/// Encoded `KeyValue` fields with an index of their keys.
#[derive(Debug)]
pub struct Attributes {
    field: u8,
    bytes: Vec<u8>,
    index: Vec<Entry>,
    /// A bit for each hash that was ever set: most keys are new, which is seen here without going through the index.
    seen: [u64; 4],
    /// How many were left out or pushed out.
    pub dropped: u32,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: u32,
    start: u32,
}

impl Attributes {
    /// Makes an empty list whose entries are written as `field`.
    #[must_use]
    pub const fn new(field: u8) -> Self {
        Self { field, bytes: Vec::new(), index: Vec::new(), seen: [0; 4], dropped: 0 }
    }

    /// Sets `key`; over `limit` keys the oldest one is dropped, at a limit of zero this one.
    #[inline(always)]
    pub fn set(&mut self, key: &str, value: &Value<'_>, limit: Option<u32>) {
        let hash = hash_key(key.as_bytes());
        if self.may_hold(hash) {
            self.remove_key(hash, key);
        }
        self.push(hash, key, value, limit);
    }

    /// As [`Self::set`], for a key that is known not to be set.
    #[inline(always)]
    pub fn set_new(&mut self, key: &str, value: &Value<'_>, limit: Option<u32>) {
        self.push(hash_key(key.as_bytes()), key, value, limit);
    }

    #[inline(always)]
    fn push(&mut self, hash: u32, key: &str, value: &Value<'_>, limit: Option<u32>) {
        if limit.is_some_and(|limit| self.index.len() >= limit as usize) && !self.make_room() {
            return;
        }
        #[expect(clippy::cast_possible_truncation, reason = "a span's attributes stay far below 4 GiB")]
        let start = self.bytes.len() as u32;
        self.index.push(Entry { hash, start });
        self.seen[word_of(hash)] |= bit_of(hash);
        put_key_value(&mut self.bytes, self.field, key, value);
    }

    /// Drops the oldest key; false when there is none, so that the new one is what is dropped.
    #[cold]
    fn make_room(&mut self) -> bool {
        self.dropped += 1;
        let any = !self.index.is_empty();
        if any {
            self.remove(0);
        }
        any
    }

    /// Returns the encoded fields.
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns how many keys are set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Returns true when no key is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Empties the list and keeps its buffers.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.index.clear();
        self.seen = [0; 4];
        self.dropped = 0;
    }

    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity() + self.index.capacity() * size_of::<Entry>()
    }

    #[inline(always)]
    const fn may_hold(&self, hash: u32) -> bool {
        self.seen[word_of(hash)] & bit_of(hash) != 0
    }

    #[inline(never)]
    fn remove_key(&mut self, hash: u32, key: &str) {
        let same = |entry: &Entry| entry.hash == hash && self.key_at(entry.start as usize) == key.as_bytes();
        if let Some(position) = self.index.iter().position(same) {
            self.remove(position);
        }
    }

    /// Reads the key of the field at `start`: tag, length, then the key as the first field inside.
    fn key_at(&self, start: usize) -> &[u8] {
        let read = |at: usize| read_varint(&self.bytes[at..]).unwrap_or_default();
        let (_, outer) = read(start + 1);
        let key = start + 1 + outer;
        let (len, inner) = read(key + 1);
        let first = key + 1 + inner;
        #[expect(clippy::cast_possible_truncation, reason = "written from a usize")]
        &self.bytes[first..first + len as usize]
    }

    #[cold]
    fn remove(&mut self, position: usize) {
        let start = self.index[position].start;
        #[expect(clippy::cast_possible_truncation, reason = "a span's attributes stay far below 4 GiB")]
        let end = self.index.get(position + 1).map_or(self.bytes.len() as u32, |entry| entry.start);
        self.bytes.drain(start as usize..end as usize);
        self.index.remove(position);
        for entry in &mut self.index[position..] {
            entry.start -= end - start;
        }
    }
}

/// Hashes a key by its length and its first and last eight bytes: keys that agree in those are told apart by comparison.
#[inline]
fn hash_key(key: &[u8]) -> u32 {
    let (first, last) = match key.len() {
        0 => (0, 0),
        len @ 1..8 => {
            let mut word = [0; 8];
            word[..len].copy_from_slice(key);
            (u64::from_le_bytes(word), 0)
        }
        len => (read_u64(key), read_u64(&key[len - 8..])),
    };
    let mixed = (first ^ last.rotate_left(29) ^ key.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 32) as u32
}

const fn word_of(hash: u32) -> usize {
    (hash >> 6) as usize % 4
}

const fn bit_of(hash: u32) -> u64 {
    1 << (hash % 64)
}

fn read_u64(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |word| u64::from_le_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys(attributes: &Attributes) -> Vec<String> {
        let key = |entry: &Entry| String::from_utf8(attributes.key_at(entry.start as usize).to_vec()).unwrap();
        attributes.index.iter().map(key).collect()
    }

    #[test]
    fn the_last_value_of_a_key_wins_and_moves_to_the_end() {
        let mut attributes = Attributes::new(9);
        for (key, value) in [("a", 1), ("b", 2), ("a", 3)] {
            attributes.set(key, &Value::Int(value), Some(128));
        }
        assert_eq!(attributes.as_bytes(), b"\x4a\x07\x0a\x01b\x12\x02\x18\x02\x4a\x07\x0a\x01a\x12\x02\x18\x03");
        assert_eq!(attributes.dropped, 0);
    }

    #[test]
    fn over_the_limit_the_oldest_is_dropped_and_counted() {
        let mut attributes = Attributes::new(9);
        for key in ["a", "b", "c"] {
            attributes.set(key, &Value::Bool(true), Some(2));
        }
        assert_eq!(keys(&attributes), ["b", "c"]);
        assert_eq!(attributes.dropped, 1);
    }

    #[test]
    fn a_limit_of_zero_drops_everything() {
        let mut attributes = Attributes::new(9);
        attributes.set("a", &Value::Null, Some(0));
        assert!(attributes.is_empty());
        assert_eq!(attributes.dropped, 1);
    }

    proptest! {
        #[test]
        fn it_behaves_like_an_ordered_map(sets in prop::collection::vec(("[a-z]{0,12}", 0_i64..1000), 0..60)) {
            let mut attributes = Attributes::new(9);
            let mut model: Vec<(String, i64)> = Vec::new();
            for (key, value) in &sets {
                attributes.set(key, &Value::Int(*value), Some(8));
                model.retain(|(known, _)| known != key);
                if model.len() >= 8 {
                    model.remove(0);
                }
                model.push((key.clone(), *value));
            }
            let mut expected = Vec::new();
            for (key, value) in &model {
                put_key_value(&mut expected, 9, key, &Value::Int(*value));
            }
            prop_assert_eq!(attributes.as_bytes(), expected);
        }
    }
}
