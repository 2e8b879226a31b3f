"""Batches as Python sees them, beside the published protobuf schema."""

from __future__ import annotations

import gzip
import json
import math
from typing import TYPE_CHECKING

import cramjam
import pytest
from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from pyspan._core import Batch
from pyspan.errors import MalformedError
from tests.support.otlp_messages import check_spans, make_request

if TYPE_CHECKING:
    from collections.abc import Iterable

RELAXED = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])

LEAVES = st.one_of(
    st.builds(AnyValue),
    st.builds(AnyValue, string_value=st.text()),
    st.builds(AnyValue, bool_value=st.booleans()),
    st.builds(AnyValue, int_value=st.integers(-(2**63), 2**63 - 1)),
    st.builds(AnyValue, double_value=st.floats(allow_nan=False)),
    st.builds(AnyValue, bytes_value=st.binary()),
)


def containers(inner: st.SearchStrategy[AnyValue]) -> st.SearchStrategy[AnyValue]:
    pairs = st.builds(KeyValue, key=st.text(max_size=4), value=inner)
    return st.one_of(
        st.builds(AnyValue, array_value=st.builds(ArrayValue, values=st.lists(inner, max_size=3))),
        st.builds(AnyValue, kvlist_value=st.builds(KeyValueList, values=st.lists(pairs, max_size=3))),
    )


ATTRIBUTES = st.lists(
    st.builds(KeyValue, key=st.text(max_size=8), value=st.recursive(LEAVES, containers, max_leaves=5)), max_size=3
)
TIMES = st.integers(0, 2**64 - 1)
COUNTS = st.integers(0, 2**32 - 1)
SPANS = st.builds(
    Span,
    trace_id=st.integers(1, 4).map(lambda at: bytes([at]) * 16),
    span_id=st.binary(min_size=8, max_size=8).filter(any),
    parent_span_id=st.one_of(st.just(b""), st.binary(min_size=8, max_size=8)),
    trace_state=st.text(max_size=8),
    name=st.text(max_size=12),
    kind=st.integers(0, 5),
    start_time_unix_nano=TIMES,
    end_time_unix_nano=TIMES,
    attributes=ATTRIBUTES,
    dropped_attributes_count=COUNTS,
    events=st.lists(
        st.builds(Span.Event, time_unix_nano=TIMES, name=st.text(max_size=5), attributes=ATTRIBUTES), max_size=2
    ),
    links=st.lists(
        st.builds(Span.Link, trace_id=st.just(b"\x05" * 16), attributes=ATTRIBUTES, flags=COUNTS), max_size=2
    ),
    status=st.builds(Status, code=st.integers(0, 2), message=st.text(max_size=5)),
    flags=COUNTS,
)


@st.composite
def requests(draw: st.DrawFn) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    for _ in range(draw(st.integers(0, 2))):
        resource_spans = request.resource_spans.add(schema_url=draw(st.text(max_size=5)))
        resource_spans.resource.attributes.extend(draw(ATTRIBUTES))
        for _ in range(draw(st.integers(0, 2))):
            scope_spans = resource_spans.scope_spans.add(schema_url=draw(st.text(max_size=5)))
            scope_spans.scope.name = draw(st.text(max_size=5))
            scope_spans.spans.extend(draw(st.lists(SPANS, max_size=4)))
    return request


def decode(body: bytes) -> ExportTraceServiceRequest:
    return ExportTraceServiceRequest.FromString(body)


def span_of(value: AnyValue) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(trace_id=b"\x01" * 16, span_id=b"\x02" * 8)
    span.attributes.add(key="k").value.CopyFrom(value)
    return request


def test_a_batch_knows_its_size() -> None:
    body, keys = make_request(20)
    batch = Batch.parse(body)
    assert (len(batch), batch.nbytes, batch.data) == (20, len(body), body)
    assert batch.span_ids() == keys
    assert repr(batch) == f"Batch(spans=20, nbytes={len(body)})"


def test_a_malformed_body_says_what_and_where() -> None:
    with pytest.raises(MalformedError, match=r"^length 200 at byte 1 reaches beyond its message$"):
        Batch.parse(b"\x0a\xc8\x01abc")


@RELAXED
@given(requests())
def test_what_protobuf_writes_is_taken(request: ExportTraceServiceRequest) -> None:
    batch = Batch.parse(request.SerializeToString())
    assert batch.span_ids() == check_spans(batch.data)


@RELAXED
@given(requests(), st.data())
def test_what_is_taken_is_taken_by_protobuf_too(request: ExportTraceServiceRequest, data: st.DataObject) -> None:
    body = bytearray(request.SerializeToString())
    for _ in range(data.draw(st.integers(1, 3))):
        if body:
            body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        batch = Batch.parse(bytes(body))
    except MalformedError:
        return
    assert len(check_spans(bytes(body))) == len(batch)


def field(number: int, body: bytes) -> bytes:
    length = len(body)
    low, high = length & 0x7F, length >> 7
    return bytes([number << 3 | 2, *([low] if not high else [low | 0x80, high])]) + body


