"""OpenTelemetry's own OTLP encoder over our spans says the same as our own encoding of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from pyspan._core import SpanQueue
from pyspan.sdk.resources import Resource
from pyspan.sdk.trace import SpanLimits, TracerProvider
from pyspan.sdk.trace.export import SimpleSpanProcessor
from pyspan.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

if TYPE_CHECKING:
    from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan


@pytest.mark.parametrize("limits", [SpanLimits(), SpanLimits(max_attributes=2, max_events=1, max_links=1)])
def test_both_encoders_agree(limits: SpanLimits) -> None:
    exporter, queue = InMemorySpanExporter(), SpanQueue(max_spans=9, max_bytes=9999, batch_spans=9, batch_bytes=9999)
    provider = TracerProvider(resource=Resource({"service.name": "shop"}), span_limits=limits, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    provider._recorder.add_queue(queue)
    tracer = provider.get_tracer("scope", "1", "https://schema", {"s": 1})
    linked = Link(SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1)), {"l": True, "m": 1, "n": 2})
    values: dict[str, Any] = {"text": "é", "number": -1, "float": 1.5, "flag": False, "bytes": b"\xff", "map": {"k": 1}}
    inner = tracer.start_as_current_span("inner", kind=SpanKind.SERVER, attributes=values, links=[linked, linked])
    with tracer.start_as_current_span("outer"), inner as span:
        span.add_event("first", {"a": 1, "b": 2, "c": 3}, 7)
        span.add_event("second")
        span.set_status(Status(StatusCode.ERROR, "why"))
    batch = queue.take(partial=True)
    assert batch is not None
    finished: Any = exporter.get_finished_spans()
    ours, theirs = ExportTraceServiceRequest.FromString(batch.data), encode_spans(finished)
    assert [normal(span) for span in spans(ours)] == [normal(span) for span in spans(theirs)]
    for part in (ours, theirs):
        part.resource_spans[0].scope_spans[0].ClearField("spans")
    assert ours == theirs


def spans(request: ExportTraceServiceRequest) -> list[OtlpSpan]:
    return list(request.resource_spans[0].scope_spans[0].spans)


def normal(span: OtlpSpan) -> OtlpSpan:
    """Leave out the trace flags, which their encoder forgets, and an unset status, which ours does not spell out."""
    span.flags &= ~0xFF
    if not span.status.code:
        span.ClearField("status")
    for link in span.links:
        link.flags &= ~0xFF
    return span
