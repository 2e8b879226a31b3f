//! Why a request is not taken, and what that is called in HTTP, in gRPC and in the counters.

use std::time::Duration;

use crate::grpc::code;

/// Why a request is not taken. Nothing of a refused request is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The bytes are not what the headers say; the reason.
    Malformed(String),
    /// No such path or gRPC method.
    NotFound(String),
    /// Another method than POST.
    Method,
    /// A content type that is not OTLP's.
    ContentType(String),
    /// A compression that is not known here.
    Encoding(String),
    /// Larger than this many bytes, as sent or decompressed.
    TooLarge(usize),
    /// The body did not arrive in time.
    Slow,
    /// The client went away within the body.
    Aborted,
    /// No room now, in memory or in the spool; worth another attempt after the pause.
    Full(Duration),
    /// The disk refused; the reason.
    Disk(String),
    /// A defect of ours.
    Panic,
}

/// All reasons, as they are named in the counters.
pub const REASONS: [&str; 11] = [
    "malformed",
    "not_found",
    "method",
    "content_type",
    "encoding",
    "too_large",
    "slow",
    "aborted",
    "full",
    "disk",
    "panic",
];

/// After a disk error: long enough for somebody to make room, short enough to lose no time.
const DISK_PAUSE: Duration = Duration::from_secs(5);
/// How many characters of what a client sent are said back to it.
const SHOWN: usize = 100;

impl Refusal {
    /// Returns its place in `REASONS`.
    #[must_use]
    pub fn index(&self) -> usize {
        match self {
            Self::Malformed(_) => 0,
            Self::NotFound(_) => 1,
            Self::Method => 2,
            Self::ContentType(_) => 3,
            Self::Encoding(_) => 4,
            Self::TooLarge(_) => 5,
            Self::Slow => 6,
            Self::Aborted => 7,
            Self::Full(_) => 8,
            Self::Disk(_) => 9,
            Self::Panic => 10,
        }
    }

    /// Returns the HTTP status. 503 and not 429 when full: stock exporters retry the former.
    #[must_use]
    pub fn http_status(&self) -> u16 {
        match self {
            Self::Malformed(_) | Self::Aborted => 400,
            Self::NotFound(_) => 404,
            Self::Method => 405,
            Self::Slow => 408,
            Self::TooLarge(_) => 413,
            Self::ContentType(_) | Self::Encoding(_) => 415,
            Self::Panic => 500,
            Self::Full(_) | Self::Disk(_) => 503,
        }
    }

    /// Returns the gRPC status.
    #[must_use]
    pub fn grpc_code(&self) -> u32 {
        match self {
            Self::Malformed(_) => code::INVALID_ARGUMENT,
            Self::NotFound(_) | Self::Method | Self::ContentType(_) | Self::Encoding(_) => code::UNIMPLEMENTED,
            Self::TooLarge(_) => code::RESOURCE_EXHAUSTED,
            Self::Slow => code::DEADLINE_EXCEEDED,
            Self::Aborted => code::CANCELLED,
            Self::Full(_) | Self::Disk(_) => code::UNAVAILABLE,
            Self::Panic => code::INTERNAL,
        }
    }

    /// Returns the pause to ask for.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Full(pause) => Some(*pause),
            Self::Disk(_) => Some(DISK_PAUSE),
            _ => None,
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Malformed(reason) => out.write_str(reason),
            Self::NotFound(path) => write!(out, "nothing at {path:.SHOWN$}"),
            Self::Method => out.write_str("only POST is taken here"),
            Self::ContentType(given) => write!(
                out,
                "content type {given:.SHOWN$?} (supported: application/x-protobuf, application/json, application/grpc over HTTP/2)"
            ),
            Self::Encoding(given) => write!(out, "encoding {given:.SHOWN$?} (supported: identity, gzip, zstd)"),
            Self::TooLarge(limit) => write!(out, "more than {limit} bytes"),
            Self::Slow => out.write_str("the body did not arrive in time"),
            Self::Aborted => out.write_str("the body ended early"),
            Self::Full(_) => out.write_str("no room at the moment, try again later"),
            Self::Disk(reason) => write!(out, "cannot store: {reason}"),
            Self::Panic => out.write_str("a defect in pyspan, please report it"),
        }
    }
}

impl std::error::Error for Refusal {}
