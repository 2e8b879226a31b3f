"""A huge trace that is dropped whole, because it is above the backend's limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspan.sdk.trace import TracerProvider
from pyspan.sdk.trace.export import BatchSpanProcessor, OTLPSpanExporter
from tests.support.otlp_sink import OK, Answer

if TYPE_CHECKING:
    from tests.support.otlp_sink import OtlpSink, SinkRequest

LIMIT = 100_000
SPANS = 5_000


def test_a_trace_above_the_backend_s_limit_arrives_in_pieces(sink: OtlpSink) -> None:
    def limited(request: SinkRequest) -> Answer:
        return OK if len(request.body) <= LIMIT else Answer(status=413)

    sink.rule = limited
    processor = BatchSpanProcessor(OTLPSpanExporter(f"{sink.endpoint}/v1/traces"))
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("x")
    with tracer.start_as_current_span("whole"):
        for _ in range(SPANS - 1):
            tracer.start_span("part", attributes={"payload": "x" * 512}).end()
    assert provider.force_flush(30_000) is True
    delivered = sink.delivered()
    assert len(delivered) == SPANS
    assert len({trace_id for trace_id, _ in delivered}) == 1
    provider.shutdown()
    stats = processor._stats()
    assert {key: count for key, count in stats.items() if key.startswith("dropped") and count} == {}
