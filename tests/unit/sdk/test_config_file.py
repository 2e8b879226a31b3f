"""`pyspan.configure()` by a declarative configuration file."""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import baggage, propagate

import pyspan
from pyspan.context import carried
from pyspan.errors import ConfigurationError
from pyspan.sdk._in_force import in_force
from pyspan.sdk._settings import Settings
from pyspan.sdk.trace import RandomIdGenerator, SpanLimits
from pyspan.sdk.trace.export import (
    BatchSpanProcessor,
    ConsoleSpanExporter,
    KafkaSpanExporter,
    SimpleSpanProcessor,
)
from pyspan.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.support.otlp_sink import OtlpSink

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pyspan.sdk.trace import TracerProvider

pytestmark = pytest.mark.usefixtures("unconfigured")

HEAD = 'file_format: "1.1"\n'
CONSOLE = "tracer_provider: {processors: [{simple: {exporter: {console: }}}]%s}\n"


def processors(provider: TracerProvider) -> list[Any]:
    return list(provider._active_span_processor._span_processors)


def records(provider: TracerProvider, name: str = "x") -> bool:
    return provider.get_tracer(name).start_span("x").is_recording()


WHOLE = """
file_format: "1.1"
disabled: ${DISABLED:-false}
log_level: warn2
attribute_limits: {attribute_value_length_limit: 1000, attribute_count_limit: 50}
resource:
  schema_url: https://example.org/1
  attributes_list: team=b,region=eu%20west
  attributes:
    - {name: service.name, value: "${SERVICE:-shop}"}
    - {name: team, value: a}
    - {name: replicas, value: "${REPLICAS}", type: string}
    - {name: ports, value: [1, 2], type: int_array}
    - {name: ratio, value: 0.5, type: double}
propagator:
  composite: [{tracecontext: }, {b3: }]
  composite_list: tracecontext,baggage
tracer_provider:
  limits: {attribute_count_limit: 7, event_count_limit: 8, link_count_limit: 9}
  sampler:
    parent_based:
      root:
        trace_id_ratio_based:
          ratio: ${RATIO:-0.25}
      local_parent_not_sampled: {always_on: }
  processors:
    - batch:
        schedule_delay: 100
        export_timeout: 0
        max_queue_size: 1000
        max_export_batch_size: ${BATCH:-10}
        exporter:
          otlp_http:
            endpoint: http://collector:4318/v1/traces
            headers: [{name: api-key, value: "${API_KEY}"}, {name: unset, value: }]
            headers_list: a=1,api-key=weaker
            compression: zstd
            timeout: 2500
    - batch: {exporter: {otlp_grpc: {endpoint: "collector:4317", tls: {insecure: true}}}}
    - simple: {exporter: {console: }}
    - batch: {exporter: {pyspan_kafka: {brokers: ["a:9092", "b:9092"], topic: spans}}}
meter_provider: {readers: [{anything: at all}]}
"""


def test_a_whole_file_is_in_force(configure: Callable[..., TracerProvider], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "hunter2")
    monkeypatch.setenv("REPLICAS", "3")
    provider = configure(WHOLE)
    attributes = dict(provider.resource.attributes)
    assert attributes.pop("telemetry.sdk.name") == "pyspan"
    assert (attributes["service.name"], attributes["team"], attributes["region"]) == ("shop", "a", "eu west")
    assert (attributes["replicas"], attributes["ports"], attributes["ratio"]) == ("3", (1, 2), 0.5)
    assert provider.resource.schema_url == "https://example.org/1"
    assert logging.getLogger("pyspan").level == logging.WARNING
    assert "root:TraceIdRatioBased{0.25}" in provider.sampler.get_description()
    assert "localParentNotSampled:AlwaysOnSampler" in provider.sampler.get_description()
    limits = provider._span_limits
    assert (limits.max_span_attributes, limits.max_events, limits.max_links) == (7, 8, 9)
    assert (limits.max_event_attributes, limits.max_span_attribute_length) == (50, 1000)


