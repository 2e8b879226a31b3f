"""Settings from the environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pyspan.config import BatchSettings, KafkaSettings, OtlpSettings, QueueSettings, read_pem
from pyspan.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

OTLP = "OTEL_EXPORTER_OTLP_"


def test_defaults_hold_in_an_empty_environment() -> None:
    assert QueueSettings.from_env({}) == QueueSettings(65_536, 32 << 20, None)
    assert BatchSettings.from_env({}) == BatchSettings(2_048, 2 << 20, 5.0, 30.0)
    assert OtlpSettings.from_env({}) == OtlpSettings()


def test_the_small_numbers_of_a_cautious_guide_are_taken() -> None:
    environ = {
        "OTEL_BSP_MAX_QUEUE_SIZE": "100",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "10",
        "OTEL_BSP_SCHEDULE_DELAY": "500",
        "OTEL_BSP_EXPORT_TIMEOUT": "5000",
    }
    batch = BatchSettings.from_env(environ)
    assert (QueueSettings.from_env(environ).max_spans, batch.max_spans, batch.delay, batch.export_timeout) == (
        100,
        10,
        0.5,
        5,
    )


def test_the_default_batch_shrinks_to_a_small_queue() -> None:
    assert BatchSettings.from_env({"OTEL_BSP_MAX_QUEUE_SIZE": "64"}).max_spans == 64


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


def test_headers_stay_out_of_a_printed_settings_object() -> None:
    assert "secret" not in repr(OtlpSettings(headers={"api-key": "secret"}))
    assert "secret" not in repr(KafkaSettings(password="secret"))


@pytest.mark.parametrize(("text", "seconds"), [("2.5", 2.5), ("10", 10), ("999", 999), ("10000", 10)])
def test_a_timeout_is_in_seconds_unless_it_can_only_be_milliseconds(text: str, seconds: float) -> None:
    assert OtlpSettings.from_env({"OTEL_EXPORTER_OTLP_TIMEOUT": text}).timeout == seconds


@pytest.mark.parametrize(
    ("key", "value", "fix"),
    [
        ("OTEL_BSP_MAX_QUEUE_SIZE", "many", "whole number above 0"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0", "whole number above 0"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "100000", "at most the queue's size"),
        ("OTEL_BSP_SCHEDULE_DELAY", "-1", "milliseconds above 0"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "0", "milliseconds above 0"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "nan", "seconds above 0"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "thrift", "http/protobuf, grpc"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "brotli", "gzip, zstd, none"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://x", "http://HOST:PORT"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://", "http://HOST:PORT"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:99999", "http://HOST:PORT"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "c:4318", "http://"),
        ("OTEL_EXPORTER_OTLP_INSECURE", "maybe", "true or false"),
    ],
)
def test_a_wrong_value_is_named_with_key_place_and_fix(key: str, value: str, fix: str) -> None:
    read = BatchSettings.from_env if "BSP" in key else OtlpSettings.from_env
    with pytest.raises(ConfigurationError) as error:
        read({key: value})
    message = str(error.value)
    assert all(word in message for word in (key, value, "the environment", fix))


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
