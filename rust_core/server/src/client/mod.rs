//! The OTLP client: one unary export over HTTP or gRPC, reported as what happened; all policy is the caller's.

mod connect;
mod endpoint;
mod reply;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, HeaderValue, TE, USER_AGENT,
};
use pyspan_core::otlp::compress::{Algorithm, compress};

use self::connect::Connection;
pub use self::endpoint::Protocol;
use self::endpoint::{Endpoint, Transport};
pub use self::reply::{Kind, Reply};
use crate::grpc;
use crate::runtime::PerProcess;

/// What a client needs to know; `endpoint` is a whole URL, with the path for HTTP.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `http://`, `https://` or `unix://`.
    pub endpoint: String,
    /// OTLP over plain HTTP or over gRPC.
    pub protocol: Protocol,
    /// Added to every request; a name may replace one of ours, such as `user-agent`.
    pub headers: Vec<(String, String)>,
    /// How bodies are compressed.
    pub compression: Algorithm,
    /// Certificates for `https://`.
    pub tls: Tls,
}

/// Certificates in PEM; platform roots where `certificate` is missing.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// The authorities to trust instead of the platform's.
    pub certificate: Option<Vec<u8>>,
    /// The certificate to show to the server, with its chain.
    pub client_certificate: Option<Vec<u8>>,
    /// The key of that certificate.
    pub client_key: Option<Vec<u8>>,
}

/// A setting that cannot be used: what, its value where it is no secret, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingError(pub String);

impl std::fmt::Display for SettingError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for SettingError {}

/// A client of one endpoint; connections are kept between calls and made anew in a forked child.
#[derive(Debug)]
pub struct OtlpClient {
    endpoint: Endpoint,
    headers: HeaderMap,
    compression: Algorithm,
    tls: Tls,
    connection: PerProcess<Mutex<Option<Connection>>>,
}

impl OtlpClient {
    /// Checks the settings; connects to nothing yet.
    ///
    /// # Errors
    /// When the endpoint, a header or a certificate cannot be used.
    pub fn new(settings: Settings) -> Result<Self, SettingError> {
        let endpoint = Endpoint::parse(&settings.endpoint, settings.protocol)?;
        let headers = request_headers(&endpoint, settings.compression, &settings.headers)?;
        connect::name_crypto();
        let client = Self {
            endpoint,
            headers,
            compression: settings.compression,
            tls: settings.tls,
            connection: PerProcess::new(),
        };
        if client.endpoint.transport == Transport::Tls {
            client.connect()?;
        }
        Ok(client)
    }

    /// Sends one encoded `ExportTraceServiceRequest` and reports what came of it within `timeout`, connecting included.
    ///
    /// Runs on the caller's tokio runtime. Compression is done in place: about 0.3 µs a span.
    pub async fn export(&self, payload: Bytes, timeout: Duration) -> Reply {
        let body = self.encode(payload);
        let sent_bytes = body.len();
        let outcome = tokio::time::timeout(timeout, self.exchange(body, timeout)).await;
        let reply = outcome.unwrap_or_else(|_| self.give_up(timeout));
        Reply { sent_bytes, ..reply }
    }

    /// Closes idle connections; calls under way finish, later ones connect anew.
    pub fn close(&self) {
        self.slot().take();
    }

    /// Returns the parsed endpoint's URL, for messages.
    #[must_use]
    pub fn url(&self) -> &str {
        self.endpoint.url.as_str()
    }

    fn encode(&self, payload: Bytes) -> Bytes {
        let compressed = self.compression != Algorithm::None;
        let body = if compressed { compress(self.compression, &payload).into() } else { payload };
        if self.endpoint.protocol == Protocol::Grpc { grpc::frame(compressed, &body) } else { body }
    }

    async fn exchange(&self, body: Bytes, timeout: Duration) -> Reply {
        let connection = match self.connect() {
            Ok(connection) => connection,
            Err(error) => return Reply::transport(&error.to_string()),
        };
        match self.attempt(&connection, body, timeout).await {
            Ok(reply) => reply,
            Err(error) => Reply::transport(&connect::describe(error)),
        }
    }

