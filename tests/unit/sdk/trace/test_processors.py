"""The processors that call others: one by one, and at once."""

from __future__ import annotations

import threading
import time
from typing import Any
from unittest.mock import Mock

import pytest

import pyspan
from pyspan.sdk.trace import (
    ConcurrentMultiSpanProcessor,
    SpanProcessor,
    SynchronousMultiSpanProcessor,
    TracerProvider,
)
from pyspan.sdk.trace.export import BatchSpanProcessor, OTLPSpanExporter, SimpleSpanProcessor
from pyspan.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

MULTI = [SynchronousMultiSpanProcessor, ConcurrentMultiSpanProcessor]


@pytest.mark.parametrize("kind", MULTI)
def test_every_call_reaches_every_processor(kind: Any) -> None:
    multi, span, context = kind(), Mock(), Mock()
    processors = [Mock(spec=SpanProcessor) for _ in range(3)]
    for processor in processors:
        multi.add_span_processor(processor)
    multi.on_start(span, parent_context=context)
    multi._on_ending(span)
    multi.on_end(span)
    assert multi.force_flush(1000) is True
    multi.shutdown()
    for processor in processors:
        processor.on_start.assert_called_once_with(span, parent_context=context)
        processor._on_ending.assert_called_once_with(span)
        processor.on_end.assert_called_once_with(span)
        processor.shutdown.assert_called_once_with()


@pytest.mark.parametrize("kind", MULTI)
def test_one_flush_that_fails_fails_all_and_stops_none(kind: Any) -> None:
    multi = kind()
    processors = [Mock(spec=SpanProcessor) for _ in range(3)]
    processors[0].force_flush.return_value = False
    for processor in processors:
        multi.add_span_processor(processor)
    assert multi.force_flush(1000) is False
    assert all(processor.force_flush.called for processor in processors)


def test_the_time_for_a_flush_is_shared_one_after_the_other() -> None:
    multi = SynchronousMultiSpanProcessor()
    slow, left_out = Mock(spec=SpanProcessor), Mock(spec=SpanProcessor)
    slow.force_flush.side_effect = lambda timeout: time.sleep(0.05)
    for processor in (slow, left_out):
        multi.add_span_processor(processor)
    assert multi.force_flush(20) is False
    left_out.force_flush.assert_not_called()


def test_the_time_for_a_flush_holds_for_all_at_once() -> None:
    multi, release = ConcurrentMultiSpanProcessor(2), threading.Event()
    slow = Mock(spec=SpanProcessor)
    slow.force_flush.side_effect = lambda timeout: release.wait(5)
    multi.add_span_processor(slow)
    begun = time.monotonic()
    assert multi.force_flush(50) is False
    assert time.monotonic() - begun < 2
    release.set()


@pytest.mark.parametrize("timeout", [-1, float("inf"), float("nan"), 1e12, None, "x", True])
def test_no_timeout_makes_a_flush_of_processors_raise(timeout: Any) -> None:
    batching, native = BatchSpanProcessor(InMemorySpanExporter()), BatchSpanProcessor(OTLPSpanExporter())
    processors = [SynchronousMultiSpanProcessor(), ConcurrentMultiSpanProcessor(), batching, native]
    answers = [processor.force_flush(timeout) for processor in processors]
    for processor in processors:
        processor.shutdown()
    assert [type(answer) for answer in answers] == [bool] * 4


def test_shutdown_gives_the_time_that_is_left_to_those_that_take_it() -> None:
    given: list[float] = []

    class Timed(SpanProcessor):
        def shutdown(self, timeout_millis: float = 30_000) -> None:
            given.append(timeout_millis)
            time.sleep(0.02)

    multi = SynchronousMultiSpanProcessor()
    for _ in range(2):
        multi.add_span_processor(Timed())
    multi.shutdown(100)
    assert 90 < given[0] <= 100
    assert given[1] <= 80


def test_an_error_in_a_thread_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    multi = ConcurrentMultiSpanProcessor()
    failing = Mock(spec=SpanProcessor)
    failing.on_end.side_effect = ValueError("boom")
    multi.add_span_processor(failing)
    multi.on_end(Mock())
    assert "ValueError: boom" in caplog.text


def test_a_provider_works_with_the_one_that_calls_at_once() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False, active_span_processor=ConcurrentMultiSpanProcessor())
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    provider.get_tracer("x").start_span("x").end()
    assert [span.name for span in exporter.get_finished_spans()] == ["x"]


def test_a_processor_does_nothing_by_default() -> None:
    processor = SpanProcessor()
    processor.on_start(Mock())
    processor.on_end(Mock())
    processor.shutdown()
    assert processor.force_flush() is True


def test_a_processor_that_fails_to_shut_down_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    multi = SynchronousMultiSpanProcessor()
    failing, other = Mock(spec=SpanProcessor), Mock(spec=SpanProcessor)
    failing.shutdown.side_effect = OSError("no route")
    for processor in (failing, other):
        multi.add_span_processor(processor)
    multi.shutdown()
    other.shutdown.assert_called_once_with()
    assert "no route" in caplog.text


@pytest.mark.parametrize("kind", [*MULTI, TracerProvider])
@pytest.mark.parametrize("wrong", [None, 5, SpanProcessor, InMemorySpanExporter()])
def test_what_is_no_processor_is_refused_where_it_is_given(kind: Any, wrong: Any) -> None:
    with pytest.raises(
        TypeError, match=r"span_processor=.* (has no on_start\(\)|is a class: .*); a SpanProcessor has on_sta"
    ):
        kind().add_span_processor(wrong)


def test_a_processor_that_is_added_twice_is_counted_once() -> None:
    class Twice(InMemorySpanExporter):
        """Tells its report from those of providers that other tests have left to the collector."""

    processor = SimpleSpanProcessor(Twice())
    providers = [TracerProvider(shutdown_on_exit=False) for _ in range(2)]
    for provider in (*providers, providers[0]):
        provider.add_span_processor(processor)
    providers[0].get_tracer("x").start_span("op").end()
    (report,) = providers[0]._stats()["exporters"]
    assert report["exported"] == 2  # it was called twice
    assert [each["exporter"] for each in pyspan.stats()["exporters"]].count("Twice") == 1
