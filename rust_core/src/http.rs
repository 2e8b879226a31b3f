//! HTTP requests as OpenTelemetry's semantic conventions describe them.

use crate::redact;
use crate::span::Value;
use std::borrow::Cow;

/// The methods that the conventions name; any other one is `_OTHER`.
const METHODS: [&str; 10] = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "CONNECT", "QUERY"];

/// Which attribute keys are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// The stable conventions: `http.request.method`.
    pub current: bool,
    /// Those before them: `http.method`, `net.host.port`.
    pub old: bool,
    /// `http.method`, `http.url`, `http.query`, `http.status_code`, `http.response_time`.
    pub documents: bool,
}

/// What a server knows of a request before it answers.
#[derive(Clone, Debug, Default)]
pub struct Incoming<'a> {
    /// The method as it was sent.
    pub method: Cow<'a, str>,
    /// `http`, `https`, `ws` or `wss`.
    pub scheme: Cow<'a, str>,
    /// The path as it was sent, without the query.
    pub path: Cow<'a, str>,
    /// The query without its question mark.
    pub query: Cow<'a, str>,
    /// `1.1` or `2`.
    pub version: Cow<'a, str>,
    /// The header `Host`.
    pub host: Option<Cow<'a, str>>,
    /// The address and port that the server listens on.
    pub server: Option<(Cow<'a, str>, Option<i64>)>,
    /// The address and port of the client, as the server knows it.
    pub client: Option<(Cow<'a, str>, Option<i64>)>,
    /// The header `User-Agent`.
    pub user_agent: Option<Cow<'a, str>>,
    /// The header `Content-Length`.
    pub content_length: Option<i64>,
}

/// Takes attributes.
pub trait Sink {
    /// Sets one whose key was not set before.
    fn put(&mut self, key: &str, value: &Value<'_>);
}

impl Incoming<'_> {
    /// Returns the method as a span's name has it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        known_method(&self.method).unwrap_or("HTTP")
    }

    /// Returns the URL without its query.
    #[must_use]
    pub fn url(&self) -> String {
        let server = self.server.as_ref();
        let host = self.host.as_deref().or_else(|| server.map(|(address, _)| address.as_ref())).unwrap_or_default();
        format!("{}://{host}{}", self.scheme, self.path)
    }

    /// Writes the attributes that a server's span starts with.
    pub fn describe(&self, style: Style, sink: &mut impl Sink) {
        let query = redact::query(&self.query);
        let path = redact::card_numbers(&self.path);
        if style.current {
            self.describe_currently(&path, &query, sink);
        }
        if style.old {
            self.describe_as_before(&path, &query, sink);
        }
        if style.documents {
            self.describe_as_documents_do(&path, &query, style, sink);
        }
    }

    #[inline]
    fn describe_currently(&self, path: &str, query: &str, sink: &mut impl Sink) {
        let known = known_method(&self.method);
        sink.put("http.request.method", &Value::Str(known.unwrap_or("_OTHER")));
        if known.is_none() {
            sink.put("http.request.method_original", &Value::Str(&self.method));
        }
        sink.put("url.path", &Value::Str(path));
        put_text("url.scheme", &self.scheme, sink);
        put_text("url.query", query, sink);
        if let Some((address, port)) = self.server() {
            sink.put("server.address", &Value::Str(address));
            put_number("server.port", port, sink);
        }
        if let Some((address, port)) = &self.client {
            sink.put("client.address", &Value::Str(address));
            put_number("client.port", *port, sink);
        }
        put_text("network.protocol.version", &self.version, sink);
        put_text("user_agent.original", self.user_agent.as_deref().unwrap_or_default(), sink);
        put_number("http.request.body.size", self.content_length, sink);
    }

    #[cold]
    fn describe_as_before(&self, path: &str, query: &str, sink: &mut impl Sink) {
        sink.put("http.method", &Value::Str(&self.method));
        put_text("http.scheme", &self.scheme, sink);
        let target = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
        sink.put("http.target", &Value::Str(&target));
        sink.put("http.url", &Value::Str(&self.clean_url(path, query)));
        put_text("http.host", self.host.as_deref().unwrap_or_default(), sink);
        if let Some((address, port)) = self.server() {
            sink.put("net.host.name", &Value::Str(address));
            put_number("net.host.port", port, sink);
        }
        if let Some((address, port)) = &self.client {
            sink.put("net.peer.ip", &Value::Str(address));
            put_number("net.peer.port", *port, sink);
        }
        put_text("http.flavor", &self.version, sink);
        put_text("http.user_agent", self.user_agent.as_deref().unwrap_or_default(), sink);
        put_number("http.request_content_length", self.content_length, sink);
    }

    #[cold]
    fn describe_as_documents_do(&self, path: &str, query: &str, style: Style, sink: &mut impl Sink) {
        if !style.old {
            sink.put("http.method", &Value::Str(&self.method));
            sink.put("http.url", &Value::Str(&self.clean_url(path, query)));
        }
        put_text("http.query", query, sink);
    }

    fn clean_url(&self, path: &str, query: &str) -> String {
        let clean = Incoming { path: Cow::Borrowed(path), ..self.clone() };
        if query.is_empty() { clean.url() } else { format!("{}?{query}", clean.url()) }
    }

    /// The address that the client asked for, else the one the server listens on.
    fn server(&self) -> Option<(&str, Option<i64>)> {
        match self.host.as_deref().and_then(host_and_port) {
            Some((host, port)) => Some((host, port.or_else(|| default_port(&self.scheme)))),
            None => self.server.as_ref().map(|(address, port)| (address.as_ref(), *port)),
        }
    }
}

