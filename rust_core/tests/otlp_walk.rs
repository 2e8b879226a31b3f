//! What the walk takes and refuses, and what its slices keep.

use proptest::prelude::*;
use pyspan_core::otlp::index::{Extent, Index, Run};
use pyspan_core::otlp::slice::{self, Limits};
use pyspan_core::otlp::walk::{count, walk};
use samples::{any, field, fixed64, number};

mod samples;

/// Returns a request of one span with `fields`.
fn request(fields: &[Vec<u8>]) -> Vec<u8> {
    field(1, &field(2, &field(2, &fields.concat())))
}

/// Returns a request of one sound span and `extra`.
fn with(extra: &[u8]) -> Vec<u8> {
    request(&[field(1, &[1; 16]), field(2, &[2; 8]), extra.to_vec()])
}

fn reason(body: &[u8]) -> String {
    walk(body).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn the_index_says_what_is_in_a_span() {
    let body = samples::request(3, 2);
    let index = walk(&body).unwrap();
    assert_eq!((index.resources.len(), index.scopes.len(), index.spans.len()), (1, 1, 3));
    let span = &index.spans[2];
    assert_eq!(
        (span.trace_id, span.span_id, span.parent_id),
        (samples::trace_id(1), samples::span_id(2), samples::span_id(1))
    );
    assert_eq!((span.start_ns, span.end_ns), (1_700_000_000_000_000_002, 1_700_000_000_005_000_002));
    assert_eq!((span.status, span.scope), (1, 0));
    assert_eq!(span.body.of(&body), samples::span(1, 2));
    assert_eq!(span.field.of(&body), field(2, &samples::span(1, 2)));
    assert_eq!(index.resources[0].resource.of(&body), samples::resource("orders"));
    assert_eq!(index.scopes[0].scope.of(&body), samples::scope("pyspan.bench"));
    assert_eq!(index.scopes[0].schema_url.of(&body), b"https://opentelemetry.io/schemas/1.26.0");
}

#[test]
fn an_empty_request_is_one() {
    assert_eq!(walk(b"").unwrap(), Index::default());
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let long = field(1, &[9; 40]);
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (vec![0x0a, 5, 1], "length 5 at byte 1 reaches beyond its message"),
        (vec![0x0a], "broken varint at byte 1"),
        (vec![0xff; 11], "broken varint at byte 0"),
        (vec![0x00], "impossible field number at byte 0"),
        (vec![0x13, 0x14], "group at byte 1 (not part of proto3)"),
        (vec![0x16], "wire type 6 at byte 1 does not exist"),
        (vec![0x08, 0], "resource_spans with wire type 0 at byte 0"),
        (vec![0x11, 0], "value cut off at byte 1"),
        (request(&[field(2, &[2; 8])]), "span at byte 6 without trace id"),
        (request(&[field(1, &[1; 16])]), "span at byte 6 without span id"),
        (request(&[field(1, &[0; 16]), field(2, &[2; 8])]), "trace id of the span at byte 6 is all zeros"),
        (request(&[field(1, &[1; 16]), field(2, &[0; 8])]), "span id of the span at byte 6 is all zeros"),
        (request(&[long]), "trace id of 40 bytes at byte 6 (must be 16)"),
        (request(&[field(1, &[1; 16]), field(2, &[2; 7])]), "span id of 7 bytes at byte 24 (must be 8)"),
        (with(&field(4, &[3; 9])), "parent span id of 9 bytes at byte 34 (must be 8)"),
        (with(&field(5, b"caf\xe9")), "name at byte 34 is not UTF-8"),
        (with(&field(3, b"\xed\xa0\x80")), "trace_state at byte 34 is not UTF-8"),
        (with(&number(5, 1)), "name with wire type 0 at byte 34"),
        (with(&number(7, 1)), "start_time_unix_nano with wire type 0 at byte 34"),
        (with(&field(9, &field(1, b"\xff"))), "key at byte 36 is not UTF-8"),
        (with(&field(9, &field(2, &field(1, b"\xc0")))), "string_value at byte 38 is not UTF-8"),
        (with(&field(9, &field(2, &fixed64(3, 1)))), "int_value with wire type 1 at byte 38"),
        (with(&field(13, &field(1, &[1; 15]))), "trace_id of 15 bytes at byte 36 (must be 16)"),
        (with(&field(15, &field(2, b"\x80"))), "message at byte 36 is not UTF-8"),
        (with(&field(15, &field(3, b"x"))), "code with wire type 2 at byte 36"),
        (field(1, &field(1, &field(1, &[0x0f]))), "key with wire type 7 at byte 6"),
    ];
    for (body, expected) in cases {
        assert_eq!(reason(&body), expected, "{body:02x?}");
    }
}

