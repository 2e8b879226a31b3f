//! The parts of the gRPC-over-HTTP/2 protocol that one unary call needs, in either direction.

use std::fmt::Write;
use std::time::Duration;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;

/// Path of the only method of the OTLP trace service.
pub const EXPORT_PATH: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
/// Length of the prefix of a message: one flag byte and the length in 32 bits.
pub const PREFIX: usize = 5;

/// Status codes by their names in the gRPC documentation.
pub mod code {
    #![expect(missing_docs, reason = "the names are the documentation")]
    pub const OK: u32 = 0;
    pub const CANCELLED: u32 = 1;
    pub const UNKNOWN: u32 = 2;
    pub const INVALID_ARGUMENT: u32 = 3;
    pub const DEADLINE_EXCEEDED: u32 = 4;
    pub const PERMISSION_DENIED: u32 = 7;
    pub const RESOURCE_EXHAUSTED: u32 = 8;
    pub const UNIMPLEMENTED: u32 = 12;
    pub const INTERNAL: u32 = 13;
    pub const UNAVAILABLE: u32 = 14;
    pub const UNAUTHENTICATED: u32 = 16;
}

// Senders differ on padding; the specification wants both accepted.
const BINARY_HEADER: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One length-prefixed message.
#[derive(Debug, PartialEq, Eq)]
pub struct Message {
    /// Whether the payload is compressed as `grpc-encoding` says.
    pub compressed: bool,
    /// The payload.
    pub payload: Bytes,
}

/// Why a body is not exactly one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameError {
    /// The body is empty.
    Missing,
    /// The body ends within the message.
    CutOff,
    /// The flag byte is neither 0 nor 1.
    Flag(u8),
    /// More bytes follow the first message.
    Several,
}

impl std::fmt::Display for FrameError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing => out.write_str("no message in the body"),
            Self::CutOff => out.write_str("the body ends within the message"),
            Self::Flag(flag) => write!(out, "the message's flag byte is {flag}, expected 0 or 1"),
            Self::Several => out.write_str("more than one message for a unary call"),
        }
    }
}

/// Puts the prefix before `payload`.
///
/// # Panics
/// When the payload is 4 GiB or larger.
#[must_use]
pub fn frame(compressed: bool, payload: &[u8]) -> Bytes {
    let length = u32::try_from(payload.len()).expect("a batch is far below 4 GiB");
    let mut out = Vec::with_capacity(PREFIX + payload.len());
    out.push(u8::from(compressed));
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(payload);
    out.into()
}

/// Takes the single message out of a whole body.
///
/// # Errors
/// When the body is not exactly one message.
pub fn unframe(mut body: Bytes) -> Result<Message, FrameError> {
    if body.is_empty() {
        return Err(FrameError::Missing);
    }
    let Some(prefix) = body.first_chunk::<PREFIX>().copied() else { return Err(FrameError::CutOff) };
    let payload = body.split_off(PREFIX);
    let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]) as usize;
    match (prefix[0], payload.len().cmp(&length)) {
        (flag @ 2.., _) => Err(FrameError::Flag(flag)),
        (_, std::cmp::Ordering::Less) => Err(FrameError::CutOff),
        (_, std::cmp::Ordering::Greater) => Err(FrameError::Several),
        (flag, std::cmp::Ordering::Equal) => Ok(Message { compressed: flag == 1, payload }),
    }
}

/// Formats a `grpc-timeout` header: at most eight digits and a unit.
#[must_use]
pub fn format_timeout(timeout: Duration) -> String {
    let millis = timeout.as_millis();
    if millis < 100_000_000 { format!("{}m", millis.max(1)) } else { format!("{}S", timeout.as_secs().min(99_999_999)) }
}

/// Percent-encodes a `grpc-message` header: space to `~` stay, but not `%`.
#[must_use]
pub fn encode_message(message: &str) -> String {
    let mut out = String::with_capacity(message.len());
    for byte in message.bytes() {
        match byte {
            b'%' | 0..=0x1f | 0x7f.. => write!(out, "%{byte:02X}").expect("a String takes all"),
            _ => out.push(char::from(byte)),
        }
    }
    out
}

/// Decodes a `grpc-message` header; broken escapes stay as they are, as the specification asks.
#[must_use]
pub fn decode_message(header: &[u8]) -> String {
    let mut out = Vec::with_capacity(header.len());
    let mut rest = header;
    while let Some((&byte, tail)) = rest.split_first() {
        let escaped = tail.first_chunk::<2>().filter(|_| byte == b'%').and_then(|hex| parse_hex(*hex));
        out.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Encodes the value of a `-bin` header.
#[must_use]
pub fn encode_binary(value: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD_NO_PAD.encode(value)
}

/// Decodes the value of a `-bin` header; `None` when it is no base64.
#[must_use]
pub fn decode_binary(header: &[u8]) -> Option<Vec<u8>> {
    BINARY_HEADER.decode(header).ok()
}

/// Returns the gRPC code for a reply that is plain HTTP, such as a proxy's, as the gRPC documentation maps them.
#[must_use]
pub fn code_for_http(status: u16) -> u32 {
    match status {
        400 => code::INTERNAL,
        401 => code::UNAUTHENTICATED,
        403 => code::PERMISSION_DENIED,
        404 => code::UNIMPLEMENTED,
        429 | 502..=504 => code::UNAVAILABLE,
        _ => code::UNKNOWN,
    }
}

fn parse_hex(digits: [u8; 2]) -> Option<u8> {
    let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
    u8::try_from(high? << 4 | low?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn messages_round_trip_as_visible_ascii(message: String) {
            let header = encode_message(&message);
            prop_assert!(header.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
            prop_assert_eq!(decode_message(header.as_bytes()), message);
        }

        #[test]
        fn frames_round_trip(compressed: bool, payload: Vec<u8>) {
            let message = Message { compressed, payload: payload.clone().into() };
            prop_assert_eq!(unframe(frame(compressed, &payload)), Ok(message));
        }

        #[test]
        fn unframing_never_panics(body: Vec<u8>) {
            let _ = unframe(body.into());
        }

        #[test]
        fn decoding_a_message_never_panics(header: Vec<u8>) {
            let _ = decode_message(&header);
        }
    }

    #[test]
    fn a_body_that_is_not_one_message_is_refused_with_the_reason() {
        let cases: [(&'static [u8], FrameError); 5] = [
            (b"", FrameError::Missing),
            (b"\0\0\0", FrameError::CutOff),
            (b"\0\0\0\0\x02a", FrameError::CutOff),
            (b"\x02\0\0\0\0", FrameError::Flag(2)),
            (b"\0\0\0\0\x01ab", FrameError::Several),
        ];
        for (body, error) in cases {
            assert_eq!(unframe(Bytes::from_static(body)), Err(error));
        }
    }

    #[test]
    fn timeouts_have_at_most_eight_digits() {
        assert_eq!(format_timeout(Duration::from_secs(10)), "10000m");
        assert_eq!(format_timeout(Duration::from_micros(1)), "1m");
        assert_eq!(format_timeout(Duration::from_secs(1_000_000)), "1000000S");
    }

    #[test]
    fn binary_headers_are_read_with_and_without_padding() {
        assert_eq!(decode_binary(b"YQ"), Some(b"a".to_vec()));
        assert_eq!(decode_binary(b"YQ=="), Some(b"a".to_vec()));
        assert_eq!(decode_binary(b"?"), None);
    }
}
