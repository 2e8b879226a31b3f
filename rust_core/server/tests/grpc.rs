//! OTLP/gRPC by prior knowledge over real sockets: what is taken, what is refused and with which status.

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::BodyExt;
use pyspan_core::otlp::compress::{Algorithm, compress};
use pyspan_server::client::{Kind, OtlpClient, Protocol, Settings, Tls};
use pyspan_server::grpc::{self, EXPORT_PATH, decode_binary, decode_message};
use pyspan_server::receive::Limits;
use pyspan_server::rpc::Status;
use support::{Rig, rig, rig_with};

/// What came back: HTTP status, headers and trailers together, body.
struct Answer {
    http: u16,
    fields: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn status(&self) -> (u32, String) {
        let code = self.fields.get("grpc-status").map_or(99, |value| value.to_str().unwrap().parse().unwrap());
        let message = self.fields.get("grpc-message").map(|value| decode_message(value.as_bytes()));
        (code, message.unwrap_or_default())
    }
}

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().http2_prior_knowledge().tls_certs_only([]).build().unwrap()
}

async fn call(rig: &Rig, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
    let url = format!("http://{}{path}", rig.grpc);
    let mut request = client().post(url).header("te", "trailers").body(body.into());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (head, body) = http::Response::<reqwest::Body>::from(request.send().await.unwrap()).into_parts();
    let whole = body.collect().await.unwrap();
    let mut fields = head.headers;
    fields.extend(whole.trailers().cloned().unwrap_or_default());
    Answer { http: head.status.as_u16(), fields, body: whole.to_bytes() }
}

const GRPC: (&str, &str) = ("content-type", "application/grpc");

#[tokio::test]
async fn a_message_is_stored_and_answered_with_an_empty_message() {
    let rig = rig();
    let answer = call(&rig, EXPORT_PATH, &[GRPC], grpc::frame(false, b"spans")).await;
    assert_eq!((answer.http, answer.status().0, answer.body), (200, 0, Bytes::from_static(&[0; 5])));
    assert_eq!((rig.payloads(), rig.count("otlp_grpc", "accepted_spans")), (vec![b"spans".to_vec()], 3));
}

#[tokio::test]
async fn compressed_messages_are_stored_decompressed() {
    let rig = rig();
    for algorithm in [Algorithm::Gzip, Algorithm::Zstd] {
        let body = grpc::frame(true, &compress(algorithm, b"spans"));
        let encoding = algorithm.to_string();
        let answer = call(&rig, EXPORT_PATH, &[GRPC, ("grpc-encoding", &encoding)], body).await;
        assert_eq!(answer.status(), (0, String::new()), "{algorithm}");
    }
    let plain = call(&rig, EXPORT_PATH, &[GRPC, ("grpc-encoding", "gzip")], grpc::frame(false, b"spans")).await;
    assert_eq!(plain.status().0, 0, "a message may stay uncompressed");
    assert_eq!(rig.payloads(), vec![b"spans".to_vec(); 3]);
}

#[tokio::test]
async fn a_malformed_payload_is_an_invalid_argument_with_details() {
    let rig = rig();
    let answer = call(&rig, EXPORT_PATH, &[GRPC], grpc::frame(false, b"bad")).await;
    assert_eq!(answer.status(), (3, "value cut off at byte 7".into()));
    let details = decode_binary(answer.fields["grpc-status-details-bin"].as_bytes()).unwrap();
    let status = Status { code: 3, message: "value cut off at byte 7".into(), retry_after: None };
    assert_eq!(Status::decode(&details), Some(status));
}