#[test]
fn parents_and_links_may_be_empty() {
    let extra = [field(4, b""), field(13, &[field(1, b""), field(2, b"")].concat())].concat();
    assert_eq!(walk(&with(&extra)).unwrap().spans[0].parent_id, [0; 8]);
}

#[test]
fn bytes_need_not_be_text() {
    assert!(walk(&with(&field(9, &field(2, &field(7, b"\xff\xfe"))))).is_ok());
}

/// Returns an attribute whose value is an array in an array, `levels` deep.
fn nested(levels: usize) -> Vec<u8> {
    let value = (0..levels).fold(Vec::new(), |inner, _| field(5, &field(1, &inner)));
    field(9, &field(2, &value))
}

#[test]
fn values_nest_as_deep_as_protobuf_decoders_go() {
    // Request, resource spans, scope spans, span, attribute and value: the array at level n has depth 5 + 2n.
    assert!(walk(&with(&nested(46))).is_ok());
    assert!(reason(&with(&nested(47))).starts_with("messages nested too deeply"));
    assert!(reason(&with(&nested(10_000))).starts_with("messages nested too deeply"));
}

#[test]
fn fields_repeated_against_the_schema_are_kept_in_slices() {
    let twice = [
        field(1, &samples::resource("a")),
        field(2, &field(2, &samples::span(1, 1))),
        field(1, &samples::resource("b")),
    ];
    let body = field(1, &twice.concat());
    let index = walk(&body).unwrap();
    assert_eq!(index.resources[0].resource.of(&body), samples::resource("b"));
    let whole = slice::range(&body, &index, 0..1);
    assert_eq!(flatten(&whole.data), flatten(&body));
}

type Flat = Vec<(Vec<u8>, Vec<u8>, Vec<u8>)>;

