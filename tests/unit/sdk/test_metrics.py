"""What pyspan counts of itself, read by a meter provider under OpenTelemetry's names."""

from __future__ import annotations

import gc
import logging
import threading
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import metrics, trace
from opentelemetry.metrics import _internal as metrics_internal
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

import pyspan
from pyspan.sdk.trace import TracerProvider
from pyspan.sdk.trace.export import BatchSpanProcessor, OTLPSpanExporter, SimpleSpanProcessor, SpanExporter
from pyspan.sdk.trace.export import SpanExportResult as Result
from pyspan.sdk.trace.sampling import ALWAYS_OFF, Decision, StaticSampler
from tests.support.otlp_sink import Answer, OtlpSink, partial_success

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyspan.sdk.trace import ReadableSpan

REMOTE = trace.NonRecordingSpan(
    trace.SpanContext(trace_id=1, span_id=2, is_remote=True, trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED))
)
Found = dict[tuple[str, ...], Any]


class Metrics:
    """A meter provider with what it reads."""

    def __init__(self) -> None:
        self._reader = InMemoryMetricReader()
        self.provider = MeterProvider([self._reader], shutdown_on_exit=False)

    def read(self, name: str, *attributes: str) -> Found:
        """Return the numbers of a metric by the values of these attributes; counts of a histogram."""
        data = self._reader.get_metrics_data()
        scopes = [scope for resource in data.resource_metrics for scope in resource.scope_metrics] if data else []
        points: list[Any] = [
            point
            for scope in scopes
            for metric in scope.metrics
            if scope.scope.name == "pyspan" and metric.name == name
            for point in metric.data.data_points
        ]
        return {tuple(str(point.attributes.get(key, "")) for key in attributes): _number(point) for point in points}


def _number(point: Any) -> float:
    return float(point.value if hasattr(point, "value") else point.count)


@pytest.fixture
def found() -> Metrics:
    return Metrics()


