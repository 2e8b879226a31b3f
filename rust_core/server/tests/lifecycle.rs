//! Starting and stopping: addresses, their errors, and requests under way.

mod support;

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use pyspan_core::otlp::compress::Algorithm;
use pyspan_server::client;
use pyspan_server::receive::{Intake, Receivers, Settings};
use support::{PROTOBUF, Scripted, connect, free_address, is_closed, post, read_answer, rig};

fn start(settings: &Settings) -> std::io::Result<Receivers> {
    let intake: Arc<dyn Intake> = Arc::new(Scripted::default());
    Receivers::start(settings, &intake)
}

#[test]
fn a_request_under_way_is_answered_and_the_connection_closed_after_it() {
    let rig = rig();
    let (mut idle, mut busy) = (connect(&rig.http), connect(&rig.http));
    idle.write_all(&post(PROTOBUF, b"good")).unwrap();
    read_answer(&mut idle);
    busy.write_all(&post(PROTOBUF, b"slow")).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    assert!(rig.receivers.stop(Duration::from_secs(5)));
    assert_eq!(read_answer(&mut busy).status, 200);
    assert!(is_closed(&mut busy) && is_closed(&mut idle));
    assert!(TcpStream::connect(&rig.http).is_err());
    assert_eq!(rig.payloads(), [b"good", b"slow"]);
}

#[test]
fn a_grpc_call_under_way_is_answered_and_the_next_one_finds_nobody() {
    let rig = rig();
    let settings = client::Settings {
        endpoint: format!("http://{}", rig.grpc),
        protocol: client::Protocol::Grpc,
        headers: vec![],
        compression: Algorithm::None,
        tls: client::Tls::default(),
    };
    let client = client::OtlpClient::new(settings).unwrap();
    let runtime = pyspan_server::runtime::start("test", 1).unwrap();
    let call = |payload: &'static [u8]| client.export(payload.into(), Duration::from_secs(5));
    assert_eq!(runtime.block_on(call(b"good")).kind, client::Kind::Ok);
    let (slow, stopped) = std::thread::scope(|scope| {
        let slow = scope.spawn(|| runtime.block_on(call(b"slow")));
        std::thread::sleep(Duration::from_millis(100));
        let stopped = rig.receivers.stop(Duration::from_secs(5));
        (slow.join().unwrap(), stopped)
    });
    assert_eq!((slow.kind, stopped), (client::Kind::Ok, true));
    assert_eq!(runtime.block_on(call(b"late")).kind, client::Kind::Transport);
    assert_eq!(rig.payloads(), [b"good", b"slow"]);
}

#[test]
fn what_does_not_end_by_the_deadline_is_cut_off() {
    let rig = rig();
    let mut stuck = connect(&rig.http);
    stuck.write_all(&post(PROTOBUF, b"never finished")[..100]).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let begun = Instant::now();
    assert!(!rig.receivers.stop(Duration::from_millis(300)));
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert!(rig.receivers.stop(Duration::ZERO), "a second stop has nothing to do");
}

#[test]
fn port_zero_takes_a_free_port_and_says_which() {
    let receivers = start(&Settings { otlp_http: Some("127.0.0.1:0".into()), ..Settings::default() }).unwrap();
    let (name, address) = receivers.addresses().next().unwrap();
    assert_eq!(name, "otlp_http");
    assert!(TcpStream::connect(address).is_ok());
}

#[test]
fn an_address_in_use_is_named_with_what_to_do_and_nothing_is_left_listening() {
    let (free, taken) = (free_address(), free_address());
    let _holder = TcpListener::bind(&taken).unwrap();
    let settings = Settings { otlp_http: Some(free.clone()), otlp_grpc: Some(taken.clone()), ..Settings::default() };
    let message = start(&settings).err().unwrap().to_string();
    assert!(message.starts_with(&format!("cannot listen on {taken}: ")), "{message}");
    assert!(message.ends_with("; stop the process that listens there or choose another address"), "{message}");
    assert!(TcpStream::connect(&free).is_err());
}

#[test]
fn the_socket_of_a_dead_process_is_replaced_and_that_of_a_live_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("otlp.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let settings = Settings { socket: Some(path.clone()), ..Settings::default() };
    let first = start(&settings).unwrap();
    let message = start(&settings).err().unwrap().to_string();
    assert!(message.contains("in use"), "{message}");
    assert!(first.stop(Duration::from_secs(5)));
    assert!(!path.exists());
    std::fs::write(&path, "somebody's file").unwrap();
    let message = start(&settings).err().unwrap().to_string();
    assert!(message.contains("a file that is no socket is in the way"), "{message}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "somebody's file");
}