    /// One request, and a second one at once where a kept connection turns out to be closed by the peer.
    async fn attempt(&self, connection: &Connection, body: Bytes, timeout: Duration) -> reqwest::Result<Reply> {
        let first = self.request(connection, body.clone(), timeout).await;
        let stale = |error: &reqwest::Error| connection.was_used() && !error.is_connect() && !error.is_builder();
        let response = match first {
            Err(error) if stale(&error) => self.request(connection, body, timeout).await?,
            first => first?,
        };
        connection.mark_used();
        match self.endpoint.protocol {
            Protocol::Http => reply::read_http(response).await,
            Protocol::Grpc => reply::read_grpc(response).await,
        }
    }

    async fn request(&self, to: &Connection, body: Bytes, timeout: Duration) -> reqwest::Result<reqwest::Response> {
        let mut request = to.client.post(self.endpoint.url.clone()).headers(self.headers.clone()).body(body);
        if self.endpoint.protocol == Protocol::Grpc {
            request = request.version(http::Version::HTTP_2).header("grpc-timeout", grpc::format_timeout(timeout));
        }
        request.send().await
    }

    fn connect(&self) -> Result<Connection, SettingError> {
        let mut slot = self.slot();
        if let Some(connection) = &*slot {
            return Ok(connection.clone());
        }
        let fresh = Connection::new(&self.endpoint, &self.tls)?;
        *slot = Some(fresh.clone());
        Ok(fresh)
    }

    /// This process's connection; a thread of a parent may have held the lock of its own when it forked.
    fn slot(&self) -> MutexGuard<'_, Option<Connection>> {
        self.connection.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// After a timeout the connection may be a black hole that HTTP/2 would use again: the next call gets a new one.
    fn give_up(&self, timeout: Duration) -> Reply {
        self.close();
        Reply::timeout(&format!("no reply from {} within {timeout:?}", self.url()))
    }
}

fn request_headers(
    endpoint: &Endpoint,
    compression: Algorithm,
    own: &[(String, String)],
) -> Result<HeaderMap, SettingError> {
    let mut headers = HeaderMap::new();
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("pyspan/", env!("CARGO_PKG_VERSION"))));
    let encoding = content_encoding(compression).map(HeaderValue::from_static);
    if endpoint.protocol == Protocol::Grpc {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(TE, HeaderValue::from_static("trailers"));
        encoding.map(|value| headers.insert(HeaderName::from_static("grpc-encoding"), value));
    } else {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        encoding.map(|value| headers.insert(CONTENT_ENCODING, value));
    }
    for (name, value) in own {
        let (name, value) = parse_header(name, value)?;
        headers.insert(name, value);
    }
    Ok(headers)
}

fn content_encoding(compression: Algorithm) -> Option<&'static str> {
    match compression {
        Algorithm::None => None,
        Algorithm::Gzip => Some("gzip"),
        Algorithm::Zstd => Some("zstd"),
    }
}

fn parse_header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), SettingError> {
    let key = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| SettingError(format!("header name {name:?} has characters that HTTP does not allow")))?;
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| SettingError(format!("the value of header {name:?} has characters that HTTP does not allow")))?;
    value.set_sensitive(key == AUTHORIZATION || key == COOKIE || name.to_ascii_lowercase().contains("key"));
    Ok((key, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::tests::ends_in_a_child;

    #[test]
    fn a_child_connects_though_a_thread_held_the_connection_when_it_was_forked() {
        let settings = Settings {
            endpoint: "http://127.0.0.1:1/v1/traces".into(),
            protocol: Protocol::Http,
            headers: Vec::new(),
            compression: Algorithm::None,
            tls: Tls::default(),
        };
        let client = OtlpClient::new(settings).unwrap();
        let _held = client.slot();
        assert!(ends_in_a_child(|| {
            client.connect().unwrap();
            client.close();
        }));
    }
}
