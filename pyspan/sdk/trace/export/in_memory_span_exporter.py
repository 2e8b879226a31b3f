"""The exporter for tests; mirrors `opentelemetry.sdk.trace.export.in_memory_span_exporter`."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from pyspan.sdk.trace.export._exporter import SpanExporter, SpanExportResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspan.sdk.trace._readable_span import ReadableSpan

__all__ = ["InMemorySpanExporter"]


class InMemorySpanExporter(SpanExporter):
    """Keeps spans, the newest `max_spans` of them or all; after `shutdown` it takes no more."""

    def __init__(self, max_spans: int | None = None) -> None:
        self._finished_spans: deque[ReadableSpan] = deque(maxlen=max_spans)
        self._stopped = False
        self._lock = threading.Lock()

    def get_finished_spans(self) -> tuple[ReadableSpan, ...]:
        """Return what has been exported, in that order."""
        with self._lock:
            return tuple(self._finished_spans)

    def clear(self) -> None:
        """Forget all spans."""
        with self._lock:
            self._finished_spans.clear()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if self._stopped:
            return SpanExportResult.FAILURE
        with self._lock:
            self._finished_spans.extend(spans)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        self._stopped = True