/// Returns for each span what its resource says, what its scope says, and the span.
fn flatten(body: &[u8]) -> Flat {
    let index = walk(body).unwrap();
    let copy = |run: &Run| -> Vec<u8> {
        let extents: &[Extent] = &index.pieces[run.start as usize..run.end as usize];
        extents.iter().flat_map(|extent| extent.of(body).to_vec()).collect()
    };
    let one = |span: &pyspan_core::otlp::index::SpanEntry| {
        let scope = &index.scopes[span.scope as usize];
        let resource = &index.resources[scope.resource as usize];
        (copy(&resource.pieces), copy(&scope.pieces), span.body.of(body).to_vec())
    };
    index.spans.iter().map(one).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_bytes_are_walked_without_panic(body: Vec<u8>) {
        let _ = walk(&body);
    }

    #[test]
    fn valid_requests_are_taken(body in any::requests(true)) {
        prop_assert!(walk(&body).is_ok());
    }

    #[test]
    fn damaged_requests_are_walked_and_sliced_without_panic(
        body in any::requests(true), at: prop::sample::Index, byte: u8, cut: prop::sample::Index,
    ) {
        let mut body = body;
        if !body.is_empty() {
            let at = at.index(body.len());
            body[at] = byte;
            body.truncate(cut.index(body.len()) + body.len() / 2);
        }
        prop_assert_eq!(count(&body), walk(&body).map(|index| index.spans.len()));
        if let Ok(index) = walk(&body) {
            let pieces = slice::pieces(&body, &index, Limits { spans: 2, bytes: 100 });
            prop_assert_eq!(pieces.iter().map(|piece| piece.spans).sum::<usize>(), index.spans.len());
        }
    }

    #[test]
    fn halves_hold_all_spans_in_order(body in any::requests(true)) {
        let index = walk(&body).unwrap();
        match slice::halves(&body, &index) {
            None => prop_assert!(index.spans.len() < 2),
            Some((first, second)) => {
                prop_assert!(first.spans.abs_diff(second.spans) < 2);
                prop_assert_eq!([flatten(&first.data), flatten(&second.data)].concat(), flatten(&body));
            }
        }
    }

    #[test]
    fn pieces_keep_to_the_limits(body in any::requests(true), bytes in 1..2000_usize, spans in 1..9_usize) {
        let index = walk(&body).unwrap();
        let pieces = slice::pieces(&body, &index, Limits { spans, bytes });
        for piece in &pieces {
            prop_assert!(piece.spans <= spans);
            let own = walk(&piece.data).unwrap().spans;
            let span_bytes: usize = own.iter().map(|span| span.field.len()).sum();
            prop_assert!(piece.data.len() <= bytes || piece.spans == 1 || span_bytes <= bytes / 2);
            prop_assert_eq!(own.len(), piece.spans);
        }
        prop_assert_eq!(pieces.iter().flat_map(|piece| flatten(&piece.data)).collect::<Flat>(), flatten(&body));
    }

    #[test]
    fn traces_come_apart_by_first_appearance(body in any::requests(true)) {
        let index = walk(&body).unwrap();
        let mut order: Vec<[u8; 16]> = Vec::new();
        index.spans.iter().for_each(|span| if !order.contains(&span.trace_id) { order.push(span.trace_id) });
        let traces = slice::by_trace(&body, &index);
        prop_assert_eq!(traces.iter().map(|(id, _)| *id).collect::<Vec<_>>(), order);
        for (id, trace) in traces {
            let places = index.spans.iter().enumerate().filter(|(_, span)| span.trace_id == id).map(|(at, _)| at);
            let all = flatten(&body);
            let own: Flat = places.map(|at| all[at].clone()).collect();
            prop_assert_eq!(trace.spans, own.len());
            prop_assert_eq!(flatten(&trace.data), own);
        }
    }

    #[test]
    fn bodies_one_after_the_other_are_one_request(first in any::requests(true), second in any::requests(true)) {
        prop_assert_eq!(flatten(&[first.clone(), second.clone()].concat()), [flatten(&first), flatten(&second)].concat());
    }

    #[test]
    fn records_hold_every_span_once_within_limit_and_budget(
        body in any::requests(true), limit in 1..2000_usize, budget in 1..4000_usize,
    ) {
        let (index, all) = (walk(&body).unwrap(), flatten(&body));
        let (mut done, mut found) = (0, Flat::new());
        while done < all.len() {
            let some = slice::records(&body, &index, done, limit, budget);
            prop_assert!(some.done > done);
            let bytes: Vec<usize> = some.requests.iter().map(|(_, request)| request.data.len()).collect();
            prop_assert!(bytes.iter().all(|bytes| *bytes <= limit));
            prop_assert!(bytes.iter().rev().skip(1).sum::<usize>() < budget);
            for (id, request) in &some.requests {
                prop_assert!(walk(&request.data).unwrap().spans.iter().all(|span| span.trace_id == *id));
                found.extend(flatten(&request.data));
            }
            found.extend(flatten(&slice::pick(&body, &index, &some.too_large).data));
            done = some.done;
        }
        let sorted = |mut flat: Flat| { flat.sort(); flat };
        prop_assert_eq!(sorted(found), sorted(all));
    }
}

#[test]
fn a_resource_above_the_limit_is_not_copied_for_each_span() {
    let spans: Vec<u8> = (1..=1000).flat_map(|id| field(2, &samples::span(1, id))).collect();
    let resource = field(1, &samples::resource(&"x".repeat(100_000)));
    let body = field(1, &[resource, field(2, &spans)].concat());
    let index = walk(&body).unwrap();
    let pieces = slice::pieces(&body, &index, Limits { spans: usize::MAX, bytes: 80_000 });
    let total: usize = pieces.iter().map(|piece| piece.data.len()).sum();
    assert_eq!(pieces.iter().map(|piece| piece.spans).sum::<usize>(), 1000);
    assert!(total < 4 * body.len(), "{total} bytes of {} in {} pieces", body.len(), pieces.len());
}
