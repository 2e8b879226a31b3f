"""Exporters of pyspan's own: the native path, and the same exporters called as ordinary ones."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from pyspan.errors import ConfigurationError
from pyspan.sdk.resources import Resource
from pyspan.sdk.trace import Event, ReadableSpan, SynchronousMultiSpanProcessor, TracerProvider
from pyspan.sdk.trace.export import (
    BatchSpanProcessor,
    KafkaSpanExporter,
    OTLPSpanExporter,
    SimpleSpanProcessor,
    SpanExportResult,
)
from pyspan.sdk.util.instrumentation import InstrumentationScope
from tests.support.otlp_sink import Answer, OtlpSink
from tests.support.ports import free_port
from tests.support.trees import otlp_nodes, tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@pytest.fixture
def sink() -> Iterator[OtlpSink]:
    with OtlpSink() as sink:
        yield sink
        assert not sink.violations


def exporter(sink: OtlpSink, **settings: Any) -> OTLPSpanExporter:
    return OTLPSpanExporter(f"{sink.endpoint}/v1/traces", **settings)


def make(processor: Any) -> tuple[TracerProvider, Any]:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    return provider, provider.get_tracer("x")


def drawn(sink: OtlpSink) -> str:
    return tree(otlp_nodes(request.body for request in sink.requests))


def test_the_line_that_everybody_has_takes_the_native_path(sink: OtlpSink, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[object] = []
    for kind in (SynchronousMultiSpanProcessor, BatchSpanProcessor):
        monkeypatch.setattr(kind, "on_end", lambda _, span: called.append(span))
    processor = BatchSpanProcessor(exporter(sink))
    provider, tracer = make(processor)
    with tracer.start_as_current_span("outer"):
        tracer.start_span("inner").end()
    assert provider._recorder.counts()["ended"] == 2
    assert called == []
    assert provider.force_flush() is True
    assert drawn(sink) == "outer [INTERNAL]\n  inner [INTERNAL]"
    provider.shutdown()
    stats = processor._stats()
    assert (stats["accepted"], stats["taken"], stats["exported"]) == (2, 2, 2)


def test_a_subclass_with_its_own_hook_is_called_and_its_spans_shipped(sink: OtlpSink) -> None:
    class Filter(BatchSpanProcessor):
        def on_end(self, span: ReadableSpan) -> None:
            if span.name != "health":
                super().on_end(span)

    provider, tracer = make(Filter(exporter(sink)))
    for name in ("a", "health", "b"):
        tracer.start_span(name).end()
    provider.shutdown()
    assert drawn(sink) == "a [INTERNAL]\nb [INTERNAL]"


def test_an_exporter_with_its_own_export_is_called(sink: OtlpSink) -> None:
    class Loud(OTLPSpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            return super().export([span for span in spans if span.name != "health"])

    provider, tracer = make(BatchSpanProcessor(Loud(f"{sink.endpoint}/v1/traces")))
    for name in ("a", "health"):
        tracer.start_span(name).end()
    provider.shutdown()
    assert drawn(sink) == "a [INTERNAL]"


def test_the_simple_processor_sends_each_span_before_it_goes_on(sink: OtlpSink) -> None:
    provider, tracer = make(SimpleSpanProcessor(exporter(sink)))
    for count in (1, 2, 3):
        tracer.start_span("x").end()
        assert len(sink.requests) == count
    provider.shutdown()


def test_an_export_by_hand_answers_what_came_of_it(sink: OtlpSink) -> None:
    ours = exporter(sink)
    assert ours.export([by_hand()]) is SpanExportResult.SUCCESS
    sink.rule = lambda request: Answer(status=400)
    assert ours.export([by_hand()]) is SpanExportResult.FAILURE
    ours.shutdown()
    assert ours.export([by_hand()]) is SpanExportResult.FAILURE


def by_hand() -> ReadableSpan:
    remote = SpanContext(0xABC, 0x123, is_remote=True, trace_flags=TraceFlags(1))
    state = TraceState([("vendor", "x")])
    return ReadableSpan(
        "by hand",
        context=SpanContext(0xABC, 0xDEF, is_remote=False, trace_flags=TraceFlags(1), trace_state=state),
        parent=remote,
        resource=Resource({"service.name": "shop"}, "https://schema"),
        attributes={"a": [1, 2], "b": True},
        events=[Event("event", {"e": 1.5}, 1_500)],
        links=[Link(SpanContext(1, 2, is_remote=False), {"l": "x"})],
        kind=SpanKind.CONSUMER,
        status=Status(StatusCode.ERROR, "why"),
        start_time=1_000,
        end_time=2_000,
        instrumentation_scope=InstrumentationScope("scope", "1", "https://scope"),
    )


def test_a_span_that_was_built_by_hand_is_sent_whole(sink: OtlpSink) -> None:
    assert exporter(sink).export([by_hand()]) is SpanExportResult.SUCCESS
    resource_spans = ExportTraceServiceRequest.FromString(sink.requests[0].body).resource_spans[0]
    assert resource_spans.resource.attributes[0].value.string_value == "shop"
    assert resource_spans.schema_url == "https://schema"
    scope_spans = resource_spans.scope_spans[0]
    assert (scope_spans.scope.name, scope_spans.scope.version, scope_spans.schema_url) == (
        "scope",
        "1",
        "https://scope",
    )
    span = scope_spans.spans[0]
    assert (int(span.trace_id.hex(), 16), int(span.span_id.hex(), 16), int(span.parent_span_id.hex(), 16)) == (
        0xABC,
        0xDEF,
        0x123,
    )
    assert (span.name, span.kind, span.start_time_unix_nano, span.end_time_unix_nano) == ("by hand", 5, 1_000, 2_000)
    assert (span.trace_state, span.flags & 0x301) == ("vendor=x", 0x301)
    assert [pair.key for pair in span.attributes] == ["a", "b"]
    assert (span.events[0].name, span.events[0].time_unix_nano) == ("event", 1_500)
    assert span.links[0].attributes[0].value.string_value == "x"
    assert (span.status.code, span.status.message) == (2, "why")


def test_a_dead_backend_stops_nobody_and_is_counted_at_shutdown() -> None:
    processor = BatchSpanProcessor(OTLPSpanExporter(f"http://127.0.0.1:{free_port()}/v1/traces"))
    _, tracer = make(processor)
    begun = time.monotonic()
    for _ in range(100):
        tracer.start_span("x").end()
    assert time.monotonic() - begun < 1
    processor.shutdown(timeout_millis=200)
    assert time.monotonic() - begun < 3
    assert processor._stats()["dropped_at_shutdown"] == 100
    tracer.start_span("late").end()
    assert processor._stats()["dropped_after_shutdown"] == 1


def test_a_full_queue_drops_and_counts() -> None:
    endpoint = f"http://127.0.0.1:{free_port()}/v1/traces"
    processor = BatchSpanProcessor(OTLPSpanExporter(endpoint), max_queue_size=10, max_export_batch_size=10)
    _, tracer = make(processor)
    for _ in range(1000):
        tracer.start_span("x").end()
    stats = processor._stats()
    assert stats["dropped_queue_full"] > 0
    assert stats["accepted"] + stats["dropped_queue_full"] == 1000
    processor.shutdown(timeout_millis=10)


def test_one_exporter_serves_two_providers(sink: OtlpSink) -> None:
    processor = BatchSpanProcessor(exporter(sink))
    for service in ("one", "two"):
        provider = TracerProvider(resource=Resource({"service.name": service}), shutdown_on_exit=False)
        provider.add_span_processor(processor)
        provider.get_tracer("x").start_span("x").end()
    processor.shutdown()
    nodes = otlp_nodes((request.body for request in sink.requests), services=True)
    assert sorted(node.service for node in nodes) == ["one", "two"]


def test_headers_compression_and_timeout_are_taken(sink: OtlpSink) -> None:
    ours = exporter(sink, headers={"X-Token": "secret"}, compression="zstd", timeout=3)
    assert ours._settings.timeout == 3
    ours.export([by_hand()])
    assert sink.requests[0].headers["x-token"] == "secret"
    assert sink.requests[0].encoding == "zstd"


@pytest.mark.parametrize(("member", "sent"), [("NoCompression", "none"), ("Gzip", "gzip"), ("Deflate", "gzip")])
def test_compression_may_be_the_enum_of_opentelemetry_s_exporter(member: str, sent: str) -> None:
    theirs = pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    assert OTLPSpanExporter(compression=getattr(theirs.Compression, member))._settings.compression == sent


@pytest.mark.parametrize(
    ("arguments", "protocol", "endpoint"),
    [
        ({}, "http/protobuf", "http://localhost:4318/v1/traces"),
        ({"endpoint": "http://h:4318"}, "http/protobuf", "http://h:4318/v1/traces"),
        ({"endpoint": "http://h:9/own/path"}, "http/protobuf", "http://h:9/own/path"),
        ({"endpoint": "http://h:4317"}, "grpc", "http://h:4317"),
        ({"endpoint": "h:4317", "insecure": True}, "grpc", "http://h:4317"),
        ({"endpoint": "h:4317"}, "grpc", "https://h:4317"),
        ({"endpoint": "http://h:9", "protocol": "grpc"}, "grpc", "http://h:9"),
    ],
)
def test_the_endpoint_says_how_to_send(
    arguments: dict[str, Any], protocol: str, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    settings = OTLPSpanExporter(**arguments)._settings
    assert (settings.protocol, settings.endpoint) == (protocol, endpoint)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"endpoint": "ftp://h"}, "endpoint='ftp://h' in OTLPSpanExporter"),
        ({"endpoint": 5}, "endpoint=5 in OTLPSpanExporter cannot be used: give a URL as text"),
        (
            {"endpoint": "http://a b"},
            "endpoint='http://a b' in OTLPSpanExporter cannot be used: there is a blank in it",
        ),
        ({"endpoint": "http://a\udcff"}, "endpoint='http://a.udcff' in .* there is a byte that is no UTF-8 in it"),
        ({"endpoint": "http://a\x01"}, "endpoint='http://a.x01' in .* there is an invisible character in it"),
        ({"compression": "brotli"}, "compression='brotli'.*gzip, zstd, none"),
        ({"certificate_file": "/no/such"}, "certificate_file='/no/such'"),
        ({"protocol": "http/json"}, "protocol='http/json' in OTLPSpanExporter .* http/protobuf, grpc"),
        ({"timeout": "x"}, "timeout='x'.* seconds above 0"),
        ({"timeout": float("nan")}, "timeout=nan"),
        ({"headers": {"a b": "c"}}, "the entry 'a b' is no HTTP header"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused_by_its_name(arguments: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        OTLPSpanExporter(**arguments)


def test_arguments_for_other_clients_are_ignored_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    OTLPSpanExporter(session=object(), credentials=object())
    assert "ignores session, credentials" in caplog.text


def test_kafka_takes_brokers_and_topic_from_arguments_and_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = KafkaSpanExporter(["a:1", "b:2"], "spans", compression="none")._settings
    assert (settings.brokers, settings.topic, settings.compression) == (("a:1", "b:2"), "spans", "none")
    monkeypatch.setenv("PYSPAN_KAFKA_BROKERS", "c:3,d:4")
    monkeypatch.setenv("PYSPAN_KAFKA_TOPIC", "mine")
    settings = KafkaSpanExporter()._settings
    assert (settings.brokers, settings.topic) == (("c:3", "d:4"), "mine")
    with pytest.raises(ConfigurationError, match="bootstrap_servers='nowhere"):
        KafkaSpanExporter("nowhere")
