"""What a receiver's reply means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import pytest

from pyspan.errors import FaultError, PermanentError, RefusedError, RetryableError, TooLargeError
from pyspan.pipeline.otlp_replies import error_of

if TYPE_CHECKING:
    from pyspan._core import OtlpReply

URL = "http://c:4318/v1/traces"


@dataclass(frozen=True)
class Reply:
    """A reply made up by a test."""

    kind: str
    code: int = 0
    message: str = ""
    retry_after: float | None = None

    def error(self) -> Exception | None:
        return error_of(cast("OtlpReply", self), URL)


def test_ok_is_no_error() -> None:
    assert Reply("ok", 200).error() is None


@pytest.mark.parametrize("code", [429, 502, 503, 504])
def test_http_statuses_that_ask_to_come_again(code: int) -> None:
    error = Reply("http", code, "busy", retry_after=3.0).error()
    assert type(error) is RetryableError
    assert (error.retry_after, error.status) == (3.0, f"http_{code}")


@pytest.mark.parametrize("code", [400, 409, 422])
def test_http_statuses_that_refuse_this_batch(code: int) -> None:
    assert type(Reply("http", code).error()) is PermanentError


@pytest.mark.parametrize("code", [408, 500, 508, 599])
def test_http_statuses_of_a_receiver_that_failed_on_this_batch(code: int) -> None:
    assert type(Reply("http", code).error()) is FaultError


@pytest.mark.parametrize("code", [301, 307, 401, 403, 404, 405, 415, 501, 505])
def test_http_statuses_that_refuse_every_batch(code: int) -> None:
    assert type(Reply("http", code).error()) is RefusedError


def test_413_is_too_large() -> None:
    assert type(Reply("http", 413).error()) is TooLargeError


@pytest.mark.parametrize("code", [1, 4, 10, 11, 14, 15])
def test_grpc_codes_that_ask_to_come_again(code: int) -> None:
    assert type(Reply("grpc", code).error()) is RetryableError


@pytest.mark.parametrize("code", [3, 6, 9])
def test_grpc_codes_that_refuse_this_batch(code: int) -> None:
    assert type(Reply("grpc", code).error()) is PermanentError


@pytest.mark.parametrize("code", [2, 13])
def test_grpc_codes_of_a_receiver_that_failed_on_this_batch(code: int) -> None:
    assert type(Reply("grpc", code).error()) is FaultError


@pytest.mark.parametrize("code", [5, 7, 12, 16])
def test_grpc_codes_that_refuse_every_batch(code: int) -> None:
    assert type(Reply("grpc", code).error()) is RefusedError


def test_resource_exhausted_is_repeated_only_with_a_delay() -> None:
    assert type(Reply("grpc", 8, "quota", retry_after=1.0).error()) is RetryableError
    assert type(Reply("grpc", 8, "quota").error()) is RefusedError


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (8, "grpc: received message larger than max (5000000 vs. 4194304)"),
        (8, "Received message larger than max (5000000 vs. 4194304)"),
        (8, "gRPC message exceeds maximum size 4194304: 5000000"),
        (11, "Error, decoded message length too large: found 5000000 bytes, the limit is: 4194304 bytes"),
    ],
)
def test_a_message_above_the_grpc_limit_is_known_by_its_text(code: int, message: str) -> None:
    assert type(Reply("grpc", code, message).error()) is TooLargeError


def test_no_reply_is_worth_another_try() -> None:
    assert type(Reply("timeout").error()) is RetryableError
    assert type(Reply("transport", message="connection refused").error()) is RetryableError


@pytest.mark.parametrize(
    ("said", "check"),
    [
        (
            "corrupt message of type InvalidContentType",
            "it speaks no TLS; write http:// in OTEL_EXPORTER_OTLP_",
        ),
        ("invalid peer certificate: UnknownIssuer", "check OTEL_EXPORTER_OTLP_CERTIFICATE, "),
        ("received fatal alert: CertificateRequired", "check OTEL_EXPORTER_OTLP_CERTIFICATE, "),
        ("http2 error: frame with invalid size", "it speaks no gRPC; check OTEL_EXPORTER_OTLP_ENDPOINT and "),
        ("invalid HTTP version parsed", "it speaks gRPC, or no HTTP; check OTEL_EXPORTER_OTLP_ENDPOINT and "),
        ("received unexpected message", "it speaks gRPC, or no HTTP; check OTEL_EXPORTER_OTLP_ENDPOINT and "),
    ],
)
def test_ends_that_do_not_understand_each_other_are_told_the_setting(said: str, check: str) -> None:
    assert f"{said} ({check}" in str(Reply("transport", message=said).error())


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (
            Reply("http", 401, "no key"),
            f"OTLP endpoint {URL} refused the batch: 401 no key (check OTEL_EXPORTER_OTLP_HEADERS)",
        ),
        (
            Reply("grpc", 16, "no key"),
            f"OTLP endpoint {URL} refused the batch: gRPC status 16 no key (check OTEL_EXPORTER_OTLP_HEADERS)",
        ),
        (
            Reply("transport", message="connection refused"),
            f"OTLP endpoint {URL} cannot be reached: connection refused (check OTEL_EXPORTER_OTLP_ENDPOINT)",
        ),
        (Reply("http", 503), f"OTLP endpoint {URL} asks to try again: http 503"),
    ],
)
def test_messages_say_what_happened_where_and_what_to_check(reply: Reply, message: str) -> None:
    assert str(reply.error()) == message