def test_exporters_of_a_file_have_its_options_alone(
    configure: Callable[..., TracerProvider], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", "hunter2")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "other=1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://elsewhere")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nothere.pem")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "3")
    monkeypatch.setenv("PYSPAN_KAFKA_SECURITY_PROTOCOL", "SSL")
    http, grpc, console, kafka = processors(configure(WHOLE))
    sent: Any = http.span_exporter._settings
    assert (type(http), type(grpc)) == (BatchSpanProcessor, BatchSpanProcessor)
    assert (sent.endpoint, sent.protocol) == ("http://collector:4318/v1/traces", "http/protobuf")
    assert dict(sent.headers) == {"a": "1", "api-key": "hunter2"}
    assert (sent.compression, sent.timeout, sent.certificate) == ("zstd", 2.5, None)
    assert "otlp_http.endpoint in " in sent.origins.endpoint
    plain: Any = grpc.span_exporter._settings
    assert (plain.endpoint, plain.protocol, dict(plain.headers)) == ("http://collector:4317", "grpc", {})
    assert type(console) is SimpleSpanProcessor
    assert type(console.span_exporter) is ConsoleSpanExporter
    assert type(kafka.span_exporter) is KafkaSpanExporter
    settings = kafka.span_exporter._settings
    assert (settings.brokers, settings.topic) == (("a:9092", "b:9092"), "spans")
    assert settings.security.security_protocol == "PLAINTEXT"


def test_spans_go_where_the_file_says(configure: Callable[..., TracerProvider], tmp_path: Path) -> None:
    exporters = "{batch: {exporter: {pyspan_file: {path: %s/a}}}}, {batch: {exporter: {otlp_file/development: {%s}}}}"
    listed = exporters % (tmp_path, f"output_stream: 'file://{tmp_path}/b'")
    provider = configure(f"{HEAD}tracer_provider: {{processors: [{listed}]}}")
    provider.get_tracer("x").start_span("checkout").end()
    assert provider.force_flush()
    for name in ("a", "b"):
        (line,) = (tmp_path / name).read_text(encoding="utf-8").splitlines()
        (scope,) = json.loads(line)["resourceSpans"][0]["scopeSpans"]
        assert scope["spans"][0]["name"] == "checkout"


STDOUT_APP = """
import pyspan
print("before", flush=True)
provider = pyspan.configure()
provider.get_tracer("x").start_span("checkout \u00e9").end()
assert provider.force_flush()
print("after")
"""


@pytest.mark.parametrize(
    ("kind", "options", "encoding", "processor"),
    [
        ("pipe", "", "utf-8", "simple"),
        ("file", "{output_stream: stdout}", "ascii", "batch"),
        ("socket", "", "ascii", "batch"),
    ],
)
def test_spans_go_to_standard_output_between_what_the_application_prints(
    kind: str, options: str, encoding: str, processor: str, tmp_path: Path
) -> None:
    config = tmp_path / "otel.yaml"
    exporter = f"{{otlp_file/development: {options}}}"
    config.write_text(f"{HEAD}tracer_provider: {{processors: [{processor}: {{exporter: {exporter}}}]}}\n")
    environ = {**os.environ, "OTEL_CONFIG_FILE": str(config), "PYTHONIOENCODING": encoding}
    run = [sys.executable, "-c", STDOUT_APP]
    if kind == "pipe":
        written = subprocess.run(run, env=environ, stdout=subprocess.PIPE, check=True, timeout=120).stdout
    elif kind == "file":
        with (tmp_path / "out").open("wb") as out:
            subprocess.run(run, env=environ, stdout=out, check=True, timeout=120)
        written = (tmp_path / "out").read_bytes()
    else:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            subprocess.run(run, env=environ, stdout=theirs.fileno(), check=True, timeout=120)
            written = ours.recv(65_536)
    before, line, after = written.decode().splitlines()
    (scope,) = json.loads(line)["resourceSpans"][0]["scopeSpans"]
    assert (before, scope["spans"][0]["name"], after) == ("before", "checkout \u00e9", "after")


def test_a_closed_standard_output_loses_the_spans_with_a_line_and_stops_nothing(tmp_path: Path) -> None:
    config = tmp_path / "otel.yaml"
    exporter = "batch: {export_timeout: 500, exporter: {otlp_file/development: }}"
    config.write_text(f"{HEAD}tracer_provider: {{processors: [{exporter}]}}\n")
    code = "import pyspan, sys; pyspan.configure().get_tracer('x').start_span('x').end(); pyspan.shutdown(); "
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" -c "$1" >&-', sys.executable, f"{code}sys.stderr.write('done')"],
        env={**os.environ, "OTEL_CONFIG_FILE": str(config)},
        stderr=subprocess.PIPE,
        text=True,
        check=True,
        timeout=120,
    )
    assert "standard output cannot be written: it is closed" in done.stderr
    assert done.stderr.endswith("done")


