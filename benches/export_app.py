"""A process that makes typical spans as fast as it can and exports them: `export_app TRACER ENDPOINT SPANS`."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from benches.workloads import REQUEST, SERVER


def main(kind: str, endpoint: str, count: int) -> None:
    """Print what was made, how long it took on the clock and on the processor, and what the tracer says it dropped."""
    provider = _ours(endpoint) if kind == "pyspan" else _sdk(endpoint)
    tracer = provider.get_tracer("bench", "1.0")
    wall, cpu = time.monotonic(), time.process_time()
    for _ in range(count):
        tracer.start_span("GET /orders/{id}", kind=SERVER, attributes=REQUEST).end()
    made = time.monotonic() - wall
    provider.force_flush(60_000)
    provider.shutdown()
    figures = {"made_s": made, "wall_s": time.monotonic() - wall, "cpu_s": time.process_time() - cpu}
    print(json.dumps(figures))


def _ours(endpoint: str) -> Any:
    """Make pyspan wait for room where the queue is full: a flood comes to the pace of the sink, and loses nothing."""
    from pyspan.sdk.trace import TracerProvider
    from pyspan.sdk.trace.export import BatchSpanProcessor, OTLPSpanExporter

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint), block_timeout=30.0))
    return provider


def _sdk(endpoint: str) -> Any:
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint, compression=Compression.Gzip)))
    return provider


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
