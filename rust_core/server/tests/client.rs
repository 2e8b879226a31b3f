//! The OTLP client against scripted peers: every kind of reply, and none at all.

mod support;

use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use pyspan_core::otlp::compress::Algorithm;
use pyspan_server::client::{Kind, OtlpClient, Protocol, Reply, Settings, Tls};
use pyspan_server::grpc::{encode_binary, frame};
use pyspan_server::rpc::Status;
use support::fake::{self, Act, Http1, reply};

const PARTIAL: &[u8] = b"\x0a\x07\x08\x03\x12\x03bad";
const PROTOBUF: &str = "content-type: application/x-protobuf\r\n";

fn settings(endpoint: &str, protocol: Protocol) -> Settings {
    let headers = vec![("api-key".into(), "secret".into())];
    Settings { endpoint: endpoint.into(), protocol, headers, compression: Algorithm::Gzip, tls: Tls::default() }
}

fn client(endpoint: &str, protocol: Protocol) -> OtlpClient {
    OtlpClient::new(settings(endpoint, protocol)).unwrap()
}

async fn export(client: &OtlpClient) -> Reply {
    client.export(Bytes::from_static(b"spans"), Duration::from_secs(5)).await
}

async fn ask(act: Act) -> Reply {
    export(&client(&Http1::start(vec![act]).url(), Protocol::Http)).await
}

async fn ask_grpc(reply: fake::Reply) -> Reply {
    let (url, _) = fake::grpc(fake::Reply { http: if reply.http == 0 { 200 } else { reply.http }, ..reply }).await;
    export(&client(&url, Protocol::Grpc)).await
}

fn status(code: u32, message: &str) -> Vec<(&'static str, String)> {
    vec![("grpc-status", code.to_string()), ("grpc-message", message.into())]
}

#[tokio::test]
async fn a_request_carries_what_was_configured() {
    let peer = Http1::start(vec![Act::Say(reply("200 OK", PROTOBUF, b""))]);
    let answer = export(&client(&peer.url(), Protocol::Http)).await;
    assert_eq!((answer.kind, answer.code, answer.message.as_str()), (Kind::Ok, 200, ""));
    let head = peer.requests.lock()[0].clone();
    let agent = concat!("user-agent: pyspan/", env!("CARGO_PKG_VERSION"));
    for line in ["post /v1/traces http/1.1", "content-encoding: gzip", "api-key: secret", agent] {
        assert!(head.contains(line), "{line} in {head}");
    }
    let length = format!("content-length: {}\r\n", answer.sent_bytes);
    assert!(head.contains(&length), "{length} in {head}");
}

#[tokio::test]
async fn a_grpc_request_carries_what_was_configured() {
    let ok = fake::Reply { http: 200, body: vec![0; 5], trailers: status(0, ""), ..Default::default() };
    let (url, seen) = fake::grpc(ok).await;
    assert_eq!(export(&client(&url, Protocol::Grpc)).await.kind, Kind::Ok);
    let head = seen.lock()[0].clone();
    let fields = ["content-type", "te", "grpc-encoding", "grpc-timeout", "api-key"];
    assert_eq!(
        fields.map(|name| head[name].to_str().unwrap()),
        ["application/grpc", "trailers", "gzip", "5000m", "secret"]
    );
}

#[tokio::test]
async fn a_partial_success_is_reported_over_both_protocols() {
    let http = ask(Act::Say(reply("200 OK", PROTOBUF, PARTIAL))).await;
    let grpc =
        ask_grpc(fake::Reply { body: frame(false, PARTIAL).to_vec(), trailers: status(0, ""), ..Default::default() });
    for answer in [http, grpc.await] {
        assert_eq!((answer.kind, answer.rejected_spans, answer.message.as_str()), (Kind::Ok, 3, "bad"));
    }
}

