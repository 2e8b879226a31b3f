//! Attribute values and their encoding as OTLP `KeyValue` and `AnyValue`.

#![expect(clippy::inline_always, reason = "a value whose type the caller knows is then written without looking at it")]

use crate::otlp::wire::{FIXED64, LEN, VARINT, put_varint, tag, varint_len};

/// A value on its way into an attribute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// No value at all: an empty `AnyValue`.
    Null,
    /// A string.
    Str(&'a str),
    /// A boolean.
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// A double.
    Double(f64),
    /// Bytes.
    Bytes(&'a [u8]),
    /// The elements of an array, each written by [`put_array_element`].
    Array(&'a [u8]),
    /// The entries of a map, each written by [`put_key_value`] with field 1.
    Map(&'a [u8]),
}

impl Value<'_> {
    /// Returns the length of a scalar as the content of an `AnyValue`, if every length around it takes one byte beside a
    /// key of `key_len`: four bytes of headers and the two texts stay below 128.
    #[inline(always)]
    const fn short_len(&self, key_len: usize) -> Option<usize> {
        let value_len = match self {
            Self::Str(text) => text.len().saturating_add(2),
            Self::Bool(_) | Self::Int(0..0x80) => 2,
            Self::Double(_) => 9,
            Self::Int(value) => 1 + varint_len(value.cast_unsigned()),
            Self::Null | Self::Bytes(_) | Self::Array(_) | Self::Map(_) => return None,
        };
        if key_len < 0x80 && value_len < 0x80 && key_len + value_len + 4 < 0x80 { Some(value_len) } else { None }
    }

    /// Returns the length of the value as the content of an `AnyValue`.
    #[inline]
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        match self {
            Self::Null => 0,
            Self::Bool(_) => 2,
            #[expect(clippy::cast_sign_loss, reason = "negative int64 is its two's complement on the wire")]
            Self::Int(value) => 1 + varint_len(*value as u64),
            Self::Double(_) => 9,
            Self::Str(text) => len_delimited(text.len()),
            Self::Bytes(bytes) => len_delimited(bytes.len()),
            Self::Array(inner) | Self::Map(inner) => len_delimited(inner.len()),
        }
    }
}

const fn len_delimited(len: usize) -> usize {
    1 + varint_len(len as u64) + len
}

/// Appends the content of an `AnyValue`.
#[inline]
pub fn put_any_value(out: &mut Vec<u8>, value: &Value<'_>) {
    match *value {
        Value::Null => {}
        Value::Str(text) => put_delimited(out, 1, text.as_bytes()),
        Value::Bool(flag) => out.extend_from_slice(&[tag(2, VARINT), u8::from(flag)]),
        Value::Int(number) => {
            out.push(tag(3, VARINT));
            #[expect(clippy::cast_sign_loss, reason = "negative int64 is its two's complement on the wire")]
            put_varint(out, number as u64);
        }
        Value::Double(number) => {
            out.push(tag(4, FIXED64));
            out.extend_from_slice(&number.to_le_bytes());
        }
        Value::Array(inner) => put_delimited(out, 5, inner),
        Value::Map(inner) => put_delimited(out, 6, inner),
        Value::Bytes(bytes) => put_delimited(out, 7, bytes),
    }
}

#[inline]
fn put_delimited(out: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    out.push(tag(field, LEN));
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends `value` as one element of an `ArrayValue`.
pub fn put_array_element(out: &mut Vec<u8>, value: &Value<'_>) {
    out.push(tag(1, LEN));
    put_varint(out, value.encoded_len() as u64);
    put_any_value(out, value);
}

/// Appends a `KeyValue` as `field` of the message around it.
#[inline(always)]
pub fn put_key_value(out: &mut Vec<u8>, field: u8, key: &str, value: &Value<'_>) {
    if let Some(value_len) = value.short_len(key.len()) {
        put_short(out, field, key, value, value_len);
        return;
    }
    let value_len = value.encoded_len();
    let len = len_delimited(key.len()) + len_delimited(value_len);
    out.reserve(1 + varint_len(len as u64) + len);
    out.push(tag(field, LEN));
    put_varint(out, len as u64);
    put_delimited(out, 1, key.as_bytes());
    out.push(tag(2, LEN));
    put_varint(out, value_len as u64);
    put_any_value(out, value);
}

/// As above for the commonest case, a scalar with every length in one byte: one bounds check instead of ten, which is
/// half the cost of an attribute.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the caller checked that all lengths are below 128")]
fn put_short(out: &mut Vec<u8>, field: u8, key: &str, value: &Value<'_>, value_len: usize) {
    let len = 4 + key.len() + value_len;
    let total = 2 + len;
    out.reserve(total);
    let start = out.len();
    // SAFETY: `total` bytes are reserved, and the pieces add up to it: 4 + key + 2 + value.
    unsafe {
        let mut at = out.as_mut_ptr().add(start);
        at.cast::<[u8; 4]>().write_unaligned([tag(field, LEN), len as u8, tag(1, LEN), key.len() as u8]);
        at = at.add(4);
        copy_short(key.as_bytes(), at);
        at = at.add(key.len());
        at.cast::<[u8; 2]>().write_unaligned([tag(2, LEN), value_len as u8]);
        write_scalar(at.add(2), value);
        out.set_len(start + total);
    }
}

/// Writes the content of an `AnyValue` that holds a scalar.
///
/// # Safety
///
/// `to` must be writable for [`Value::encoded_len`] bytes, of which there are fewer than 128.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the caller checked that all lengths are below 128")]
unsafe fn write_scalar(to: *mut u8, value: &Value<'_>) {
    // SAFETY: each arm writes exactly `encoded_len` bytes.
    unsafe {
        match *value {
            Value::Str(text) => {
                to.cast::<[u8; 2]>().write_unaligned([tag(1, LEN), text.len() as u8]);
                copy_short(text.as_bytes(), to.add(2));
            }
            Value::Bool(flag) => to.cast::<[u8; 2]>().write_unaligned([tag(2, VARINT), u8::from(flag)]),
            Value::Int(number) => {
                to.write(tag(3, VARINT));
                write_varint(to.add(1), number.cast_unsigned());
            }
            Value::Double(number) => {
                to.write(tag(4, FIXED64));
                to.add(1).cast::<[u8; 8]>().write_unaligned(number.to_le_bytes());
            }
            Value::Null | Value::Bytes(_) | Value::Array(_) | Value::Map(_) => {}
        }
    }
}

/// Writes a varint.
///
/// # Safety
///
/// `to` must be writable for [`varint_len`] bytes.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the low seven bits are what a varint byte carries")]
unsafe fn write_varint(mut to: *mut u8, mut value: u64) {
    // SAFETY: the loop writes one byte for each seven bits.
    unsafe {
        while value >= 0x80 {
            to.write(value as u8 | 0x80);
            to = to.add(1);
            value >>= 7;
        }
        to.write(value as u8);
    }
}

/// Copies a few bytes without the call that `memcpy` is: two overlapping words up to 32 bytes.
///
/// # Safety
///
/// `to` must be writable for `from.len()` bytes and not overlap it.
#[inline]
unsafe fn copy_short(from: &[u8], to: *mut u8) {
    let (len, from) = (from.len(), from.as_ptr());
    // SAFETY: every read and write stays within the first `len` bytes.
    unsafe {
        match len {
            8..=16 => {
                let (head, tail) =
                    (from.cast::<u64>().read_unaligned(), from.add(len - 8).cast::<u64>().read_unaligned());
                to.cast::<u64>().write_unaligned(head);
                to.add(len - 8).cast::<u64>().write_unaligned(tail);
            }
            17..=32 => {
                let head = from.cast::<[u64; 2]>().read_unaligned();
                let tail = from.add(len - 16).cast::<[u64; 2]>().read_unaligned();
                to.cast::<[u64; 2]>().write_unaligned(head);
                to.add(len - 16).cast::<[u64; 2]>().write_unaligned(tail);
            }
            4..=7 => {
                let (head, tail) =
                    (from.cast::<u32>().read_unaligned(), from.add(len - 4).cast::<u32>().read_unaligned());
                to.cast::<u32>().write_unaligned(head);
                to.add(len - 4).cast::<u32>().write_unaligned(tail);
            }
            2..=3 => {
                let (head, tail) = (from.cast::<u16>().read_unaligned(), from.add(len - 1).read());
                to.cast::<u16>().write_unaligned(head);
                to.add(len - 1).write(tail);
            }
            _ => std::ptr::copy_nonoverlapping(from, to, len),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_length_is_what_is_written() {
        let long = "x".repeat(300);
        let values = [
            Value::Null,
            Value::Str(&long),
            Value::Bool(true),
            Value::Int(-1),
            Value::Int(300),
            Value::Double(0.5),
            Value::Bytes(b"\x00\xff"),
            Value::Array(b"\x0a\x00"),
            Value::Map(b""),
        ];
        for value in values {
            let mut out = Vec::new();
            put_any_value(&mut out, &value);
            assert_eq!(out.len(), value.encoded_len(), "{value:?}");
        }
    }

    fn the_long_way(key: &str, value: &Value<'_>) -> Vec<u8> {
        let (mut content, mut inner, mut out) = (Vec::new(), Vec::new(), Vec::new());
        put_any_value(&mut content, value);
        put_delimited(&mut inner, 1, key.as_bytes());
        put_delimited(&mut inner, 2, &content);
        put_delimited(&mut out, 9, &inner);
        out
    }

    fn the_short_way(key: &str, value: &Value<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        put_key_value(&mut out, 9, key, value);
        out
    }

    #[test]
    fn short_strings_are_written_as_long_ones_are() {
        for (key_len, text_len) in (0..70).flat_map(|key| (0..70).map(move |text| (key, text))) {
            let (key, text) = ("k".repeat(key_len), "t".repeat(text_len));
            let value = Value::Str(&text);
            assert_eq!(the_short_way(&key, &value), the_long_way(&key, &value), "{key_len} {text_len}");
        }
    }

    proptest! {
        #[test]
        fn scalars_are_written_the_same_way_short_or_long(key in ".{0,140}", text in ".{0,140}", int: i64, double: f64, flag: bool) {
            for value in [Value::Str(&text), Value::Int(int), Value::Double(double), Value::Bool(flag), Value::Null] {
                prop_assert_eq!(the_short_way(&key, &value), the_long_way(&key, &value));
            }
        }
    }

    #[test]
    fn a_key_value_is_laid_out_as_protobuf_says() {
        let mut out = Vec::new();
        put_key_value(&mut out, 9, "k", &Value::Str("v"));
        assert_eq!(out, b"\x4a\x08\x0a\x01k\x12\x03\x0a\x01v");
    }
}
