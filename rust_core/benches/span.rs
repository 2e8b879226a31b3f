//! Nanoseconds for what the tracer does natively for one span: ids, attributes, framing, queue.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pyspan_core::clock::now_ns;
use pyspan_core::context::{SAMPLED, SpanContext};
use pyspan_core::ids::{random_span_id, random_trace_id};
use pyspan_core::propagation::traceparent;
use pyspan_core::queue::{Queue, Settings};
use pyspan_core::scope::{Resource, Scope};
use pyspan_core::span::{Body, Header, StatusCode, Value, frame_span, framed_len};

const REPEATS: u32 = 1000;

fn main() {
    let context =
        SpanContext { trace_id: random_trace_id(1), span_id: random_span_id(1), flags: SAMPLED, remote: false };
    report("trace id and span id", || {
        black_box((random_trace_id(7), random_span_id(7)));
    });
    report("traceparent, formatted and parsed", || {
        black_box(traceparent::parse(std::str::from_utf8(&traceparent::format(&context)).unwrap_or_default()));
    });
    let mut body = Body::default();
    report("eight attributes", || {
        body.clear();
        set_attributes(black_box(&mut body));
    });
    report("a span of eight attributes, framed and queued", whole_span(context));
}

fn set_attributes(body: &mut Body) {
    let texts = [("http.request.method", "GET"), ("url.path", "/orders/17"), ("http.route", "/orders/{id}")];
    for (key, text) in texts {
        body.attributes.set(key, &Value::Str(text), Some(128));
    }
    body.attributes.set("server.address", &Value::Str("orders.example"), Some(128));
    for (key, number) in [("http.response.status_code", 200), ("server.port", 8080)] {
        body.attributes.set(key, &Value::Int(number), Some(128));
    }
    body.attributes.set("user.premium", &Value::Bool(true), Some(128));
    body.attributes.set("order.total", &Value::Double(17.25), Some(128));
}

fn whole_span(context: SpanContext) -> impl FnMut() {
    let settings = Settings { max_spans: 1 << 16, max_bytes: 1 << 25, batch_spans: 2048, batch_bytes: 1 << 21 };
    let mut queue = Queue::new(settings).expect("a descriptor for the wake-up");
    let resource = Arc::new(Resource::default());
    let scope = Arc::new(Scope { resource, encoded: Vec::new(), schema_url: String::new() });
    let mut body = Body::default();
    move || {
        body.clear();
        set_attributes(&mut body);
        let header = Header {
            context,
            trace_state: "",
            parent: None,
            name: "GET /orders/{id}",
            kind: 2,
            start_ns: now_ns(),
            end_ns: now_ns(),
            status: StatusCode::Unset,
            status_message: "",
        };
        queue.push(&scope, framed_len(&header, Some(&body)), |out| frame_span(out, &header, Some(&body)));
        drop(queue.take(false));
    }
}

fn report(name: &str, work: impl FnMut()) {
    println!("{name:<48} {:>8.1} ns", fastest(work).as_secs_f64() * 1e9 / f64::from(REPEATS));
}

/// Returns the fastest thousand calls within half a second: what other processes take away does not show in it.
fn fastest(mut work: impl FnMut()) -> Duration {
    let (begin, mut best) = (Instant::now(), Duration::MAX);
    while begin.elapsed() < Duration::from_millis(500) {
        let start = Instant::now();
        for _ in 0..REPEATS {
            work();
        }
        best = best.min(start.elapsed());
    }
    best
}
