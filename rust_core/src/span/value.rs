//! Attribute values and their encoding as OTLP `KeyValue` and `AnyValue`.

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
#[inline]
pub fn put_key_value(out: &mut Vec<u8>, field: u8, key: &str, value: &Value<'_>) {
    let value_len = value.encoded_len();
    let len = len_delimited(key.len()) + len_delimited(value_len);
    out.reserve(1 + varint_len(len as u64) + len);
    match value {
        Value::Str(text) if len < 0x80 => put_short(out, field, key, text, len),
        _ => {
            out.push(tag(field, LEN));
            put_varint(out, len as u64);
            put_delimited(out, 1, key.as_bytes());
            out.push(tag(2, LEN));
            put_varint(out, value_len as u64);
            put_any_value(out, value);
        }
    }
}

/// As above for the commonest case, a string with every length in one byte: one bounds check instead of ten, which is
/// half the cost of an attribute.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the caller checked that all lengths are below 128")]
fn put_short(out: &mut Vec<u8>, field: u8, key: &str, text: &str, len: usize) {
    let total = 2 + len;
    out.reserve(total);
    let start = out.len();
    // SAFETY: `total` bytes are reserved, and the pieces add up to it: 4 + key + 4 + text.
    unsafe {
        let mut at = out.as_mut_ptr().add(start);
        at.cast::<[u8; 4]>().write_unaligned([tag(field, LEN), len as u8, tag(1, LEN), key.len() as u8]);
        at = at.add(4);
        copy_short(key.as_bytes(), at);
        at = at.add(key.len());
        let inner = text.len() as u8;
        at.cast::<[u8; 4]>().write_unaligned([tag(2, LEN), inner + 2, tag(1, LEN), inner]);
        copy_short(text.as_bytes(), at.add(4));
        out.set_len(start + total);
    }
}

/// Copies a few bytes without the call that `memcpy` is: two overlapping words up to 16, four up to 32.
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
            _ => std::ptr::copy_nonoverlapping(from, to, len),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn the_short_way_writes_what_the_long_way_writes() {
        for (key_len, text_len) in (0..60).flat_map(|key| (0..60).map(move |text| (key, text))) {
            let (key, text) = ("k".repeat(key_len), "t".repeat(text_len));
            let (mut short, mut long) = (Vec::new(), Vec::new());
            put_key_value(&mut short, 9, &key, &Value::Str(&text));
            let mut value = Vec::new();
            put_any_value(&mut value, &Value::Str(&text));
            let mut inner = Vec::new();
            put_delimited(&mut inner, 1, key.as_bytes());
            put_delimited(&mut inner, 2, &value);
            put_delimited(&mut long, 9, &inner);
            assert_eq!(short, long, "{key_len} {text_len}");
        }
    }

    #[test]
    fn a_key_value_is_laid_out_as_protobuf_says() {
        let mut out = Vec::new();
        put_key_value(&mut out, 9, "k", &Value::Str("v"));
        assert_eq!(out, b"\x4a\x08\x0a\x01k\x12\x03\x0a\x01v");
    }
}
