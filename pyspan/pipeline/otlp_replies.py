"""What an OTLP receiver's reply means: done, again later, too large, never, never from us (OTLP spec, "Failures")."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pyspan.config import Origins
from pyspan.config.redaction import redact
from pyspan.errors import FaultError, PermanentError, PyspanError, RefusedError, RetryableError, TooLargeError

if TYPE_CHECKING:
    from pyspan._core import OtlpReply

__all__ = ["error_of"]

HTTP_AGAIN = frozenset({429, 502, 503, 504})
HTTP_TOO_LARGE = 413
# These speak about the address, the credentials or the protocol, not about the batch.
HTTP_REFUSING = frozenset({401, 402, 403, 404, 405, 406, 407, 415, 501, 505})
# OTLP calls these final, as a batch may be their cause; as often a restart or a bug that is soon mended is.
HTTP_TIMEOUT, HTTP_FAULTS = 408, range(500, 600)

CANCELLED, UNKNOWN, INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND = 1, 2, 3, 4, 5
PERMISSION_DENIED, RESOURCE_EXHAUSTED, ABORTED, OUT_OF_RANGE = 7, 8, 10, 11
UNIMPLEMENTED, UNAVAILABLE, DATA_LOSS, UNAUTHENTICATED = 12, 14, 15, 16
INTERNAL = 13
GRPC_FAULTS = frozenset({UNKNOWN, INTERNAL})
GRPC_AGAIN = frozenset({CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, UNAVAILABLE, DATA_LOSS})
GRPC_REFUSING = frozenset({NOT_FOUND, PERMISSION_DENIED, UNIMPLEMENTED, UNAUTHENTICATED})
# No code stands for a message above the limit: grpc-go, grpc-java and C++ say RESOURCE_EXHAUSTED, tonic OUT_OF_RANGE.
TOO_LARGE_TEXT = re.compile(r"larger than max|exceeds maximum|too large|message size|length limit", re.IGNORECASE)


def error_of(reply: OtlpReply, endpoint: str, origins: Origins | None = None) -> PyspanError | None:
    """Return the error that the reply stands for, None where the receiver took the batch.

    `origins` are the settings that it tells people to check.
    """
    origins = origins or Origins()
    if reply.kind == "ok":
        return None
    if reply.kind == "http":
        return _http_error(reply, endpoint, origins)
    if reply.kind == "grpc":
        return _grpc_error(reply, endpoint, origins)
    return _no_reply(reply, endpoint, origins)


def _http_error(reply: OtlpReply, endpoint: str, origins: Origins) -> PyspanError:
    status = f"http_{reply.code}"
    said = _text(str(reply.code), reply.message)
    refused = f"OTLP endpoint {endpoint} refused the batch: {said}"
    if reply.code in HTTP_AGAIN:
        return RetryableError(_busy(reply, endpoint), reply.retry_after, status=status)
    if reply.code == HTTP_TOO_LARGE:
        return TooLargeError(refused, status=status)
    if reply.code in HTTP_REFUSING or 300 <= reply.code < 400:
        return RefusedError(_advise(refused, _http_check(reply.code, origins)), status=status)
    if reply.code == HTTP_TIMEOUT or reply.code in HTTP_FAULTS:
        return FaultError(f"OTLP endpoint {endpoint} failed on the batch: {said}", status=status)
    return PermanentError(refused, status=status)


def _grpc_error(reply: OtlpReply, endpoint: str, origins: Origins) -> PyspanError:
    status = f"grpc_{reply.code}"
    said = _text(f"gRPC status {reply.code}", reply.message)
    refused = f"OTLP endpoint {endpoint} refused the batch: {said}"
    if reply.code in (RESOURCE_EXHAUSTED, OUT_OF_RANGE) and TOO_LARGE_TEXT.search(reply.message):
        return TooLargeError(refused, status=status)
    if reply.code in GRPC_AGAIN or (reply.code == RESOURCE_EXHAUSTED and reply.retry_after is not None):
        return RetryableError(_busy(reply, endpoint), reply.retry_after, status=status)
    if reply.code in GRPC_REFUSING or reply.code == RESOURCE_EXHAUSTED:
        return RefusedError(_advise(refused, _grpc_check(reply.code, origins)), status=status)
    if reply.code in GRPC_FAULTS:
        return FaultError(f"OTLP endpoint {endpoint} failed on the batch: {said}", status=status)
    return PermanentError(refused, status=status)


def _no_reply(reply: OtlpReply, endpoint: str, origins: Origins) -> RetryableError:
    if reply.kind == "timeout":
        return RetryableError(f"OTLP endpoint {endpoint} did not answer in time", status="timeout")
    message = f"OTLP endpoint {endpoint} cannot be reached: {reply.message}"
    return RetryableError(_advise(message, _connection_check(reply.message, origins)), status="transport")


def _connection_check(message: str, origins: Origins) -> str:
    checks = {
        "InvalidContentType": f"it speaks no TLS; write http:// in {origins.endpoint}",
        "certificate": f"check {origins.certificates}",
        "CertificateRequired": f"check {origins.certificates}",
        "http2 error": f"it speaks no gRPC; check {origins.endpoint} and {origins.coding}",
        **dict.fromkeys(
            ("unexpected message", "invalid HTTP version"),
            f"it speaks gRPC, or no HTTP; check {origins.endpoint} and {origins.coding}",
        ),
    }
    return next((check for text, check in checks.items() if text in message), f"check {origins.endpoint}")


def _http_check(code: int, origins: Origins) -> str | None:
    checks = {
        401: origins.headers,
        403: origins.headers,
        404: f"the path of {origins.endpoint}",
        405: f"the path of {origins.endpoint}",
        415: origins.coding,
    }
    return f"check {checks[code]}" if code in checks else None


def _grpc_check(code: int, origins: Origins) -> str | None:
    checks = {
        PERMISSION_DENIED: origins.headers,
        UNAUTHENTICATED: origins.headers,
        UNIMPLEMENTED: f"that {origins.endpoint} is an OTLP/gRPC receiver",
    }
    return f"check {checks[code]}" if code in checks else None


def _busy(reply: OtlpReply, endpoint: str) -> str:
    return f"OTLP endpoint {endpoint} asks to try again: {_text(f'{reply.kind} {reply.code}', reply.message)}"


def _text(code: str, message: str) -> str:
    return f"{code} {redact(message)[:300]}".rstrip()  # many name the path that they don't know, with its query


def _advise(message: str, check: str | None) -> str:
    return f"{message} ({check})" if check else message
