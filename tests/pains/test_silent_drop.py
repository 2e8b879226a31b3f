"""silent_drop: no span is dropped without being counted by its reason and said in the log."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Any

import pytest

from pyspan.sdk.trace import TracerProvider
from pyspan.sdk.trace.export import BatchSpanProcessor, OTLPSpanExporter
from tests.support.otlp_sink import OtlpSink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BATCH = 10
QUEUE = 20


@pytest.fixture
def hanging() -> Iterator[str]:
    """A backend that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/v1/traces"


def make(endpoint: str, **settings: Any) -> tuple[BatchSpanProcessor, Any]:
    processor = BatchSpanProcessor(OTLPSpanExporter(endpoint), **settings)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    return processor, provider.get_tracer("x")


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_full_queue_is_logged_once_though_its_backend_hangs_and_the_rest_at_the_end(
    hanging: str, caplog: pytest.LogCaptureFixture
) -> None:
    processor, tracer = make(hanging, max_queue_size=QUEUE, max_export_batch_size=BATCH)
    for _ in range(1000):
        tracer.start_span("x").end()
    wait_for(lambda: "(queue_full)" in caplog.text)
    for _ in range(1000):
        tracer.start_span("x").end()
    assert caplog.text.count("(queue_full)") == 1
    assert "raise OTEL_BSP_MAX_QUEUE_SIZE" in caplog.text
    processor.shutdown(timeout_millis=10)
    said = sum(record.args[1] for record in caplog.records if "(queue_full)" in record.getMessage())  # type: ignore[index,misc]
    stats = processor._stats()
    assert said == stats["dropped_queue_full"] > 0
    assert stats["accepted"] + stats["dropped_queue_full"] == 2000


def test_a_span_larger_than_the_queue_has_a_reason_and_a_line_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    with OtlpSink() as sink:
        processor, tracer = make(f"{sink.endpoint}/v1/traces", max_queue_bytes=10_000, block_timeout=30.0)
        tracer.start_span("small").end()
        tracer.start_span("large", attributes={"body": "x" * 20_000}).end()
        assert processor.force_flush(30_000) is True
        wait_for(lambda: "1 spans dropped (too_large)" in caplog.text)
        processor.shutdown()
    stats = processor._stats()
    assert (stats["dropped_too_large"], stats["dropped_queue_full"], stats["exported"]) == (1, 0, 1)


def test_a_flush_speaks_of_what_was_queued_not_of_what_found_no_room() -> None:
    with OtlpSink() as sink:
        processor, tracer = make(f"{sink.endpoint}/v1/traces", max_queue_bytes=10_000)
        tracer.start_span("large", attributes={"body": "x" * 20_000}).end()
        tracer.start_span("small").end()
        assert processor.force_flush(30_000) is True
        assert processor._stats()["dropped_too_large"] == 1
        processor.shutdown()


def test_a_burst_of_300_000_small_spans_finds_room_in_the_queue() -> None:
    with OtlpSink() as sink:
        processor, tracer = make(f"{sink.endpoint}/v1/traces")
        for _ in range(300_000):
            tracer.start_span("x").end()
        stats = processor._stats()
        assert (stats["accepted"], stats["dropped_queue_full"]) == (300_000, 0)
        processor.shutdown(timeout_millis=10)
