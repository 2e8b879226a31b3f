//! Reading protobuf fields off the front of a slice, with the place of what is wrong.

use super::malformed::{Malformed, Reason};
use super::wire::{self, FIXED32, FIXED64, LEN, VARINT};

/// The tag of a field: its number and wire type.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tag {
    pub number: u32,
    pub wire: u8,
}

/// What is left of a message; it knows where in the whole body it stands.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
    /// Address of the body's first byte, so that nested messages report offsets in the body. The
    /// cursor is not `Copy`: a copy in a loop costs a store that the next load waits for, 40 ns a span.
    origin: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(body: &'a [u8]) -> Self {
        Self { rest: body, origin: body.as_ptr().addr() }
    }

    /// Returns a cursor over `part`, which lies in the same body.
    pub fn within(&self, part: &'a [u8]) -> Self {
        Self { rest: part, origin: self.origin }
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    #[inline]
    pub fn offset(&self) -> usize {
        self.rest.as_ptr().addr() - self.origin
    }

    #[cold]
    fn error(&self, reason: Reason) -> Malformed {
        Malformed { at: self.offset(), reason }
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "called per field; 10 ns a span when it is a call")]
    pub fn varint(&mut self) -> Result<u64, Malformed> {
        if let [byte @ 0..=0x7f, rest @ ..] = self.rest {
            self.rest = rest;
            return Ok(u64::from(*byte));
        }
        let (value, taken) = long_varint(self.rest).ok_or_else(|| self.error(Reason::Varint))?;
        self.rest = &self.rest[taken..];
        Ok(value)
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as for varint")]
    pub fn tag(&mut self) -> Result<Tag, Malformed> {
        let at = self.offset();
        let value = self.varint()?;
        let wire = (value & 7) as u8;
        match u32::try_from(value >> 3) {
            Ok(number @ 1..0x2000_0000) => Ok(Tag { number, wire }),
            _ => Err(Malformed { at, reason: Reason::FieldNumber }),
        }
    }

    /// Returns the next byte, which for fields below 16 is the whole tag.
    #[inline]
    pub fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    #[inline]
    fn pass_tag(&mut self) {
        if let [_, rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    /// Reads the bytes of a field whose tag is one byte that was peeked at.
    #[inline]
    pub fn bytes_after_tag(&mut self) -> Result<&'a [u8], Malformed> {
        self.pass_tag();
        self.bytes()
    }

    /// As `bytes_after_tag`, for values of a fixed length.
    #[inline]
    pub fn fixed_after_tag<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.pass_tag();
        self.fixed()
    }

    /// As `bytes_after_tag`, for values that nobody wants.
    #[inline]
    pub fn skip_after_tag(&mut self, wire: u8) -> Result<(), Malformed> {
        self.pass_tag();
        self.skip(wire)
    }

    /// Reads a length and the bytes it announces.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as for varint")]
    pub fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let at = self.offset();
        let length = self.varint()?;
        let split = usize::try_from(length).ok().and_then(|length| self.rest.split_at_checked(length));
        let (bytes, rest) = split.ok_or(Malformed { at, reason: Reason::Length(length) })?;
        self.rest = rest;
        Ok(bytes)
    }

    #[inline]
    pub fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or_else(|| self.error(Reason::Truncated))?;
        self.rest = rest;
        Ok(*bytes)
    }

    /// Skips the value of a field of any wire type that proto3 has.
    pub fn skip(&mut self, wire: u8) -> Result<(), Malformed> {
        match wire {
            VARINT => self.varint().map(drop),
            FIXED64 => self.fixed::<8>().map(drop),
            LEN => self.bytes().map(drop),
            FIXED32 => self.fixed::<4>().map(drop),
            3 | 4 => Err(self.error(Reason::Group)),
            _ => Err(self.error(Reason::NoWireType(wire))),
        }
    }
}

#[inline(never)]
fn long_varint(bytes: &[u8]) -> Option<(u64, usize)> {
    wire::read_varint(bytes)
}
