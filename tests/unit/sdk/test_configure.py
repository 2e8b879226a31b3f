"""`pyspan.configure()`: arguments over environment, one provider at a time, errors that say what to do."""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
import threading
from importlib import metadata
from typing import Any

import pytest
from opentelemetry import baggage, propagate, trace
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.trace import SpanContext, TraceFlags

import pyspan
from pyspan.errors import ConfigurationError
from pyspan.propagation import TraceContextTextMapPropagator, W3CBaggagePropagator
from pyspan.sdk.resources import Resource
from pyspan.sdk.trace import RandomIdGenerator, TracerProvider
from pyspan.sdk.trace.export import (
    BatchSpanProcessor,
    ConsoleSpanExporter,
    KafkaSpanExporter,
    OTLPSpanExporter,
    SimpleSpanProcessor,
)
from pyspan.sdk.trace.export._named import NamedSpanExporter
from pyspan.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pyspan.sdk.trace.sampling import ALWAYS_OFF

pytestmark = pytest.mark.usefixtures("unconfigured")


def exporters(provider: TracerProvider) -> list[Any]:
    processors = provider._active_span_processor._span_processors
    return [processor.span_exporter for processor in processors if isinstance(processor, BatchSpanProcessor)]


def test_the_provider_becomes_the_global_one() -> None:
    provider = pyspan.configure("shop", exporter="none")
    assert trace.get_tracer_provider() is provider
    assert provider.resource.attributes["service.name"] == "shop"


def test_the_service_name_comes_from_the_environment_where_it_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "from environment")
    assert pyspan.configure(exporter="none").resource.attributes["service.name"] == "from environment"


def test_a_resource_may_be_a_mapping_or_a_resource() -> None:
    assert pyspan.configure(exporter="none", resource={"team": "a"}).resource.attributes["team"] == "a"
    pyspan.shutdown()
    given = pyspan.configure("shop", exporter="none", resource=Resource({"team": "b"}))
    assert dict(given.resource.attributes) == {"team": "b", "service.name": "shop"}


def test_otlp_is_the_exporter_by_default() -> None:
    (exporter,) = exporters(pyspan.configure())
    assert type(exporter) is OTLPSpanExporter
    assert exporter._settings.endpoint == "http://localhost:4318/v1/traces"


def test_an_endpoint_is_where_otlp_goes() -> None:
    (exporter,) = exporters(pyspan.configure(endpoint="http://collector:4317"))
    assert (exporter._settings.endpoint, exporter._settings.protocol) == ("http://collector:4317", "grpc")


