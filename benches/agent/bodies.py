"""Requests to feed agents with: 32 distinct bodies of 512 spans in traces of 8, 278 to 326 bytes a span."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

if TYPE_CHECKING:
    from google.protobuf.internal.containers import RepeatedCompositeFieldContainer

__all__ = ["BODIES", "SPANS_A_BODY", "bodies"]

BODIES = 32
SPANS_A_BODY = 512
# One repeated body flatters agents: their compressors and caches see it again and again.
_ROUTES = ("/orders", "/orders/{id}", "/payments", "/payments/{id}/refund", "/users/{id}/notifications", "/search")
_START_NS = 1_760_000_000_000_000_000


def bodies(seed: int = 1) -> list[bytes]:
    """Encode the bodies, the same ones for the same seed."""
    source = random.Random(seed)
    return [_body(source, index) for index in range(BODIES)]


def _body(source: random.Random, index: int) -> bytes:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    for key, value in (("service.name", f"service-{index % 5}"), ("service.version", "1.4.2"), ("host.name", "node-7")):
        resource.resource.attributes.add(key=key).value.string_value = value
    scope = resource.scope_spans.add()
    scope.scope.name = "opentelemetry.instrumentation.asgi"
    for _ in range(SPANS_A_BODY // 8):
        _trace(source, scope.spans, source.randbytes(16).hex()[:index])
    return request.SerializeToString()


def _trace(source: random.Random, spans: RepeatedCompositeFieldContainer[Span], host: str) -> None:
    trace_id, parent, start_ns = source.randbytes(16), b"", _START_NS + source.randrange(10**12)
    client = {
        "client.address": f"10.{source.randrange(256)}.{source.randrange(256)}.{source.randrange(256)}",
        "user.id": f"{source.getrandbits(64):016x}",
        "host.id": f"i-0{host}",
    }
    for depth in range(8):
        span = spans.add()
        span.trace_id, span.span_id, span.parent_span_id = trace_id, source.randbytes(8), parent
        span.kind = Span.SPAN_KIND_INTERNAL if depth else Span.SPAN_KIND_SERVER
        span.start_time_unix_nano = start_ns + depth * source.randrange(10**6)
        span.end_time_unix_nano = span.start_time_unix_nano + source.randrange(10**8)
        parent = span.span_id
        _fill(source, span, client)


def _fill(source: random.Random, span: Span, client: dict[str, str]) -> None:
    route = source.choice(_ROUTES)
    span.name = f"{source.choice(('GET', 'POST'))} {route}"
    texts = {"http.route": route, "url.path": route.replace("{id}", str(source.randrange(10**6))), **client}
    for key, value in texts.items():
        span.attributes.add(key=key).value.string_value = value
    numbers = {"http.response.status_code": source.choice((200, 201, 404)), "thread.id": 140_000 + source.randrange(16)}
    for key, number in numbers.items():
        span.attributes.add(key=key).value.int_value = number
    span.status.code = source.choice((Status.STATUS_CODE_UNSET, Status.STATUS_CODE_OK, Status.STATUS_CODE_ERROR))
