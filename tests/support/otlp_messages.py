"""OTLP trace requests for tests, made with the published protobuf schema and never with pyspan's own encoder."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from google.protobuf.internal.containers import RepeatedCompositeFieldContainer
    from opentelemetry.proto.common.v1.common_pb2 import KeyValue
    from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans

__all__ = ["SpanKey", "check_spans", "make_request"]

SpanKey = tuple[str, str]
"""Trace id and span id in lower-case hex."""


def make_request(spans: int, *, service: str = "orders", name: str = "op") -> tuple[bytes, list[SpanKey]]:
    """Encode a request of that many spans with random ids, eight spans to a trace, and name the ids it carries."""
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    _attribute(resource_spans.resource.attributes, "service.name", service)
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = "tests"
    keys: list[SpanKey] = []
    trace_id = b""
    for index in range(spans):
        if index % 8 == 0:
            trace_id = secrets.token_bytes(16)
        span_id = secrets.token_bytes(8)
        _add_span(scope_spans, trace_id, span_id, f"{name}-{index}")
        keys.append((trace_id.hex(), span_id.hex()))
    return request.SerializeToString(), keys


def check_spans(body: bytes) -> list[SpanKey]:
    """Decode a request and return its span ids; ValueError says what a strict backend would refuse."""
    request = ExportTraceServiceRequest()
    request.ParseFromString(body)
    keys: list[SpanKey] = []
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                if len(span.trace_id) != 16 or not any(span.trace_id):
                    raise ValueError(f"trace id {span.trace_id.hex()!r}")
                if len(span.span_id) != 8 or not any(span.span_id):
                    raise ValueError(f"span id {span.span_id.hex()!r}")
                keys.append((span.trace_id.hex(), span.span_id.hex()))
    return keys


def _add_span(scope_spans: ScopeSpans, trace_id: bytes, span_id: bytes, name: str) -> None:
    now = time.time_ns()
    span = scope_spans.spans.add(
        trace_id=trace_id,
        span_id=span_id,
        name=name,
        kind=2,
        start_time_unix_nano=now - 1_000_000,
        end_time_unix_nano=now,
    )
    _attribute(span.attributes, "http.request.method", "POST")
    _attribute(span.attributes, "url.path", f"/orders/{name}")


def _attribute(attributes: RepeatedCompositeFieldContainer[KeyValue], key: str, value: str) -> None:
    attributes.add(key=key).value.string_value = value
