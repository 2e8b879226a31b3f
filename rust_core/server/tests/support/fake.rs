//! Scripted peers for the client: raw HTTP/1 by hand, gRPC by hyper.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use parking_lot::Mutex;

/// What the peer does with a request it has read.
pub enum Act {
    /// Sends these bytes and keeps the connection.
    Say(Vec<u8>),
    /// Sends these bytes and closes.
    SayAndClose(Vec<u8>),
    /// Keeps the connection open without a word.
    Hang,
}

/// A peer that reads HTTP/1 requests and acts by its script.
pub struct Http1 {
    pub address: String,
    pub requests: Arc<Mutex<Vec<String>>>,
    pub connections: Arc<Mutex<usize>>,
}

impl Http1 {
    pub fn start(script: Vec<Act>) -> Self {
        let address = super::free_address();
        let listener = TcpListener::bind(&address).unwrap();
        let script = Arc::new(Mutex::new(VecDeque::from(script)));
        let fake = Self { address, requests: Arc::default(), connections: Arc::default() };
        let (requests, connections) = (fake.requests.clone(), fake.connections.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                *connections.lock() += 1;
                let (script, requests) = (script.clone(), requests.clone());
                std::thread::spawn(move || converse(stream.unwrap(), &script, &requests));
            }
        });
        fake
    }

    pub fn url(&self) -> String {
        format!("http://{}/v1/traces", self.address)
    }
}

fn converse(mut stream: TcpStream, script: &Mutex<VecDeque<Act>>, requests: &Mutex<Vec<String>>) {
    while let Some(head) = read_request(&mut stream) {
        requests.lock().push(head);
        let act = script.lock().pop_front();
        match act {
            Some(Act::Say(bytes)) => stream.write_all(&bytes).unwrap(),
            Some(Act::SayAndClose(bytes)) => return stream.write_all(&bytes).unwrap(),
            Some(Act::Hang) => std::thread::sleep(std::time::Duration::from_secs(60)),
            None => return,
        }
    }
}

/// Reads one request and returns its head in lower case.
fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |value| value.parse().unwrap())];
    stream.read_exact(&mut body).ok()?;
    Some(head)
}

/// A reply of HTTP/1.
pub fn reply(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    [format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n").as_bytes(), body].concat()
}

/// A gRPC reply: HTTP status, headers, body, trailers.
#[derive(Clone, Default)]
pub struct Reply {
    pub http: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    pub trailers: Vec<(&'static str, String)>,
}

/// A peer that gives the same gRPC reply to everyone; returns its URL and the heads of requests it saw.
pub async fn grpc(reply: Reply) -> (String, Arc<Mutex<Vec<HeaderMap>>>) {
    let address = super::free_address();
    let listener = tokio::net::TcpListener::bind(&address).await.unwrap();
    let seen = Arc::<Mutex<Vec<HeaderMap>>>::default();
    let requests = seen.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (reply, requests) = (reply.clone(), requests.clone());
            let answer = hyper::service::service_fn(move |request: Request<Incoming>| {
                let (reply, requests) = (reply.clone(), requests.clone());
                async move {
                    requests.lock().push(request.headers().clone());
                    request.into_body().collect().await.unwrap();
                    Ok::<_, Infallible>(respond(reply))
                }
            });
            let builder = Builder::new(TokioExecutor::new());
            tokio::spawn(async move { builder.serve_connection(TokioIo::new(stream), answer).await.is_ok() });
        }
    });
    (format!("http://{address}"), seen)
}

fn respond(reply: Reply) -> Response<impl http_body::Body<Data = Bytes, Error = Infallible> + Send + 'static> {
    let mut response = Response::builder().status(reply.http);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    let trailers: HeaderMap =
        reply.trailers.into_iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    let trailers = async move { (!trailers.is_empty()).then_some(Ok(trailers)) };
    response.body(Full::new(Bytes::from(reply.body)).with_trailers(trailers)).unwrap()
}
