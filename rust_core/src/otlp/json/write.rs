//! Writing OTLP/JSON as the Collector's file exporter does: fields in the order of the schema, defaults left out.

use crate::otlp::cursor::Cursor;
use crate::otlp::malformed::{Malformed, Reason};
use crate::otlp::schema::{Field, Kind, MAX_DEPTH, Message, REQUEST};
use crate::otlp::wire::{FIXED32, FIXED64, LEN, VARINT};

use super::base64;

/// Returns an export request as one line of JSON, without the line's end. Unknown fields are left out.
///
/// # Errors
/// The first thing that is wrong with `body`.
pub fn format(body: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut out = Vec::with_capacity(body.len() * 2);
    Writer { out: &mut out, fields: Vec::new() }.message(&REQUEST, Cursor::new(body), 0)?;
    Ok(out)
}

/// The value of a field as it is on the wire.
#[derive(Clone, Copy)]
enum Raw<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

struct Writer<'a, 'out> {
    out: &'out mut Vec<u8>,
    /// Fields of the messages we are in, innermost last.
    fields: Vec<(u32, Raw<'a>)>,
}

impl<'a> Writer<'a, '_> {
    fn message(&mut self, schema: &Message, body: Cursor<'a>, depth: u32) -> Result<(), Malformed> {
        if depth > MAX_DEPTH {
            return Err(Malformed { at: body.offset(), reason: Reason::Depth });
        }
        let mark = self.fields.len();
        let origin = self.collect(schema, body)?;
        if schema.oneof {
            // The last one set counts.
            let last = self.fields.pop();
            self.fields.truncate(mark);
            self.fields.extend(last);
        }
        self.fields[mark..].sort_by_key(|(number, _)| *number);
        self.object(schema, mark, &origin, depth)?;
        self.fields.truncate(mark);
        Ok(())
    }

