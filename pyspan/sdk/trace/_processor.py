"""`SpanProcessor`, and the one that calls several in turn."""

from __future__ import annotations

import inspect
import logging
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

from pyspan.sdk.trace._deadline import call_within, counting_down, share, usable_millis

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.context import Context

    from pyspan._core import Span
    from pyspan.sdk.trace._readable_span import ReadableSpan

__all__ = [
    "FLUSH_MILLIS",
    "SHUTDOWN_MILLIS",
    "SpanProcessor",
    "SynchronousMultiSpanProcessor",
    "check_processor",
    "note_failure",
    "raise_again",
    "shutdown_within",
]

logger = logging.getLogger(__name__)

# The time in which a process gets rid of its last spans before it ends.
SHUTDOWN_MILLIS = 5_000
FLUSH_MILLIS = 30_000


class SpanProcessor:
    """Is told when spans start and end, in the thread where they do.

    What it raises is logged and goes no further; what is no `Exception`, such as a keyboard interrupt, goes on.
    """

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Take note of a span that has just started and can be written to."""

    def _on_ending(self, span: Span) -> None:
        """Take note of a span whose end has come."""

    def on_end(self, span: ReadableSpan) -> None:
        """Take a span that has ended and can only be read."""

    def shutdown(self) -> None:
        """Take no more spans and let go of everything."""

    def force_flush(self, timeout_millis: int = FLUSH_MILLIS) -> bool:
        """Export what has ended so far; False where that took longer."""
        return True


class SynchronousMultiSpanProcessor(SpanProcessor):
    """Calls several processors one after the other, in the order in which they were added."""

    def __init__(self) -> None:
        self._span_processors: tuple[SpanProcessor, ...] = ()
        self._lock = threading.Lock()
        self._on_change: Callable[[], object] | None = None

    def add_span_processor(self, span_processor: SpanProcessor) -> None:
        """Add one at the end.

        Raises:
            TypeError: it is no processor.
        """
        check_processor(span_processor)
        with self._lock:
            self._span_processors += (span_processor,)
        if self._on_change is not None:
            self._on_change()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        raised: BaseException | None = None
        for processor in self._span_processors:
            try:
                processor.on_start(span, parent_context=parent_context)
            except BaseException as error:  # noqa: BLE001, PERF203 - those after it are told too
                raised = note_failure(error, "start", raised)
        raise_again(raised)

    def _on_ending(self, span: Span) -> None:
        raised: BaseException | None = None
        for processor in self._span_processors:
            try:
                processor._on_ending(span)
            except BaseException as error:  # noqa: BLE001, PERF203 - likewise
                raised = note_failure(error, "end", raised)
        raise_again(raised)

    def on_end(self, span: ReadableSpan) -> None:
        raised: BaseException | None = None
        for processor in self._span_processors:
            try:
                processor.on_end(span)
            except BaseException as error:  # noqa: BLE001, PERF203 - likewise
                raised = note_failure(error, "end", raised)
        raise_again(raised)

    def shutdown(self, timeout_millis: float = SHUTDOWN_MILLIS) -> None:
        """Shut down all; those that take a timeout share the time there is."""
        deadline = time.monotonic() + usable_millis(timeout_millis, SHUTDOWN_MILLIS) / 1000
        for others, processor in counting_down(self._span_processors):
            shutdown_within(processor, share(deadline, others) * 1000)

    def force_flush(self, timeout_millis: int = FLUSH_MILLIS) -> bool:
        """Flush all; False where one failed or the time was up, which leaves out the rest."""
        deadline = time.monotonic() + usable_millis(timeout_millis, FLUSH_MILLIS) / 1000
        all_flushed = True
        for others, processor in counting_down(self._span_processors):
            rest = share(deadline, others)
            if int(rest * 1000) <= 0:
                return False
            all_flushed &= _flush_within(processor, rest)
        return all_flushed


def check_processor(processor: object) -> None:
    """Refuse what is no processor where it is given, not by an error at each span.

    Raises:
        TypeError: it lacks a method, or is a class.
    """
    missing = [name for name in METHODS if not callable(getattr(processor, name, None))]
    if missing or isinstance(processor, type):
        why = "is a class: give an instance" if isinstance(processor, type) else f"has no {missing[0]}()"
        raise TypeError(f"span_processor={processor!r} {why}; a SpanProcessor has {', '.join(METHODS)}")


METHODS = ("on_start", "on_end", "shutdown", "force_flush")


def _is_ours(part: object, method: str) -> bool:
    """Tell whether a method is pyspan's own: it keeps to the time that it is given."""
    return str(getattr(getattr(type(part), method, None), "__module__", "")).startswith("pyspan.sdk.")


def _flush_within(processor: SpanProcessor, seconds: float) -> bool:
    flush = partial(processor.force_flush, int(seconds * 1000))
    try:
        if _is_ours(processor, "force_flush"):
            return flush() is not False
        return call_within(lambda: flush() is not False, seconds, f"{type(processor).__name__}.force_flush()") is True
    except Exception:  # anybody's code, and the others have spans to export too
        logger.exception("%s could not be flushed", type(processor).__name__)
        return False


def note_failure(error: BaseException, at: str, raised: BaseException | None) -> BaseException | None:
    """Log what a processor raised; what is no `Exception` is the application's, and the first one is kept."""
    if not isinstance(error, Exception):
        return raised or error
    logger.error("a span processor failed at the %s of a span", at, exc_info=error)
    return raised


def raise_again(raised: BaseException | None) -> None:
    """Raise what was kept, if anything was."""
    if raised is not None:
        raise raised


def shutdown_within(part: object, timeout_millis: float) -> None:
    """Shut down a provider, a processor or an exporter, with the time there is if it takes a timeout.

    What it raises is logged: whatever else there is has to be shut down too.
    """
    shutdown: Callable[..., object] = part.shutdown  # type: ignore[attr-defined]  # all of them have it
    takes_timeout = "timeout_millis" in inspect.signature(shutdown).parameters
    call = partial(shutdown, **({"timeout_millis": max(0.0, timeout_millis)} if takes_timeout else {}))
    try:
        if _is_ours(part, "shutdown"):
            call()
        else:
            call_within(call, timeout_millis / 1000, f"{type(part).__name__}.shutdown()")
    except Exception:  # anybody's code
        logger.exception("%s could not be shut down", type(part).__name__)