@pytest.mark.parametrize(
    ("listed", "kinds"),
    [
        ("none", []),
        ("otlp,console", [OTLPSpanExporter, ConsoleSpanExporter]),
        ("otlp_proto_grpc", [OTLPSpanExporter]),
        ("kafka", [KafkaSpanExporter]),
        ("kafka=a:9092,b:9092/spans, otlp=http://h:4318", [NamedSpanExporter, NamedSpanExporter]),
        (" otlp , none ", [OTLPSpanExporter]),
        ("otlp,", [OTLPSpanExporter]),
        (",otlp,,console , ,", [OTLPSpanExporter, ConsoleSpanExporter]),
        ("kafka=a:9092,b:9092/spans,", [NamedSpanExporter]),
    ],
)
def test_the_environment_lists_exporters(listed: str, kinds: list[type], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", listed)
    assert [type(exporter) for exporter in exporters(pyspan.configure())] == kinds


def test_exporters_may_be_objects_and_names_together() -> None:
    memory = InMemorySpanExporter()
    provider = pyspan.configure(exporter=[memory, "console"])
    assert [type(exporter) for exporter in exporters(provider)] == [InMemorySpanExporter, ConsoleSpanExporter]


def test_an_exporter_that_a_package_registers_is_found_by_its_name() -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    (exporter,) = exporters(pyspan.configure(exporter="otlp_proto_http"))
    assert type(exporter) is OTLPSpanExporter  # ours comes first
    pyspan.shutdown()
    with pytest.raises(
        ConfigurationError, match=r"exporter='zipkin' in pyspan.configure\(\) .* no exporter has this name"
    ):
        pyspan.configure(exporter="zipkin")


def test_spans_go_through_processors_and_exporters() -> None:
    first, second = InMemorySpanExporter(), InMemorySpanExporter()
    pyspan.configure(exporter=second, processors=[SimpleSpanProcessor(first)])
    trace.get_tracer("x").start_span("x").end()
    assert len(first.get_finished_spans()) == 1
    assert pyspan.force_flush() is True
    assert len(second.get_finished_spans()) == 1


@pytest.mark.parametrize(
    ("sampler", "description"),
    [(0.25, "TraceIdRatioBased{0.25}"), (1, "TraceIdRatioBased{1.0}"), (ALWAYS_OFF, "AlwaysOffSampler")],
)
def test_a_sampler_may_be_a_share(sampler: Any, description: str) -> None:
    assert description in pyspan.configure(exporter="none", sampler=sampler).sampler.get_description()


@pytest.mark.parametrize(
    ("name", "description"),
    [("always_on", "AlwaysOnSampler"), (" TraceIdRatio", "TraceIdRatioBased{0.5}"), ("parentbased_always_off", "Off")],
)
def test_a_sampler_may_be_a_name_as_in_the_environment(
    name: str, description: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    assert description in pyspan.configure(exporter="none", sampler=name).sampler.get_description()


def test_a_resource_of_the_sdk_is_taken() -> None:
    theirs = pytest.importorskip("opentelemetry.sdk.resources").Resource({"team": "c"})
    assert pyspan.configure(exporter="none", resource=theirs).resource.attributes["team"] == "c"


def test_limits_of_the_sdk_are_taken() -> None:
    theirs = pytest.importorskip("opentelemetry.sdk.trace").SpanLimits(max_events=1)
    assert pyspan.configure(exporter="none", span_limits=theirs)._span_limits.max_events == 1


@pytest.mark.parametrize("timeout", ["x", None, float("nan"), True])
def test_a_flush_for_what_is_no_time_takes_the_default_and_says_so(
    timeout: Any, caplog: pytest.LogCaptureFixture
) -> None:
    assert pyspan.force_flush(timeout) is True
    assert f"timeout={timeout!r} is no number from 0 to 86400, 30 is used" in caplog.text


@pytest.mark.parametrize("timeout", [float("inf"), -1, 1e9, 10**400])
def test_a_flush_of_any_number_of_seconds_raises_nothing(timeout: Any, caplog: pytest.LogCaptureFixture) -> None:
    pyspan.configure(exporter="none")
    assert pyspan.force_flush(timeout) is True
    assert caplog.records == []


BAD_VARIABLES = {
    "OTEL_BSP_MAX_QUEUE_SIZE": ("-1", "524288"),
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": ("1000000", "2048"),
    "OTEL_BSP_SCHEDULE_DELAY": ("-5", "5000"),
    "OTEL_BSP_EXPORT_TIMEOUT": ("1" + "0" * 30, "30000"),
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": ("x", "128"),
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": ("-1", "no limit"),
    "OTEL_PYTHON_ID_GENERATOR": ("dice", "random"),
    "OTEL_TRACES_SAMPLER": ("sometimes", "parentbased_always_on"),
    "OTEL_RESOURCE_ATTRIBUTES": ("a=%zz,b=1", "the rest as it stands"),
    "OTEL_EXPORTER_OTLP_TIMEOUT": ("soon", "10.0"),
    "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": ("cloud", "without 'cloud'"),
    "OTEL_SDK_DISABLED": ("perhaps", "false"),
}


@pytest.mark.parametrize("variable", BAD_VARIABLES)
def test_a_variable_that_cannot_be_used_is_warned_about_once_and_stops_nothing(
    variable: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    value, instead = BAD_VARIABLES[variable]
    monkeypatch.setenv(variable, value)
    pyspan.configure()
    (message,) = caplog.messages
    assert message.startswith(f"{variable}={value!r} in the environment cannot be used: give ")
    assert message.rstrip().endswith(instead)


@pytest.mark.parametrize(
    ("sampler", "argument", "rate", "advice"),
    [
        ("traceidratio", "half", "1.0", "from 0 to 1; now 1.0"),
        ("traceidratio", "nan", "1.0", "from 0 to 1; now 1.0"),
        ("parentbased_traceidratio", "2", "1.0", "from 0 to 1; now 1.0"),
        ("", "0.1", "AlwaysOnSampler", "OTEL_TRACES_SAMPLER=parentbased_traceidratio or traceidratio; now parent"),
    ],
)
def test_a_sampler_argument_that_does_nothing_is_warned_about(
    sampler: str,
    argument: str,
    rate: str,
    advice: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", sampler)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", argument)
    assert rate in pyspan.configure(exporter="none").sampler.get_description()
    (message,) = caplog.messages
    assert f"OTEL_TRACES_SAMPLER_ARG='{argument}'" in message
    assert advice in message


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OTEL_TRACES_EXPORTER", "zipkn"),
        ("OTEL_TRACES_EXPORTER", "kafka=x"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "nowhere"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nothere.pem"),
    ],
)
def test_what_would_send_spans_to_a_wrong_place_is_an_error(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError, match=f"^{variable}='{value}' in the environment"):
        pyspan.configure()


def test_a_registered_id_generator_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    class Counting(RandomIdGenerator):
        pass

    entry = metadata.EntryPoint("counting", "x", "opentelemetry_id_generator")
    monkeypatch.setattr(metadata, "entry_points", lambda **kwargs: [entry])
    monkeypatch.setattr(metadata.EntryPoint, "load", lambda self: Counting)
    monkeypatch.setenv("OTEL_PYTHON_ID_GENERATOR", "counting")
    assert type(pyspan.configure(exporter="none").id_generator) is Counting


@pytest.mark.parametrize(
    ("settings", "variable", "place"),
    [
        ({"endpoint": "http://127.0.0.1:9"}, None, "endpoint of pyspan.configure()"),
        ({"exporter": "otlp=http://127.0.0.1:9"}, None, "exporter of pyspan.configure()"),
        ({}, ("OTEL_TRACES_EXPORTER", "otlp=http://u:hunter2@127.0.0.1:9/?k=hunter2"), "OTEL_TRACES_EXPORTER"),
        ({}, ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:9"), "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"),
    ],
)
def test_a_backend_that_is_away_is_told_with_the_setting_it_came_from_and_once(
    settings: dict[str, Any],
    variable: tuple[str, str] | None,
    place: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    if variable:
        monkeypatch.setenv(*variable)
    provider = pyspan.configure(**settings)
    trace.get_tracer("x").start_span("x").end()
    provider.force_flush(500)
    provider.shutdown(timeout_millis=500)
    unreachable = [message for message in caplog.messages if "cannot be reached" in message]
    assert len(unreachable) == 1
    assert unreachable[0].endswith(f"(check {place})")
    assert "1 spans dropped (at_shutdown)" in caplog.messages[-1]
    assert not {"NamedSpanExporter", "hunter2"} & set(re.findall(r"\w+", " ".join(caplog.messages)))


def test_the_environment_chooses_the_sampler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    assert pyspan.configure(exporter="none").sampler.get_description() == "AlwaysOffSampler"


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"sampler": 1.5}, "sampler=1.5 .* from 0 to 1"),
        ({"exporter": "console", "endpoint": "http://h"}, "endpoint='http://h' in .* it is for the exporter otlp"),
        ({"endpoint": "collector"}, "endpoint='collector'"),
        ({"exporter": "kafka=nowhere"}, r"exporter='kafka=nowhere' in pyspan.configure\(\) .* no topic"),
        ({"exporter": "console, file="}, r"exporter='file=' in pyspan.configure\(\) .* nothing after file="),
        ({"exporter": 5}, "exporter=5 .* give a SpanExporter"),
        ({"exporter": b"otlp"}, "exporter=b'otlp' "),
        ({"exporter": [None]}, "exporter=None "),
        ({"exporter": InMemorySpanExporter}, "exporter=<class .*InMemorySpanExporter'> "),
        ({"sampler": "sometimes"}, "sampler='sometimes' .* write one of always_on, "),
        ({"sampler": True}, "sampler=True .* from 0 to 1"),
        ({"sampler": float("nan")}, "sampler=nan .* from 0 to 1"),
        ({"sampler": object}, "sampler=<class 'object'> .* give a Sampler"),
        ({"endpoint": 5}, "endpoint=5 .* give a URL"),
        ({"endpoint": ""}, "endpoint='' .* give a URL"),
        ({"service_name": 5}, "service_name=5 .* give text"),
        ({"resource": 5}, "resource=5 .* a mapping of attributes"),
        ({"resource": {5: "x"}}, "resource={5: 'x'} "),
        ({"processors": None}, "processors=None .* a list of SpanProcessors"),
        ({"processors": [5]}, r"processors=\[5\] "),
        ({"processors": SimpleSpanProcessor(InMemorySpanExporter())}, "processors=<.* a list of SpanProcessors"),
        ({"id_generator": 5}, "id_generator=5 .* an IdGenerator"),
        ({"span_limits": 5}, r"span_limits=5 .* give a pyspan\.sdk\.trace\.SpanLimits"),
    ],
)
def test_a_setting_that_cannot_be_used_leaves_nothing_behind(settings: dict[str, Any], complaint: str) -> None:
    threads = threading.active_count()
    with pytest.raises(ConfigurationError, match=complaint) as error:
        pyspan.configure(**settings)
    assert "OTEL_TRACES_EXPORTER" not in str(error.value)
    assert threading.active_count() <= threads
    assert not isinstance(trace._TRACER_PROVIDER, TracerProvider)
    pyspan.configure(exporter="none")


