//! OTLP/HTTP over real sockets: what is taken, what is refused and with which words.

mod support;

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

use pyspan_core::otlp::compress::{Algorithm, compress};
use pyspan_server::receive::Format;
use pyspan_server::rpc::Status;
use support::{PROTOBUF, post, read_answer, rig, send};

const JSON: &str = "content-type: application/json; charset=utf-8\r\n";

#[test]
fn a_protobuf_request_is_stored_and_answered_with_an_empty_response() {
    let rig = rig();
    let answer = send(&rig.http, &post(PROTOBUF, b"spans"));
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/x-protobuf")));
    assert_eq!(answer.body, b"");
    assert_eq!(*rig.intake.taken.lock(), [(b"spans".to_vec(), Format::Protobuf)]);
    assert_eq!((rig.count("otlp_http", "accepted_spans"), rig.count("otlp_http", "accepted_bytes")), (3, 5));
}

#[test]
fn a_json_request_is_stored_as_json_and_answered_in_json() {
    let rig = rig();
    let answer = send(&rig.http, &post(JSON, b"{}"));
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    assert_eq!(answer.body, b"{}");
    assert_eq!(*rig.intake.taken.lock(), [(b"{}".to_vec(), Format::Json)]);
}

#[test]
fn compressed_bodies_are_stored_decompressed() {
    let rig = rig();
    for encoding in ["gzip", "zstd", "identity"] {
        let body = compress(Algorithm::named(encoding).unwrap(), b"spans");
        let request = post(&format!("{PROTOBUF}content-encoding: {encoding}\r\n"), &body);
        assert_eq!(send(&rig.http, &request).status, 200, "{encoding}");
    }
    assert_eq!(rig.payloads(), vec![b"spans".to_vec(); 3]);
}

#[test]
fn a_chunked_body_is_put_together() {
    let rig = rig();
    let head = "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/protobuf\r\ntransfer-encoding: chunked\r\n\r\n";
    let answer = send(&rig.http, format!("{head}3\r\nspa\r\n2\r\nns\r\n0\r\n\r\n").as_bytes());
    assert_eq!((answer.status, rig.payloads()), (200, vec![b"spans".to_vec()]));
}

#[test]
fn a_malformed_body_is_refused_with_the_reason_in_its_own_format_and_the_connection_lives_on() {
    let rig = rig();
    let mut stream = support::connect(&rig.http);
    stream.write_all(&post(PROTOBUF, b"bad")).unwrap();
    let answer = read_answer(&mut stream);
    let status = Status::decode(&answer.body).unwrap();
    assert_eq!((answer.status, status.code, status.message.as_str()), (400, 3, "value cut off at byte 7"));
    stream.write_all(&post(JSON, b"bad")).unwrap();
    let answer = read_answer(&mut stream);
    assert_eq!((answer.status, answer.text()), (400, r#"{"code":3,"message":"value cut off at byte 7"}"#.into()));
    stream.write_all(&post(PROTOBUF, b"good")).unwrap();
    assert_eq!(read_answer(&mut stream).status, 200);
    assert_eq!((rig.payloads(), rig.count("otlp_http", "refused.malformed")), (vec![b"good".to_vec()], 2));
}

#[test]
fn requests_to_the_wrong_place_are_refused_and_the_connection_lives_on() {
    let rig = rig();
    let mut stream = support::connect(&rig.http);
    stream.write_all(b"POST /v1/metrics HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc").unwrap();
    let answer = read_answer(&mut stream);
    assert_eq!((answer.status, answer.text()), (404, "nothing at /v1/metrics\n".into()));
    stream.write_all(b"GET /v1/traces HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let answer = read_answer(&mut stream);
    assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
    stream.write_all(&post("content-type: text/xml\r\n", b"<a/>")).unwrap();
    let answer = read_answer(&mut stream);
    assert_eq!(answer.status, 415);
    assert!(
        answer.text().contains("\"text/xml\" (supported: application/x-protobuf, application/json"),
        "{}",
        answer.text()
    );
    stream.write_all(&post(&format!("{PROTOBUF}content-encoding: br\r\n"), b"x")).unwrap();
    let answer = read_answer(&mut stream);
    let message = Status::decode(&answer.body).unwrap().message;
    assert_eq!((answer.status, message.as_str()), (415, "encoding \"br\" (supported: identity, gzip, zstd)"));
    assert!(rig.payloads().is_empty());
}

#[test]
fn a_full_spool_and_a_failing_disk_ask_for_another_attempt() {
    let rig = rig();
    let full = send(&rig.http, &post(PROTOBUF, b"full"));
    assert_eq!((full.status, full.header("retry-after")), (503, Some("2")));
    assert_eq!(Status::decode(&full.body).unwrap().retry_after.unwrap().as_millis(), 1500);
    let disk = send(&rig.http, &post(JSON, b"disk"));
    assert_eq!((disk.status, disk.header("retry-after")), (503, Some("5")));
    assert!(disk.text().contains(r#""message":"cannot store: no space left on device""#), "{}", disk.text());
    assert_eq!((rig.count("otlp_http", "refused.full"), rig.count("otlp_http", "refused.disk")), (1, 1));
}

#[test]
fn a_panic_is_answered_and_counted_and_harms_nobody_else() {
    let rig = rig();
    let mut stream = support::connect(&rig.http);
    stream.write_all(&post(PROTOBUF, b"panic")).unwrap();
    assert_eq!(read_answer(&mut stream).status, 500);
    stream.write_all(&post(PROTOBUF, b"good")).unwrap();
    assert_eq!(read_answer(&mut stream).status, 200);
    assert_eq!(rig.count("otlp_http", "refused.panic"), 1);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let rig = rig();
    let mut stream = support::connect(&rig.http);
    let bodies: [&[u8]; 4] = [b"one", b"bad", b"two", b"full"];
    stream.write_all(&bodies.map(|body| post(PROTOBUF, body)).concat()).unwrap();
    assert_eq!(bodies.map(|_| read_answer(&mut stream).status), [200, 400, 200, 503]);
    assert_eq!(rig.payloads(), [b"one", b"two"]);
}

#[test]
fn the_unix_socket_is_for_its_owner_alone_and_goes_away_with_the_receiver() {
    let rig = rig();
    let mode = std::fs::metadata(&rig.socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut stream = UnixStream::connect(&rig.socket).unwrap();
    stream.write_all(&post(PROTOBUF, b"spans")).unwrap();
    assert_eq!(read_answer(&mut stream).status, 200);
    assert_eq!(rig.count("socket", "accepted_spans"), 3);
    drop(stream);
    assert!(rig.receivers.stop(std::time::Duration::from_secs(5)));
    assert!(!rig.socket.exists());
}