/// What a server knows when it has answered.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answer<'a> {
    /// The status, where the answer has begun.
    pub status: Option<u16>,
    /// Bytes of the body, where they are known.
    pub body_bytes: Option<u64>,
    /// The template of the path that was found.
    pub route: Option<&'a str>,
    /// How long it took.
    pub seconds: f64,
}

impl Answer<'_> {
    /// Writes the attributes that a server's span ends with.
    pub fn describe(&self, style: Style, sink: &mut impl Sink) {
        let status = self.status.map(i64::from);
        #[expect(clippy::cast_possible_wrap, reason = "no body has so many bytes")]
        let size = self.body_bytes.map(|bytes| bytes as i64);
        put_text("http.route", self.route.unwrap_or_default(), sink);
        if style.current {
            put_number("http.response.status_code", status, sink);
            put_number("http.response.body.size", size, sink);
        }
        if style.old || style.documents {
            put_number("http.status_code", status, sink);
        }
        if style.old {
            put_number("http.response_content_length", size, sink);
        }
        if style.documents {
            sink.put("http.response_time", &Value::Double(self.seconds * 1000.0));
        }
    }
}

fn put_text(key: &str, text: &str, sink: &mut impl Sink) {
    if !text.is_empty() {
        sink.put(key, &Value::Str(text));
    }
}

fn put_number(key: &str, number: Option<i64>, sink: &mut impl Sink) {
    if let Some(number) = number {
        sink.put(key, &Value::Int(number));
    }
}

/// Returns a method that the conventions name; they are told apart by case.
#[must_use]
pub fn known_method(method: &str) -> Option<&'static str> {
    METHODS.into_iter().find(|known| *known == method)
}

/// Splits a `Host` header; `None` for what is none.
#[must_use]
pub fn host_and_port(header: &str) -> Option<(&str, Option<i64>)> {
    let end = match header.strip_prefix('[') {
        Some(rest) => rest.find(']')? + 2,
        None => header.bytes().position(|byte| byte == b':').unwrap_or(header.len()),
    };
    let (host, rest) = header.split_at(end);
    let port = rest.strip_prefix(':').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let port = port.and_then(|digits| digits.parse::<u16>().ok()).map(i64::from);
    let is_host = !host.is_empty() && !host.bytes().any(|byte| matches!(byte, b'/' | b'@' | b' ' | b','));
    is_host.then(|| (host.trim_start_matches('[').trim_end_matches(']'), port))
}

fn default_port(scheme: &str) -> Option<i64> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    }
}

