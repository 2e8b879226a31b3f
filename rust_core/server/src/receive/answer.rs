//! Answers: an OTLP response or a refusal, as HTTP and as gRPC.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use http_body::Frame;

use super::intake::Format;
use super::refusal::Refusal;
use crate::grpc;
use crate::rpc::Status;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const GRPC_DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const EMPTY_MESSAGE: Bytes = Bytes::from_static(&[0; grpc::PREFIX]);

pub(super) type Answer = Response<AnswerBody>;

/// At most one piece of data and, for gRPC, trailers.
#[derive(Debug, Default)]
pub(super) struct AnswerBody {
    data: Option<Bytes>,
    trailers: Option<HeaderMap>,
}

impl http_body::Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let data = self.data.take().map(Frame::data);
        let frame = data.or_else(|| self.trailers.take().map(Frame::trailers));
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && self.trailers.is_none()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(self.data.as_ref().map_or(0, |data| data.len() as u64))
    }
}

/// A full success: the response message with `partial_success` unset, so nothing at all.
pub(super) fn http_success(format: Format) -> Answer {
    match format {
        Format::Protobuf => http(StatusCode::OK, PROTOBUF, Bytes::new()),
        Format::Json => http(StatusCode::OK, JSON, Bytes::from_static(b"{}")),
    }
}

/// A refusal; the body is a `google.rpc.Status` in the request's format, or text where that is unknown.
pub(super) fn http_refusal(refusal: &Refusal, format: Option<Format>) -> Answer {
    let status = StatusCode::from_u16(refusal.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let (kind, body) = match format {
        Some(Format::Protobuf) => (PROTOBUF, rpc_status(refusal).encode()),
        Some(Format::Json) => (JSON, json_status(&rpc_status(refusal))),
        None => (TEXT, format!("{refusal}\n").into_bytes()),
    };
    let mut answer = http(status, kind, body.into());
    if let Some(pause) = refusal.retry_after() {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(whole_seconds(pause)));
    }
    if *refusal == Refusal::Method {
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    }
    if matches!(refusal, Refusal::Slow | Refusal::TooLarge(_)) {
        answer.headers_mut().insert(http::header::CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// A full success over gRPC: one empty message.
pub(super) fn grpc_success() -> Answer {
    let trailers = HeaderMap::from_iter([(GRPC_STATUS, HeaderValue::from_static("0"))]);
    let mut answer = Response::new(AnswerBody { data: Some(EMPTY_MESSAGE), trailers: Some(trailers) });
    answer.headers_mut().insert(CONTENT_TYPE, GRPC);
    answer
}

/// A refusal over gRPC: trailers alone, with the details for those who read them.
pub(super) fn grpc_refusal(refusal: &Refusal) -> Answer {
    let status = rpc_status(refusal);
    let mut answer = Response::new(AnswerBody::default());
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, GRPC);
    headers.insert(GRPC_STATUS, HeaderValue::from(status.code));
    headers.insert(GRPC_MESSAGE, visible(&grpc::encode_message(&status.message)));
    headers.insert(GRPC_DETAILS, visible(&grpc::encode_binary(&status.encode())));
    if matches!(refusal, Refusal::Encoding(_)) {
        headers.insert(GRPC_ACCEPT_ENCODING, HeaderValue::from_static("identity,gzip,zstd"));
    }
    answer
}

fn http(status: StatusCode, kind: HeaderValue, body: Bytes) -> Answer {
    let data = Some(body).filter(|body| !body.is_empty());
    let mut answer = Response::new(AnswerBody { data, trailers: None });
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}

fn rpc_status(refusal: &Refusal) -> Status {
    Status { code: refusal.grpc_code(), message: refusal.to_string(), retry_after: refusal.retry_after() }
}

fn json_status(status: &Status) -> Vec<u8> {
    let delay = |pause: Duration| {
        serde_json::json!([{
            "@type": "type.googleapis.com/google.rpc.RetryInfo",
            "retryDelay": format!("{}s", pause.as_secs_f64()),
        }])
    };
    let mut body = serde_json::json!({"code": status.code, "message": status.message});
    if let Some(pause) = status.retry_after {
        body["details"] = delay(pause);
    }
    body.to_string().into_bytes()
}

fn whole_seconds(pause: Duration) -> u64 {
    pause.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX)
}

fn visible(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("percent-encoding and base64 give visible ASCII")
}
