"""The console exporter: a readable line for each span, for the eyes of a developer."""

from __future__ import annotations

import sys
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, TextIO

from pyspan.errors import RetryableError

if TYPE_CHECKING:
    from pyspan._core import Batch

__all__ = ["ConsoleExporter"]


class ConsoleExporter:
    """Prints spans to a text stream, standard output unless told otherwise."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out

    async def export(self, batch: Batch) -> None:
        """Print the batch.

        Raises:
            RetryableError: the stream is closed or its reader is gone.
        """
        out = self._out or sys.stdout
        lines = [f"{_line(span)}\n" for span in batch.spans()]
        try:
            out.writelines(lines)
            out.flush()
        except (OSError, ValueError) as error:  # a closed stream raises ValueError
            raise RetryableError(f"the console cannot be written: {error}", status="console") from error

    async def aclose(self) -> None:
        """Leave the stream open: it belongs to the application."""


def _line(span: dict[str, Any]) -> str:
    words = [
        datetime.fromtimestamp(span["start_ns"] / 1e9, timezone.utc).strftime("%H:%M:%S.%f"),
        str(span["resource"].get("service.name", "unknown_service")),
        span["name"],
        f"{(span['end_ns'] - span['start_ns']) / 1e6:.3f} ms",
        span["kind"].lower(),
        _status(span["status"]),
        f"trace={span['trace_id']} span={span['span_id']}",
        f"parent={span['parent_span_id']}" if span["parent_span_id"] else "",
        " ".join(f"{key}={value!r}" for key, value in span["attributes"].items()),
        " ".join(f"[{event['name']}]" for event in span["events"]),
    ]
    return "  ".join(word for word in words if word)


def _status(status: dict[str, str]) -> str:
    if status["code"] == "UNSET":
        return ""
    word = status["code"].lower()
    return f"{word} ({status['message']})" if status["message"] else word
