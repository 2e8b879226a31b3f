"""The processor that exports each span as it ends."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from pyspan.sdk.trace._processor import SHUTDOWN_MILLIS, SpanProcessor, shutdown_within
from pyspan.sdk.trace.export._exporter import SpanExportResult, check_exporter
from pyspan.sdk.trace.export._suppress import suppress_instrumentation

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider

    from pyspan.sdk.trace._readable_span import ReadableSpan
    from pyspan.sdk.trace.export._exporter import SpanExporter

__all__ = ["SimpleSpanProcessor"]

logger = logging.getLogger(__name__)


class SimpleSpanProcessor(SpanProcessor):
    """Hands each sampled span to the exporter in the thread that ends it, which waits.

    Raises:
        TypeError: `span_exporter` is no exporter.
    """

    def __init__(self, span_exporter: SpanExporter, *, meter_provider: MeterProvider | None = None) -> None:
        check_exporter(span_exporter)
        self.span_exporter = span_exporter
        self._shutdown = False
        self._counts = {"exported": 0, "failed": 0, "dropped_after_shutdown": 0}

    def on_end(self, span: ReadableSpan) -> None:
        if not (span.context and span.context.trace_flags.sampled):
            return
        if self._shutdown:
            self._counts["dropped_after_shutdown"] += 1
            logger.warning("Processor is already shutdown, ignoring call")
            return
        with suppress_instrumentation():
            self._export(span)

    def shutdown(self, timeout_millis: float = SHUTDOWN_MILLIS) -> None:
        self._shutdown = True
        shutdown_within(self.span_exporter, timeout_millis)

    def _export(self, span: ReadableSpan) -> None:
        try:
            result = self.span_exporter.export((span,))
        except Exception:  # the exporter is anybody's code
            logger.exception("Exception while exporting Span.")
            result = SpanExportResult.FAILURE
        # By name: exporters written for the other SDK answer with its enum.
        failed = getattr(result, "name", None) == SpanExportResult.FAILURE.name
        self._counts["failed" if failed else "exported"] += 1

    def _stats(self) -> dict[str, Any]:
        return {"exporter": type(self.span_exporter).__name__, **self._counts}
