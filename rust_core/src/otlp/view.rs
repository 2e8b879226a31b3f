//! Spans as plain values, for tests and for printing; what is on its way to an exporter is never decoded.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::json;
use super::malformed::Malformed;
use super::schema::{ANY_VALUE, Kind, SPAN, STATUS};

/// Returns the spans of a request as a JSON list: attributes as an object, ids as hex, times in ns, resource and scope
/// with each span.
///
/// # Errors
/// The first thing that is wrong with `body`.
pub fn spans(body: &[u8]) -> Result<Vec<u8>, Malformed> {
    let line = json::format(body)?;
    let mut reader = serde_json::Deserializer::from_slice(&line);
    reader.disable_recursion_limit();
    let request = Value::deserialize(&mut reader).unwrap_or_default();
    let mut out = Vec::new();
    for resource_spans in list(&request, "resourceSpans") {
        for scope_spans in list(resource_spans, "scopeSpans") {
            let spans = list(scope_spans, "spans").iter();
            out.extend(spans.map(|view| span(view, &resource_spans["resource"], &scope_spans["scope"])));
        }
    }
    Ok(Value::from(out).to_string().into_bytes())
}

fn span(span: &Value, resource: &Value, scope: &Value) -> Value {
    json!({
        "trace_id": span["traceId"],
        "span_id": span["spanId"],
        "parent_span_id": span["parentSpanId"],
        "trace_state": text(span, "traceState"),
        "flags": span["flags"].as_u64().unwrap_or(0),
        "name": text(span, "name"),
        "kind": name(&span["kind"], SPAN.field(6).map(|field| field.kind), "SPAN_KIND_"),
        "start_ns": number(&span["startTimeUnixNano"]),
        "end_ns": number(&span["endTimeUnixNano"]),
        "attributes": attributes(span),
        "dropped_attributes": span["droppedAttributesCount"].as_u64().unwrap_or(0),
        "events": list(span, "events").iter().map(event).collect::<Vec<_>>(),
        "dropped_events": span["droppedEventsCount"].as_u64().unwrap_or(0),
        "links": list(span, "links").iter().map(link).collect::<Vec<_>>(),
        "dropped_links": span["droppedLinksCount"].as_u64().unwrap_or(0),
        "status": {
            "code": name(&span["status"]["code"], STATUS.field(3).map(|field| field.kind), "STATUS_CODE_"),
            "message": text(&span["status"], "message"),
        },
        "resource": attributes(resource),
        "scope": {
            "name": text(scope, "name"),
            "version": text(scope, "version"),
            "attributes": attributes(scope),
        },
    })
}

fn event(event: &Value) -> Value {
    json!({
        "name": text(event, "name"),
        "time_ns": number(&event["timeUnixNano"]),
        "attributes": attributes(event),
        "dropped_attributes": event["droppedAttributesCount"].as_u64().unwrap_or(0),
    })
}

fn link(link: &Value) -> Value {
    json!({
        "trace_id": link["traceId"],
        "span_id": link["spanId"],
        "trace_state": text(link, "traceState"),
        "flags": link["flags"].as_u64().unwrap_or(0),
        "attributes": attributes(link),
        "dropped_attributes": link["droppedAttributesCount"].as_u64().unwrap_or(0),
    })
}

fn attributes(of: &Value) -> Value {
    object(list(of, "attributes"))
}

fn object(pairs: &[Value]) -> Value {
    let pair = |pair: &Value| (text(pair, "key").to_owned(), any(&pair["value"]));
    Value::Object(pairs.iter().map(pair).collect::<Map<_, _>>())
}

/// Returns what an `AnyValue` holds; bytes stay base64.
fn any(value: &Value) -> Value {
    let Some((name, held)) = value.as_object().and_then(|fields| fields.iter().next()) else { return Value::Null };
    match ANY_VALUE.named(name).map(|(_, field)| field.kind) {
        Some(Kind::Int64) => held.as_str().and_then(|digits| digits.parse::<i64>().ok()).into(),
        Some(Kind::Message(_)) if name == "arrayValue" => list(held, "values").iter().map(any).collect(),
        Some(Kind::Message(_)) => object(list(held, "values")),
        _ => held.clone(),
    }
}

fn list<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of[name].as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(of: &'a Value, name: &str) -> &'a str {
    of[name].as_str().unwrap_or_default()
}

fn number(digits: &Value) -> u64 {
    digits.as_str().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// Returns the name of an enum's value without its prefix, or the number if it has none.
fn name(value: &Value, kind: Option<Kind>, prefix: &str) -> Value {
    let number = value.as_i64().unwrap_or(0);
    let Some(Kind::Enum(names)) = kind else { return number.into() };
    let name = usize::try_from(number).ok().and_then(|at| names.get(at));
    name.map_or(number.into(), |name| name.trim_start_matches(prefix).into())
}
