"""Spans that are exported before they end, and those that never do."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.trace import StatusCode

import pyspan
from pyspan.errors import ConfigurationError
from pyspan.sdk.trace import SpanProcessor, TracerProvider, sampling
from pyspan.sdk.trace.export import BatchSpanProcessor, OTLPSpanExporter
from pyspan.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.support.otlp_sink import OtlpSink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan

    from pyspan.sdk.trace import ReadableSpan, Span

OPEN = "pyspan.span.open"
SOON, NEVER = 0.05, 3600.0


@pytest.fixture
def sink() -> Iterator[OtlpSink]:
    with OtlpSink() as sink:
        yield sink
        assert not sink.violations


def make(after: float, *processors: SpanProcessor, **settings: Any) -> TracerProvider:
    provider = TracerProvider(shutdown_on_exit=False, export_open_spans_after=after, **settings)
    for processor in processors:
        provider.add_span_processor(processor)
    return provider


def to(sink: OtlpSink) -> BatchSpanProcessor:
    return BatchSpanProcessor(OTLPSpanExporter(f"{sink.endpoint}/v1/traces"), schedule_delay_millis=20)


def came(sink: OtlpSink) -> list[OtlpSpan]:
    requests = [ExportTraceServiceRequest.FromString(request.body) for request in sink.requests]
    return [
        span
        for request in requests
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def keys(span: OtlpSpan) -> list[str]:
    return [pair.key for pair in span.attributes]


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_long_span_is_exported_as_it_is_while_it_is_open_and_whole_at_its_end(sink: OtlpSink) -> None:
    provider = make(SOON, to(sink))
    with provider.get_tracer("x").start_as_current_span("long", attributes={"step": 1}) as span:
        span.add_event("begun")
        sink.wait_for_spans(1)
        span.set_attribute("done", True)
    provider.shutdown()
    first, last = came(sink)[0], came(sink)[-1]
    assert (first.span_id, first.trace_id) == (last.span_id, last.trace_id)
    assert (keys(first), keys(last)) == (["step", OPEN], ["step", "done"])
    assert [event.name for event in first.events] == ["begun"]
    assert first.start_time_unix_nano == last.start_time_unix_nano
    assert first.start_time_unix_nano + SOON * 1e9 <= first.end_time_unix_nano <= last.end_time_unix_nano


def test_the_time_until_the_next_snapshot_doubles(sink: OtlpSink) -> None:
    provider = make(SOON, to(sink))
    with provider.get_tracer("x").start_as_current_span("long"):
        sink.wait_for(lambda _: len(came(sink)) >= 3)
    provider.shutdown()
    ages = [span.end_time_unix_nano - span.start_time_unix_nano for span in came(sink)[:3]]
    assert all(age >= SOON * 1e9 * 2**step for step, age in enumerate(ages))  # an end is a little after its look


def test_a_python_exporter_is_given_the_same(sink: OtlpSink) -> None:
    exporter = InMemorySpanExporter()
    provider = make(SOON, BatchSpanProcessor(exporter, schedule_delay_millis=20))
    with provider.get_tracer("x").start_as_current_span("long", attributes={"step": 1}) as span:
        span.set_status(StatusCode.ERROR, "why")
        wait_for(exporter.get_finished_spans)
        first = exporter.get_finished_spans()[0]
        assert span.is_recording()
        assert span.end_time is None  # type: ignore[attr-defined]
    provider.shutdown()
    assert dict(first.attributes) == {"step": 1, OPEN: True}
    assert first.status.description == "why"
    assert (first.end_time or 0) >= (first.start_time or 0) + SOON * 1e9
    assert dict(exporter.get_finished_spans()[-1].attributes) == {"step": 1}


class Redacting(SpanProcessor):
    def _on_ending(self, span: Span) -> None:
        span.set_attribute("secret", "gone")

    def on_end(self, span: ReadableSpan) -> None: ...


def test_what_a_processor_may_yet_redact_is_left_out(sink: OtlpSink) -> None:
    exporter = InMemorySpanExporter()
    provider = make(SOON, Redacting(), to(sink), BatchSpanProcessor(exporter, schedule_delay_millis=20))
    with provider.get_tracer("x").start_as_current_span("long", attributes={"secret": "s3cr3t"}) as span:
        span.add_event("s3cr3t")
        span.set_status(StatusCode.ERROR, "s3cr3t")
        sink.wait_for_spans(1)
        wait_for(exporter.get_finished_spans)
        read = exporter.get_finished_spans()[0]
    provider.shutdown()
    assert keys(came(sink)[0]) == [OPEN]
    assert all(b"s3cr3t" not in span.SerializeToString() for span in came(sink)[:-1])
    assert (dict(read.attributes), read.events, read.status.description) == ({OPEN: True}, (), None)


class OnlyErrors(BatchSpanProcessor):
    def on_end(self, span: ReadableSpan) -> None:
        if not span.status.is_ok:
            super().on_end(span)


def test_a_subclass_that_chooses_what_is_exported_gets_no_open_spans(sink: OtlpSink) -> None:
    chooses = OnlyErrors(OTLPSpanExporter(f"{sink.endpoint}/v1/traces"))
    provider = make(NEVER, chooses)
    with provider.get_tracer("x").start_as_current_span("long"):
        provider.shutdown()
    assert came(sink) == []
    assert provider._stats()["snapshots"] == 0


def test_spans_that_are_open_at_shutdown_are_exported_however_young(sink: OtlpSink) -> None:
    provider = make(NEVER, to(sink))
    span = provider.get_tracer("x").start_span("open")
    provider.get_tracer("x").start_span("ended").end()
    provider.shutdown()
    span.end()
    assert sorted((span.name, keys(span)) for span in came(sink)) == [("ended", []), ("open", [OPEN])]
    stats = provider._stats()
    assert (stats["snapshots"], stats["exporters"][0]["exported"]) == (1, 2)


@pytest.mark.parametrize("decision", [sampling.Decision.DROP, sampling.Decision.RECORD_ONLY])
def test_open_spans_that_are_not_sampled_are_not_exported(sink: OtlpSink, decision: sampling.Decision) -> None:
    provider = make(NEVER, to(sink), sampler=sampling.StaticSampler(decision))
    with provider.get_tracer("x").start_as_current_span("open"):
        provider.shutdown()
    assert came(sink) == []


def test_nothing_is_exported_early_unless_asked_for(sink: OtlpSink) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(to(sink))
    with provider.get_tracer("x").start_as_current_span("open"):
        provider.shutdown()
    assert came(sink) == []


def test_the_list_of_open_spans_holds_none_of_them_and_forgets_what_has_ended() -> None:
    provider = make(NEVER)
    recorder, tracer = provider._recorder, provider.get_tracer("x")
    kept: Any = tracer.start_span("kept")
    gone = weakref.ref(tracer.start_span("dropped"))
    for _ in range(10_000):
        tracer.start_span("ended").end()
    gc.collect()
    assert gone() is None
    (found,) = recorder.open_spans(everything=True)
    assert found is kept
    assert provider._stats()["unended"] == 1


def test_the_thread_ends_with_the_provider() -> None:
    provider = make(SOON)
    provider.get_tracer("x").start_span("x").end()

    def threads() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name == "pyspan-open-spans"]

    before = len(threads())
    assert before >= 1
    del provider
    gc.collect()
    wait_for(lambda: len(threads()) < before)


@pytest.mark.usefixtures("unconfigured")
@pytest.mark.parametrize(("variable", "argument"), [("0.05", None), ("3600", SOON)])
def test_configure_and_the_environment_switch_it_on(
    sink: OtlpSink, monkeypatch: pytest.MonkeyPatch, variable: str, argument: float | None
) -> None:
    monkeypatch.setenv("PYSPAN_EXPORT_OPEN_SPANS_AFTER", variable)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    provider = pyspan.configure(endpoint=sink.endpoint, export_open_spans_after=argument)
    with provider.get_tracer("x").start_as_current_span("long"):
        sink.wait_for_spans(1)
    assert pyspan.stats()["snapshots"] >= 1


@pytest.mark.parametrize("after", [0, -1, float("nan"), float("inf")])
def test_a_provider_refuses_a_time_that_is_none(after: float) -> None:
    with pytest.raises(ValueError, match=r"export_open_spans_after=.* give seconds above 0"):
        make(after)


@pytest.mark.usefixtures("unconfigured")
@pytest.mark.parametrize("after", [0, -1, True, "5", float("nan"), float("inf")])
def test_a_time_that_is_none_is_refused_with_what_to_give(after: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"export_open_spans_after=.* cannot be used: give seconds above 0"):
        pyspan.configure(exporter="none", export_open_spans_after=after)


@pytest.mark.usefixtures("unconfigured")
@pytest.mark.parametrize("after", ["0", "-1", "soon", "nan", "1e3"])
def test_a_variable_that_is_none_is_warned_about_and_nothing_is_exported_early(
    after: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PYSPAN_EXPORT_OPEN_SPANS_AFTER", after)
    provider = pyspan.configure(exporter="none")
    assert provider._wiring._open is None
    assert "PYSPAN_EXPORT_OPEN_SPANS_AFTER" in caplog.text
    assert "now off" in caplog.text


def test_a_full_queue_drops_what_is_open_at_once_though_ended_spans_would_wait(sink: OtlpSink) -> None:
    exporter = OTLPSpanExporter(f"{sink.endpoint}/v1/traces")
    processor = BatchSpanProcessor(exporter, max_queue_size=1, max_export_batch_size=1, block_timeout=3600.0)
    provider = make(NEVER, processor)
    spans = [provider.get_tracer("x").start_span("open") for _ in range(500)]
    provider.shutdown()
    stats = provider._stats()
    assert stats["snapshots"] + stats["exporters"][0]["dropped_queue_full"] == len(spans)
