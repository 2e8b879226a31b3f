//! Checking what lies within spans, resources and scopes against the schema.

use super::cursor::{Cursor, Tag};
use super::index::{Extent, extent};
use super::malformed::{Malformed, Reason};
use super::schema::{self, Field, Kind, MAX_DEPTH, Message};
use super::wire::{FIXED32, FIXED64, LEN, VARINT};

/// Checks a `KeyValue` of a span; nine in ten are a short key and a short string or number, told
/// by their bytes.
#[inline]
pub(super) fn attribute<'a>(bytes: &'a [u8], outer: &Cursor<'a>) -> Result<(), Malformed> {
    if is_simple_attribute(bytes) {
        return Ok(());
    }
    check(&schema::KEY_VALUE, outer.within(bytes), 4)
}

#[inline]
fn is_simple_attribute(bytes: &[u8]) -> bool {
    let [0x0a, key_length @ 0..=0x7f, rest @ ..] = bytes else { return false };
    let Some((key, rest)) = rest.split_at_checked(*key_length as usize) else { return false };
    let [0x12, value_length @ 0..=0x7f, tag, value @ ..] = rest else { return false };
    if *value_length as usize != value.len() + 1 {
        return false;
    }
    match (*tag, value) {
        (0x0a, [length @ 0..=0x7f, text @ ..]) if text.len() == *length as usize => {
            // Lengths below 128 and the tags are ASCII too: one look at all of it.
            is_ascii(bytes) || (is_utf8(key) && is_utf8(text))
        }
        (0x10 | 0x18, [0..=0x7f] | [0x80..=0xff, 0..=0x7f]) => is_utf8(key),
        _ => false,
    }
}

fn check(schema: &Message, mut rest: Cursor<'_>, depth: u32) -> Result<(), Malformed> {
    if depth > MAX_DEPTH {
        return Err(Malformed { at: rest.offset(), reason: Reason::Depth });
    }
    while !rest.is_empty() {
        let at = rest.offset();
        let tag = rest.tag()?;
        field(schema, tag, at, &mut rest, depth)?;
    }
    Ok(())
}

/// Checks one field of a message of `schema` at `depth`; returns where the value lies if it has a length.
pub(super) fn field(
    schema: &Message,
    tag: Tag,
    at: usize,
    rest: &mut Cursor<'_>,
    depth: u32,
) -> Result<Extent, Malformed> {
    let Some(Field { kind, name, .. }) = schema.field(tag.number) else {
        return rest.skip(tag.wire).map(|()| Extent::default());
    };
    match (kind, tag.wire) {
        (Kind::Reserved, _)
        | (Kind::Bool | Kind::Int64 | Kind::Uint32 | Kind::Enum(_), VARINT)
        | (Kind::Fixed32, FIXED32)
        | (Kind::Fixed64 | Kind::Double, FIXED64) => rest.skip(tag.wire).map(|()| Extent::default()),
        (Kind::String | Kind::Bytes | Kind::TraceId | Kind::SpanId | Kind::Message(_), LEN) => {
            let value = rest.bytes()?;
            content(kind, name, at, rest.within(value), value, depth)?;
            let end = rest.offset();
            Ok(extent(end - value.len(), end))
        }
        _ => Err(Malformed { at, reason: Reason::WireType(name, tag.wire) }),
    }
}

fn content(
    kind: &Kind,
    name: &'static str,
    at: usize,
    rest: Cursor<'_>,
    value: &[u8],
    depth: u32,
) -> Result<(), Malformed> {
    match kind {
        Kind::String if !is_utf8(value) => Err(Malformed { at, reason: Reason::Utf8(name) }),
        Kind::TraceId => optional_id::<16>(value, name, at).map(drop),
        Kind::SpanId => optional_id::<8>(value, name, at).map(drop),
        Kind::Message(message) => check(message, rest, depth + 1),
        _ => Ok(()),
    }
}

pub(super) fn id<const N: usize>(bytes: &[u8], name: &'static str, at: usize) -> Result<[u8; N], Malformed> {
    #[expect(clippy::cast_possible_truncation, reason = "N is 8 or 16, bodies are below 4 GiB")]
    bytes.try_into().map_err(|_| Malformed { at, reason: Reason::IdLength(name, bytes.len() as u32, N as u8) })
}

pub(super) fn optional_id<const N: usize>(bytes: &[u8], name: &'static str, at: usize) -> Result<[u8; N], Malformed> {
    if bytes.is_empty() { Ok([0; N]) } else { id(bytes, name, at) }
}

/// Returns whether `text` is UTF-8; ASCII, the usual case, is seen sixteen bytes at a time.
#[inline]
pub(super) fn is_utf8(text: &[u8]) -> bool {
    is_ascii(text) || std::str::from_utf8(text).is_ok()
}

/// Returns whether all bytes are below 128. Loads overlap at the end: texts are short, and a loop over what is left of
/// them costs more than the rest.
#[inline]
fn is_ascii(text: &[u8]) -> bool {
    const HIGH: u128 = u128::from_ne_bytes([0x80; 16]);
    let Some(tail) = text.last_chunk::<16>() else { return is_short_ascii(text) };
    let mut rest = text;
    while let Some((head, behind)) = rest.split_first_chunk::<16>() {
        if u128::from_ne_bytes(*head) & HIGH != 0 {
            return false;
        }
        rest = behind;
    }
    u128::from_ne_bytes(*tail) & HIGH == 0
}

#[inline]
fn is_short_ascii(text: &[u8]) -> bool {
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    match (text.first_chunk(), text.last_chunk()) {
        (Some(head), Some(tail)) => (u64::from_ne_bytes(*head) | u64::from_ne_bytes(*tail)) & HIGH == 0,
        _ => text.iter().fold(0, |bits, byte| bits | byte) < 0x80,
    }
}
