"""The console exporter: a readable line for each span, for the eyes of a developer."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, TextIO

from pyspan.errors import RetryableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspan._core import Batch

__all__ = ["ConsoleExporter"]

KINDS = ("", "internal", "server", "client", "producer", "consumer")
STATUSES = ("", "ok", "error")


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
        try:
            out.writelines(f"{line}\n" for line in _lines(json.loads(batch.to_json())))
            out.flush()
        except (OSError, ValueError) as error:
            raise RetryableError(f"the console cannot be written: {error}", status="console") from error

    async def aclose(self) -> None:
        """Leave the stream open: it belongs to the application."""


def _lines(request: dict[str, Any]) -> Iterator[str]:
    for resource_spans in request.get("resourceSpans", ()):
        service = _attributes(resource_spans.get("resource", {})).get("service.name", "unknown_service")
        for scope_spans in resource_spans.get("scopeSpans", ()):
            for span in scope_spans.get("spans", ()):
                yield _line(service, span)


def _line(service: object, span: dict[str, Any]) -> str:
    start, end = int(span.get("startTimeUnixNano", 0)), int(span.get("endTimeUnixNano", 0))
    words = [
        datetime.fromtimestamp(start / 1e9, timezone.utc).strftime("%H:%M:%S.%f"),
        str(service),
        span.get("name", ""),
        f"{(end - start) / 1e6:.3f} ms",
        KINDS[span.get("kind", 0)],
        _status(span.get("status", {})),
        f"trace={span.get('traceId', '')} span={span.get('spanId', '')}",
        f"parent={span['parentSpanId']}" if span.get("parentSpanId") else "",
        " ".join(f"{key}={value!r}" for key, value in _attributes(span).items()),
        " ".join(f"[{event.get('name', '')}]" for event in span.get("events", ())),
    ]
    return "  ".join(word for word in words if word)


def _status(status: dict[str, Any]) -> str:
    message = status.get("message")
    word = STATUSES[status.get("code", 0)]
    return f"{word} ({message})" if message else word


def _attributes(holder: dict[str, Any]) -> dict[str, Any]:
    return {item["key"]: _value(item.get("value", {})) for item in holder.get("attributes", ())}


def _value(value: dict[str, Any]) -> Any:
    """Decode an OTLP/JSON AnyValue; 64-bit integers come as strings there."""
    for kind, content in value.items():
        if kind == "arrayValue":
            return [_value(item) for item in content.get("values", ())]
        if kind == "kvlistValue":
            return {item["key"]: _value(item.get("value", {})) for item in content.get("values", ())}
        return int(content) if kind == "intValue" else content
    return None