def test_a_receiver_gets_spans_with_the_headers_of_the_file(
    configure: Callable[..., TracerProvider], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", "hunter2")
    with OtlpSink() as sink:
        monkeypatch.setenv("RECEIVER", sink.endpoint)
        text = """
tracer_provider:
  sampler: {composite/development: {parent_threshold: {root: {always_on: }}}}
  processors:
    - batch:
        schedule_delay: 0
        exporter:
          otlp_http:
            endpoint: ${RECEIVER}/v1/traces
            compression: none
            headers: [{name: api-key, value: "${API_KEY}"}]
"""
        provider = configure(HEAD + text)
        provider.get_tracer("x").start_span("checkout").end()
        assert provider.force_flush()
        sink.wait_for_spans(1)
    (request,) = sink.requests
    assert (request.headers["api-key"], request.encoding) == ("hunter2", "identity")
    assert sink.violations == []


def test_all_other_variables_are_ignored(
    configure: Callable[..., TracerProvider], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ignored = {
        "OTEL_SDK_DISABLED": "true",
        "OTEL_SERVICE_NAME": "other",
        "OTEL_TRACES_SAMPLER": "always_off",
        "OTEL_TRACES_EXPORTER": "abacus",
        "OTEL_PROPAGATORS": "b3",
        "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "x",
        "OTEL_BSP_MAX_QUEUE_SIZE": "-1",
        "DD_SERVICE": "other",
        "DD_TRACE_ENABLED": "false",
    }
    for name, value in ignored.items():
        monkeypatch.setenv(name, value)
    provider = configure(HEAD + CONSOLE % "")
    assert records(provider)
    assert str(provider.resource.attributes["service.name"]).startswith("unknown_service")
    assert provider.sampler.get_description().startswith("ParentBased{root:AlwaysOnSampler")
    assert caplog.messages == []


def test_without_a_propagator_nothing_is_propagated(configure: Callable[..., TracerProvider]) -> None:
    provider = configure(HEAD + CONSOLE % "")
    carrier: dict[str, str] = {}
    with provider.get_tracer("x").start_as_current_span("x"):
        propagate.inject(carrier)
    assert carrier == {}


def test_propagators_of_both_lists_are_used_once(configure: Callable[..., TracerProvider]) -> None:
    section = "propagator: {composite: [{b3: }, {tracecontext: }], composite_list: 'tracecontext,datadog'}\n"
    provider = configure(HEAD + section + CONSOLE % "")
    carrier: dict[str, str] = {}
    with provider.get_tracer("x").start_as_current_span("x"):
        propagate.inject(carrier)
    assert {"b3", "traceparent", "x-datadog-trace-id"} <= set(carrier)


@pytest.mark.parametrize("text", ["disabled: true\n" + CONSOLE % "", "", "meter_provider: {}\n"])
def test_a_file_that_is_disabled_or_has_no_tracer_provider_traces_nothing(
    text: str, configure: Callable[..., TracerProvider]
) -> None:
    assert not records(configure(HEAD + text))


def test_code_stands_above_the_file(configure: Callable[..., TracerProvider]) -> None:
    memory = InMemorySpanExporter()
    text = HEAD + "resource: {attributes: [{name: team, value: a}, {name: region, value: eu}]}\n"
    provider = configure(
        text + CONSOLE % ", sampler: {always_off: }",
        service_name="shop",
        resource={"team": "b"},
        sampler="always_on",
        exporter=memory,
        span_limits=SpanLimits(max_events=1),
        id_generator=RandomIdGenerator(),
    )
    attributes = provider.resource.attributes
    assert (attributes["service.name"], attributes["team"], attributes["region"]) == ("shop", "b", "eu")
    assert provider.sampler.get_description() == "AlwaysOnSampler"
    (processor,) = processors(provider)
    assert processor.span_exporter is memory
    assert provider._span_limits.max_events == 1


def test_detectors_run_where_they_are_named_and_their_findings_can_be_chosen(
    configure: Callable[..., TracerProvider], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")
    detection = """
resource:
  detection/development:
    attributes: {included: [process.*, service.*, host.name], excluded: ["process.runtime.*"]}
    detectors: [{process: }, {host: }, {service: }, {container: }]
"""
    attributes = configure(HEAD + detection + CONSOLE % "").resource.attributes
    assert {"process.pid", "host.name", "service.instance.id"} <= set(attributes)
    assert attributes["service.name"] == "shop"
    assert not {"host.arch", "os.type", "process.runtime.name"} & set(attributes)
    assert not caplog.messages


def test_without_detectors_the_resource_has_what_is_written(configure: Callable[..., TracerProvider]) -> None:
    provider = configure(HEAD + CONSOLE % "")
    known = {"service.name", "telemetry.sdk.language", "telemetry.sdk.name", "telemetry.sdk.version"}
    assert set(provider.resource.attributes) == known


def test_tracers_are_switched_by_their_names(configure: Callable[..., TracerProvider]) -> None:
    rules = "{default_config: {enabled: false}, tracers: [{name: 'shop.*', config: {enabled: true}}]}"
    provider = configure(HEAD + CONSOLE % f", tracer_configurator/development: {rules}")
    assert records(provider, "shop.cart")
    assert not records(provider, "other")


OWN = """
distribution:
  another: {anything: at all}
  pyspan:
    redact: false
    export_open_spans_after: 0.5
    propagate_threads: true
    baggage_attributes: [tenant.id, app.*]
"""


def test_what_the_format_has_no_place_for_is_in_the_section_of_pyspan(configure: Callable[..., TracerProvider]) -> None:
    provider = configure(HEAD + OWN + CONSOLE % "")
    provider.add_span_processor(SimpleSpanProcessor(memory := InMemorySpanExporter()))
    context = baggage.set_baggage("tenant.id", "blue", baggage.set_baggage("other", "1"))
    provider.get_tracer("x").start_span("x", context, attributes={"password": "hunter2"}).end()
    (span,) = memory.get_finished_spans()
    assert span.attributes == {"tenant.id": "blue", "password": "hunter2"}
    assert carried.is_carried()
    assert provider._wiring._open is not None
    pyspan.shutdown()


@pytest.mark.parametrize("own", ["", "distribution: {pyspan: }\n", "distribution: {another: {redact: false}}\n"])
def test_without_that_section_the_defaults_hold_whatever_the_variables_say(
    own: str, configure: Callable[..., TracerProvider], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYSPAN_REDACT", "false")
    monkeypatch.setenv("PYSPAN_EXPORT_OPEN_SPANS_AFTER", "1")
    monkeypatch.setenv("PYSPAN_PROPAGATE_THREADS", "true")
    monkeypatch.setenv("PYSPAN_BAGGAGE_ATTRIBUTES", "*")
    provider = configure(HEAD + own + CONSOLE % "")
    provider.add_span_processor(SimpleSpanProcessor(memory := InMemorySpanExporter()))
    context = baggage.set_baggage("tenant.id", "blue")
    provider.get_tracer("x").start_span("x", context, attributes={"password": "hunter2"}).end()
    (span,) = memory.get_finished_spans()
    assert span.attributes == {"password": "[REDACTED]"}
    assert not carried.is_carried()
    assert provider._wiring._open is None


def test_code_stands_above_the_section_of_pyspan(configure: Callable[..., TracerProvider]) -> None:
    provider = configure(HEAD + OWN + CONSOLE % "", redact=True, propagate_threads=False, baggage_attributes=["other"])
    provider.add_span_processor(SimpleSpanProcessor(memory := InMemorySpanExporter()))
    context = baggage.set_baggage("tenant.id", "blue", baggage.set_baggage("other", "1"))
    provider.get_tracer("x").start_span("x", context, attributes={"password": "hunter2"}).end()
    (span,) = memory.get_finished_spans()
    assert span.attributes == {"other": "1", "password": "[REDACTED]"}
    assert not carried.is_carried()


def test_a_batch_processor_of_ours_bounds_its_queue_by_bytes_too(configure: Callable[..., TracerProvider]) -> None:
    queue = "max_queue_bytes: 100, block_timeout: 0, exporter: {otlp_http: {endpoint: 'http://127.0.0.1:9'}}"
    provider = configure(f"{HEAD}tracer_provider: {{processors: [{{pyspan_batch: {{{queue}}}}}]}}\n")
    provider.get_tracer("x").start_span("x", attributes={"long": "x" * 100}).end()
    assert provider._stats()["exporters"][0]["dropped_too_large"] == 1


def test_json_is_a_configuration_file_too(configure: Callable[..., TracerProvider]) -> None:
    text = json.dumps(
        {"file_format": "1.1", "tracer_provider": {"processors": [{"simple": {"exporter": {"console": None}}}]}}
    )
    (processor,) = processors(configure(text, "otel.json"))
    assert type(processor.span_exporter) is ConsoleSpanExporter


BATCH = "tracer_provider: {processors: [{batch: {%s}}]}"
HTTP = BATCH % "exporter: {otlp_http: {%s}}"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            BATCH % "exporter: {console: }, schedule_delay: soon",
            "tracer_provider.processors[0].batch.schedule_delay='soon' in FILE cannot be used: give a whole number",
        ),
        (
            BATCH % "exporter: {console: }, schedule_dely: 5",
            "tracer_provider.processors[0].batch.schedule_dely='...' in FILE cannot be used: it is unknown; did you",
        ),
        (
            BATCH % "exporter: {console: }, max_queue_size: 0",
            "tracer_provider.processors[0].batch.max_queue_size=0 in FILE cannot be used: give a whole number from 1",
        ),
        (
            BATCH % "exporter: {console: }, max_queue_size: 5, max_export_batch_size: 6",
            "tracer_provider.processors[0].batch.max_export_batch_size=6 in FILE cannot be used: give at most",
        ),
        (
            "distribution: {pysapn: {redact: false}}",
            "distribution.pysapn='...' in FILE cannot be used: it is unknown; did you mean pyspan?",
        ),
        (
            "distribution: {pyspan: {redcat: false}}",
            "distribution.pyspan.redcat='...' in FILE cannot be used: it is unknown; did you mean redact?",
        ),
        (
            "distribution: {pyspan: {redact: perhaps}}",
            "distribution.pyspan.redact='perhaps' in FILE cannot be used: give true or false",
        ),
        (
            "distribution: {pyspan: {export_open_spans_after: 0}}",
            "distribution.pyspan.export_open_spans_after=0 in FILE cannot be used: give seconds above 0",
        ),
        (
            "distribution: {pyspan: {baggage_attributes: ['*.id']}}",
            "distribution.pyspan.baggage_attributes='...' in FILE cannot be used: give a list of names of baggage",
        ),
        (
            "distribution: {pyspan: {baggage_attributes: tenant.id}}",
            "distribution.pyspan.baggage_attributes='tenant.id' in FILE cannot be used: text where a list is needed",
        ),
        (
            "tracer_provider: {processors: [{pyspan_batch: {exporter: {console: }, block_timeout: 3601}}]}",
            "tracer_provider.processors[0].pyspan_batch.block_timeout=3601 in FILE cannot be used: give seconds from 0",
        ),
        (BATCH % "", "tracer_provider.processors[0].batch=[] in FILE cannot be used: the key exporter is missing"),
        (
            BATCH % "exporter: {abacus: }",
            "tracer_provider.processors[0].batch.exporter='abacus' in FILE cannot be used: known: otlp_http, ",
        ),
        (
            BATCH % "exporter: {console: , otlp_http: }",
            "tracer_provider.processors[0].batch.exporter=['console', 'otlp_http'] in FILE cannot be used: give one of",
        ),
        ("tracer_provider: {}", "tracer_provider=[] in FILE cannot be used: the key processors is missing"),
        ("tracer_provider: 5", "tracer_provider=5 in FILE cannot be used: a number where a table is needed"),
        (
            "tracer_provider: {processors: {batch: }}",
            "tracer_provider.processors='...' in FILE cannot be used: a table where a list is needed",
        ),
        (
            "tracer_provder: {}",
            "tracer_provder='...' in FILE cannot be used: it is unknown; did you mean tracer_provider",
        ),
        ("disabled: yes", "disabled='yes' in FILE cannot be used: give true or false"),
        ("log_level: loud", "log_level='loud' in FILE cannot be used: give one of trace, "),
        (
            "propagator: {composite: [{smoke: }]}",
            "propagator.composite[0]='smoke' in FILE cannot be used: known: ",
        ),
        (
            "propagator: {composite_list: 'b3,smoke'}",
            "propagator.composite_list='b3,smoke' in FILE cannot be used: give names out of ",
        ),
        (
            "resource: {attributes: [{name: a, value: 5}]}",
            "resource.attributes[0].value=5 in FILE cannot be used: its type is string; put text in quotes, or",
        ),
        (
            "resource: {attributes: [{name: 5, value: a}]}",
            "resource.attributes[0].name=5 in FILE cannot be used: a number where text is needed; put it in quotes",
        ),
        ("resource: {attributes_list: a}", "resource.attributes_list='a' in FILE cannot be used: write key=value"),
        ("attribute_limits: {attribute_count_limit: -1}", "attribute_limits.attribute_count_limit=-1 in FILE cannot"),
        (
            CONSOLE % ", sampler: {trace_id_ratio_based: {ratio: 1.5}}",
            "tracer_provider.sampler.trace_id_ratio_based.ratio=1.5 in FILE cannot be used: give a number from 0 to 1",
        ),
        (
            CONSOLE % ", sampler: {parent_based: {rot: {always_on: }}}",
            "tracer_provider.sampler.parent_based.rot='...' in FILE cannot be used: it is unknown; did",
        ),
        (
            HTTP % "endpoint: 'ftp://x'",
            "tracer_provider.processors[0].batch.exporter.otlp_http.endpoint='ftp://x' in FILE cannot be used: not",
        ),
        (
            HTTP % "tls: {ca_file: /nothere.pem}",
            "tracer_provider.processors[0].batch.exporter.otlp_http.tls.ca_file='/nothere.pem' in FILE cannot be used",
        ),
        (
            HTTP % "headers: [{name: 'a b', value: hunter2}]",
            "tracer_provider.processors[0].batch.exporter.otlp_http.headers=['a b'] in FILE cannot be used: the entry",
        ),
        (
            HTTP % "headers_list: hunter2",
            "tracer_provider.processors[0].batch.exporter.otlp_http.headers_list in FILE cannot be used: entry 1 has",
        ),
        (
            HTTP % "headers: {api-key: hunter2}",
            "tracer_provider.processors[0].batch.exporter.otlp_http.headers='...' in",
        ),
        (
            HTTP % "heders: hunter2",
            "tracer_provider.processors[0].batch.exporter.otlp_http.heders='...' in FILE cannot",
        ),
        (
            HTTP % "headers: [hunter2]",
            "tracer_provider.processors[0].batch.exporter.otlp_http.headers[0]='...' in FILE",
        ),
        (HTTP % "tls: hunter2", "tracer_provider.processors[0].batch.exporter.otlp_http.tls='...' in FILE cannot be"),
        (
            BATCH % "exporter: {pyspan_kafka: {brokers: [nowhere]}}",
            "tracer_provider.processors[0].batch.exporter.pyspan_kafka.brokers=['nowhere'] in FILE cannot be used: no",
        ),
        (
            BATCH % "exporter: {pyspan_kafka: {sasl_password: hunter2}}",
            "sasl_password='...' in tracer_provider.processors[0].batch.exporter.pyspan_kafka in FILE cannot be used",
        ),
        (
            BATCH % "exporter: {otlp_file/development: {output_stream: 'http://['}}",
            "tracer_provider.processors[0].batch.exporter.otlp_file/development.output_stream='http://[' in FILE",
        ),
    ],
)
def test_a_fault_is_told_with_its_path(
    text: str, complaint: str, configure: Callable[..., TracerProvider], tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError) as error:
        configure(f"{HEAD}{text}\n")
    (line,) = str(error.value).splitlines()
    assert line.replace(str(tmp_path / "otel.yaml"), "FILE").startswith(complaint)
    assert "hunter2" not in line


def test_for_json_protobuf_is_sent_which_is_said_once(
    configure: Callable[..., TracerProvider], caplog: pytest.LogCaptureFixture
) -> None:
    (processor,) = processors(configure(HEAD + HTTP % "endpoint: 'http://c:4317', encoding: json" + "\n"))
    sent: Any = processor.span_exporter._settings
    assert (sent.endpoint, sent.protocol) == ("http://c:4317", "http/protobuf")
    (message,) = caplog.messages
    assert message.startswith("tracer_provider.processors[0].batch.exporter.otlp_http.encoding=json in ")
    assert message.endswith(": pyspan sends protobuf instead; leave it out")


def test_captured_headers_that_are_left_to_others_are_named_with_the_variable_for_ours(
    configure: Callable[..., TracerProvider], caplog: pytest.LogCaptureFixture
) -> None:
    server = "server: {request_captured_headers: [x-a], known_methods: [GET], response_captured_headers: []}"
    client = "client: {response_captured_headers: [x-b]}"
    configure(f"{HEAD}instrumentation/development: {{general: {{http: {{{server}, {client}}}}}}}\n")
    named = [(message.split()[0], message.split()[-1]) for message in caplog.messages]
    http, variable = "instrumentation/development.general.http.", "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_"
    assert named == [
        (f"{http}client.response_captured_headers", f"{variable}CLIENT_RESPONSE"),
        (f"{http}server.request_captured_headers", f"{variable}SERVER_REQUEST"),
    ]


@pytest.mark.parametrize(
    "others", ["", "5", "{general: 5}", "{general: {http: [1]}}", "{general: {http: {server: x}}}"]
)
def test_a_section_of_others_is_left_in_peace_whatever_is_in_it(
    others: str, configure: Callable[..., TracerProvider], caplog: pytest.LogCaptureFixture
) -> None:
    configure(f"{HEAD}instrumentation/development: {others}\n")
    assert caplog.messages == []


def test_all_faults_are_told_at_once(configure: Callable[..., TracerProvider]) -> None:
    with pytest.raises(ConfigurationError) as error:
        configure(f"{HEAD}disabled: 5\nlog_level: 5\nunknwon: 1\nresource: {{a: 1}}\n")
    names = [line.partition("=")[0] for line in str(error.value).splitlines()]
    assert names == ["disabled", "log_level", "resource.a"]


@pytest.mark.parametrize("head", ["", 'file_format: "0.4"\n', "file_format: 2.0\n", "file_format: \n"])
def test_another_format_is_refused(head: str, configure: Callable[..., TracerProvider]) -> None:
    with pytest.raises(ConfigurationError, match=r'file_format=.* cannot be used: .* write file_format: "1\.1"'):
        configure(head + CONSOLE % "")


@pytest.mark.parametrize("head", ["file_format: 1.0\n", 'file_format: "1.1"\n', 'file_format: "1.0-rc.3"\n'])
def test_formats_of_the_same_major_version_are_read(head: str, configure: Callable[..., TracerProvider]) -> None:
    assert records(configure(head + CONSOLE % ""))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("a: [", "it is no YAML"), ("- a", "a list where a table is needed"), ("", "where a table is needed")],
)
def test_a_file_that_is_none_is_told_with_the_variable(
    text: str, complaint: str, configure: Callable[..., TracerProvider]
) -> None:
    with pytest.raises(ConfigurationError, match=f"^OTEL_CONFIG_FILE='.*otel.yaml' in the environment .*{complaint}"):
        configure(text)