def nested(levels: int) -> bytes:
    """Encode a request whose only attribute holds that many maps within each other."""
    value = b""
    for _ in range(levels):
        value = field(6, field(1, field(1, b"k") + field(2, value)))
    span = field(1, b"\x01" * 16) + field(2, b"\x02" * 8) + field(9, field(2, value))
    return field(1, field(2, field(2, span)))


@pytest.mark.parametrize("levels", [1, 20, 30, 31, 32, 33, 40, 60, 200])
def test_what_nests_too_deeply_for_protobuf_is_refused(levels: int) -> None:
    try:
        decode(nested(levels))
    except DecodeError:
        with pytest.raises(MalformedError, match="nested too deeply"):
            Batch.parse(nested(levels))
    else:
        assert len(Batch.parse(nested(levels))) == 1


@RELAXED
@given(requests(), st.integers(1, 2000))
def test_pieces_hold_every_span_once_within_the_limit(request: ExportTraceServiceRequest, limit: int) -> None:
    batch = Batch.parse(request.SerializeToString())
    pieces = batch.split_to(limit)
    assert [key for piece in pieces for key in check_spans(piece.data)] == batch.span_ids()
    assert all(piece.nbytes <= limit or len(piece) == 1 or span_bytes(piece) <= limit // 2 for piece in pieces)


def span_bytes(batch: Batch) -> int:
    spans = [s for r in decode(batch.data).resource_spans for c in r.scope_spans for s in c.spans]
    return sum(len(span.SerializeToString()) for span in spans)


def test_halves_go_down_to_single_spans() -> None:
    body, keys = make_request(9)
    todo, single = [Batch.parse(body)], []
    while todo:
        batch = todo.pop(0)
        halves = batch.split()
        if halves is None:
            single.append(batch)
        else:
            todo = [*halves, *todo]
    assert [check_spans(batch.data) for batch in single] == [[key] for key in keys]


@RELAXED
@given(requests())
def test_a_trace_keeps_its_spans_whole_and_in_order(request: ExportTraceServiceRequest) -> None:
    batch = Batch.parse(request.SerializeToString())
    expected: dict[bytes, list[bytes]] = {}
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                expected.setdefault(span.trace_id.hex().encode(), []).append(span.SerializeToString())
    traces, too_large, done = batch.records()
    assert (too_large, done) == ([], len(batch))
    assert [key for key, _ in traces] == list(expected)
    for key, body in traces:
        spans = [s for r in decode(body).resource_spans for c in r.scope_spans for s in c.spans]
        assert [span.SerializeToString() for span in spans] == expected[key]


@RELAXED
@given(requests())
def test_json_says_the_same_as_protobuf(request: ExportTraceServiceRequest) -> None:
    line = Batch.parse(request.SerializeToString()).to_json()
    assert b"\n" not in line
    for resource_spans in request.resource_spans:  # the JSON shows these even where they are not set
        resource_spans.resource.SetInParent()
        for scope_spans in resource_spans.scope_spans:
            scope_spans.scope.SetInParent()
            for span in scope_spans.spans:
                span.status.SetInParent()
                for part in ([span], span.events, span.links):
                    for holder in part:
                        set_values(holder.attributes)
        set_values(resource_spans.resource.attributes)
    assert decode(Batch.parse_json(line).data) == request


def set_values(attributes: Iterable[KeyValue]) -> None:
    for attribute in attributes:
        attribute.value.SetInParent()
        set_lists(attribute.value)


def set_lists(value: AnyValue) -> None:
    if value.HasField("kvlist_value"):
        set_values(value.kvlist_value.values)
    if value.HasField("array_value"):
        for inner in value.array_value.values:
            set_lists(inner)


def test_json_that_is_broken_says_where() -> None:
    with pytest.raises(MalformedError, match="at line 2 column 3"):
        Batch.parse_json(b'{"resourceSpans":\n [}')


def test_spans_can_be_looked_at() -> None:
    body, keys = make_request(1, service="shop", name="buy")
    [span] = Batch.parse(body).spans()
    assert (span["trace_id"], span["span_id"]) == keys[0]
    assert (span["name"], span["kind"], span["parent_span_id"]) == ("buy-0", "SERVER", None)
    assert span["attributes"]["http.request.method"] == "POST"
    assert span["resource"] == {"service.name": "shop"}
    assert span["end_ns"] - span["start_ns"] == 1_000_000


def test_doubles_that_json_lacks_are_written_as_protobuf_has_them() -> None:
    for value, text in [(math.inf, "Infinity"), (-math.inf, "-Infinity"), (math.nan, "NaN")]:
        line = Batch.parse(span_of(AnyValue(double_value=value)).SerializeToString()).to_json()
        [resource_spans] = json.loads(line)["resourceSpans"]
        [span] = resource_spans["scopeSpans"][0]["spans"]
        assert span["attributes"][0]["value"] == {"doubleValue": text}


def test_other_tools_unpack_what_is_compressed() -> None:
    body, _ = make_request(100)
    batch = Batch.parse(body)
    assert gzip.decompress(batch.compress("gzip")) == body
    assert bytes(cramjam.zstd.decompress(batch.compress("zstd"))) == body
    assert batch.compress("none") == body
    assert len(batch.compress("gzip")) < len(body) / 3
    with pytest.raises(ValueError, match="use none, gzip or zstd"):
        batch.compress("brotli")
