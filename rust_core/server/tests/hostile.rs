//! Clients that are slow, broken or greedy: each is bounded, none disturbs the others.

mod support;

use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use pyspan_core::otlp::compress::{Algorithm, compress};
use pyspan_server::receive::Limits;
use support::{PROTOBUF, Rig, connect, is_closed, post, read_answer, rig, rig_with, send};

fn impatient() -> Limits {
    Limits {
        body_bytes: 1 << 20,
        body_time: Duration::from_millis(300),
        first_request: Duration::from_millis(300),
        idle: Duration::from_millis(600),
        ..Limits::default()
    }
}

fn wait_for(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "not in time");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn still_serves(rig: &Rig) {
    assert_eq!(send(&rig.http, &post(PROTOBUF, b"good")).status, 200);
}

#[test]
fn a_connection_that_says_nothing_is_closed() {
    let rig = rig_with(impatient());
    let mut silent = connect(&rig.http);
    let begun = Instant::now();
    assert!(is_closed(&mut silent));
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    still_serves(&rig);
}

#[test]
fn headers_that_drip_are_cut_off() {
    let rig = rig_with(impatient());
    for start in [&b"P"[..], b"PRI * HTTP/2.0\r\n", b"POST /v1/traces HTTP/1.1\r\nhost: x\r\n"] {
        let mut slow = connect(&rig.http);
        slow.write_all(start).unwrap();
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(5) && slow.write_all(b"a").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?} after {start:?}", begun.elapsed());
    }
    still_serves(&rig);
}

#[test]
fn a_body_that_does_not_arrive_in_time_is_refused() {
    let rig = rig_with(impatient());
    let mut slow = connect(&rig.http);
    let request = post(PROTOBUF, &[7; 1000]);
    slow.write_all(&request[..request.len() - 1]).unwrap();
    let answer = read_answer(&mut slow);
    assert_eq!((answer.status, answer.header("connection")), (408, Some("close")));
    assert!(is_closed(&mut slow));
    assert_eq!(rig.count("otlp_http", "refused.slow"), 1);
    still_serves(&rig);
}

#[test]
fn a_client_that_leaves_within_the_body_leaves_nothing_behind() {
    let rig = rig();
    let request = post(PROTOBUF, &[7; 1000]);
    let mut half = connect(&rig.http);
    half.write_all(&request[..500]).unwrap();
    half.shutdown(Shutdown::Both).unwrap();
    let begun = Instant::now();
    while rig.count("otlp_http", "refused.aborted") == 0 && begun.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!((rig.count("otlp_http", "refused.aborted"), rig.payloads().len()), (1, 0));
    still_serves(&rig);
}

#[test]
fn resets_at_any_point_disturb_nobody() {
    let rig = rig();
    let request = post(PROTOBUF, &[7; 1000]);
    for length in [0, 1, 30, request.len() - 1, request.len()] {
        let mut stream = connect(&rig.http);
        stream.write_all(&request[..length]).unwrap();
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    }
    still_serves(&rig);
}

#[test]
fn a_connection_idle_for_too_long_is_closed_but_one_in_use_is_kept() {
    let rig = rig_with(impatient());
    let mut stream = connect(&rig.http);
    for _ in 0..4 {
        stream.write_all(&post(PROTOBUF, b"good")).unwrap();
        assert_eq!(read_answer(&mut stream).status, 200);
        std::thread::sleep(Duration::from_millis(300));
    }
    assert!(is_closed(&mut stream));
}

#[test]
fn a_body_over_the_limit_is_refused_in_words() {
    let rig = rig();
    let answer = send(&rig.http, &post(PROTOBUF, &vec![7; (1 << 20) + 1]));
    assert_eq!((answer.status, answer.header("connection")), (413, Some("close")));
    let chunked = "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut stream = connect(&rig.http);
    stream.write_all(chunked.as_bytes()).unwrap();
    for _ in 0..17 {
        stream.write_all(b"10000\r\n").unwrap();
        stream.write_all(&vec![7; 0x10000]).unwrap();
        stream.write_all(b"\r\n").unwrap();
    }
    stream.write_all(b"0\r\n\r\n").unwrap();
    assert_eq!(read_answer(&mut stream).status, 413);
    assert_eq!((rig.count("otlp_http", "refused.too_large"), rig.payloads().len()), (2, 0));
}

#[test]
fn bombs_do_not_go_off() {
    let rig = rig();
    let zeros = vec![0; 32 << 20];
    for algorithm in [Algorithm::Gzip, Algorithm::Zstd] {
        let bomb = compress(algorithm, &zeros);
        assert!(bomb.len() < 1 << 20, "{algorithm}: {}", bomb.len());
        let answer = send(&rig.http, &post(&format!("{PROTOBUF}content-encoding: {algorithm}\r\n"), &bomb));
        assert_eq!(answer.status, 413, "{algorithm}");
    }
    let broken = send(&rig.http, &post(&format!("{PROTOBUF}content-encoding: gzip\r\n"), b"\x1f\x8b\x08no"));
    assert_eq!((broken.status, rig.payloads().len()), (400, 0));
}

#[test]
fn the_memory_for_bodies_is_bounded_over_all_connections() {
    let rig = rig_with(Limits { buffered_bytes: 300 << 10, ..impatient() });
    let mut first = connect(&rig.http);
    let request = post(PROTOBUF, &vec![7; 256 << 10]);
    first.write_all(&request[..request.len() - 1]).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let second = send(&rig.http, &request);
    assert_eq!((second.status, second.header("retry-after")), (503, Some("1")));
    first.write_all(&request[request.len() - 1..]).unwrap();
    assert_eq!(read_answer(&mut first).status, 200);
    assert_eq!(send(&rig.http, &request).status, 200);
}

