"""A process that makes typical spans as fast as it can and exports them: `export_app TRACER ENDPOINT SECONDS`."""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import Any

from benches.workloads import REQUEST, SERVER


def main(kind: str, endpoint: str, seconds: float) -> None:
    """Print how many spans were made, how long it took to export them all, and the megabytes it took at its peak."""
    provider = _ours(endpoint) if kind == "pyspan" else _sdk(endpoint)
    tracer = provider.get_tracer("bench", "1.0")
    before, wall = _megabytes("VmRSS"), time.monotonic()
    made, end = 0, wall + seconds
    while time.monotonic() < end:
        for _ in range(1_000):
            tracer.start_span("GET /orders/{id}", kind=SERVER, attributes=REQUEST).end()
        made += 1_000
    provider.force_flush(60_000)
    provider.shutdown()
    print(json.dumps({"made": made, "wall_s": time.monotonic() - wall, "grown_mb": _megabytes("VmHWM") - before}))


def _megabytes(name: str) -> float:
    """Read one of the kernel's figures of this process: VmRSS is what it has in memory, VmHWM the most it ever had."""
    found = re.search(rf"^{name}:\s*(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found, name
    return int(found[1]) * 1024 / 1e6


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
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