#[tokio::test]
async fn a_full_spool_is_unavailable_with_a_retry_delay() {
    let rig = rig();
    let answer = call(&rig, EXPORT_PATH, &[GRPC], grpc::frame(false, b"full")).await;
    assert_eq!(answer.status().0, 14);
    let details = decode_binary(answer.fields["grpc-status-details-bin"].as_bytes()).unwrap();
    assert_eq!(Status::decode(&details).unwrap().retry_after, Some(Duration::from_millis(1500)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_without_room_to_unpack_is_unavailable_with_a_retry_delay() {
    let rig = Arc::new(rig_with(Limits { buffered_bytes: 300 << 10, ..Limits::default() }));
    let body = grpc::frame(true, &compress(Algorithm::Gzip, &[&b"hold"[..], &vec![7; 256 << 10]].concat()));
    let headers = [GRPC, ("grpc-encoding", "gzip")];
    let first = tokio::spawn({
        let (rig, body) = (rig.clone(), body.clone());
        async move { call(&rig, EXPORT_PATH, &headers, body).await }
    });
    tokio::task::block_in_place(|| rig.intake.wait_for_held());
    let second = call(&rig, EXPORT_PATH, &headers, body).await;
    rig.intake.release.store(true, Ordering::SeqCst);
    let first = first.await.unwrap();
    assert_eq!((first.status().0, second.status().0), (0, 14));
    let details = decode_binary(second.fields["grpc-status-details-bin"].as_bytes()).unwrap();
    assert_eq!(Status::decode(&details).unwrap().retry_after, Some(Duration::from_secs(1)));
}

#[tokio::test]
async fn bodies_that_are_not_one_message_are_refused() {
    let rig = rig();
    let two = [grpc::frame(false, b"one"), grpc::frame(false, b"two")].concat();
    let unannounced = grpc::frame(true, &compress(Algorithm::Gzip, b"spans"));
    let cases: [(Bytes, &str); 5] = [
        (Bytes::new(), "no message in the body"),
        (Bytes::from_static(b"\0\0\0\0\x09abc"), "the body ends within the message"),
        (two.into(), "more than one message for a unary call"),
        (Bytes::from_static(b"\x07\0\0\0\0"), "the message's flag byte is 7, expected 0 or 1"),
        (unannounced, "compressed flag without grpc-encoding"),
    ];
    for (body, message) in cases {
        assert_eq!(call(&rig, EXPORT_PATH, &[GRPC], body).await.status(), (3, message.into()));
    }
    let garbage = call(&rig, EXPORT_PATH, &[GRPC, ("grpc-encoding", "zstd")], grpc::frame(true, b"garbage")).await;
    assert_eq!((garbage.status().0, rig.payloads().len()), (3, 0));
}

#[tokio::test]
async fn unknown_methods_and_encodings_are_unimplemented() {
    let rig = rig();
    let answer = call(&rig, "/opentelemetry.proto.collector.logs.v1.LogsService/Export", &[GRPC], "").await;
    assert_eq!((answer.http, answer.status().0), (200, 12));
    let answer = call(&rig, EXPORT_PATH, &[GRPC, ("grpc-encoding", "br")], grpc::frame(true, b"x")).await;
    assert_eq!(answer.status(), (12, "encoding \"br\" (supported: identity, gzip, zstd)".into()));
    assert_eq!(answer.fields["grpc-accept-encoding"], "identity,gzip,zstd");
    let answer = call(&rig, EXPORT_PATH, &[("content-type", "text/plain")], "").await;
    assert_eq!(answer.http, 404, "another content type is plain HTTP, where this path is nothing");
}

#[tokio::test]
async fn a_message_over_the_limit_exhausts_resources_packed_or_not() {
    let rig = rig_with(Limits { body_bytes: 1000, ..Limits::default() });
    let answer = call(&rig, EXPORT_PATH, &[GRPC], grpc::frame(false, &[7; 1000])).await;
    assert_eq!(answer.status().0, 0, "the limit itself is taken");
    let answer = call(&rig, EXPORT_PATH, &[GRPC], grpc::frame(false, &[7; 1001])).await;
    assert_eq!(answer.status(), (8, "more than 1000 bytes".into()));
    let bomb = grpc::frame(true, &compress(Algorithm::Gzip, &[7; 1001]));
    let answer = call(&rig, EXPORT_PATH, &[GRPC, ("grpc-encoding", "gzip")], bomb).await;
    assert_eq!(answer.status(), (8, "more than 1000 bytes".into()));
}

#[tokio::test]
async fn a_panic_is_internal_and_the_connection_lives_on() {
    let rig = rig();
    assert_eq!(call(&rig, EXPORT_PATH, &[GRPC], grpc::frame(false, b"panic")).await.status().0, 13);
    assert_eq!(call(&rig, EXPORT_PATH, &[GRPC], grpc::frame(false, b"good")).await.status().0, 0);
}

#[tokio::test]
async fn our_client_is_served_over_every_listener_and_protocol() {
    let rig = rig();
    let socket = format!("unix://{}", rig.socket.display());
    let targets = [
        (format!("http://{}/v1/traces", rig.http), Protocol::Http),
        (format!("http://{}", rig.grpc), Protocol::Grpc),
        (socket.clone(), Protocol::Http),
        (socket, Protocol::Grpc),
    ];
    for (endpoint, protocol) in targets {
        for compression in [Algorithm::None, Algorithm::Gzip, Algorithm::Zstd] {
            let settings =
                Settings { endpoint: endpoint.clone(), protocol, headers: vec![], compression, tls: Tls::default() };
            let client = OtlpClient::new(settings).unwrap();
            let reply = client.export(Bytes::from_static(b"spans"), Duration::from_secs(5)).await;
            assert_eq!((reply.kind, reply.rejected_spans), (Kind::Ok, 0), "{endpoint} {compression}: {reply:?}");
            let refused = client.export(Bytes::from_static(b"full"), Duration::from_secs(5)).await;
            assert!(matches!(refused.kind, Kind::Http | Kind::Grpc), "{refused:?}");
            assert!(refused.retry_after.is_some(), "{endpoint} {compression}: {refused:?}");
        }
    }
    assert_eq!(rig.payloads(), vec![b"spans".to_vec(); 12]);
}
