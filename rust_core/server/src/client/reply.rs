//! What came of an export, read from an HTTP or gRPC reply.

use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use http_body_util::BodyExt;
use pyspan_core::otlp::compress::{Algorithm, decompress};

use crate::grpc::{self, code};
use crate::rpc::{PartialSuccess, Status};

/// Replies are tiny; what a broken peer sends beyond this is not read.
const MAX_REPLY_BYTES: usize = 64 * 1024;
/// How much of a plain-text refusal is worth a log line.
const MAX_MESSAGE_CHARS: usize = 300;
/// No message is longer, whoever wrote it.
const MAX_LINE_CHARS: usize = 1000;

/// The level on which an export succeeded or failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Taken, maybe with rejected spans.
    Ok,
    /// Refused with an HTTP status.
    Http,
    /// Refused with a gRPC status.
    Grpc,
    /// No whole reply: name look-up, connection, TLS or protocol failed.
    Transport,
    /// No whole reply in time.
    Timeout,
}

impl Kind {
    /// Returns the name that Python sees.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Http => "http",
            Self::Grpc => "grpc",
            Self::Transport => "transport",
            Self::Timeout => "timeout",
        }
    }
}

/// What came of one export.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The level of success or failure.
    pub kind: Kind,
    /// HTTP or gRPC status; 0 where there was none.
    pub code: u32,
    /// What the peer or the network said; empty for a plain success.
    pub message: String,
    /// The pause that the peer asked for.
    pub retry_after: Option<Duration>,
    /// Spans that the peer took and threw away (partial success).
    pub rejected_spans: u64,
    /// Body bytes of one request as sent, compressed.
    pub sent_bytes: usize,
}

impl Reply {
    /// Takes what the peer said as it may be logged.
    pub(super) fn new(kind: Kind, code: u32, message: &str) -> Self {
        Self { kind, code, message: printable(message), retry_after: None, rejected_spans: 0, sent_bytes: 0 }
    }

    pub(super) fn transport(message: &str) -> Self {
        Self::new(Kind::Transport, 0, message)
    }

    pub(super) fn timeout(message: &str) -> Self {
        Self::new(Kind::Timeout, 0, message)
    }

    fn success(code: u32, response: Option<PartialSuccess>, headers: &HeaderMap, body: &[u8]) -> Self {
        let partial =
            response.unwrap_or_else(|| PartialSuccess { error_message: odd(headers, body), rejected_spans: 0 });
        Self { rejected_spans: partial.rejected_spans, ..Self::new(Kind::Ok, code, &partial.error_message) }
    }
}

pub(super) async fn read_http(response: reqwest::Response) -> reqwest::Result<Reply> {
    let (status, headers, body) = read(response).await?;
    let kind = headers.get(CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    let protobuf = kind.starts_with(b"application/x-protobuf") || kind.starts_with(b"application/protobuf");
    let code = u32::from(status);
    if (200..300).contains(&status) {
        let empty = body.bytes.is_empty();
        let partial = if protobuf || empty { PartialSuccess::decode(&body.bytes) } else { None };
        return Ok(Reply::success(code, partial, &headers, &body.bytes));
    }
    let refusal = Some(&body.bytes).filter(|_| protobuf).and_then(|bytes| Status::decode(bytes));
    let message = refusal.as_ref().map_or_else(|| excerpt(&body.bytes), |status| status.message.clone());
    let retry_after = parse_retry_after(&headers).or(refusal.and_then(|status| status.retry_after));
    Ok(Reply { retry_after, ..Reply::new(Kind::Http, code, &message) })
}

pub(super) async fn read_grpc(response: reqwest::Response) -> reqwest::Result<Reply> {
    let (status, headers, body) = read(response).await?;
    let trailers = if headers.contains_key("grpc-status") { &headers } else { &body.trailers };
    let Some(code) = trailers.get("grpc-status").and_then(|value| value.to_str().ok()?.parse().ok()) else {
        return Ok(without_status(status, &headers, &body.bytes));
    };
    if code == code::OK {
        return Ok(Reply::success(code, read_response(&headers, body.bytes.clone()), &headers, &body.bytes));
    }
    let message = trailers.get("grpc-message").map(|value| grpc::decode_message(value.as_bytes()));
    let details = trailers.get("grpc-status-details-bin").and_then(|value| grpc::decode_binary(value.as_bytes()));
    let retry_after = details.and_then(|bytes| Status::decode(&bytes)?.retry_after);
    Ok(Reply { retry_after, ..Reply::new(Kind::Grpc, code, &message.unwrap_or_default()) })
}

#[derive(Default)]
struct Body {
    bytes: Bytes,
    trailers: HeaderMap,
}

async fn read(response: reqwest::Response) -> reqwest::Result<(u16, HeaderMap, Body)> {
    let (head, mut frames) = http::Response::<reqwest::Body>::from(response).into_parts();
    let (mut bytes, mut trailers) = (BytesMut::new(), HeaderMap::new());
    while let Some(frame) = frames.frame().await {
        match frame?.into_data() {
            Ok(data) if bytes.len() + data.len() > MAX_REPLY_BYTES => break,
            Ok(data) => bytes.extend_from_slice(&data),
            Err(other) => trailers = other.into_trailers().unwrap_or_default(),
        }
    }
    Ok((head.status.as_u16(), head.headers, Body { bytes: bytes.freeze(), trailers }))
}

/// A reply without `grpc-status` is a proxy's, or was cut off.
fn without_status(status: u16, headers: &HeaderMap, body: &[u8]) -> Reply {
    if status == 200 {
        return Reply::transport("the gRPC reply ended without grpc-status");
    }
    let message = format!("HTTP status {status} instead of a gRPC reply: {}", excerpt(body));
    let retry_after = parse_retry_after(headers);
    Reply { retry_after, ..Reply::new(Kind::Grpc, grpc::code_for_http(status), &message) }
}

/// Reads a response that may be compressed: grpc-go answers in the encoding of the request, whatever we accept.
fn read_response(headers: &HeaderMap, body: Bytes) -> Option<PartialSuccess> {
    let message = grpc::unframe(body).ok()?;
    if !message.compressed {
        return PartialSuccess::decode(&message.payload);
    }
    let encoding = Algorithm::named(headers.get("grpc-encoding")?.to_str().ok()?)?;
    PartialSuccess::decode(&decompress(encoding, &message.payload, MAX_REPLY_BYTES).ok()?)
}

fn excerpt(body: &[u8]) -> String {
    String::from_utf8_lossy(body).trim().chars().take(MAX_MESSAGE_CHARS).collect()
}

/// Says what came in the place of a response: a login page or a proxy's greeting is told by its first words.
fn odd(headers: &HeaderMap, body: &[u8]) -> String {
    let kind = headers.get(CONTENT_TYPE).map_or("of no type".into(), |kind| String::from_utf8_lossy(kind.as_bytes()));
    format!("the reply is no OTLP response but {} bytes, {kind}: {}", body.len(), excerpt(body))
}

/// Returns the start of a text in one line, so that nobody who writes to us writes lines of his own into our logs, or
/// commands to the terminal that shows them.
fn printable(text: &str) -> String {
    let mut line = String::new();
    for letter in text.chars().take(MAX_LINE_CHARS) {
        if letter.is_control() || matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
            line.extend(letter.escape_default());
        } else {
            line.push(letter);
        }
    }
    line
}

/// Seconds or an HTTP date; a date in the past means at once.
fn parse_retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}
