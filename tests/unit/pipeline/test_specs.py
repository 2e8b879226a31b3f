"""Exporters by name."""

from __future__ import annotations

import pytest

from pyspan.errors import ConfigurationError
from pyspan.pipeline.specs import parse_spec


@pytest.mark.parametrize(
    ("text", "endpoint", "protocol"),
    [
        ("otlp", "http://localhost:4318/v1/traces", "http/protobuf"),
        ("otlp=http://c:4318", "http://c:4318/v1/traces", "http/protobuf"),
        ("otlp=http://c:4318/v1/traces", "http://c:4318/v1/traces", "http/protobuf"),
        ("otlp=http://c:4317", "http://c:4317", "grpc"),
        ("otlp=https://c/tenant", "https://c/tenant/v1/traces", "http/protobuf"),
        ("otlp=unix:///run/agent.sock", "unix:///run/agent.sock", "http/protobuf"),
        ("otlp-grpc=c:5555", "http://c:5555", "grpc"),
        ("otlp-grpc=https://c:5555", "https://c:5555", "grpc"),
    ],
)
def test_otlp_targets_give_url_and_protocol(text: str, endpoint: str, protocol: str) -> None:
    spec = parse_spec(text, {})
    assert spec.otlp is not None
    assert (spec.otlp.endpoint, spec.otlp.protocol) == (endpoint, protocol)


def test_headers_come_from_the_environment_but_not_its_endpoint() -> None:
    environ = {
        "OTEL_EXPORTER_OTLP_HEADERS": "api-key=x",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://elsewhere:4317",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
    }
    spec = parse_spec("otlp=http://c:4318", environ)
    assert spec.otlp is not None
    assert (spec.otlp.protocol, spec.otlp.headers) == ("http/protobuf", {"api-key": "x"})


def test_a_kafka_target_names_brokers_and_topic() -> None:
    spec = parse_spec("kafka=a:9092,b:9092/spans", {})
    assert spec.kafka is not None
    assert (spec.kafka.brokers, spec.kafka.topic) == (("a:9092", "b:9092"), "spans")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("kafka=localhost:9092/otlp_spans", "kafka-localhost-9092-otlp_spans-1ca5cdf4"),
        ("otlp=http://c:4318", "otlp-c-4318"),
        ("file=/var/log/spans.json", "file-spans.json-5ddb6735"),
        ("console", "console"),
    ],
)
def test_a_name_is_fit_for_a_file_name(text: str, name: str) -> None:
    assert parse_spec(text, {}).name == name


@pytest.mark.parametrize(
    "text",
    [
        "zipkin=http://z",
        "kafka",
        "file=",
        "kafka=nohost/t",
        "kafka=a:9/bad topic",
        "otlp=ftp://x",
        "otlp=c:4318",
        "kafka=a:9092",
        "otlp-grpc=http://c:1/x",
    ],
)
def test_a_spec_that_cannot_be_used_is_named_with_its_place_and_the_fix(text: str) -> None:
    with pytest.raises(
        ConfigurationError, match=r"--export=.* in flag 2 cannot be used: .*(write|known|1 to 249)"
    ) as error:
        parse_spec(text, {}, key="--export", place="flag 2")
    assert text.partition("=")[2] in str(error.value)