def test_a_file_that_is_not_there_is_told_with_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPERIMENTAL_CONFIG_FILE", "/nothere.yaml")
    complaint = "^OTEL_EXPERIMENTAL_CONFIG_FILE='/nothere.yaml' in the environment cannot be used: No such file"
    with pytest.raises(ConfigurationError, match=complaint):
        pyspan.configure()


def test_without_pyyaml_the_extra_is_named(tmp_path: Path) -> None:
    path = tmp_path / "otel.yaml"
    path.write_text(HEAD, encoding="utf-8")
    code = "import sys; sys.modules['yaml'] = None; import pyspan; pyspan.configure()"
    environ = {"OTEL_CONFIG_FILE": str(path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environ)
    assert done.returncode == 1
    assert "pip install 'pyspan-tracing[config]', or write JSON into a file named .json" in done.stderr


def test_each_value_of_a_file_is_in_force_with_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "otel.yaml"
    path.write_text(WHOLE, encoding="utf-8")
    monkeypatch.setenv("OTEL_CONFIG_FILE", str(path))
    monkeypatch.setenv("API_KEY", "hunter2")
    settings = {setting.name: setting for setting in in_force(Settings())}
    delay = settings["tracer_provider.processors[0].batch.schedule_delay"]
    assert (delay.value, delay.source) == (100, f"{path}:tracer_provider.processors[0].batch.schedule_delay")
    assert settings["resource.attributes[0].service.name"].shown == "shop"
    key = "tracer_provider.processors[0].batch.exporter.otlp_http.headers[0].api-key"
    assert settings[key].shown == "REDACTED"
    assert "hunter2" not in "".join(map(str, settings.values()))
    assert not any(name.startswith("meter_provider") for name in settings)


def test_the_section_of_pyspan_is_in_force_with_its_path_and_others_are_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "otel.yaml"
    path.write_text(HEAD + OWN, encoding="utf-8")
    monkeypatch.setenv("OTEL_CONFIG_FILE", str(path))
    shown = {setting.name: (setting.shown, setting.source) for setting in in_force(Settings())}
    own = "distribution.pyspan"
    assert shown == {
        "file_format": ("1.1", f"{path}:file_format"),
        f"{own}.redact": ("false", f"{path}:{own}.redact"),
        f"{own}.export_open_spans_after": ("0.5", f"{path}:{own}.export_open_spans_after"),
        f"{own}.propagate_threads": ("true", f"{path}:{own}.propagate_threads"),
        f"{own}.baggage_attributes[0]": ("tenant.id", f"{path}:{own}.baggage_attributes[0]"),
        f"{own}.baggage_attributes[1]": ("app.*", f"{path}:{own}.baggage_attributes[1]"),
    }
