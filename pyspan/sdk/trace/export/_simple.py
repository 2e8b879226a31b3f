"""The processor that exports each span as it ends."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from pyspan.sdk.trace._fork import in_forked_child
from pyspan.sdk.trace._processor import SHUTDOWN_MILLIS, SpanProcessor, shutdown_within
from pyspan.sdk.trace.export._batcher import export_to
from pyspan.sdk.trace.export._component import Component
from pyspan.sdk.trace.export._exporter import check_exporter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.metrics import MeterProvider

    from pyspan.sdk._metrics import Point
    from pyspan.sdk.trace._readable_span import ReadableSpan
    from pyspan.sdk.trace.export._exporter import SpanExporter

__all__ = ["SimpleSpanProcessor"]

logger = logging.getLogger(__name__)

# The type of an error where an export was left by what is no `Exception`, such as a keyboard interrupt.
INTERRUPTED = "_OTHER"


class SimpleSpanProcessor(SpanProcessor):
    """Hands each sampled span to the exporter in the thread that ends it, which waits.

    Raises:
        TypeError: `span_exporter` is no exporter.
    """

    def __init__(self, span_exporter: SpanExporter, *, meter_provider: MeterProvider | None = None) -> None:
        check_exporter(span_exporter)
        self.span_exporter = span_exporter
        self._shutdown = False
        self._count_anew()
        self._component = Component("simple_span_processor", span_exporter)
        self._component.report(self, meter_provider)
        in_forked_child(self, SimpleSpanProcessor._count_anew)

    def on_end(self, span: ReadableSpan) -> None:
        if not (span.context and span.context.trace_flags.sampled):
            return
        if self._shutdown:
            self._counts["dropped_after_shutdown"] += 1
            logger.warning("Processor is already shutdown, ignoring call")
            return
        self._export(span)

    def shutdown(self, timeout_millis: float = SHUTDOWN_MILLIS) -> None:
        self._shutdown = True
        shutdown_within(self.span_exporter, timeout_millis)

    def _export(self, span: ReadableSpan) -> None:
        self._counts["taken"] += 1
        begun = time.monotonic()
        error: str | None = INTERRUPTED
        try:
            error = export_to(self.span_exporter, (span,))
        finally:  # what is no Exception goes on to the application, and the span is counted
            self._component.record(time.monotonic() - begun, error)
            self._counts["exported" if error is None else "failed"] += 1

    def _points(self) -> Iterable[Point]:
        counts = self._counts
        return self._component.points({**counts, "in_flight": counts["taken"] - counts["exported"] - counts["failed"]})

    def _stats(self) -> dict[str, Any]:
        return {"exporter": type(self.span_exporter).__name__, **self._counts}

    def _count_anew(self) -> None:
        self._counts = dict.fromkeys(("taken", "exported", "failed", "dropped_after_shutdown"), 0)
