//! Murmur2 as Kafka's producers use it to choose the partition of a key.

const SEED: u32 = 0x9747_b28c;
const M: u32 = 0x5bd1_e995;

/// Returns the index of `key`'s partition among `partitions`, as the default partitioner of Kafka's Java client does.
///
/// # Panics
///
/// When `partitions` is 0.
#[must_use]
pub fn partition(key: &[u8], partitions: u32) -> u32 {
    (murmur2(key) & 0x7fff_ffff) % partitions
}

/// Returns the 32-bit hash of `key`; its length counts modulo 2^32.
#[must_use]
pub fn murmur2(key: &[u8]) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "the original hashes a 32-bit length")]
    let seed = SEED ^ key.len() as u32;
    let words = key.chunks_exact(4);
    let tail = words.remainder();
    let hash = words.fold(seed, |hash, word| mix(hash, little_endian(word)));
    finish(if tail.is_empty() { hash } else { (hash ^ little_endian(tail)).wrapping_mul(M) })
}

fn mix(hash: u32, word: u32) -> u32 {
    let word = word.wrapping_mul(M);
    let word = (word ^ (word >> 24)).wrapping_mul(M);
    hash.wrapping_mul(M) ^ word
}

fn little_endian(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte))
}

fn finish(hash: u32) -> u32 {
    let hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of Kafka's own `UtilsTest`.
    #[test]
    fn hashes_are_those_of_kafka() {
        let vectors: [(&str, i32); 6] = [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ];
        for (key, hash) in vectors {
            assert_eq!(murmur2(key.as_bytes()).to_le_bytes(), hash.to_le_bytes(), "{key}");
        }
    }

    #[test]
    fn a_partition_is_the_positive_hash_modulo_their_number() {
        assert_eq!(murmur2(b"21") & 0x7fff_ffff, 1_173_551_340);
        assert_eq!(partition(b"21", 7), 1_173_551_340 % 7);
    }
}
