//! Export requests for tests and benchmarks, written by hand so that they don't lean on the code under test.
#![allow(dead_code, reason = "each test and benchmark uses its part")]

pub mod any;

/// Appends `value` as a varint.
pub fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// Returns field `number` with `body` as its bytes.
pub fn field(number: u64, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + 4);
    varint(&mut out, number << 3 | 2);
    varint(&mut out, body.len() as u64);
    out.extend_from_slice(body);
    out
}

/// Returns a fixed64 field.
pub fn fixed64(number: u64, value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    varint(&mut out, number << 3 | 1);
    out.extend_from_slice(&value.to_le_bytes());
    out
}

/// Returns a varint field.
pub fn number(number: u64, value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    varint(&mut out, number << 3);
    varint(&mut out, value);
    out
}

/// Returns a `KeyValue` of text.
pub fn text(key: &str, value: &str) -> Vec<u8> {
    [field(1, key.as_bytes()), field(2, &field(1, value.as_bytes()))].concat()
}

/// Returns a `KeyValue` of an integer.
pub fn integer(key: &str, value: u64) -> Vec<u8> {
    [field(1, key.as_bytes()), field(2, &number(3, value))].concat()
}

/// Returns the trace id made of `seed`.
pub fn trace_id(seed: u64) -> [u8; 16] {
    let mixed = u128::from(seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    mixed.to_be_bytes()
}

/// Returns the span id made of `seed`.
pub fn span_id(seed: u64) -> [u8; 8] {
    (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()
}

/// Returns a `Span` of about 300 bytes: a server span with eight attributes.
pub fn span(trace: u64, seed: u64) -> Vec<u8> {
    let mut out = [field(1, &trace_id(trace)), field(2, &span_id(seed)), field(4, &span_id(seed / 2))].concat();
    out.extend(field(5, b"GET /orders/{id}"));
    out.extend(number(6, 2));
    out.extend(fixed64(7, 1_700_000_000_000_000_000 + seed));
    out.extend(fixed64(8, 1_700_000_000_005_000_000 + seed));
    for (key, value) in ATTRIBUTES {
        out.extend(field(9, &text(key, value)));
    }
    out.extend(field(9, &integer("http.response.status_code", 200)));
    out.extend(field(9, &integer("server.port", 8080)));
    out.extend(field(15, &number(3, 1)));
    out
}

const ATTRIBUTES: [(&str, &str); 6] = [
    ("http.request.method", "GET"),
    ("url.scheme", "http"),
    ("url.path", "/orders/42"),
    ("http.route", "/orders/{id}"),
    ("server.address", "orders.shop.test"),
    ("network.peer.address", "10.0.0.7"),
];

/// Returns a `Resource` with its service name.
pub fn resource(service: &str) -> Vec<u8> {
    [field(1, &text("service.name", service)), field(1, &text("telemetry.sdk.language", "python"))].concat()
}

/// Returns an `InstrumentationScope`.
pub fn scope(name: &str) -> Vec<u8> {
    [field(1, name.as_bytes()), field(2, b"1.0")].concat()
}

/// Returns a `ScopeSpans` of ready `Span` messages.
pub fn scope_spans(name: &str, spans: &[Vec<u8>]) -> Vec<u8> {
    let mut out = field(1, &scope(name));
    for span in spans {
        out.extend(field(2, span));
    }
    out.extend(field(3, b"https://opentelemetry.io/schemas/1.26.0"));
    out
}

/// Returns a `ResourceSpans` of ready `ScopeSpans` messages.
pub fn resource_spans(service: &str, scopes: &[Vec<u8>]) -> Vec<u8> {
    let mut out = field(1, &resource(service));
    for scope in scopes {
        out.extend(field(2, scope));
    }
    out.extend(field(3, b"https://opentelemetry.io/schemas/1.26.0"));
    out
}

/// Returns a request of one resource and scope with `spans` spans in traces of `per_trace`.
pub fn request(spans: u64, per_trace: u64) -> Vec<u8> {
    let spans: Vec<_> = (0..spans).map(|seed| span(seed / per_trace, seed)).collect();
    field(1, &resource_spans("orders", &[scope_spans("pyspan.bench", &spans)]))
}
