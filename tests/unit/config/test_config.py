"""Settings from the environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pyspan.agent.exports import parse_export
from pyspan.config import KafkaSecurity, KafkaSettings, OtlpSettings, read_pem
from pyspan.errors import ConfigurationError
from pyspan.sdk.trace.export import OTLPSpanExporter

if TYPE_CHECKING:
    from pathlib import Path

OTLP = "OTEL_EXPORTER_OTLP_"


def test_defaults_hold_in_an_empty_environment() -> None:
    assert OtlpSettings.from_env({}) == OtlpSettings()


@pytest.mark.parametrize(
    ("environ", "endpoint", "protocol"),
    [
        ({"ENDPOINT": "http://c:4317"}, "http://c:4317", "grpc"),
        ({"ENDPOINT": "http://c:4317/"}, "http://c:4317", "grpc"),
        ({"ENDPOINT": "http://c:4318"}, "http://c:4318/v1/traces", "http/protobuf"),
        ({"ENDPOINT": "http://c:9999"}, "http://c:9999/v1/traces", "http/protobuf"),
        ({"ENDPOINT": "http://c:4318/v1/traces"}, "http://c:4318/v1/traces", "http/protobuf"),
        ({"ENDPOINT": "http://c:4317/x"}, "http://c:4317/x/v1/traces", "http/protobuf"),
        ({"TRACES_ENDPOINT": "http://c:4318/custom"}, "http://c:4318/custom", "http/protobuf"),
        ({"TRACES_ENDPOINT": "http://c/a", "ENDPOINT": "http://b"}, "http://c/a", "http/protobuf"),
        ({"PROTOCOL": "grpc"}, "http://localhost:4317", "grpc"),
        ({"PROTOCOL": "GRPC", "ENDPOINT": "http://c:4318/v1/traces"}, "http://c:4318", "grpc"),
        ({"PROTOCOL": "http/protobuf", "ENDPOINT": "http://c:4317"}, "http://c:4317/v1/traces", "http/protobuf"),
        ({"ENDPOINT": "c:4317"}, "https://c:4317", "grpc"),
        ({"ENDPOINT": "c:4317", "INSECURE": "true"}, "http://c:4317", "grpc"),
        ({"ENDPOINT": "unix:///run/a.sock"}, "unix:///run/a.sock", "http/protobuf"),
    ],
)
def test_endpoint_and_protocol_follow_the_conventions(environ: dict[str, str], endpoint: str, protocol: str) -> None:
    settings = OtlpSettings.from_env({OTLP + name: value for name, value in environ.items()})
    assert (settings.endpoint, settings.protocol) == (endpoint, protocol)


@pytest.mark.parametrize("name", ["TRACES_PROTOCOL", "PROTOCOL"])
def test_for_json_protobuf_is_sent_over_http_whatever_the_port_which_is_said_once(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        settings = OtlpSettings.from_env({OTLP + name: "HTTP/JSON", f"{OTLP}ENDPOINT": "http://c:4317"})
        assert (settings.endpoint, settings.protocol) == ("http://c:4317/v1/traces", "http/protobuf")
    (message,) = caplog.messages
    assert message.startswith(f"{OTLP}{name}='HTTP/JSON' in the environment cannot be used: give one of ")
    assert message.endswith("for pyspan sends protobuf; now http/protobuf")


@pytest.mark.parametrize(
    ("text", "headers"),
    [
        ("api-key=secret", {"api-key": "secret"}),
        ("Api-Key=a%20b%2Cc, x=1=2,", {"api-key": "a b,c", "x": "1=2"}),
        ('{"Authorization": "Bearer x, y"}', {"authorization": "Bearer x, y"}),
    ],
)
def test_headers_are_read_as_a_list_or_as_json(text: str, headers: dict[str, str]) -> None:
    assert OtlpSettings.from_env({"OTEL_EXPORTER_OTLP_HEADERS": text}).headers == headers


@pytest.mark.parametrize(
    "name", ["Content-Length", "transfer-encoding", "Host", "Content-Type", "Content-Encoding", "Connection"]
)
def test_a_header_that_frames_the_request_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"header '{name}' is set for each request by itself"):
        OtlpSettings.from_env({"OTEL_EXPORTER_OTLP_HEADERS": f"{name}=5"})
    with pytest.raises(ConfigurationError, match=f"{name}.*leave it out"):
        OTLPSpanExporter(headers={name: "5"})
    with pytest.raises(ValueError, match=f"{name}.*leave it out"):
        parse_export({"to": "otlp=http://h:1", "headers": {name: "5"}})


def test_headers_stay_out_of_a_printed_settings_object() -> None:
    assert "secret" not in repr(OtlpSettings(headers={"api-key": "secret"}))
    assert "secret" not in repr(KafkaSettings(security=KafkaSecurity(sasl_password="secret")))


@pytest.mark.parametrize(("text", "seconds"), [("2.5", 2.5), ("10", 10), ("999", 999), ("10000", 10)])
def test_a_timeout_is_in_seconds_unless_it_can_only_be_milliseconds(text: str, seconds: float) -> None:
    assert OtlpSettings.from_env({"OTEL_EXPORTER_OTLP_TIMEOUT": text}).timeout == seconds


@pytest.mark.parametrize(
    ("key", "value", "accepted", "instead"),
    [
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "nan", "seconds from 0", "10.0"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "1e300", "seconds from 0", "10.0"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "-1", "seconds from 0", "10.0"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "thrift", "http/protobuf, grpc", "what the endpoint's port says"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "brotli", "gzip, zstd, none", "gzip"),
        ("OTEL_EXPORTER_OTLP_INSECURE", "maybe", "true, false", "false"),
    ],
)
def test_a_wrong_value_is_warned_about_and_its_default_holds(
    key: str, value: str, accepted: str, instead: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert OtlpSettings.from_env({key: value}) == OtlpSettings()
    (message,) = caplog.messages
    assert message.startswith(f"{key}={value!r} in the environment cannot be used: give ")
    assert accepted in message
    assert message.endswith(f"; now {instead}")


@pytest.mark.parametrize("value", ["ftp://x", "http://", "http://c:99999", "c:4318"])
def test_an_endpoint_that_cannot_be_used_is_an_error_since_the_spans_would_go_elsewhere(value: str) -> None:
    with pytest.raises(ConfigurationError, match=r"http://") as error:
        OtlpSettings.from_env({"OTEL_EXPORTER_OTLP_ENDPOINT": value})
    assert f"OTEL_EXPORTER_OTLP_ENDPOINT={value!r} in the environment" in str(error.value)


def test_a_certificate_whose_name_no_file_can_have_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match=r"OTEL_EXPORTER_OTLP_CERTIFICATE=.* null byte; name a readable PEM"):
        OtlpSettings.from_env({"OTEL_EXPORTER_OTLP_CERTIFICATE": "a\0b"})


@pytest.mark.parametrize("name", ["CERTIFICATE", "CLIENT_CERTIFICATE", "TRACES_CLIENT_KEY"])
def test_a_certificate_that_is_not_there_is_an_error_at_once(name: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"OTEL_EXPORTER_OTLP_{name}='/nothere.pem' .*No such file"):
        OtlpSettings.from_env({OTLP + name: "/nothere.pem"})


def test_a_client_certificate_without_its_key_is_an_error(tmp_path: Path) -> None:
    pem = tmp_path / "client.pem"
    pem.write_bytes(b"-----BEGIN CERTIFICATE-----\n")
    with pytest.raises(
        ConfigurationError, match=r"CLIENT_CERTIFICATE=.* needs OTEL_EXPORTER_OTLP_CLIENT_KEY; set both"
    ):
        OtlpSettings.from_env({"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": str(pem)})


@pytest.mark.parametrize(
    ("environ", "origin"),
    [
        ({}, "OTEL_EXPORTER_OTLP_ENDPOINT"),
        ({"ENDPOINT": "http://c"}, "OTEL_EXPORTER_OTLP_ENDPOINT"),
        ({"ENDPOINT": "http://c", "TRACES_ENDPOINT": "http://d"}, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"),
    ],
)
def test_settings_know_where_their_endpoint_was_written(environ: dict[str, str], origin: str) -> None:
    settings = OtlpSettings.from_env({OTLP + name: value for name, value in environ.items()})
    assert settings.origins.endpoint == origin


@pytest.mark.parametrize("text", ["no-equals-secret", '{"a": secret', '{"a": 1}', "bad name=secret", "a=sec%0Aret"])
def test_wrong_headers_are_refused_without_their_values(text: str) -> None:
    with pytest.raises(ConfigurationError, match="OTEL_EXPORTER_OTLP_HEADERS in the environment") as error:
        OtlpSettings.from_env({"OTEL_EXPORTER_OTLP_HEADERS": text})
    assert "secret" not in str(error.value)


def test_a_pem_file_is_read_and_its_absence_named(tmp_path: Path) -> None:
    pem = tmp_path / "ca.pem"
    pem.write_bytes(b"-----BEGIN CERTIFICATE-----\n")
    assert read_pem(str(pem), "KEY").startswith(b"-----BEGIN")
    with pytest.raises(ConfigurationError, match=r"KEY='.*nothere.pem' .*No such file"):
        read_pem(str(tmp_path / "nothere.pem"), "KEY")
    pem.write_bytes(b"\x30\x82")
    with pytest.raises(ConfigurationError, match="no PEM block"):
        read_pem(str(pem), "KEY")
