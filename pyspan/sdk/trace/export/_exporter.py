"""The role of an exporter, as users write them."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspan.sdk.trace._readable_span import ReadableSpan

__all__ = ["SpanExportResult", "SpanExporter", "check_exporter"]


class SpanExportResult(enum.Enum):
    """What came of an export; equal to the member of the same name in the SDK, whose exporters are used beside ours."""

    SUCCESS = 0
    FAILURE = 1

    def __eq__(self, other: object) -> bool:
        if type(other).__name__ != type(self).__name__:
            return NotImplemented
        return getattr(other, "name", None) == self.name

    def __hash__(self) -> int:
        return hash(self.name)


class SpanExporter:
    """Takes ended spans out of the process; called by one thread at a time, with instrumentation suppressed."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export the spans, once."""
        raise NotImplementedError(f"{type(self).__name__} has to define export()")

    def shutdown(self) -> None:
        """Let go of everything; no further spans come."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Finish what is under way; False where that took longer."""
        return True


def check_exporter(exporter: object) -> None:
    """Refuse what is no exporter where it is given, not by an error at each export.

    Raises:
        TypeError: it lacks a method, or is a class.
    """
    missing = [name for name in METHODS if not callable(getattr(exporter, name, None))]
    if missing or isinstance(exporter, type):
        why = "is a class: give an instance" if isinstance(exporter, type) else f"has no {missing[0]}()"
        raise TypeError(f"span_exporter={exporter!r} {why}; a SpanExporter has {' and '.join(METHODS)}")


METHODS = ("export", "shutdown")