#[tokio::test]
async fn an_http_refusal_is_reported_with_its_words() {
    let body = Status { code: 3, message: "no tenant".into(), retry_after: None }.encode();
    let answer = ask(Act::Say(reply("400 Bad Request", PROTOBUF, &body))).await;
    assert_eq!((answer.kind, answer.code, answer.message.as_str()), (Kind::Http, 400, "no tenant"));
    let answer = ask(Act::Say(reply("401 Unauthorized", "content-type: text/plain\r\n", b"who are you?\n"))).await;
    assert_eq!((answer.kind, answer.code, answer.message.as_str()), (Kind::Http, 401, "who are you?"));
    let answer = ask(Act::Say(reply("307 Temporary Redirect", "location: http://127.0.0.1:1/\r\n", b""))).await;
    assert_eq!((answer.kind, answer.code), (Kind::Http, 307));
}

#[tokio::test]
async fn retry_after_is_read_in_seconds_and_as_a_date() {
    let answer = ask(Act::Say(reply("503 Busy", "retry-after: 7\r\n", b""))).await;
    assert_eq!(answer.retry_after, Some(Duration::from_secs(7)));
    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(60));
    let answer = ask(Act::Say(reply("429 Slow down", &format!("retry-after: {date}\r\n"), b""))).await;
    let pause = answer.retry_after.unwrap().as_secs_f64();
    assert!((58.0..=60.0).contains(&pause), "{pause}");
    let answer = ask(Act::Say(reply("503 Busy", "retry-after: Wed, 21 Oct 2015 07:28:00 GMT\r\n", b""))).await;
    assert_eq!(answer.retry_after, Some(Duration::ZERO));
    let answer = ask(Act::Say(reply("503 Busy", "retry-after: soon\r\n", b""))).await;
    assert_eq!(answer.retry_after, None);
}

#[tokio::test]
async fn a_reply_that_is_no_otlp_is_a_success_with_a_remark() {
    let answer = ask(Act::Say(reply("200 OK", PROTOBUF, b"\xff\xff"))).await;
    let remark = "the reply is no OTLP response but 2 bytes, application/x-protobuf: \u{fffd}\u{fffd}";
    assert_eq!((answer.kind, answer.message.as_str()), (Kind::Ok, remark));
    let answer = ask(Act::Say(reply("200 OK", "content-type: text/html\r\n", b"<html>Log in"))).await;
    let remark = "the reply is no OTLP response but 12 bytes, text/html: <html>Log in";
    assert_eq!((answer.kind, answer.message.as_str()), (Kind::Ok, remark));
    let answer = ask(Act::Say(reply("200 OK", PROTOBUF, &vec![0; 1 << 20]))).await;
    assert_eq!((answer.kind, answer.rejected_spans), (Kind::Ok, 0));
}

#[tokio::test]
async fn what_a_peer_says_is_one_line_that_commands_no_terminal() {
    let answer = ask(Act::Say(reply("400 No", "", "bad\x1b[31m\nFAKE \u{202e}LINE".as_bytes()))).await;
    assert_eq!(answer.message, r"bad\u{1b}[31m\nFAKE \u{202e}LINE");
}

#[tokio::test]
async fn a_reply_that_is_cut_off_is_no_success() {
    let whole = reply("200 OK", PROTOBUF, PARTIAL);
    for length in [0, 5, 17, 40, whole.len() - 1] {
        let answer = ask(Act::SayAndClose(whole[..length].to_vec())).await;
        assert_eq!(answer.kind, Kind::Transport, "{length}: {answer:?}");
        assert!(!answer.message.is_empty());
    }
}

#[tokio::test]
async fn grpc_statuses_are_reported_with_message_and_delay() {
    let details = Status { code: 14, message: String::new(), retry_after: Some(Duration::from_millis(2500)) };
    let mut trailers = status(14, "come%20back%C3%A9");
    trailers.push(("grpc-status-details-bin", encode_binary(&details.encode())));
    for reply in [
        fake::Reply { trailers: trailers.clone(), ..Default::default() },
        fake::Reply { headers: trailers, ..Default::default() },
    ] {
        let answer = ask_grpc(reply).await;
        assert_eq!((answer.kind, answer.code, answer.message.as_str()), (Kind::Grpc, 14, "come backé"));
        assert_eq!(answer.retry_after, Some(Duration::from_millis(2500)));
    }
}

