"""An application that exports by itself: what its spans said when read is what arrives at a real receiver."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

import pytest
from opentelemetry import trace
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
)
from opentelemetry.util.types import AttributeValue

from pyspan.sdk.resources import Resource
from pyspan.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from pyspan.sdk.trace.export import BatchSpanProcessor, OTLPSpanExporter, SimpleSpanProcessor
from pyspan.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.integration.peers import TOPIC
from tests.integration.readable import from_readable
from tests.integration.reading import assert_delivered, wait_for
from tools.components.collector import Collector
from tools.components.kafka import Kafka

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

VALUES: dict[str, AttributeValue] = {
    "string": "Grüße, 世界 🌍",
    "empty": "",
    "bool": True,
    "int": -(2**63),
    "double": 0.1,
    "strings": ["a", "b"],
    "ints": (1, 2),
    "doubles": [0.5],
    "bools": [True, False],
    "nothing": [],
}


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_the_collector_receives_from_the_application_what_its_spans_say(
    protocol: str, compression: str, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = collector.traces_url if protocol == "http/protobuf" else f"http://{collector.grpc_address}"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", protocol)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", endpoint)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", compression)
    finished = produce(BatchSpanProcessor(OTLPSpanExporter()))
    assert_delivered([from_readable(span) for span in finished], collector.spans_file)


PROGRAM = """
import pyspan
from opentelemetry import trace

pyspan.configure()
tracer = trace.get_tracer("program")
for order in range(300):
    with tracer.start_as_current_span("order") as outer, tracer.start_as_current_span("charge") as inner:
        for span in (outer, inner):
            context = span.get_span_context()
            print(f"{context.trace_id:032x} {context.span_id:016x}")
"""


def test_the_application_reaches_the_collector_straight_through_kafka(kafka: Kafka, kafka_collector: Collector) -> None:
    environment = {**os.environ, "OTEL_TRACES_EXPORTER": f"kafka={kafka.bootstrap}/{TOPIC}"}
    words = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60, check=True)
    started = {(trace_id, span_id) for trace_id, span_id in map(str.split, done.stdout.splitlines())}
    found, counts = wait_for(kafka_collector.spans_file, started)
    assert len(started) == 600
    assert found.keys() == started
    assert set(counts.values()) == {1}


def produce(processor: BatchSpanProcessor) -> Sequence[ReadableSpan]:
    """Make spans that use everything the API has, shut the provider down, and return them as read."""
    memory = InMemorySpanExporter()
    limits = SpanLimits(max_attributes=len(VALUES) + 2, max_events=2, max_links=2, max_event_attributes=3)
    resource = Resource({"service.name": "application", **VALUES}, "https://opentelemetry.io/schemas/1.30.0")
    provider = TracerProvider(resource=resource, span_limits=limits, shutdown_on_exit=False)
    provider.add_span_processor(processor)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    schema = "https://opentelemetry.io/schemas/1.29.0"
    _trace_everything(provider.get_tracer("full", "1.2.3", schema, {"scope.kind": "test"}))
    _trace_everything(provider.get_tracer("bare"))
    finished = memory.get_finished_spans()
    provider.shutdown()
    return finished


def _trace_everything(tracer: trace.Tracer) -> None:
    remote = SpanContext(2**127 + 1, 2**63 + 1, True, TraceFlags(1), TraceState([("vendor", "value")]))
    parent = trace.set_span_in_context(NonRecordingSpan(remote))
    links = [Link(remote, {"link.reason": "retry"}), Link(SpanContext(5, 6, False)), Link(remote)]
    for kind in SpanKind:
        with tracer.start_as_current_span(f"{kind.name} ö", parent, kind, VALUES, links) as span:
            span.set_attributes({f"more.{number}": number for number in range(5)})
            for number in range(3):
                span.add_event(f"event {number}", {f"key.{index}": index for index in range(number + 2)})
            span.set_status(Status(StatusCode.ERROR, "it broke") if kind is SpanKind.SERVER else StatusCode.OK)
            with tracer.start_as_current_span("child"):
                pass
    with pytest.raises(ValueError, match="no stock"), tracer.start_as_current_span("fails"):
        raise ValueError("no stock")