def test_a_second_configure_is_refused_until_shutdown() -> None:
    first = pyspan.configure(exporter="none")
    with pytest.raises(ConfigurationError, match=r"pyspan\.shutdown\(\)"):
        pyspan.configure(exporter="none")
    assert trace.get_tracer_provider() is first
    pyspan.shutdown()
    second = pyspan.configure(exporter="none")
    assert trace.get_tracer_provider() is second
    assert second is not first


def test_a_provider_of_another_sdk_is_not_replaced() -> None:
    theirs = pytest.importorskip("opentelemetry.sdk.trace")
    trace.set_tracer_provider(theirs.TracerProvider(shutdown_on_exit=False))
    with pytest.raises(ConfigurationError, match=r"opentelemetry\.sdk\.trace\.TracerProvider already"):
        pyspan.configure(exporter="none")


def test_without_configure_there_is_nothing_to_flush() -> None:
    assert pyspan.force_flush() is True
    pyspan.shutdown()


def test_the_w3c_propagators_become_native_and_others_stay() -> None:
    class Own(TraceContextTextMapPropagator):
        pass

    from opentelemetry.baggage.propagation import W3CBaggagePropagator as StockBaggage
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator as StockTraceContext

    own = Own()
    propagate.set_global_textmap(CompositePropagator([StockBaggage(), own, StockTraceContext()]))
    pyspan.configure(exporter="none")
    current = propagate.get_global_textmap()
    assert isinstance(current, CompositePropagator)
    baggage_first, kept, trace_context = current._propagators
    assert type(baggage_first) is W3CBaggagePropagator
    assert kept is own
    assert type(trace_context) is TraceContextTextMapPropagator