    /// Reads the known fields of a message; returns its used-up cursor, which still knows the body.
    fn collect(&mut self, schema: &Message, mut rest: Cursor<'a>) -> Result<Cursor<'a>, Malformed> {
        while !rest.is_empty() {
            let at = rest.offset();
            let tag = rest.tag()?;
            let Some(field) = schema.field(tag.number).filter(|field| !matches!(field.kind, Kind::Reserved)) else {
                rest.skip(tag.wire)?;
                continue;
            };
            let raw = match (wire_of(field.kind), tag.wire) {
                (VARINT, VARINT) => Raw::Number(rest.varint()?),
                (FIXED64, FIXED64) => Raw::Number(u64::from_le_bytes(rest.fixed()?)),
                (FIXED32, FIXED32) => Raw::Number(u64::from(u32::from_le_bytes(rest.fixed()?))),
                (LEN, LEN) => Raw::Bytes(rest.bytes()?),
                _ => return Err(Malformed { at, reason: Reason::WireType(field.name, tag.wire) }),
            };
            self.fields.push((tag.number, raw));
        }
        Ok(rest)
    }

    /// Writes the fields from `mark` on, sorted by number, as an object.
    fn object(&mut self, schema: &Message, mark: usize, origin: &Cursor<'a>, depth: u32) -> Result<(), Malformed> {
        self.out.push(b'{');
        let (mut at, mut first) = (mark, true);
        for (number, field) in (1..).zip(schema.fields) {
            let start = at;
            at += self.fields[at..].iter().take_while(|(other, _)| *other == number).count();
            if !is_written(schema, field, &self.fields[start..at]) {
                continue;
            }
            self.out.extend_from_slice(if first { b"\"" } else { b",\"" });
            self.out.extend_from_slice(field.json.as_bytes());
            self.out.extend_from_slice(b"\":");
            first = false;
            self.values(field, start..at, origin, depth)?;
        }
        self.out.push(b'}');
        Ok(())
    }

    fn values(
        &mut self,
        field: &Field,
        range: std::ops::Range<usize>,
        origin: &Cursor<'a>,
        depth: u32,
    ) -> Result<(), Malformed> {
        if !field.repeated {
            return self.single(field, range, origin, depth);
        }
        for at in range.clone() {
            self.out.push(if at == range.start { b'[' } else { b',' });
            self.value(field, self.fields[at].1, origin, depth)?;
        }
        self.out.push(b']');
        Ok(())
    }

    /// Writes a field that occurs once; of several values the last counts, and several messages are one.
    fn single(
        &mut self,
        field: &Field,
        range: std::ops::Range<usize>,
        origin: &Cursor<'a>,
        depth: u32,
    ) -> Result<(), Malformed> {
        match (field.kind, range.len()) {
            (_, 0) => self.out.extend_from_slice(b"{}"),
            (Kind::Message(message), 2..) => {
                let parts =
                    self.fields[range].iter().map(|(_, raw)| if let Raw::Bytes(bytes) = raw { bytes } else { &[][..] });
                let merged = parts.collect::<Vec<_>>().concat();
                Writer { out: self.out, fields: Vec::new() }.message(message, Cursor::new(&merged), depth + 1)?;
            }
            _ => self.value(field, self.fields[range.end - 1].1, origin, depth)?,
        }
        Ok(())
    }

    fn value(&mut self, field: &Field, raw: Raw<'a>, origin: &Cursor<'a>, depth: u32) -> Result<(), Malformed> {
        match raw {
            Raw::Number(value) => self.number(field.kind, value),
            Raw::Bytes(bytes) => match field.kind {
                Kind::Message(message) => self.message(message, origin.within(bytes), depth + 1)?,
                Kind::String => self.string(field, bytes, origin)?,
                Kind::Bytes => self.quoted(|out| base64::encode(bytes, out)),
                _ => self.quoted(|out| put_hex(bytes, out)),
            },
        }
        Ok(())
    }

    fn string(&mut self, field: &Field, bytes: &'a [u8], origin: &Cursor<'a>) -> Result<(), Malformed> {
        let at = origin.within(bytes).offset();
        let text = std::str::from_utf8(bytes).map_err(|_| Malformed { at, reason: Reason::Utf8(field.name) })?;
        serde_json::to_writer(&mut *self.out, text).expect("writing to memory does not fail");
        Ok(())
    }

    fn number(&mut self, kind: Kind, value: u64) {
        match kind {
            Kind::Bool => self.out.extend_from_slice(if value == 0 { b"false" } else { b"true" }),
            Kind::Double => self.double(f64::from_bits(value)),
            Kind::Int64 => self.quoted(|out| put_display(value.cast_signed(), out)),
            Kind::Fixed64 => self.quoted(|out| put_display(value, out)),
            #[expect(clippy::cast_possible_truncation, reason = "enums are 32 bits, signed")]
            Kind::Enum(_) => put_display(value as i32, self.out),
            #[expect(clippy::cast_possible_truncation, reason = "the field has 32 bits")]
            _ => put_display(value as u32, self.out),
        }
    }

    fn double(&mut self, value: f64) {
        match value {
            _ if value.is_finite() => {
                serde_json::to_writer(&mut *self.out, &value).expect("writing to memory does not fail");
            }
            _ if value.is_nan() => self.out.extend_from_slice(b"\"NaN\""),
            _ if value > 0.0 => self.out.extend_from_slice(b"\"Infinity\""),
            _ => self.out.extend_from_slice(b"\"-Infinity\""),
        }
    }

    fn quoted(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.out.push(b'"');
        write(self.out);
        self.out.push(b'"');
    }
}

fn wire_of(kind: Kind) -> u8 {
    match kind {
        Kind::Bool | Kind::Int64 | Kind::Uint32 | Kind::Enum(_) | Kind::Reserved => VARINT,
        Kind::Fixed32 => FIXED32,
        Kind::Fixed64 | Kind::Double => FIXED64,
        Kind::String | Kind::Bytes | Kind::TraceId | Kind::SpanId | Kind::Message(_) => LEN,
    }
}

/// Returns whether a field shows: what is set to other than its default, and messages that the Collector always has.
fn is_written(schema: &Message, field: &Field, values: &[(u32, Raw<'_>)]) -> bool {
    if matches!(field.kind, Kind::Message(_)) && !field.repeated && !schema.oneof {
        return true;
    }
    match values.last() {
        None => false,
        Some(_) if schema.oneof || field.repeated => true,
        Some((_, Raw::Number(value))) => *value != 0,
        Some((_, Raw::Bytes(bytes))) => !bytes.is_empty(),
    }
}

fn put_display(value: impl std::fmt::Display, out: &mut Vec<u8>) {
    use std::io::Write;
    write!(out, "{value}").expect("writing to memory does not fail");
}

fn put_hex(bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + bytes.len() * 2, 0);
    crate::ids::format_hex(bytes, &mut out[start..]);
}
