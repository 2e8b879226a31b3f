"""inflight_lost: long spans can be shown while they are open, and a process that is killed leaves what they were."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.otlp_sink import OtlpSink

if TYPE_CHECKING:
    from collections.abc import Iterator

JOB = """
import sys, time
import pyspan
tracer = pyspan.configure("jobs", export_open_spans_after=float(sys.argv[1])).get_tracer("x")
with tracer.start_as_current_span("nightly job") as span:
    span.set_attribute("rows", 7)
    print("begun", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def sink() -> Iterator[OtlpSink]:
    with OtlpSink() as sink:
        yield sink


def begin(sink: OtlpSink, after: float) -> subprocess.Popen[str]:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": sink.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "50"}
    job = subprocess.Popen([sys.executable, "-c", JOB, str(after)], env=environ, stdout=subprocess.PIPE, text=True)
    assert job.stdout is not None
    assert job.stdout.readline() == "begun\n"
    return job


def first_seen(sink: OtlpSink) -> tuple[str, list[str]]:
    request = ExportTraceServiceRequest.FromString(sink.requests[0].body)
    span = request.resource_spans[0].scope_spans[0].spans[0]
    return span.name, [attribute.key for attribute in span.attributes]


@pytest.mark.parametrize(("after", "number"), [(0.1, signal.SIGKILL), (3600.0, signal.SIGTERM)])
def test_a_job_that_is_killed_was_seen(sink: OtlpSink, after: float, number: signal.Signals) -> None:
    with begin(sink, after) as job:
        if number == signal.SIGKILL:
            sink.wait_for_spans(1)
        job.send_signal(number)
        job.wait(30)
    sink.wait_for_spans(1)
    assert first_seen(sink) == ("nightly job", ["rows", "pyspan.span.open"])
    assert not sink.violations
