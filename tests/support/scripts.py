"""Scripts that trace, each in a Python of its own, and what of theirs a sink was delivered."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan

    from tests.support.otlp_sink import OtlpSink

__all__ = ["SETUP", "assert_no_id_twice", "names", "run", "spans"]

SETUP = """
import multiprocessing, os, sys, time
import pyspan
from opentelemetry import trace
pyspan.configure("script")
tracer = trace.get_tracer("script")

def trace_some(name, count):
    for number in range(count):
        with tracer.start_as_current_span(f"{name} {number}"):
            pass
"""


def run(code: str, endpoint: str, *, before: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    """Run `before`, the set-up and `code` in one script that exports to `endpoint`; CalledProcessError if it fails."""
    return subprocess.run(
        [sys.executable, "-c", before + SETUP + textwrap.dedent(code)],
        env={"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, **environ},
        timeout=50,
        check=True,
        capture_output=True,
        text=True,
    )


def names(sink: OtlpSink) -> list[str]:
    """Sort the names of all spans that came to the sink."""
    return sorted(span.name for _, span in spans(sink))


def spans(sink: OtlpSink) -> Iterator[tuple[str, OtlpSpan]]:
    """Read what came to the sink: service instance and span."""
    for request in sink.requests:
        for resource_spans in ExportTraceServiceRequest.FromString(request.body).resource_spans:
            attributes = {pair.key: pair.value for pair in resource_spans.resource.attributes}
            instance = attributes["service.instance.id"].string_value
            for scope in resource_spans.scope_spans:
                yield from ((instance, span) for span in scope.spans)


def assert_no_id_twice(sink: OtlpSink, count: int) -> None:
    """Check that so many spans were delivered once, each the root of a trace of its own."""
    delivered = sink.delivered()
    assert sum(delivered.values()) == count
    assert len(delivered) == count
    assert len({span_id for _, span_id in delivered}) == count
    assert len({trace_id for trace_id, _ in delivered}) == count
