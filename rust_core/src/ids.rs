//! Trace and span ids, and the per-thread generator that makes them.

use crate::fork;
use std::cell::Cell;
use std::fmt;

/// A trace id of 16 bytes, never all zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId([u8; 16]);

/// A span id of 8 bytes, never all zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId([u8; 8]);

macro_rules! id {
    ($name:ident, $len:literal, $int:ty) => {
        impl $name {
            /// Wraps `bytes`, or returns `None` when they are all zero.
            #[must_use]
            pub fn from_bytes(bytes: [u8; $len]) -> Option<Self> {
                (bytes != [0; $len]).then_some(Self(bytes))
            }

            /// Wraps a big-endian number, or returns `None` for zero.
            #[must_use]
            pub fn from_int(value: $int) -> Option<Self> {
                Self::from_bytes(value.to_be_bytes())
            }

            /// Parses lower-case hex of exactly the id's length, as the W3C text asks.
            #[must_use]
            pub fn parse(text: &[u8]) -> Option<Self> {
                let mut bytes = [0; $len];
                parse_hex(text, &mut bytes)?;
                Self::from_bytes(bytes)
            }

            /// Returns the bytes.
            #[inline]
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }

            /// Returns the id as a big-endian number.
            #[must_use]
            pub const fn to_int(self) -> $int {
                <$int>::from_be_bytes(self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut text = [0; $len * 2];
                format_hex(&self.0, &mut text);
                f.write_str(std::str::from_utf8(&text).unwrap_or_default())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

id!(TraceId, 16, u128);
id!(SpanId, 8, u64);

/// Reads lower-case hex digits into `out`; `None` for another length or any other character.
#[must_use]
pub fn parse_hex(text: &[u8], out: &mut [u8]) -> Option<()> {
    if text.len() != out.len() * 2 {
        return None;
    }
    let mut all = 0;
    for (byte, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
        let (high, low) = (HEX_DIGITS[usize::from(pair[0])], HEX_DIGITS[usize::from(pair[1])]);
        all |= high | low;
        *byte = high << 4 | low;
    }
    (all != NO_DIGIT).then_some(())
}

/// Writes `bytes` as lower-case hex digits into `out`, which is twice as long.
pub fn format_hex(bytes: &[u8], out: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in out.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
}

/// What stands for a byte that is no lower-case hex digit: with any digit it gives itself.
const NO_DIGIT: u8 = 0xff;

/// The value of each byte as a digit: one look a byte, and one decision a text.
const HEX_DIGITS: [u8; 256] = {
    let mut digits = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789abcdef"[value as usize] as usize] = value;
        value += 1;
    }
    digits
};

/// After so many numbers a thread's generator takes a new seed from the OS, which bounds what one seed can repeat.
const RESEED_AFTER: u32 = 1 << 16;

#[derive(Clone, Copy)]
struct Generator {
    state: u64,
    left: u32,
    generation: u32,
}

thread_local! {
    static GENERATOR: Cell<Generator> = const { Cell::new(Generator { state: 0, left: 0, generation: 0 }) };
}

/// Makes a random trace id; `now_ns` is mixed in, so that cloned micro-VMs part ways at their first span.
#[inline]
#[must_use]
pub fn random_trace_id(now_ns: u64) -> TraceId {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&next(now_ns).to_be_bytes());
    bytes[8..].copy_from_slice(&nonzero(0).to_be_bytes());
    TraceId(bytes)
}

/// Makes a random span id; for `now_ns` see [`random_trace_id`].
#[inline]
#[must_use]
pub fn random_span_id(now_ns: u64) -> SpanId {
    SpanId(nonzero(now_ns).to_be_bytes())
}

#[inline]
fn nonzero(mix: u64) -> u64 {
    loop {
        let value = next(mix);
        if value != 0 {
            return value;
        }
    }
}

/// One step of wyrand, over a state that also takes in `mix`.
#[inline]
fn next(mix: u64) -> u64 {
    let mut generator = GENERATOR.get();
    if generator.left == 0 || generator.generation != fork::generation() {
        generator = Generator { state: os_seed(), left: RESEED_AFTER, generation: fork::generation() };
    }
    generator.left -= 1;
    generator.state = generator.state.wrapping_add(mix).wrapping_add(0xa076_1d64_78bd_642f);
    GENERATOR.set(generator);
    let wide = u128::from(generator.state) * u128::from(generator.state ^ 0xe703_7ed1_a0b4_28db);
    #[expect(clippy::cast_possible_truncation, reason = "folding 128 bits to 64 is the step")]
    let folded = (wide >> 64) as u64 ^ wide as u64;
    folded
}

#[cold]
fn os_seed() -> u64 {
    let mut seed = [0_u8; 8];
    // SAFETY: the buffer is writable for its whole length.
    let read = unsafe { libc::getentropy(seed.as_mut_ptr().cast(), seed.len()) };
    assert!(read == 0, "the operating system gave no random bytes");
    u64::from_ne_bytes(seed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    #[test]
    fn zero_is_no_id() {
        assert_eq!(TraceId::from_int(0), None);
        assert_eq!(SpanId::parse(b"0000000000000000"), None);
    }

    #[test]
    fn upper_case_hex_is_no_id() {
        assert_eq!(SpanId::parse(b"00F067AA0BA902B7"), None);
    }

    #[test]
    fn a_million_ids_are_all_different() {
        let ids: HashSet<u64> = (0..1_000_000).map(|_| random_span_id(7).to_int()).collect();
        assert_eq!(ids.len(), 1_000_000);
    }

    #[test]
    fn threads_do_not_repeat_each_other() {
        let made = || (0..1000).map(|_| random_trace_id(7)).collect::<Vec<_>>();
        let mut ids: Vec<_> = (0..8).map(|_| std::thread::spawn(made)).flat_map(|t| t.join().unwrap()).collect();
        ids.sort_by_key(|id| id.to_int());
        ids.dedup();
        assert_eq!(ids.len(), 8000);
    }

    proptest! {
        #[test]
        fn ids_round_trip_through_text(value in 1_u128..) {
            let id = TraceId::from_int(value).unwrap();
            prop_assert_eq!(TraceId::parse(id.to_string().as_bytes()), Some(id));
        }

        #[test]
        fn parsing_an_id_never_panics(text: Vec<u8>) {
            let _ = (TraceId::parse(&text), SpanId::parse(&text));
        }
    }
}
