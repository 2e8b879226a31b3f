//! A scripted intake, free ports and a raw HTTP/1 client for the tests of the receivers.
#![allow(dead_code, reason = "each test binary uses its part")]

pub mod fake;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use pyspan_server::receive::{Format, Intake, Limits, Receivers, Refusal, Settings};

/// Takes every payload but those that ask for something else; those that begin with "hold" wait for `release`.
#[derive(Default)]
pub struct Scripted {
    pub held: AtomicUsize,
    pub release: AtomicBool,
    pub taken: Mutex<Vec<(Vec<u8>, Format)>>,
}

impl Intake for Scripted {
    fn accept(&self, payload: &[u8], format: Format) -> Result<u64, Refusal> {
        match payload {
            b"bad" => return Err(Refusal::Malformed("value cut off at byte 7".into())),
            b"full" => return Err(Refusal::Full(Duration::from_millis(1500))),
            b"disk" => return Err(Refusal::Disk("no space left on device".into())),
            b"panic" => panic!("asked for"),
            b"slow" => std::thread::sleep(Duration::from_millis(500)),
            [b'h', b'o', b'l', b'd', ..] => self.hold(),
            _ => {}
        }
        self.taken.lock().push((payload.to_vec(), format));
        Ok(3)
    }
}

impl Scripted {
    fn hold(&self) {
        self.held.fetch_add(1, Ordering::SeqCst);
        while !self.release.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until a payload is being held.
    pub fn wait_for_held(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.held.load(Ordering::SeqCst) == 0 {
            assert!(Instant::now() < deadline, "no payload came");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Receivers on free ports in front of a scripted intake.
pub struct Rig {
    pub intake: Arc<Scripted>,
    pub receivers: Receivers,
    pub http: String,
    pub grpc: String,
    pub socket: std::path::PathBuf,
    _folder: tempfile::TempDir,
}

pub fn rig() -> Rig {
    rig_with(Limits { body_bytes: 1 << 20, ..Limits::default() })
}

pub fn rig_with(limits: Limits) -> Rig {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("otlp.sock");
    let (http, grpc) = (free_address(), free_address());
    let settings = Settings {
        otlp_http: Some(http.clone()),
        otlp_grpc: Some(grpc.clone()),
        socket: Some(socket.clone()),
        threads: 2,
        limits,
    };
    let intake = Arc::new(Scripted::default());
    let shared: Arc<dyn Intake> = intake.clone();
    let receivers = Receivers::start(&settings, &shared).unwrap();
    Rig { intake, receivers, http, grpc, socket, _folder: folder }
}

impl Rig {
    pub fn count(&self, receiver: &str, counter: &str) -> u64 {
        let (_, stats) = self.receivers.stats().find(|(name, _)| *name == receiver).unwrap();
        stats.snapshot().into_iter().find(|(name, _)| name == counter).unwrap().1
    }

    pub fn payloads(&self) -> Vec<Vec<u8>> {
        self.intake.taken.lock().iter().map(|(payload, _)| payload.clone()).collect()
    }
}

/// An address below the range from which outgoing connections take their ports.
pub fn free_address() -> String {
    let mut seed = u64::from(std::process::id()) ^ u64::from(std::time::UNIX_EPOCH.elapsed().unwrap().subsec_nanos());
    loop {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let address = format!("127.0.0.1:{}", 20_000 + (seed >> 33) % 12_000);
        if TcpListener::bind(&address).is_ok() {
            return address;
        }
    }
}

/// What came back over HTTP/1.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

pub fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// The bytes of a request to the path of OTLP/HTTP.
pub fn post(headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("POST /v1/traces HTTP/1.1\r\nhost: x\r\n{headers}content-length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

pub const PROTOBUF: &str = "content-type: application/x-protobuf\r\n";

/// Sends one request on a connection of its own.
pub fn send(address: &str, request: &[u8]) -> Answer {
    let mut stream = connect(address);
    stream.write_all(request).unwrap();
    read_answer(&mut stream)
}

/// Reads one whole answer; the connection stays usable.
pub fn read_answer(stream: &mut impl Read) -> Answer {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream
            .read_exact(&mut byte)
            .unwrap_or_else(|error| panic!("{error} after {:?}", String::from_utf8_lossy(&head)));
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let split = |line: &str| line.split_once(": ").map(|(key, value)| (key.to_lowercase(), value.to_owned()));
    let mut answer = Answer { status, headers: lines.filter_map(split).collect(), body: Vec::new() };
    let length = answer.header("content-length").map_or(0, |value| value.parse().unwrap());
    answer.body = vec![0; length];
    stream.read_exact(&mut answer.body).unwrap();
    answer
}

/// Whether the peer has closed the connection, waiting for it.
pub fn is_closed(stream: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).is_ok_and(|_| rest.is_empty())
}
