"""The processor that calls several at once."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

from pyspan.sdk.trace._deadline import usable_millis
from pyspan.sdk.trace._fork import in_forked_child
from pyspan.sdk.trace._processor import (
    FLUSH_MILLIS,
    SHUTDOWN_MILLIS,
    SpanProcessor,
    check_processor,
    note_failure,
    raise_again,
    shutdown_within,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from opentelemetry.context import Context

    from pyspan._core import Span
    from pyspan.sdk.trace._readable_span import ReadableSpan

__all__ = ["ConcurrentMultiSpanProcessor"]

logger = logging.getLogger(__name__)


class ConcurrentMultiSpanProcessor(SpanProcessor):
    """Calls several processors in a pool of `num_threads` threads and waits for all of them."""

    def __init__(self, num_threads: int = 2) -> None:
        self._span_processors: tuple[SpanProcessor, ...] = ()
        self._lock = threading.Lock()
        self._num_threads = num_threads
        self._start_threads()
        in_forked_child(self, ConcurrentMultiSpanProcessor._start_threads)

    def add_span_processor(self, span_processor: SpanProcessor) -> None:
        """Add one.

        Raises:
            TypeError: it is no processor.
        """
        check_processor(span_processor)
        with self._lock:
            self._span_processors += (span_processor,)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self._call_all(lambda processor: processor.on_start(span, parent_context=parent_context), "start")

    def _on_ending(self, span: Span) -> None:
        self._call_all(lambda processor: processor._on_ending(span), "end")

    def on_end(self, span: ReadableSpan) -> None:
        self._call_all(lambda processor: processor.on_end(span), "end")

    def shutdown(self) -> None:
        """Shut down all."""
        for future in self._submit(lambda processor: shutdown_within(processor, SHUTDOWN_MILLIS)):
            future.result()

    def force_flush(self, timeout_millis: int = FLUSH_MILLIS) -> bool:
        """Flush all; False where one failed or the time was up."""
        from concurrent.futures import wait

        millis = usable_millis(timeout_millis, FLUSH_MILLIS)
        futures = self._submit(lambda processor: processor.force_flush(int(millis)))
        done, late = wait(futures, millis / 1000)
        return all([_is_flushed(future) for future in done]) and not late  # noqa: C419 - each may have failed

    def _start_threads(self) -> None:
        from concurrent.futures import ThreadPoolExecutor

        self._executor = ThreadPoolExecutor(max_workers=self._num_threads)

    def _call_all(self, call: Callable[[SpanProcessor], object], at: str) -> None:
        raised: BaseException | None = None
        for future in self._submit(call):
            try:
                future.result()
            except BaseException as error:  # noqa: BLE001, PERF203 - each may have failed
                raised = note_failure(error, at, raised)
        raise_again(raised)

    def _submit(self, call: Callable[[SpanProcessor], object]) -> list[Future[Any]]:
        return [self._submit_one(call, processor) for processor in self._span_processors]

    def _submit_one(self, call: Callable[[SpanProcessor], object], processor: SpanProcessor) -> Future[Any]:
        try:
            return self._executor.submit(call, processor)
        except RuntimeError:  # Python is exiting and takes no more work: at-exit hooks still need their last flush
            return _done(call, processor)


def _is_flushed(future: Future[Any]) -> bool:
    try:
        return future.result() is not False
    except Exception:  # anybody's code
        logger.exception("A span processor could not be flushed.")
        return False


def _done(call: Callable[[SpanProcessor], object], processor: SpanProcessor) -> Future[Any]:
    from concurrent.futures import Future

    future: Future[Any] = Future()
    try:
        future.set_result(call(processor))
    except Exception as error:  # noqa: BLE001 - kept for the caller, as the pool does
        future.set_exception(error)
    return future