#[tokio::test]
async fn a_grpc_reply_without_status_is_mapped_or_cut_off() {
    let proxy = fake::Reply { http: 503, headers: vec![("retry-after", "4".into())], ..Default::default() };
    let answer = ask_grpc(proxy).await;
    assert_eq!((answer.kind, answer.code, answer.retry_after), (Kind::Grpc, 14, Some(Duration::from_secs(4))));
    let answer = ask_grpc(fake::Reply { http: 403, body: b"go away".to_vec(), ..Default::default() }).await;
    assert_eq!((answer.kind, answer.code), (Kind::Grpc, 7));
    assert_eq!(answer.message, "HTTP status 403 instead of a gRPC reply: go away");
    let answer = ask_grpc(fake::Reply { body: vec![0; 5], ..Default::default() }).await;
    assert_eq!((answer.kind, answer.message.as_str()), (Kind::Transport, "the gRPC reply ended without grpc-status"));
}

#[tokio::test]
async fn a_connection_closed_while_idle_is_replaced_at_once() {
    let ok = || reply("200 OK", PROTOBUF, b"");
    let peer = Http1::start(vec![Act::SayAndClose(ok()), Act::Say(ok()), Act::SayAndClose(vec![]), Act::Say(ok())]);
    let client = client(&peer.url(), Protocol::Http);
    for _ in 0..3 {
        assert_eq!(export(&client).await.kind, Kind::Ok);
    }
    assert_eq!((*peer.connections.lock(), peer.requests.lock().len()), (3, 4));
}

#[tokio::test]
async fn a_peer_that_never_answers_is_not_asked_twice() {
    let peer = Http1::start(vec![Act::SayAndClose(vec![]), Act::SayAndClose(vec![])]);
    let answer = export(&client(&peer.url(), Protocol::Http)).await;
    assert_eq!((answer.kind, peer.requests.lock().len()), (Kind::Transport, 1));
}

#[tokio::test]
async fn nobody_there_is_a_transport_failure_that_says_so() {
    for protocol in [Protocol::Http, Protocol::Grpc] {
        let answer = export(&client(&format!("http://{}/v1/traces", support::free_address()), protocol)).await;
        assert_eq!(answer.kind, Kind::Transport);
        assert!(answer.message.to_lowercase().contains("connection refused"), "{}", answer.message);
    }
    let answer = export(&client("unix:///nowhere/otlp.sock", Protocol::Http)).await;
    assert!(answer.message.contains("No such file"), "{}", answer.message);
}

#[tokio::test]
async fn the_timeout_is_kept_and_the_next_call_starts_anew() {
    for protocol in [Protocol::Http, Protocol::Grpc] {
        let peer = Http1::start(vec![Act::Hang, Act::Say(reply("200 OK", PROTOBUF, b""))]);
        let client = client(&peer.url(), protocol);
        let begun = Instant::now();
        let answer = client.export(Bytes::from_static(b"spans"), Duration::from_millis(200)).await;
        assert_eq!(answer.kind, Kind::Timeout);
        assert!(answer.message.ends_with("within 200ms"), "{}", answer.message);
        assert!((200..1500).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());
        assert!(answer.sent_bytes > 0);
        if protocol == Protocol::Http {
            assert_eq!(export(&client).await.kind, Kind::Ok);
        }
    }
}

#[tokio::test]
async fn bad_settings_are_refused_with_their_names() {
    let refuse = |change: fn(&mut Settings)| {
        let mut bad = settings("https://localhost:4318/v1/traces", Protocol::Http);
        change(&mut bad);
        OtlpClient::new(bad).err().unwrap().0
    };
    assert!(refuse(|s| s.endpoint = "ftp://x".into()).contains("expected http://, https:// or unix://"));
    assert!(refuse(|s| s.headers = vec![("a".into(), "b\n".into())]).contains("header \"a\""));
    assert!(refuse(|s| s.tls.certificate = Some(b"no pem".to_vec())).starts_with("certificate: "));
    assert!(refuse(|s| s.tls.client_key = Some(vec![])).contains("both are needed"));
}
