"""`SpanProcessor`, and the one that calls several in turn."""

from __future__ import annotations

import inspect
import logging
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.context import Context

    from pyspan._core import Span
    from pyspan.sdk.trace._readable_span import ReadableSpan

__all__ = ["SHUTDOWN_MILLIS", "SpanProcessor", "SynchronousMultiSpanProcessor", "shutdown_within"]

logger = logging.getLogger(__name__)

# The time in which a process gets rid of its last spans before it ends.
SHUTDOWN_MILLIS = 5_000


class SpanProcessor:
    """Is told when spans start and end, in the thread where they do; what it raises is logged and goes no further."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Take note of a span that has just started and can be written to."""

    def _on_ending(self, span: Span) -> None:
        """Take note of a span whose end has come."""

    def on_end(self, span: ReadableSpan) -> None:
        """Take a span that has ended and can only be read."""

    def shutdown(self) -> None:
        """Take no more spans and let go of everything."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Export what has ended so far; False where that took longer."""
        return True


class SynchronousMultiSpanProcessor(SpanProcessor):
    """Calls several processors one after the other, in the order in which they were added."""

    def __init__(self) -> None:
        self._span_processors: tuple[SpanProcessor, ...] = ()
        self._lock = threading.Lock()
        self._on_change: Callable[[], object] | None = None

    def add_span_processor(self, span_processor: SpanProcessor) -> None:
        """Add one at the end."""
        with self._lock:
            self._span_processors += (span_processor,)
        if self._on_change is not None:
            self._on_change()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        for processor in self._span_processors:
            processor.on_start(span, parent_context=parent_context)

    def _on_ending(self, span: Span) -> None:
        for processor in self._span_processors:
            processor._on_ending(span)

    def on_end(self, span: ReadableSpan) -> None:
        for processor in self._span_processors:
            processor.on_end(span)

    def shutdown(self, timeout_millis: float = SHUTDOWN_MILLIS) -> None:
        """Shut down all; those that take a timeout share the time there is."""
        deadline = time.monotonic() + timeout_millis / 1000
        for processor in self._span_processors:
            shutdown_within(processor, (deadline - time.monotonic()) * 1000)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Flush all; False where one failed or the time was up, which leaves out the rest."""
        deadline = time.monotonic() + timeout_millis / 1000
        all_flushed = True
        for processor in self._span_processors:
            rest = int((deadline - time.monotonic()) * 1000)
            if rest <= 0:
                return False
            all_flushed &= processor.force_flush(rest) is not False
        return all_flushed


def shutdown_within(part: object, timeout_millis: float) -> None:
    """Shut down a provider, a processor or an exporter, with the time there is if it takes a timeout.

    What it raises is logged: whatever else there is has to be shut down too.
    """
    shutdown: Callable[..., object] = part.shutdown  # type: ignore[attr-defined]  # all of them have it
    takes_timeout = "timeout_millis" in inspect.signature(shutdown).parameters
    try:
        shutdown(**({"timeout_millis": max(0.0, timeout_millis)} if takes_timeout else {}))
    except Exception:  # anybody's code
        logger.exception("%s could not be shut down", type(part).__name__)
