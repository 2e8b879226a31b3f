"""Requests that stall while the backend is down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspan.sdk.trace import TracerProvider
from pyspan.sdk.trace.export import BatchSpanProcessor, OTLPSpanExporter
from tests.support.otlp_sink import Answer

if TYPE_CHECKING:
    from tests.support.otlp_sink import OtlpSink

SPANS = 20_000


def test_ending_spans_waits_neither_for_an_answer_nor_for_room(sink: OtlpSink) -> None:
    sink.rule = lambda _: Answer(delay=50.0)
    exporter = OTLPSpanExporter(f"{sink.endpoint}/v1/traces")
    processor = BatchSpanProcessor(exporter, max_queue_size=1_000, max_export_batch_size=100)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("x")
    tracer.start_span("first").end()
    provider.force_flush(1)
    for _ in range(SPANS):
        tracer.start_span("x").end()
    assert not sink.delivered()  # all ended before the backend answered anything
    processor.shutdown(timeout_millis=10)
    stats = processor._stats()
    assert stats["dropped_queue_full"] > 0
    assert stats["dropped_queue_full"] + stats["dropped_at_shutdown"] == SPANS + 1
