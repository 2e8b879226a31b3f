"""The exporter that prints."""

from __future__ import annotations

import os
import sys
from typing import IO, TYPE_CHECKING

from pyspan.sdk.trace.export._exporter import SpanExporter, SpanExportResult

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyspan.sdk.trace._readable_span import ReadableSpan

__all__ = ["ConsoleSpanExporter"]


def _as_json(span: ReadableSpan) -> str:
    return span.to_json() + os.linesep


class ConsoleSpanExporter(SpanExporter):
    """Writes each span as text to `out`, by default as JSON to standard output."""

    def __init__(
        self,
        service_name: str | None = None,
        out: IO[str] | None = None,
        formatter: Callable[[ReadableSpan], str] = _as_json,
    ) -> None:
        self.out = sys.stdout if out is None else out
        self.formatter = formatter
        self.service_name = service_name

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        for span in spans:
            self.out.write(self.formatter(span))
        self.out.flush()
        return SpanExportResult.SUCCESS
