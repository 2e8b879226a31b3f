"""The errors pyspan raises, one tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspan._core import Batch

__all__ = [
    "ConfigurationError",
    "FaultError",
    "MalformedError",
    "PermanentError",
    "PyspanError",
    "RefusedError",
    "RetryableError",
    "SpoolFullError",
    "TooLargeError",
]


class PyspanError(Exception):
    """Root of every error that pyspan raises on purpose."""


class ConfigurationError(PyspanError, ValueError):
    """A setting that cannot be used; the message names the key, the value, the place and the fix."""


class MalformedError(PyspanError, ValueError):
    """Bytes that are not what their sender says they are, such as a truncated OTLP body."""


class RetryableError(PyspanError):
    """A delivery that failed for now.

    `retry_after` is the pause in seconds that the receiver asked for; `status` names it in counts ("http_503").
    """

    def __init__(self, message: str, retry_after: float | None = None, *, status: str = "error") -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.status = status


class SpoolFullError(RetryableError):
    """A spool at its byte limit; nothing was stored, and there is room again once the slowest reader has moved on."""


class PermanentError(PyspanError):
    """A delivery that the receiver will never take as it is.

    `batch`, where given, is the part that was refused: the rest has arrived.
    """

    def __init__(self, message: str, *, status: str = "error", batch: Batch | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.batch = batch


class FaultError(PermanentError):
    """A receiver that failed on the batch instead of judging it (HTTP 500, 408); the same batch may pass later."""


class TooLargeError(PermanentError):
    """A delivery above the receiver's byte limit; its pieces may pass."""


class RefusedError(PermanentError):
    """A receiver that takes nothing from this sender as configured, whatever the batch (401, 404, unknown topic)."""
