"""A queue of spans and the thread that hands them to a user's exporter."""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from pyspan.config.uwsgi import forks_unseen, hold_signals
from pyspan.sdk.trace._fork import in_forked_child, notice_fork
from pyspan.sdk.trace._processor import SHUTDOWN_MILLIS, shutdown_within
from pyspan.sdk.trace.export._suppress import suppress_instrumentation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyspan.sdk.trace._readable_span import ReadableSpan
    from pyspan.sdk.trace.export._exporter import SpanExporter
    from pyspan.sdk.trace.export._settings import ProcessorSettings

__all__ = ["Batcher", "export_to"]

logger = logging.getLogger(__name__)

LOG_INTERVAL = 60.0
LONGEST_LOCK = 0.1
REASONS = {
    "dropped_queue_full": "%s: %d spans dropped (queue_full): more came than the exporter took;"
    " raise OTEL_BSP_MAX_QUEUE_SIZE, or sample",
    "dropped_after_shutdown": "%s: %d spans dropped (after_shutdown): they ended after its processor was shut down",
}


class Batcher:
    """Calls `exporter` in one daemon thread, which starts with the first span, anew in a forked child.

    A child starts with an empty queue: its parent exports what was in it. All methods may be called from any thread.
    """

    def __init__(
        self,
        exporter: SpanExporter,
        settings: ProcessorSettings,
        on_operation: Callable[[float, str | None], None] = lambda _, __: None,
    ) -> None:
        self._exporter = exporter
        self._settings = settings
        self._on_operation = on_operation
        self._logged_at = -LOG_INTERVAL
        self._closed = False  # also in children of a process that has shut down
        self._is_over = False  # the exporter is shut down
        self._renew()
        in_forked_child(self, Batcher._renew)

    def _renew(self) -> None:
        self._process = os.getpid()
        self._queue: deque[ReadableSpan] = deque()
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._give_up_at = math.inf
        self._is_abandoned = False
        self._asked = 0  # flushes asked for so far
        self._answered = 0
        self._told: dict[str, int] = {}  # drops that the log knows of
        self._exporting = 0
        self._counts = dict.fromkeys(("accepted", "taken", "exported", "failed", "dropped_queue_full"), 0)
        self._counts |= dict.fromkeys(("dropped_after_shutdown", "dropped_at_shutdown"), 0)

    def push(self, span: ReadableSpan) -> bool:
        """Queue a span; False where it is dropped, which is counted."""
        if self._process != os.getpid():
            notice_fork()
        with self._wake:  # reentrant: what the garbage collector ends meanwhile comes here too
            if self._closed or len(self._queue) >= self._settings.queue_spans:
                return self._drop("dropped_after_shutdown" if self._closed else "dropped_queue_full")
            self._queue.append(span)
            self._counts["accepted"] += 1
            if self._thread is None or len(self._queue) == self._settings.batch_spans:
                self._rouse()
        return True

    def force_flush(self, timeout: float) -> bool:
        """Export what is queued; False where that took longer than `timeout` seconds, or after `shutdown`."""
        if self._closed or self._thread is threading.current_thread():  # the exporter asks: it cannot wait for itself
            return False
        if not self._start():
            self._export_all()
            return True
        with self._wake:
            self._asked += 1
            mine = self._asked
            self._wake.notify_all()
            return self._wake.wait_for(lambda: self._answered >= mine, timeout)

    def shutdown(self, timeout: float) -> bool:
        """Export the rest within `timeout` seconds, drop and count what is left, and shut the exporter down.

        Where the exporter asks for that itself, in `export`, it is done after it has returned.
        """
        if self._thread is threading.current_thread():
            self.end()
            return True
        deadline = time.monotonic() + timeout
        self._close()
        try:
            if self._thread is not None:
                self._thread.join(timeout)
            elif self._queue:
                self._export_all()
        finally:  # a signal may raise meanwhile: what is lost is still said
            self._finish(deadline)
        return self._counts["dropped_at_shutdown"] == 0

    def end(self) -> None:
        """Have the thread do what `shutdown` does, without waiting, from anywhere: the collector may be calling."""
        self._give_up_at = time.monotonic() + SHUTDOWN_MILLIS / 1000
        self._closed = self._is_abandoned = True
        # Whoever holds the lock may wait for one that is held here; the thread then looks at the end of its delay.
        if self._wake.acquire(timeout=LONGEST_LOCK):
            self._wake.notify_all()
            self._wake.release()

    def stats(self) -> dict[str, int]:
        """Return accepted, taken, exported, failed and dropped spans, and those in the queue."""
        return {**self._counts, "queued_spans": len(self._queue), "in_flight": self._exporting}

    def _rouse(self) -> None:
        if self._start():
            self._wake.notify_all()

    def _start(self) -> bool:
        """Start the thread; False while Python exits, which starts none, and where uWSGI is yet to fork."""
        with self._wake:
            if self._thread is None:
                if forks_unseen():
                    return False
                thread = threading.Thread(target=self._work, name="pyspan-batch", daemon=True)
                try:
                    thread.start()
                except RuntimeError:
                    return False
                self._thread = thread
        return True

    def _work(self) -> None:
        hold_signals()
        due = time.monotonic() + self._settings.delay
        while not self._is_closed():
            asked = self._wait_for_work(due)
            everything = bool(asked) or self._is_closed() or time.monotonic() >= due
            self._export_batches(partial=everything)
            if everything:
                due = time.monotonic() + self._settings.delay
            self._answer(asked)
        self._export_batches(partial=True)  # what came while the last export was under way
        self._answer(self._asked)
        if self._is_abandoned:
            self._finish(self._give_up_at)

    def _wait_for_work(self, due: float) -> int:
        """Wait for a full batch, a flush, the end, or the time; return the newest flush asked for, 0 for none."""
        with self._wake:
            self._wake.wait_for(
                lambda: self._closed or self._asked > self._answered or self._has_full_batch(),
                max(0.0, due - time.monotonic()),
            )
            return self._asked if self._asked > self._answered else 0

    def _answer(self, asked: int) -> None:
        with self._wake:
            self._answered = max(self._answered, asked)
            self._wake.notify_all()

    def _is_closed(self) -> bool:
        return self._closed  # from any thread, at any time

    def _has_full_batch(self) -> bool:
        return len(self._queue) >= self._settings.batch_spans

    def _export_all(self) -> None:
        self._export_batches(partial=True)

    def _export_batches(self, *, partial: bool) -> None:
        while time.monotonic() < self._give_up_at and (self._has_full_batch() or (partial and self._queue)):
            spans = self._take()
            self._count(self._export(spans), len(spans))

    def _take(self) -> list[ReadableSpan]:
        with self._wake:
            self._exporting = min(len(self._queue), self._settings.batch_spans)
            self._counts["taken"] += self._exporting
            return [self._queue.popleft() for _ in range(self._exporting)]

    def _count(self, result: str, spans: int) -> None:
        """Count an export that has returned, unless its spans were given up meanwhile."""
        with self._wake:
            if self._exporting:
                self._counts[result] += spans
            self._exporting = 0

    def _export(self, spans: list[ReadableSpan]) -> str:
        begun = time.monotonic()
        try:
            error = export_to(self._exporter, spans)
        except BaseException as raised:
            if threading.current_thread() is not self._thread:
                self._count("failed", len(spans))
                raise  # an exit or an interrupt of the application, which is flushing
            logger.exception("Exception while exporting Span.")  # here it is nobody's, and must not end the thread
            error = type(raised).__qualname__
        self._on_operation(time.monotonic() - begun, error)
        return "exported" if error is None else "failed"

    def _close(self) -> None:
        with self._wake:
            self._closed = True
            self._wake.notify_all()

    def _finish(self, deadline: float) -> None:
        """Give up what is left, say so, and shut the exporter down, once."""
        self._give_up_at = -math.inf
        self._count_left()
        self._say_drops()
        if not self._is_over:
            self._is_over = True
            shutdown_within(self._exporter, (deadline - time.monotonic()) * 1000)

    def _count_left(self) -> None:
        with self._wake:
            left = len(self._queue) + self._exporting
            self._queue.clear()
            self._exporting = 0
            self._counts["dropped_at_shutdown"] += left
        if left:
            logger.warning("%d spans dropped: %s has not taken them in time", left, type(self._exporter).__name__)

    def _drop(self, reason: str) -> bool:
        self._counts[reason] += 1
        if time.monotonic() - self._logged_at >= LOG_INTERVAL:
            self._logged_at = time.monotonic()
            self._say_drops()
        return False

    def _say_drops(self) -> None:
        for reason, message in REASONS.items():
            dropped = self._counts[reason]
            spans, self._told[reason] = dropped - self._told.get(reason, 0), dropped
            if spans:
                logger.warning(message, type(self._exporter).__name__, spans)


def export_to(exporter: SpanExporter, spans: Sequence[ReadableSpan]) -> str | None:
    """Call an exporter, which is anybody's code; return the type of its error, None where it succeeded."""
    try:
        with suppress_instrumentation():
            result = exporter.export(spans)
    except Exception as error:
        logger.exception("Exception while exporting Span.")
        return type(error).__qualname__
    # By name: exporters written for the other SDK answer with its enum.
    return "_OTHER" if getattr(result, "name", None) == "FAILURE" else None
