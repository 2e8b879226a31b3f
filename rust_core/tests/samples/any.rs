//! Valid requests of any shape: nested values, links, events, unknown fields, several resources and scopes.

use proptest::collection::vec;
use proptest::prelude::*;

use super::{field, fixed64, number, varint};

/// Returns requests with all that a sender may put in, unknown fields only if `unknown`.
pub fn requests(unknown: bool) -> impl Strategy<Value = Vec<u8>> {
    let list = vec(resource_spans(unknown).prop_map(|body| field(1, &body)), 0..4);
    with_unknown(list.prop_map(|parts| parts.concat()), unknown)
}

fn resource_spans(unknown: bool) -> impl Strategy<Value = Vec<u8>> {
    let scopes = vec(scope_spans(unknown), 0..4);
    let parts = (proptest::option::of(attributes(1)), scopes, proptest::option::of(".{0,9}"));
    let body = parts.prop_map(|(resource, scopes, url)| {
        let mut out = resource.map(|resource| field(1, &resource)).unwrap_or_default();
        for scope in scopes {
            out.extend(field(2, &scope));
        }
        out.extend(url.map(|url| field(3, url.as_bytes())).unwrap_or_default());
        out
    });
    with_unknown(body, unknown)
}

fn scope_spans(unknown: bool) -> impl Strategy<Value = Vec<u8>> {
    let scope = ("[a-z]{0,4}", attributes(3)).prop_map(|(name, rest)| [field(1, name.as_bytes()), rest].concat());
    let parts = (proptest::option::of(scope), vec(span(unknown), 0..6), proptest::option::of(".{0,9}"));
    let body = parts.prop_map(|(scope, spans, url)| {
        // The URL first: the order of fields is the sender's.
        let mut out = url.map(|url| field(3, url.as_bytes())).unwrap_or_default();
        out.extend(scope.map(|scope| field(1, &scope)).unwrap_or_default());
        for span in spans {
            out.extend(field(2, &span));
        }
        out
    });
    with_unknown(body, unknown)
}

fn span(unknown: bool) -> impl Strategy<Value = Vec<u8>> {
    // Few traces, so that they meet again in other scopes.
    let ids = (1..6_u8, 1..u64::MAX, proptest::option::of(1..u64::MAX));
    let times = (any::<u64>(), any::<u64>(), 0..6_u64, 0..3_u64);
    let parts = (ids, times, "\\PC{0,12}", attributes(9), vec(event(), 0..3), vec(link(), 0..3), any::<u32>());
    let body =
        parts.prop_map(|((trace, id, parent), (start, end, kind, code), name, attributes, events, links, flags)| {
            let mut out = [field(1, &[trace; 16]), field(2, &id.to_be_bytes())].concat();
            out.extend(parent.map(|parent| field(4, &parent.to_be_bytes())).unwrap_or_default());
            out.extend(
                [field(5, name.as_bytes()), number(6, kind), fixed64(7, start), fixed64(8, end), attributes].concat(),
            );
            for event in events {
                out.extend(field(11, &event));
            }
            for link in links {
                out.extend(field(13, &link));
            }
            out.extend(field(15, &[field(2, name.as_bytes()), number(3, code)].concat()));
            varint(&mut out, 16 << 3 | 5);
            out.extend(flags.to_le_bytes());
            out
        });
    with_unknown(body, unknown)
}

fn event() -> impl Strategy<Value = Vec<u8>> {
    let parts = (any::<u64>(), "\\PC{0,6}", attributes(3), any::<u32>());
    parts.prop_map(|(time, name, attributes, dropped)| {
        [fixed64(1, time), field(2, name.as_bytes()), attributes, number(4, u64::from(dropped))].concat()
    })
}

fn link() -> impl Strategy<Value = Vec<u8>> {
    let parts = (any::<[u8; 16]>(), any::<[u8; 8]>(), attributes(4));
    parts.prop_map(|(trace, span, attributes)| [field(1, &trace), field(2, &span), attributes].concat())
}

fn attributes(at: u64) -> impl Strategy<Value = Vec<u8>> {
    let pair =
        ("\\PC{0,8}", any_value()).prop_map(|(key, value)| [field(1, key.as_bytes()), field(2, &value)].concat());
    vec(pair.prop_map(move |pair| field(at, &pair)), 0..4).prop_map(|pairs| pairs.concat())
}

/// Returns `AnyValue`s, nested some levels deep.
pub fn any_value() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        Just(Vec::new()),
        "\\PC{0,140}".prop_map(|text| field(1, text.as_bytes())),
        any::<bool>().prop_map(|value| number(2, u64::from(value))),
        any::<u64>().prop_map(|value| number(3, value)),
        any::<f64>().prop_map(|value| fixed64(4, value.to_bits())),
        any::<Vec<u8>>().prop_map(|bytes| field(7, &bytes)),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        let pair = ("[a-z]{1,3}", inner.clone());
        let pair = pair.prop_map(|(key, value)| field(1, &[field(1, key.as_bytes()), field(2, &value)].concat()));
        prop_oneof![
            vec(inner.prop_map(|value| field(1, &value)), 0..4).prop_map(|values| field(5, &values.concat())),
            vec(pair, 0..4).prop_map(|pairs| field(6, &pairs.concat())),
        ]
    })
}

/// Puts an unknown field of any wire type behind the body.
fn with_unknown(body: impl Strategy<Value = Vec<u8>>, unknown: bool) -> impl Strategy<Value = Vec<u8>> {
    let extra = prop_oneof![
        Just(Vec::new()),
        any::<Vec<u8>>().prop_map(|bytes| field(50, &bytes)),
        any::<u64>().prop_map(|value| number(999, value)),
        any::<u64>().prop_map(|value| fixed64(51, value)),
    ];
    (body, extra).prop_map(move |(body, extra)| if unknown { [body, extra].concat() } else { body })
}