def in_a_new_process(names: str, code: str) -> str:
    """Run `code` with OTEL_PROPAGATORS, which the API reads once, set to `names`."""
    environ = {**os.environ, "OTEL_PROPAGATORS": names}
    run = [sys.executable, "-c", code]
    done = subprocess.run(run, env=environ, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


FIELDS = """
import logging, pyspan
logging.basicConfig(format="%(message)s")
pyspan.configure(exporter="none")
from opentelemetry import propagate
print(type(propagate.get_global_textmap()).__module__, *sorted(propagate.get_global_textmap().fields))
"""


@pytest.mark.parametrize(
    ("names", "printed"),
    [
        ("b3, xray", "pyspan.propagation.composite X-Amzn-Trace-Id b3\n"),
        ("tracecontext", "pyspan.propagation.composite traceparent tracestate\n"),
        ("none", "pyspan.propagation.composite\n"),
        ("", "pyspan.propagation.composite baggage traceparent tracestate\n"),
    ],
)
def test_the_propagators_are_those_of_the_environment(names: str, printed: str) -> None:
    assert in_a_new_process(names, FIELDS) == printed


def test_none_beside_propagators_switches_them_off_and_is_said_so() -> None:
    assert in_a_new_process("b3,none", FIELDS).splitlines() == [
        "pyspan.propagation.composite",
        "OTEL_PROPAGATORS lists none beside b3: nothing is propagated; remove none, or the others",
    ]


def test_the_api_looks_a_propagator_up_once_however_often_it_is_named() -> None:
    setup = "import pyspan; pyspan.configure(exporter='none'); from opentelemetry import propagate"
    code = f"{setup}; print(propagate.environ_propagators)"
    read, *_ = in_a_new_process(",".join(["b3"] * 40_000), code).splitlines()
    assert read == "b3"


def test_a_propagator_named_twice_counts_once_and_is_said_so() -> None:
    printed = in_a_new_process("b3,jaeger,b3", FIELDS)
    assert "OTEL_PROPAGATORS=b3,jaeger,b3 in the environment names a format more than once; once counts\n" in printed
    assert "composite b3 uber-trace-id\n" in printed


FAILING = """
import pyspan
from pyspan.sdk.trace.export import SpanExporter, SpanExportResult
class Failing(SpanExporter):
    def export(self, spans):
        return SpanExportResult.FAILURE
before = pyspan.stats()
provider = pyspan.configure(exporter=Failing())
provider.get_tracer("x").start_span("x").end()
pyspan.force_flush()
after = pyspan.stats()
print(before.keys() == after.keys(), before["dropped_queue_full"], after["queued_bytes"])
print(after["failed"], after["dropped"])
"""


def test_the_counts_have_the_same_names_always_and_a_failed_export_is_dropped() -> None:
    assert in_a_new_process("b3", FAILING) == "True 0 0\n1 1\n"


@pytest.mark.parametrize(
    ("names", "used", "fields"),
    [
        ("b3,b4", "b3", "b3"),
        ("b3,", "b3", "b3"),
        ("b4", "tracecontext,baggage", "baggage traceparent tracestate"),
    ],
)
def test_an_unknown_propagator_is_warned_about_with_the_known_ones(names: str, used: str, fields: str) -> None:
    printed = in_a_new_process(names, FIELDS)
    known = "b3, b3multi, baggage, datadog, jaeger, ottrace, sentry, tracecontext, x-request-id, xray, none"
    assert (
        f"OTEL_PROPAGATORS={names!r} in the environment cannot be used: give names out of {known}; now {used}\n"
        in printed
    )
    assert f"composite {fields}\n" in printed


def test_context_and_baggage_travel() -> None:
    pyspan.configure(exporter="none")
    carrier: dict[str, str] = {}
    with trace.get_tracer("x").start_as_current_span("x") as span:
        propagate.inject(carrier, baggage.set_baggage("user", "Amélie & co"))
        sent = span.get_span_context()
    context = propagate.extract(carrier)
    received = trace.get_current_span(context).get_span_context()
    assert (received.trace_id, received.span_id, received.is_remote) == (sent.trace_id, sent.span_id, True)
    assert received.trace_flags == TraceFlags(3)
    assert baggage.get_baggage("user", context) == "Amélie & co"
    assert isinstance(received, SpanContext)


def test_stats_count_what_became_of_the_spans() -> None:
    gc.collect()  # providers of other tests
    before = pyspan.stats()
    pyspan.configure(exporter=InMemorySpanExporter())
    tracer = trace.get_tracer("x")
    tracer.start_span("a").end()
    going_on = tracer.start_span("b")
    pyspan.force_flush()
    now = pyspan.stats()
    changed = {name: now[name] - before[name] for name in ("started", "ended", "live", "exported", "dropped")}
    assert changed == {"started": 2, "ended": 1, "live": 1, "exported": 1, "dropped": 0}
    assert ("InMemorySpanExporter", 1) in [(report["exporter"], report["exported"]) for report in now["exporters"]]
    going_on.end()


def test_the_version_is_known() -> None:
    assert pyspan.__version__.count(".") == 2


def test_every_key_of_the_stats_is_explained() -> None:
    pyspan.configure(
        exporter=[InMemorySpanExporter(), "otlp=http://127.0.0.1:1"],
        processors=[SimpleSpanProcessor(InMemorySpanExporter())],
    )
    trace.get_tracer("x").start_span("a").end()
    text = pyspan.stats.__doc__ or ""
    known = {name for name in pyspan.stats() if not name.startswith("failures_")}
    assert {"exporters", "unended", "left_to_parent", "dropped_too_large", "failed", "retried"} <= known
    assert [name for name in known if not re.search(rf"\b{name}\b", text)] == []


def test_a_span_that_is_dropped_without_an_end_lives_no_more_and_is_counted() -> None:
    provider = pyspan.configure(exporter="none")
    tracer = provider.get_tracer("x")
    ended, unended = tracer.start_span("ended"), tracer.start_span("unended")
    ended.end()
    assert provider._stats() == {**provider._stats(), "live": 1, "unended": 0}
    del ended, unended
    assert provider._stats() == {**provider._stats(), "started": 2, "ended": 1, "live": 0, "unended": 1}


@pytest.mark.parametrize(("redact", "written"), [(None, "[REDACTED]"), (True, "[REDACTED]"), (False, "hunter2")])
def test_secrets_are_redacted_unless_it_is_switched_off(redact: bool | None, written: str) -> None:
    provider = pyspan.configure(exporter="none", redact=redact)
    span: Any = provider.get_tracer("test").start_span("a", attributes={"password": "hunter2"})
    assert dict(span.attributes) == {"password": written}