#[test]
fn what_bodies_unpack_to_counts_until_it_is_stored() {
    for algorithm in [Algorithm::Gzip, Algorithm::Zstd] {
        let rig = rig_with(Limits { buffered_bytes: 300 << 10, body_bytes: 1 << 20, ..Limits::default() });
        let packed = compress(algorithm, &[&b"hold"[..], &vec![7; 256 << 10]].concat());
        assert!(packed.len() < 10 << 10, "{algorithm}: {}", packed.len());
        let request = post(&format!("{PROTOBUF}content-encoding: {algorithm}\r\n"), &packed);
        let mut first = connect(&rig.http);
        first.write_all(&request).unwrap();
        rig.intake.wait_for_held();
        let second = send(&rig.http, &request);
        assert_eq!((second.status, second.header("retry-after")), (503, Some("1")), "{algorithm}");
        let json = format!("content-type: application/json\r\ncontent-encoding: {algorithm}\r\n");
        assert_eq!(send(&rig.http, &post(&json, &compress(algorithm, &vec![b' '; 20 << 10]))).status, 503);
        assert_eq!(send(&rig.http, &post(PROTOBUF, b"good")).status, 200, "small ones have room beside it");
        rig.intake.release.store(true, std::sync::atomic::Ordering::SeqCst);
        assert_eq!(read_answer(&mut first).status, 200, "{algorithm}");
        assert_eq!(send(&rig.http, &request).status, 200, "{algorithm}");
        assert_eq!(rig.count("otlp_http", "refused.full"), 2, "{algorithm}");
    }
}

#[test]
fn a_body_within_its_limit_gets_through_alone_though_it_takes_more_than_the_memory_for_bodies() {
    let rig = rig_with(Limits { buffered_bytes: 10 << 10, body_bytes: 1 << 20, ..Limits::default() });
    let whole = vec![7; 1 << 20];
    assert_eq!(send(&rig.http, &post(PROTOBUF, &whole)).status, 200);
    let packed = compress(Algorithm::Gzip, &whole);
    assert_eq!(send(&rig.http, &post(&format!("{PROTOBUF}content-encoding: gzip\r\n"), &packed)).status, 200);
    assert_eq!(send(&rig.http, &post("content-type: application/json\r\n", &whole)).status, 200);
}

#[test]
fn connections_over_the_limit_are_turned_away_in_their_own_protocol() {
    let rig = rig_with(Limits { connections: 2, ..Limits::default() });
    let mut held: Vec<_> = (0..2).map(|_| connect(&rig.http)).collect();
    for stream in &mut held {
        stream.write_all(&post(PROTOBUF, b"unfinished")[..100]).unwrap();
    }
    wait_for(|| rig.count("otlp_http", "requests") == 2);
    let refused = send(&rig.http, &post(PROTOBUF, b"good"));
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    assert_eq!(rig.count("otlp_http", "refused_connections"), 1);
    let _grpc = [connect(&rig.grpc), connect(&rig.grpc)];
    std::thread::sleep(Duration::from_millis(100));
    let mut goodbye = [0; 26];
    connect(&rig.grpc).read_exact(&mut goodbye).unwrap();
    assert_eq!((goodbye[12], goodbye[25]), (7, 11), "a GOAWAY frame that asks to calm down");
    drop(held);
    std::thread::sleep(Duration::from_millis(100));
    still_serves(&rig);
}

#[test]
fn a_new_connection_over_the_limit_takes_the_place_of_the_one_that_is_idle_for_longest() {
    let rig = rig_with(Limits { connections: 3, ..Limits::default() });
    let mut held: Vec<_> = (0..3).map(|_| connect(&rig.http)).collect();
    for at in [0, 1, 2, 0] {
        std::thread::sleep(Duration::from_millis(20));
        held[at].write_all(&post(PROTOBUF, b"good")).unwrap();
        assert_eq!(read_answer(&mut held[at]).status, 200);
    }
    let mut fourth = connect(&rig.http);
    fourth.write_all(&post(PROTOBUF, b"good")).unwrap();
    assert_eq!(read_answer(&mut fourth).status, 200);
    assert!(is_closed(&mut held[1]));
    for at in [0, 2] {
        held[at].write_all(&post(PROTOBUF, b"good")).unwrap();
        assert_eq!(read_answer(&mut held[at]).status, 200);
    }
    let counts = ["refused_connections", "dismissed_connections"].map(|name| rig.count("otlp_http", name));
    assert_eq!(counts, [0, 1]);
}

#[test]
fn a_slow_body_holds_its_slot_no_longer_than_its_time() {
    let rig = rig_with(Limits { body_time: Duration::from_secs(3), ..impatient() });
    let mut slow = connect(&rig.http);
    let begun = Instant::now();
    slow.write_all(&post(PROTOBUF, &[7; 1000])[..500]).unwrap();
    assert_eq!(read_answer(&mut slow).status, 408);
    assert!(is_closed(&mut slow));
    assert!(begun.elapsed() < Duration::from_millis(5500), "{:?}", begun.elapsed());
}

#[test]
fn what_is_no_http_at_all_is_refused() {
    let rig = rig();
    let answer = send(&rig.http, b"\x16\x03\x01\x02\x00 hello\r\n\r\n");
    assert_eq!(answer.status, 400);
    still_serves(&rig);
}
