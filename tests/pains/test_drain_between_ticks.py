"""Spans that leave by 512 every five seconds at most."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspan.sdk.trace import TracerProvider
from pyspan.sdk.trace.export import BatchSpanProcessor, OTLPSpanExporter

if TYPE_CHECKING:
    from tests.support.otlp_sink import OtlpSink

HOUR = 3_600_000.0


def test_full_batches_are_exported_without_waiting_for_the_delay(sink: OtlpSink) -> None:
    exporter = OTLPSpanExporter(f"{sink.endpoint}/v1/traces")
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=HOUR, max_export_batch_size=512))
    tracer = provider.get_tracer("x")
    for _ in range(20 * 512):
        tracer.start_span("x").end()
    sink.wait_for_spans(20 * 512)
    provider.shutdown()
