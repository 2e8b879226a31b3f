//! One request: routed, read, checked, stored and only then answered. The same for all listeners.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use http::{Method, Request, Version};
use hyper::body::Incoming;
use pyspan_core::otlp::compress::Algorithm;

use super::answer::{self, Answer};
use super::body::{self, Budget, Share};
use super::connection::Open;
use super::encoding;
use super::intake::{Format, Intake};
use super::refusal::Refusal;
use super::{Limits, Stats};
use crate::grpc;

/// Path of OTLP/HTTP for traces.
pub const HTTP_PATH: &str = "/v1/traces";

/// JSON is never smaller than the protobuf it stands for, which is written to a buffer that doubles.
const JSON_FACTOR: usize = 2;

/// What the connections of one receiver share.
pub(super) struct Service {
    pub(super) intake: Arc<dyn Intake>,
    pub(super) limits: Limits,
    pub(super) budget: Arc<Budget>,
    pub(super) stats: Arc<Stats>,
    pub(super) open: Open,
}

/// What the headers say about a body.
#[derive(Clone, Copy)]
struct Content {
    format: Format,
    encoding: Algorithm,
    framed: bool,
}

impl Service {
    /// Answers one request.
    pub(super) async fn answer(&self, mut request: Request<Incoming>) -> Answer {
        self.stats.request();
        let taken = self.take(&mut request).await;
        if let Err(refusal) = &taken {
            self.stats.refused(refusal);
            if !ends_connection(refusal) {
                body::drain(request.body_mut(), &self.limits).await;
            }
        }
        let format = format_of(request.headers());
        match taken {
            Ok(()) if is_grpc(request.headers()) => answer::grpc_success(),
            Ok(()) => answer::http_success(format.unwrap_or(Format::Protobuf)),
            Err(refusal) if is_grpc(request.headers()) => answer::grpc_refusal(&refusal),
            Err(refusal) => answer::http_refusal(&refusal, format),
        }
    }

    async fn take(&self, request: &mut Request<Incoming>) -> Result<(), Refusal> {
        let content = route(request)?;
        let prefix = if content.framed { grpc::PREFIX } else { 0 };
        let (body, mut share) = body::read(request.body_mut(), &self.limits, prefix, &self.budget).await?;
        let work = || self.store(body, content, &mut share);
        let long = self.intake.may_block() || content.encoding != Algorithm::None;
        let stored = if long { tokio::task::block_in_place(work) } else { work() };
        let (spans, bytes) = stored?;
        self.stats.accepted(spans, bytes);
        Ok(())
    }

    /// Decompresses, checks and stores; a panic on the way is this request's alone.
    fn store(&self, body: Bytes, content: Content, share: &mut Share<'_>) -> Result<(u64, usize), Refusal> {
        let work = || {
            let payload = content.open(body, self.limits.body_bytes, share)?;
            if content.format == Format::Json {
                share.grow(payload.len().saturating_mul(JSON_FACTOR))?;
            }
            Ok((self.intake.accept(&payload, content.format)?, payload.len()))
        };
        catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Refusal::Panic))
    }
}

impl Content {
    fn open(self, body: Bytes, limit: usize, share: &mut Share<'_>) -> Result<Bytes, Refusal> {
        if !self.framed {
            return encoding::decode(self.encoding, body, limit, share);
        }
        let message = grpc::unframe(body).map_err(|error| Refusal::Malformed(error.to_string()))?;
        match (message.compressed, self.encoding) {
            (false, _) => Ok(message.payload),
            (true, Algorithm::None) => Err(Refusal::Malformed("compressed flag without grpc-encoding".into())),
            (true, encoding) => encoding::decode(encoding, message.payload, limit, share),
        }
    }
}

/// Whether nothing more comes, or will be waited for: a slow client would hold its slot for another `body_time`.
fn ends_connection(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Slow | Refusal::Aborted)
}

fn route(request: &Request<Incoming>) -> Result<Content, Refusal> {
    let (path, headers) = (request.uri().path(), request.headers());
    let framed = is_grpc(headers);
    if path != if framed { grpc::EXPORT_PATH } else { HTTP_PATH } {
        return Err(Refusal::NotFound(path.to_owned()));
    }
    if request.method() != Method::POST {
        return Err(Refusal::Method);
    }
    let given = || headers.get(CONTENT_TYPE).map_or("", |value| value.to_str().unwrap_or("?")).to_owned();
    if framed && request.version() != Version::HTTP_2 {
        return Err(Refusal::ContentType(given()));
    }
    let format = format_of(headers).ok_or_else(|| Refusal::ContentType(given()))?;
    let encoding = encoding::parse(if framed { headers.get("grpc-encoding") } else { headers.get(CONTENT_ENCODING) })?;
    Ok(Content { format, encoding, framed })
}

fn is_grpc(headers: &HeaderMap) -> bool {
    media_type(headers).is_some_and(|kind| kind.starts_with("application/grpc"))
}

fn format_of(headers: &HeaderMap) -> Option<Format> {
    match media_type(headers)?.to_ascii_lowercase().as_str() {
        "application/x-protobuf" | "application/protobuf" | "application/grpc" | "application/grpc+proto" => {
            Some(Format::Protobuf)
        }
        "application/json" => Some(Format::Json),
        _ => None,
    }
}

/// The content type without its parameters.
fn media_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(CONTENT_TYPE)?.to_str().ok()?.split(';').next().map(str::trim)
}
