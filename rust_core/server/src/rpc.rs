//! The few small protobuf messages around an export: `google.rpc.Status`, `RetryInfo`, `ExportTraceServiceResponse`.

use std::time::Duration;

use pyspan_core::otlp::wire::{self, FIXED32, FIXED64, LEN, VARINT};

const RETRY_INFO_TYPE: &str = "type.googleapis.com/google.rpc.RetryInfo";

/// A `google.rpc.Status`: why a request was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// gRPC status code.
    pub code: u32,
    /// What was wrong, for people.
    pub message: String,
    /// How long to wait before the next attempt (`google.rpc.RetryInfo`).
    pub retry_after: Option<Duration>,
}

impl Status {
    /// Encodes the message as protobuf.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.message.len() + 80);
        put_number(&mut out, 1, u64::from(self.code));
        wire::put_bytes(&mut out, 2, self.message.as_bytes());
        if let Some(delay) = self.retry_after {
            wire::put_bytes(&mut out, 3, &encode_retry_info(delay));
        }
        out
    }

    /// Decodes protobuf bytes; `None` when they are malformed.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut status = Self::default();
        for field in Fields(bytes) {
            match field? {
                (1, Value::Number(code)) => status.code = u32::try_from(code).ok()?,
                (2, Value::Bytes(message)) => status.message = String::from_utf8_lossy(message).into_owned(),
                (3, Value::Bytes(detail)) => status.retry_after = decode_retry_info(detail)?.or(status.retry_after),
                _ => {}
            }
        }
        Some(status)
    }
}

/// The `partial_success` of an `ExportTraceServiceResponse`; empty when all was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartialSuccess {
    /// How many spans the receiver threw away.
    pub rejected_spans: u64,
    /// Why, or a warning when nothing was rejected.
    pub error_message: String,
}

impl PartialSuccess {
    /// Decodes an `ExportTraceServiceResponse`; `None` when it is malformed.
    #[must_use]
    pub fn decode(response: &[u8]) -> Option<Self> {
        let mut partial = Self::default();
        for field in Fields(response) {
            if let (1, Value::Bytes(bytes)) = field? {
                partial.merge(bytes)?;
            }
        }
        Some(partial)
    }

    fn merge(&mut self, bytes: &[u8]) -> Option<()> {
        for field in Fields(bytes) {
            match field? {
                (1, Value::Number(count)) => self.rejected_spans = non_negative(count),
                (2, Value::Bytes(message)) => self.error_message = String::from_utf8_lossy(message).into_owned(),
                _ => {}
            }
        }
        Some(())
    }
}

fn put_number(out: &mut Vec<u8>, field: u8, value: u64) {
    if value > 0 {
        out.push(wire::tag(field, VARINT));
        wire::put_varint(out, value);
    }
}

/// `Any { type_url = 1, value = 2: RetryInfo { retry_delay = 1: Duration { seconds = 1, nanos = 2 } } }`
fn encode_retry_info(delay: Duration) -> Vec<u8> {
    let (mut duration, mut info, mut any) = (Vec::new(), Vec::new(), Vec::new());
    put_number(&mut duration, 1, delay.as_secs());
    put_number(&mut duration, 2, u64::from(delay.subsec_nanos()));
    wire::put_bytes(&mut info, 1, &duration);
    wire::put_bytes(&mut any, 1, RETRY_INFO_TYPE.as_bytes());
    wire::put_bytes(&mut any, 2, &info);
    any
}

/// The outer `None` means malformed, the inner one a detail of another type.
#[expect(clippy::option_option, reason = "malformed and absent are answered differently")]
fn decode_retry_info(any: &[u8]) -> Option<Option<Duration>> {
    let (mut known, mut delay) = (false, Duration::ZERO);
    for field in Fields(any) {
        match field? {
            (1, Value::Bytes(url)) => known = url.ends_with(b"/google.rpc.RetryInfo"),
            (2, Value::Bytes(info)) if known => delay = decode_delay(info)?,
            _ => {}
        }
    }
    Some(known.then_some(delay))
}

fn decode_delay(info: &[u8]) -> Option<Duration> {
    let (mut seconds, mut nanos) = (0, 0);
    for field in Fields(info) {
        let (1, Value::Bytes(duration)) = field? else { continue };
        for part in Fields(duration) {
            match part? {
                (1, Value::Number(value)) => seconds = value,
                (2, Value::Number(value)) => nanos = value,
                _ => {}
            }
        }
    }
    Some(Duration::new(non_negative(seconds), u32::try_from(nanos).unwrap_or(0).min(999_999_999)))
}

/// An int64 as it arrives: a negative one is a huge number and counts as nothing here.
fn non_negative(value: u64) -> u64 {
    if i64::try_from(value).is_ok() { value } else { 0 }
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Fixed,
}

/// The fields of a protobuf message in order; ends after the first malformed one, which is `None`.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Option<(u64, Value<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.read();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn read(&mut self) -> Option<(u64, Value<'a>)> {
        let key = self.varint()?;
        let value = match (key & 7) as u8 {
            VARINT => Value::Number(self.varint()?),
            FIXED64 => self.take(8).map(|_| Value::Fixed)?,
            FIXED32 => self.take(4).map(|_| Value::Fixed)?,
            LEN => {
                let length = self.varint()?;
                Value::Bytes(self.take(usize::try_from(length).ok()?)?)
            }
            _ => return None,
        };
        Some((key >> 3, value))
    }

    fn varint(&mut self) -> Option<u64> {
        let (value, taken) = wire::read_varint(self.0)?;
        self.0 = &self.0[taken..];
        Some(value)
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(length)?;
        self.0 = tail;
        Some(head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn statuses_round_trip(code in 0_u32..17, message: String, millis in proptest::option::of(0_u64..1_000_000)) {
            let status = Status { code, message, retry_after: millis.map(Duration::from_millis) };
            prop_assert_eq!(Status::decode(&status.encode()), Some(status));
        }

        #[test]
        fn decoding_never_panics(bytes: Vec<u8>) {
            let _ = Status::decode(&bytes);
            let _ = PartialSuccess::decode(&bytes);
        }
    }

    #[test]
    fn a_partial_success_is_read_and_an_empty_reply_is_a_full_success() {
        let reply = [10, 7, 8, 3, 18, 3, b'b', b'a', b'd'];
        let partial = PartialSuccess { rejected_spans: 3, error_message: "bad".into() };
        assert_eq!(PartialSuccess::decode(&reply), Some(partial));
        assert_eq!(PartialSuccess::decode(&[]), Some(PartialSuccess::default()));
        assert_eq!(PartialSuccess::decode(&reply[..5]), None);
    }

    #[test]
    fn a_negative_retry_delay_is_no_delay() {
        let mut any = Vec::new();
        wire::put_bytes(&mut any, 1, RETRY_INFO_TYPE.as_bytes());
        wire::put_bytes(&mut any, 2, &[10, 11, 8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]);
        assert_eq!(decode_retry_info(&any), Some(Some(Duration::ZERO)));
    }
}
