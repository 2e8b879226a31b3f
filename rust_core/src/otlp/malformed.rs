//! What can be wrong with an OTLP body, and where.

use std::fmt;

/// Why a body is not an `ExportTraceServiceRequest`, and the byte at which that shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The offset of the offending field in the body.
    pub at: usize,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The body is larger than offsets of 32 bits can say.
    TooLarge,
    /// A varint that is cut off or longer than 64 bits.
    Varint,
    /// A field number of zero or beyond 2^29.
    FieldNumber,
    /// A fixed-size value that is cut off.
    Truncated,
    /// A length that reaches beyond the message it is in.
    Length(u64),
    /// A start or end of a group; proto3 has none.
    Group,
    /// A wire type that does not exist.
    NoWireType(u8),
    /// A known field in another wire type than its own.
    WireType(&'static str, u8),
    /// Text that is not UTF-8.
    Utf8(&'static str),
    /// An id of the wrong length: field, length, right length.
    IdLength(&'static str, u32, u8),
    /// A span whose trace id or span id is missing.
    NoId(&'static str),
    /// An id of zeros.
    ZeroId(&'static str),
    /// More messages within each other than any receiver takes.
    Depth,
}

impl fmt::Display for Malformed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at;
        match self.reason {
            Reason::TooLarge => write!(out, "body of 4 GiB or more"),
            Reason::Varint => write!(out, "broken varint at byte {at}"),
            Reason::FieldNumber => write!(out, "impossible field number at byte {at}"),
            Reason::Truncated => write!(out, "value cut off at byte {at}"),
            Reason::Length(length) => write!(out, "length {length} at byte {at} reaches beyond its message"),
            Reason::Group => write!(out, "group at byte {at} (not part of proto3)"),
            Reason::NoWireType(wire) => write!(out, "wire type {wire} at byte {at} does not exist"),
            Reason::WireType(field, wire) => write!(out, "{field} with wire type {wire} at byte {at}"),
            Reason::Utf8(field) => write!(out, "{field} at byte {at} is not UTF-8"),
            Reason::IdLength(field, length, right) => {
                write!(out, "{field} of {length} bytes at byte {at} (must be {right})")
            }
            Reason::NoId(field) => write!(out, "span at byte {at} without {field}"),
            Reason::ZeroId(field) => write!(out, "{field} of the span at byte {at} is all zeros"),
            Reason::Depth => write!(out, "messages nested too deeply at byte {at}"),
        }
    }
}

impl std::error::Error for Malformed {}
