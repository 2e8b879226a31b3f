//! The encodings of bodies: which are taken, and decompressed within a bound.

use bytes::Bytes;
use http::HeaderValue;
use pyspan_core::otlp::compress::{Algorithm, DecompressError, decompress_within};

use super::body::{FULL_PAUSE, Share};
use super::refusal::Refusal;

/// Reads a `Content-Encoding` or `grpc-encoding` header.
pub(super) fn parse(header: Option<&HeaderValue>) -> Result<Algorithm, Refusal> {
    let name = header.map_or("", |value| value.to_str().unwrap_or("?")).trim();
    Algorithm::named(&name.to_ascii_lowercase()).ok_or_else(|| Refusal::Encoding(name.to_owned()))
}

/// Decompresses `body` to at most `limit` bytes, which `share` has to have room for.
pub(super) fn decode(encoding: Algorithm, body: Bytes, limit: usize, share: &mut Share<'_>) -> Result<Bytes, Refusal> {
    if encoding == Algorithm::None {
        return Ok(body);
    }
    match decompress_within(encoding, &body, limit, &mut |more| share.grow(more).is_ok()) {
        Ok(payload) => Ok(payload.into()),
        Err(DecompressError::TooLarge(limit)) => Err(Refusal::TooLarge(limit)),
        Err(DecompressError::NoMemory) => Err(Refusal::Full(FULL_PAUSE)),
        Err(error) => Err(Refusal::Malformed(error.to_string())),
    }
}
