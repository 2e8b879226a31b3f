"""`pyspan.configure()` by variables: OpenTelemetry's, those of other tracers, and what is said of them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import propagate, trace

import pyspan
from pyspan.sdk.trace.export import BatchSpanProcessor, OTLPSpanExporter
from pyspan.sdk.trace.export._settings import ProcessorSettings
from pyspan.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspan.sdk.trace import TracerProvider

pytestmark = pytest.mark.usefixtures("unconfigured")


def traces(provider: TracerProvider) -> bool:
    return provider.get_tracer("x").start_span("x").is_recording()


def batches(provider: TracerProvider) -> list[BatchSpanProcessor]:
    return [each for each in provider._active_span_processor._span_processors if isinstance(each, BatchSpanProcessor)]


def test_datadogs_variables_name_the_service_its_version_and_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"DD_SERVICE": "shop", "DD_VERSION": "2", "DD_ENV": "live", "DD_TAGS": "team:a"}.items():
        monkeypatch.setenv(name, value)
    attributes = pyspan.configure(exporter="none").resource.attributes
    wanted = {"service.name": "shop", "service.version": "2", "deployment.environment.name": "live", "team": "a"}
    assert wanted.items() <= dict(attributes).items()


def test_code_and_opentelemetrys_variables_stand_above_datadogs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"DD_SERVICE": "a", "DD_VERSION": "a", "DD_ENV": "a", "DD_TAGS": "team:a"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.version=b,deployment.environment=b")
    attributes = pyspan.configure("c", exporter="none", resource={"team": "c"}).resource.attributes
    assert attributes["service.name"] == attributes["team"] == "c"
    assert attributes["service.version"] == attributes["deployment.environment"] == "b"
    assert "deployment.environment.name" not in attributes


def test_the_version_has_a_variable_like_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_VERSION", "1.0.0")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.version=0")
    assert pyspan.configure(exporter="none").resource.attributes["service.version"] == "1.0.0"


@pytest.mark.parametrize("variable", ["DD_TRACE_ENABLED", "TRACE_ENABLED", "OTEL_ENABLED"])
def test_tracing_is_switched_off_by_the_switches_of_other_tracers(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "false")
    assert not traces(pyspan.configure(exporter="none"))


def test_a_switch_of_another_tracer_yields_to_opentelemetrys(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    monkeypatch.setenv("DD_TRACE_ENABLED", "true")
    assert not traces(pyspan.configure(exporter="none"))
    (message,) = caplog.messages
    assert message.startswith("DD_TRACE_ENABLED (true) has no effect: OTEL_SDK_DISABLED (true) stands above it")


@pytest.mark.parametrize("variable", ["OTEL_SAMPLING_RATE", "DD_TRACE_SAMPLE_RATE", "SENTRY_TRACES_SAMPLE_RATE"])
def test_a_rate_of_another_tracer_samples_traces(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "0.25")
    sampler = pyspan.configure(exporter="none").sampler
    assert sampler.get_description().startswith("ParentBased{root:TraceIdRatioBased{0.25}")
    pyspan.shutdown()
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    assert pyspan.configure(exporter="none").sampler.get_description() == "AlwaysOffSampler"
    pyspan.shutdown()
    assert "0.5" in pyspan.configure(exporter="none", sampler=0.5).sampler.get_description()


def test_a_backend_that_takes_otlp_gets_it_and_thrift_is_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("TRACE_BACKEND", "jaeger")
    monkeypatch.setenv("TRACE_JAEGER_ENDPOINT", "http://127.0.0.1:9/v1/traces")
    (processor,) = batches(pyspan.configure())
    assert processor._stats()["exporter"] == "otlp-127.0.0.1-9"
    assert caplog.messages == []
    pyspan.shutdown()
    monkeypatch.setenv("TRACE_JAEGER_ENDPOINT", "http://localhost:14268/api/traces")
    pyspan.configure()
    (message,) = caplog.messages
    assert message.startswith("TRACE_JAEGER_ENDPOINT (http://localhost:14268/api/traces) has no effect")


def test_formats_of_datadog_are_read_and_written_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DD_TRACE_PROPAGATION_STYLE", "datadog,tracecontext")
    provider = pyspan.configure(exporter="none")
    carrier: dict[str, str] = {}
    with provider.get_tracer("x").start_as_current_span("x"):
        propagate.inject(carrier)
    assert {"x-datadog-trace-id", "traceparent"} <= set(carrier)
    assert "baggage" not in carrier


@pytest.mark.parametrize(
    ("word", "level"), [("debug", logging.DEBUG), ("WARN", logging.WARNING), ("none", logging.CRITICAL + 1)]
)
def test_the_log_level_of_our_loggers_can_be_chosen(word: str, level: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_LOG_LEVEL", word)
    pyspan.configure(exporter="none")
    assert logging.getLogger("pyspan.sdk.anything").getEffectiveLevel() == level


def test_sentrys_debug_switch_sets_the_log_level_where_opentelemetrys_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTRY_DEBUG", "true")
    pyspan.configure(exporter="none")
    assert logging.getLogger("pyspan").level == logging.DEBUG


def test_a_bad_variable_is_warned_about_once_however_many_exporters_read_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "-1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "soon")
    pyspan.configure(exporter=["otlp", "otlp=http://127.0.0.1:9", InMemorySpanExporter(), InMemorySpanExporter()])
    assert sorted(message.partition("=")[0] for message in caplog.messages) == [
        "OTEL_BSP_MAX_QUEUE_SIZE",
        "OTEL_EXPORTER_OTLP_TIMEOUT",
    ]


def test_unknown_and_ineffective_variables_are_named_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_TRACE_EXPORTER", "console")
    monkeypatch.setenv("SENTRY_DSN", "https://hunter2@sentry.example/1")
    pyspan.configure(exporter="none")
    assert [message.split()[0] for message in caplog.messages] == ["OTEL_TRACE_EXPORTER", "SENTRY_DSN"]
    assert "hunter2" not in caplog.text


def test_batches_follow_the_numbers_of_the_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = {"MAX_QUEUE_SIZE": 100, "MAX_EXPORT_BATCH_SIZE": 10, "SCHEDULE_DELAY": 500, "EXPORT_TIMEOUT": 5_000}
    for name, number in numbers.items():
        monkeypatch.setenv(f"OTEL_BSP_{name}", str(number))
    seen: list[int] = []

    class Counting(InMemorySpanExporter):
        def export(self, spans: Sequence[Any]) -> Any:
            seen.append(len(spans))
            return super().export(spans)

    memory = Counting()
    provider = pyspan.configure(exporter=memory)
    for _ in range(50):
        provider.get_tracer("x").start_span("x").end()
    assert provider.force_flush()
    assert sum(seen) == 50
    assert max(seen) == 10


def test_a_delay_and_timeouts_of_zero_are_none(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("OTEL_BSP_SCHEDULE_DELAY", "OTEL_BSP_EXPORT_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"):
        monkeypatch.setenv(name, "0")
    exporter: Any = OTLPSpanExporter()
    read = ProcessorSettings.read(None, None, None, None)
    assert (read.delay, exporter._settings.timeout) == (0.001, 3_600)
    assert read.export_timeout > 86_400
    memory = InMemorySpanExporter()
    provider = pyspan.configure(exporter=memory)
    provider.get_tracer("x").start_span("x").end()
    assert provider.force_flush()
    assert len(memory.get_finished_spans()) == 1
    assert caplog.messages == []


def test_a_provider_made_by_hand_reads_opentelemetrys_variables_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from pyspan.sdk.trace import TracerProvider

    monkeypatch.setenv("DD_SERVICE", "shop")
    monkeypatch.setenv("DD_TRACE_ENABLED", "false")
    provider = TracerProvider(shutdown_on_exit=False)
    assert str(provider.resource.attributes["service.name"]).startswith("unknown_service")
    assert traces(provider)
    assert trace.get_tracer_provider() is not provider
