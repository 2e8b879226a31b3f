"""A flush that ignores its timeout."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from pyspan.sdk.trace import TracerProvider
from pyspan.sdk.trace.export import BatchSpanProcessor, OTLPSpanExporter
from tests.support.otlp_sink import Answer
from tests.support.ports import free_port

if TYPE_CHECKING:
    from tests.support.otlp_sink import OtlpSink


@pytest.fixture(params=["dead", "silent"])
def endpoint(request: pytest.FixtureRequest, sink: OtlpSink) -> str:
    sink.rule = lambda _: Answer(delay=50.0)
    return sink.endpoint if request.param == "silent" else f"http://127.0.0.1:{free_port()}"


def test_a_flush_that_cannot_be_done_ends_at_its_timeout_and_says_so(endpoint: str) -> None:
    processor = BatchSpanProcessor(OTLPSpanExporter(f"{endpoint}/v1/traces"))
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    provider.get_tracer("x").start_span("x").end()
    begun = time.monotonic()
    assert provider.force_flush(300) is False
    assert 0.3 <= time.monotonic() - begun < 5.0  # the exporter itself would try for 30 s
    processor.shutdown(timeout_millis=10)