/// Percent-encodes what a path may not hold, for servers that hand it over decoded.
#[must_use]
pub fn encode_path(path: &[u8]) -> Cow<'_, str> {
    let is_plain =
        |byte: u8| matches!(byte, 0x21 | 0x24 | 0x26..=0x3b | 0x3d | 0x40..=0x5a | 0x5f | 0x61..=0x7a | b'~');
    if path.iter().all(|&byte| is_plain(byte)) {
        return String::from_utf8_lossy(path);
    }
    let mut out = String::with_capacity(path.len() + 8);
    for &byte in path {
        if is_plain(byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.extend([byte >> 4, byte & 15].map(|half| char::from(b"0123456789ABCDEF"[usize::from(half)])));
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fmt::Write;

    #[derive(Default)]
    struct Listed(String);

    impl Sink for Listed {
        fn put(&mut self, key: &str, value: &Value<'_>) {
            let _ = match value {
                Value::Str(text) => writeln!(self.0, "{key}={text}"),
                Value::Int(number) => writeln!(self.0, "{key}={number}"),
                other => writeln!(self.0, "{key}={other:?}"),
            };
        }
    }

    const CURRENT: Style = Style { current: true, old: false, documents: false };

    fn request<'a>() -> Incoming<'a> {
        Incoming {
            method: "GET".into(),
            scheme: "https".into(),
            path: "/orders/17".into(),
            query: "page=2&token=abc".into(),
            version: "1.1".into(),
            host: Some("shop.example".into()),
            server: Some(("10.0.0.1".into(), Some(8000))),
            client: Some(("192.0.2.7".into(), Some(4711))),
            user_agent: Some("curl/8".into()),
            content_length: Some(3),
        }
    }

    fn listed(incoming: &Incoming<'_>, style: Style) -> String {
        let mut sink = Listed::default();
        incoming.describe(style, &mut sink);
        sink.0
    }

    #[test]
    fn a_request_is_described_by_the_current_conventions() {
        let expected = "http.request.method=GET\nurl.path=/orders/17\nurl.scheme=https\nurl.query=page=2&token=[REDACTED]\n\
             server.address=shop.example\nserver.port=443\nclient.address=192.0.2.7\nclient.port=4711\n\
             network.protocol.version=1.1\nuser_agent.original=curl/8\nhttp.request.body.size=3\n";
        assert_eq!(listed(&request(), CURRENT), expected);
    }

    #[test]
    fn a_method_that_nobody_knows_is_another_one() {
        let incoming = Incoming { method: "get".into(), ..Incoming::default() };
        let lines = listed(&incoming, CURRENT);
        assert!(lines.starts_with("http.request.method=_OTHER\nhttp.request.method_original=get\n"), "{lines}");
        assert_eq!(incoming.name(), "HTTP");
    }

    #[test]
    fn the_conventions_before_can_be_had_too() {
        let lines = listed(&request(), Style { old: true, ..CURRENT });
        assert!(lines.contains("http.target=/orders/17?page=2&token=[REDACTED]\n"), "{lines}");
        assert!(lines.contains("http.url=https://shop.example/orders/17?page=2&token=[REDACTED]\n"), "{lines}");
    }

    #[test]
    fn no_key_is_written_twice() {
        let all = Style { current: true, old: true, documents: true };
        let mut sink = Listed(listed(&request(), all));
        Answer { status: Some(200), body_bytes: Some(1), route: Some("/"), seconds: 0.5 }.describe(all, &mut sink);
        let mut keys: Vec<_> = sink.0.lines().filter_map(|line| line.split('=').next()).collect();
        keys.sort_unstable();
        let count = keys.len();
        keys.dedup();
        assert_eq!(keys.len(), count);
    }

    #[test]
    fn hosts_are_split_from_their_ports() {
        for (header, split) in [
            ("shop.example", Some(("shop.example", None))),
            ("shop.example:8080", Some(("shop.example", Some(8080)))),
            ("[::1]:8080", Some(("::1", Some(8080)))),
            ("[::1]", Some(("::1", None))),
            ("shop.example:", Some(("shop.example", None))),
            ("shop.example:99999", Some(("shop.example", None))),
            ("", None),
            ("[::1", None),
            ("user@shop.example", None),
        ] {
            assert_eq!(host_and_port(header), split, "{header}");
        }
    }

    #[test]
    fn paths_are_written_as_they_are_sent() {
        assert_eq!(encode_path("/caf\u{e9} au lait".as_bytes()), "/caf%C3%A9%20au%20lait");
        assert_eq!(encode_path(b"/a/b-c_d.e~f:g@h"), "/a/b-c_d.e~f:g@h");
    }

    proptest! {
        #[test]
        fn hosts_and_paths_never_panic(text in ".*") {
            let _ = (host_and_port(&text), encode_path(text.as_bytes()));
        }
    }
}
