"""OTLP requests that use every field of the protocol, built with the published schema."""

from __future__ import annotations

import secrets
import time
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

__all__ = ["every_field", "plain"]

NOW = time.time_ns()
EVERY_TYPE = {
    "string": AnyValue(string_value="Grüße, 世界 🌍"),
    "string.empty": AnyValue(string_value=""),
    "bool": AnyValue(bool_value=True),
    "bool.false": AnyValue(bool_value=False),
    "int": AnyValue(int_value=-42),
    "int.largest": AnyValue(int_value=2**63 - 1),
    "int.smallest": AnyValue(int_value=-(2**63)),
    "int.zero": AnyValue(int_value=0),
    "double": AnyValue(double_value=0.1),
    "double.zero": AnyValue(double_value=0.0),
    "double.huge": AnyValue(double_value=1.7976931348623157e308),
    "bytes": AnyValue(bytes_value=bytes(range(256))),
    "array": AnyValue(array_value=ArrayValue(values=[AnyValue(int_value=1), AnyValue(string_value="two")])),
    "array.empty": AnyValue(array_value=ArrayValue()),
    "map": AnyValue(
        kvlist_value=KeyValueList(values=[KeyValue(key="inner", value=AnyValue(bool_value=True))]),
    ),
    "empty": AnyValue(),
}


def _set(attributes: Any, values: dict[str, AnyValue]) -> None:
    for key, value in values.items():
        attributes.add(key=key).value.CopyFrom(value)


def every_field(spans: int) -> ExportTraceServiceRequest:
    """Build spans of one trace over two scopes, every field set in some of them and left out in others."""
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add(schema_url="https://opentelemetry.io/schemas/1.30.0")
    _set(resource_spans.resource.attributes, {"service.name": AnyValue(string_value="integration"), **EVERY_TYPE})
    resource_spans.resource.dropped_attributes_count = 1
    full = resource_spans.scope_spans.add(schema_url="https://opentelemetry.io/schemas/1.29.0")
    full.scope.name, full.scope.version, full.scope.dropped_attributes_count = "full", "1.2.3", 2
    _set(full.scope.attributes, EVERY_TYPE)
    bare = resource_spans.scope_spans.add()
    trace_id = secrets.token_bytes(16)
    for index in range(spans):
        scope_spans = full if index % 2 == 0 else bare
        span = scope_spans.spans.add(trace_id=trace_id, span_id=secrets.token_bytes(8), name=f"span {index}")
        span.start_time_unix_nano, span.end_time_unix_nano = NOW + index, NOW + index + 1_000_000
        if scope_spans is full:
            _fill(span, index)
    return request


def _fill(span: Any, index: int) -> None:
    span.parent_span_id = secrets.token_bytes(8)
    span.trace_state = "vendor=value,other=1"
    span.flags = 0x301
    span.kind = index // 2 % 6
    span.dropped_attributes_count, span.dropped_events_count, span.dropped_links_count = 3, 4, 5
    span.status.code, span.status.message = index // 2 % 3, "the status" if index // 2 % 3 == 2 else ""
    _set(span.attributes, EVERY_TYPE)
    for number in range(2):
        event = span.events.add(name=f"event {number}", time_unix_nano=NOW + number, dropped_attributes_count=number)
        _set(event.attributes, EVERY_TYPE if number else {})
    link = span.links.add(trace_id=secrets.token_bytes(16), span_id=secrets.token_bytes(8), trace_state="linked=1")
    link.flags, link.dropped_attributes_count = 0x101, 6
    _set(link.attributes, EVERY_TYPE)


def plain(spans: int) -> ExportTraceServiceRequest:
    """Build small spans, four to a trace."""
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    _set(resource_spans.resource.attributes, {"service.name": AnyValue(string_value="load")})
    found = resource_spans.scope_spans.add().spans
    for index in range(spans):
        trace_id = secrets.token_bytes(16) if index % 4 == 0 else found[-1].trace_id
        span = found.add(trace_id=trace_id, span_id=secrets.token_bytes(8), name=f"load {index % 7}", kind=2)
        span.start_time_unix_nano, span.end_time_unix_nano = NOW, NOW + 1_000
    return request
