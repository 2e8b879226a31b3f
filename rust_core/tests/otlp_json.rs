//! OTLP/JSON as clients send it and as the Collector writes it.

use proptest::prelude::*;
use pyspan_core::otlp::json::{format, parse};
use pyspan_core::otlp::{view, walk};
use samples::any;
use serde_json::{Value, json};

mod samples;

/// Returns a request of one span with `fields` as JSON.
fn request(fields: &str) -> String {
    let ids = r#""traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"eee19b7ec3c1b174""#;
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{ids}{fields}}}]}}]}}]}}"#)
}

fn span(fields: &str) -> Value {
    let batch = parse(request(fields).as_bytes()).unwrap();
    let line: Value = serde_json::from_slice(&format(&batch.data).unwrap()).unwrap();
    line["resourceSpans"][0]["scopeSpans"][0]["spans"][0].clone()
}

fn reason(json: &str) -> String {
    parse(json.as_bytes()).map(|batch| batch.spans).unwrap_err().to_string()
}

#[test]
fn a_request_is_written_as_the_collector_writes_it() {
    let fields = r#","name":"I'm a server span","kind":2,"startTimeUnixNano":"1544712660000000000",
        "endTimeUnixNano":"1544712661000000000","attributes":[{"key":"my.span.attr","value":{"stringValue":"some \"value\""}}]"#;
    let batch = parse(request(fields).as_bytes()).unwrap();
    let expected = concat!(
        r#"{"resourceSpans":[{"resource":{},"scopeSpans":[{"scope":{},"spans":[{"#,
        r#""traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","#,
        r#""name":"I'm a server span","kind":2,"startTimeUnixNano":"1544712660000000000","#,
        r#""endTimeUnixNano":"1544712661000000000","#,
        r#""attributes":[{"key":"my.span.attr","value":{"stringValue":"some \"value\""}}],"status":{}}]}]}]}"#,
    );
    assert_eq!(String::from_utf8(format(&batch.data).unwrap()).unwrap(), expected);
}

#[test]
fn ids_are_read_in_any_case() {
    let batch = parse(request("").as_bytes()).unwrap();
    let index = walk::walk(&batch.data).unwrap();
    assert_eq!(index.spans[0].trace_id[..3], [0x5b, 0x8e, 0xff]);
}