@pytest.fixture
def no_global_meters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the API as an application finds it."""
    monkeypatch.setattr(metrics_internal, "_METER_PROVIDER", None)
    monkeypatch.setattr(metrics_internal, "_METER_PROVIDER_SET_ONCE", type(metrics_internal._METER_PROVIDER_SET_ONCE)())
    monkeypatch.setattr(metrics_internal, "_PROXY_METER_PROVIDER", metrics_internal._ProxyMeterProvider())


@pytest.fixture
def sink() -> Iterator[OtlpSink]:
    with OtlpSink() as sink:
        yield sink


def make(found: Metrics, **settings: Any) -> TracerProvider:
    return TracerProvider(shutdown_on_exit=False, meter_provider=found.provider, **settings)


def test_spans_are_counted_by_the_origin_of_their_parent_and_what_the_sampler_said(found: Metrics) -> None:
    tracer = make(found).get_tracer("x")
    with tracer.start_as_current_span("root"), tracer.start_as_current_span("child"):
        tracer.start_span("continued", context=trace.set_span_in_context(REMOTE)).end()
    started = {("none", "RECORD_AND_SAMPLE"): 1, ("local", "RECORD_AND_SAMPLE"): 1, ("remote", "RECORD_AND_SAMPLE"): 1}
    keys = ("otel.span.parent.origin", "otel.span.sampling_result")
    assert found.read("otel.sdk.span.started", *keys) == started
    assert found.read("otel.spans.created", *keys) == started


@pytest.mark.parametrize(
    ("sampler", "result", "live"),
    [
        (ALWAYS_OFF, "DROP", {}),
        (StaticSampler(Decision.DROP), "DROP", {}),
        (StaticSampler(Decision.RECORD_ONLY), "RECORD_ONLY", {("RECORD_ONLY",): 1}),
        (StaticSampler(Decision.RECORD_AND_SAMPLE), "RECORD_AND_SAMPLE", {("RECORD_AND_SAMPLE",): 1}),
    ],
)
def test_decisions_and_open_spans_are_counted_by_what_the_sampler_said(
    found: Metrics, sampler: StaticSampler, result: str, live: Found
) -> None:
    provider = make(found, sampler=sampler)
    span = provider.get_tracer("x").start_span("x")
    key = "otel.span.sampling_result"
    assert found.read("otel.sampling.decisions", key) == {(result,): 1}
    assert found.read("otel.sdk.span.live", key) == live
    span.end()
    assert found.read("otel.sdk.span.live", key) == dict.fromkeys(live, 0)
    names = {"DROP": "unsampled", "RECORD_ONLY": "record_only", "RECORD_AND_SAMPLE": "sampled"}
    stats = provider._stats()
    assert {name: stats[name] for name in names.values()} == {**dict.fromkeys(names.values(), 0), names[result]: 1}


def test_a_span_that_is_dropped_without_an_end_is_not_open(found: Metrics) -> None:
    tracer = make(found).get_tracer("x")
    tracer.start_span("dropped")
    assert found.read("otel.sdk.span.live") == {(): 0}


def test_spans_of_several_providers_add_up(found: Metrics) -> None:
    providers = [make(found), make(found)]
    for provider in providers:
        provider.get_tracer("x").start_span("x").end()
    assert found.read("otel.sdk.span.started") == {(): 2}


def test_a_native_exporter_is_counted_from_the_queue_to_the_receiver(found: Metrics, sink: OtlpSink) -> None:
    exporter = OTLPSpanExporter(f"{sink.endpoint}/v1/traces")
    processor = BatchSpanProcessor(exporter, max_queue_size=10, meter_provider=found.provider)
    provider = make(found)
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("x")
    tracer.start_span("x").end()
    assert found.read("otel.sdk.processor.span.queue.size") == {(): 1}
    assert found.read("otel.sdk.processor.span.queue.capacity") == {(): 10}
    assert processor.force_flush(30_000)
    assert found.read("otel.sdk.processor.span.queue.size") == {(): 0}
    assert found.read("otel.sdk.processor.span.processed", "error.type") == {("",): 1}
    assert found.read("otel.sdk.exporter.span.inflight") == {(): 0}
    port = sink.endpoint.rpartition(":")[2]
    exported = found.read("otel.sdk.exporter.span.exported", "otel.component.type", "server.address", "server.port")
    assert exported == {("otlp_http_span_exporter", "127.0.0.1", port): 1}
    assert found.read("otel.sdk.exporter.operation.duration", "error.type") == {("",): 1}
    provider.shutdown()
    tracer.start_span("late").end()
    assert found.read("otel.sdk.processor.span.processed", "error.type") == {("",): 1, ("already_shutdown",): 1}


def test_names_of_components_tell_two_of_a_type_apart(found: Metrics) -> None:
    processors = [BatchSpanProcessor(Failing(), meter_provider=found.provider) for _ in range(2)]
    names = [name for (name,) in found.read("otel.sdk.processor.span.queue.size", "otel.component.name")]
    assert len(names) == len(processors)
    assert all(name.startswith("batching_span_processor/") for name in names)


@pytest.mark.parametrize(
    ("answer", "error", "spans"),
    [(Answer(400), "permanent", 1), (Answer(401), "refused", 1), (partial_success(1), "rejected", 1)],
)
def test_what_the_receiver_refuses_has_its_reason(
    found: Metrics, sink: OtlpSink, answer: Answer, error: str, spans: int
) -> None:
    sink.answer_next(answer)
    exporter = OTLPSpanExporter(f"{sink.endpoint}/v1/traces")
    processor = BatchSpanProcessor(exporter, meter_provider=found.provider)
    provider = make(found)
    provider.add_span_processor(processor)
    provider.get_tracer("x").start_span("x").end()
    processor.force_flush(30_000)
    exported = found.read("otel.sdk.exporter.span.exported", "error.type")
    assert exported == {("",): 0, (error,): spans}
    assert found.read("otel.exporter.failures", "error.type") == {(error,): spans}
    assert found.read("otel.sdk.exporter.operation.duration", "error.type") == {(error,): 1}
    provider.shutdown()


class Failing(SpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> Result:
        if spans[0].name == "raises":
            raise OSError("disk full")
        return Result.FAILURE if spans[0].name == "fails" else Result.SUCCESS


@pytest.mark.parametrize("kind", [SimpleSpanProcessor, BatchSpanProcessor])
def test_a_python_exporter_is_counted_with_its_failures(found: Metrics, kind: Any) -> None:
    processor = kind(Failing(), meter_provider=found.provider)
    provider = make(found)
    provider.add_span_processor(processor)
    for name in ("fine", "fails", "raises"):
        provider.get_tracer("x").start_span(name).end()
        assert processor.force_flush(30_000)
    assert found.read("otel.sdk.exporter.span.exported", "error.type") == {("",): 1, ("_OTHER",): 2}
    durations = found.read("otel.sdk.exporter.operation.duration", "error.type")
    assert durations == {("",): 1, ("_OTHER",): 1, ("OSError",): 1}
    assert found.read("otel.sdk.processor.span.processed", "error.type") == {("",): 3}
    provider.shutdown()


class Blocking(SpanExporter):
    def __init__(self) -> None:
        self.entered, self.go = threading.Event(), threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> Result:
        self.entered.set()
        self.go.wait(30)
        return Result.SUCCESS


def test_a_full_queue_and_what_is_left_at_shutdown_have_their_reasons(found: Metrics) -> None:
    exporter = Blocking()
    processor = BatchSpanProcessor(exporter, max_queue_size=2, max_export_batch_size=2, meter_provider=found.provider)
    provider = make(found)
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("x")
    for _ in range(2):
        tracer.start_span("under way").end()
    assert exporter.entered.wait(30)
    assert found.read("otel.sdk.exporter.span.inflight") == {(): 2}
    for _ in range(5):
        tracer.start_span("queued, or dropped").end()
    processor.shutdown(timeout_millis=10)
    exporter.go.set()
    processed = found.read("otel.sdk.processor.span.processed", "error.type")
    assert processed == {("",): 2, ("queue_full",): 3, ("at_shutdown",): 2}
    assert found.read("otel.exporter.failures", "error.type") == {("at_shutdown",): 2}


@pytest.mark.usefixtures("unconfigured", "no_global_meters")
@pytest.mark.parametrize("is_first", [True, False])
def test_the_global_meter_provider_reads_the_counts_whether_it_is_set_before_or_after(
    found: Metrics, is_first: bool
) -> None:
    if is_first:
        metrics.set_meter_provider(found.provider)
    pyspan.configure(exporter="none")
    trace.get_tracer("x").start_span("x").end()
    if not is_first:
        metrics.set_meter_provider(found.provider)
    assert found.read("otel.sdk.span.started") == {(): 1}


@pytest.mark.usefixtures("no_global_meters")
def test_the_switch_of_the_sdk_turns_metrics_off(found: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED", "false")
    make(found).get_tracer("x").start_span("x").end()
    assert found.read("otel.sdk.span.started") == {}


class Raising:
    """A meter provider whose every part fails, as soon as it is asked."""

    def __init__(self, last: str) -> None:
        self._last = last

    def get_meter(self, *_: object, **__: object) -> Any:
        return self._fail_at("get_meter")

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: self._fail_at(name)

    def _fail_at(self, name: str) -> Raising:
        if name == self._last:
            raise RuntimeError(f"{name} failed")
        return self


@pytest.mark.parametrize("part", ["get_meter", "create_observable_counter", "create_histogram", "record"])
def test_a_meter_provider_that_raises_is_logged_and_harms_nobody(part: str, caplog: pytest.LogCaptureFixture) -> None:
    raising: Any = Raising(part)
    provider = TracerProvider(shutdown_on_exit=False, meter_provider=raising)
    processor = BatchSpanProcessor(Failing(), meter_provider=raising)
    provider.add_span_processor(processor)
    for _ in range(2):
        provider.get_tracer("x").start_span("fine").end()
        assert processor.force_flush(30_000)
    assert f"{part} failed" in caplog.text
    assert {record.levelno for record in caplog.records} == {logging.ERROR}
    assert processor._stats()["exported"] == 2
    provider.shutdown()


def test_neither_processors_nor_providers_are_kept_alive_by_their_metrics(found: Metrics) -> None:
    provider = make(found)
    processor = BatchSpanProcessor(Failing(), meter_provider=found.provider)
    provider.add_span_processor(processor)
    gone = weakref.ref(provider), weakref.ref(processor)
    del provider, processor
    gc.collect()
    assert [reference() for reference in gone] == [None, None]
    assert found.read("otel.sdk.processor.span.queue.size") == {}
