"""The errors pyspan raises, one tree."""

from __future__ import annotations

__all__ = ["ConfigurationError", "MalformedError", "PermanentError", "PyspanError", "RetryableError", "SpoolFullError"]


class PyspanError(Exception):
    """Root of every error that pyspan raises on purpose."""


class ConfigurationError(PyspanError, ValueError):
    """A setting that cannot be used; the message names the key, the value, the place and the fix."""


class MalformedError(PyspanError, ValueError):
    """Bytes that are not what their sender says they are, such as a truncated OTLP body."""


class RetryableError(PyspanError):
    """A delivery that failed for now; `retry_after` is the pause in seconds that the receiver asked for."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class PermanentError(PyspanError):
    """A delivery that the receiver will never take as it is."""


class SpoolFullError(RetryableError):
    """A spool at its byte limit; nothing was stored, and there is room again once the slowest reader has moved on."""