#[test]
fn names_are_read_in_both_styles() {
    let camel = span(r#","parentSpanId":"0102030405060708","startTimeUnixNano":"1","droppedAttributesCount":2"#);
    let snake = span(r#","parent_span_id":"0102030405060708","start_time_unix_nano":"1","dropped_attributes_count":2"#);
    assert_eq!(camel, snake);
    assert_eq!(camel["parentSpanId"], "0102030405060708");
}

#[test]
fn integers_are_read_as_strings_and_as_numbers() {
    for time in [r#""1700000000000000001""#, "1700000000000000001"] {
        assert_eq!(span(&format!(r#","startTimeUnixNano":{time}"#))["startTimeUnixNano"], "1700000000000000001");
    }
    for (sent, held) in [
        ("-5", "-5"),
        (r#""-5""#, "-5"),
        ("5.0", "5"),
        (r#""1e3""#, "1000"),
        ("9223372036854775807", "9223372036854775807"),
    ] {
        let span = span(&format!(r#","attributes":[{{"key":"k","value":{{"intValue":{sent}}}}}]"#));
        assert_eq!(span["attributes"][0]["value"], json!({"intValue": held}), "{sent}");
    }
}

#[test]
fn enums_are_read_as_numbers_and_as_names() {
    for kind in ["3", r#""SPAN_KIND_CLIENT""#, r#""3""#] {
        assert_eq!(span(&format!(r#","kind":{kind},"status":{{"code":"STATUS_CODE_ERROR"}}"#))["kind"], 3);
    }
}

#[test]
fn doubles_are_read_in_all_their_forms() {
    for (sent, held) in [
        ("1", json!(1.0)),
        ("-1.5e3", json!(-1500.0)),
        (r#""NaN""#, json!("NaN")),
        (r#""-Infinity""#, json!("-Infinity")),
        (r#""2.5""#, json!(2.5)),
    ] {
        let span = span(&format!(r#","attributes":[{{"key":"k","value":{{"doubleValue":{sent}}}}}]"#));
        assert_eq!(span["attributes"][0]["value"]["doubleValue"], held, "{sent}");
    }
}

#[test]
fn set_values_are_written_even_if_empty() {
    for value in
        [r#"{"stringValue":""}"#, r#"{"boolValue":false}"#, r#"{"intValue":"0"}"#, r#"{"arrayValue":{}}"#, "{}"]
    {
        let span = span(&format!(r#","attributes":[{{"key":"k","value":{value}}}]"#));
        assert_eq!(span["attributes"][0]["value"].to_string(), value);
    }
}

#[test]
fn unknown_names_and_null_are_ignored() {
    let deep = "[".repeat(5000) + &"]".repeat(5000);
    let span = span(&format!(r#","later":{{"a":[1,{{}}]}},"deep":{deep},"name":null,"events":null,"kind":null"#));
    assert_eq!(
        span,
        json!({"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "status": {}})
    );
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let cases = [
        ("", "EOF while parsing a value at line 1 column 0"),
        ("[]", "invalid type: sequence, expected an object at line 1 column 0"),
        (r#"{"resourceSpans":["#, "EOF while parsing a list at line 1 column 18"),
        (r#"{"resourceSpans":[]} x"#, "trailing characters at line 1 column 22"),
        (r#"{"resourceSpans":{}}"#, "resourceSpans cannot be an object at line 1 column 19"),
        (r#"{"resourceSpans":[[]]}"#, "resourceSpans cannot be a list at line 1 column 20"),
        (r#"{"resourceSpans":[{"schemaUrl":1}]}"#, "schemaUrl cannot be 1 at line 1 column 32"),
        (
            r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{}]}]}]}"#,
            "span at byte 6 without trace id of its protobuf form",
        ),
    ];
    for (json, expected) in cases {
        assert_eq!(reason(json), expected, "{json}");
    }
}

#[test]
fn values_that_do_not_fit_are_refused() {
    for (fields, expected) in [
        (r#","traceId":"abc""#, "traceId cannot be 3 characters (must be 32 hex digits)"),
        (r#","spanId":"zzzzzzzzzzzzzzzz""#, "spanId cannot be anything but hex digits"),
        (r#","kind":"SPAN_KIND_SECRET""#, "kind cannot be \"SPAN_KIND_SECRET\""),
        (r#","kind":true"#, "kind cannot be true"),
        (r#","startTimeUnixNano":-1"#, "startTimeUnixNano cannot be -1"),
        (r#","startTimeUnixNano":"inf""#, "startTimeUnixNano cannot be \"inf\""),
        (r#","startTimeUnixNano":1.5"#, "startTimeUnixNano cannot be 1.5"),
        (r#","flags":4294967296"#, "flags cannot be 4294967296"),
        (r#","name":"\ud800""#, "unexpected end of hex escape"),
    ] {
        assert!(reason(&request(fields)).starts_with(expected), "{fields}: {}", reason(&request(fields)));
    }
}

#[test]
fn text_that_is_not_utf8_is_refused() {
    let mut json = request(r#","name":"X""#).into_bytes();
    let at = json.iter().position(|byte| *byte == b'X').unwrap();
    json[at] = 0xff;
    assert!(parse(&json).unwrap_err().to_string().starts_with("invalid unicode code point at line 1 column"));
}

#[test]
fn values_nest_only_so_deep() {
    let nested = |levels: usize| {
        let value = (0..levels).fold("{}".to_owned(), |inner, _| format!(r#"{{"arrayValue":{{"values":[{inner}]}}}}"#));
        request(&format!(r#","attributes":[{{"key":"k","value":{value}}}]"#))
    };
    assert!(parse(nested(46).as_bytes()).is_ok());
    assert!(reason(&nested(47)).starts_with("values nested too deeply"));
    assert!(reason(&nested(2_000)).starts_with("values nested too deeply"));
}

#[test]
fn spans_can_be_looked_at() {
    let body = samples::request(1, 1);
    let views: Value = serde_json::from_slice(&view::spans(&body).unwrap()).unwrap();
    let view = &views[0];
    assert_eq!((&view["kind"], &view["status"]["code"]), (&json!("SERVER"), &json!("OK")));
    assert_eq!(view["attributes"]["http.response.status_code"], 200);
    assert_eq!(view["resource"]["service.name"], "orders");
    assert_eq!(view["scope"]["name"], "pyspan.bench");
    assert_eq!(view["start_ns"], 1_700_000_000_000_000_000_u64);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_written_reads_as_the_same(body in any::requests(true)) {
        let line = format(&body).unwrap();
        let batch = parse(&line).unwrap();
        prop_assert_eq!(batch.spans, walk::walk(&body).unwrap().spans.len());
        prop_assert_eq!(String::from_utf8(format(&batch.data).unwrap()).unwrap(), String::from_utf8(line).unwrap());
    }

    #[test]
    fn reading_any_bytes_never_panics(bytes: Vec<u8>, text: String) {
        let _ = parse(&bytes);
        let _ = parse(text.as_bytes());
        let _ = format(&bytes);
        let _ = view::spans(&bytes);
    }

    #[test]
    fn damaged_json_never_panics(body in any::requests(false), at: prop::sample::Index, byte: u8) {
        let mut line = format(&body).unwrap();
        let at = at.index(line.len());
        line[at] = byte;
        let _ = parse(&line);
    }
}
