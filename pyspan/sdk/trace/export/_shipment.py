"""A queue of encoded spans and the worker that empties it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pyspan._core import Span, SpanQueue
from pyspan.config import BatchSettings, QueueSettings
from pyspan.sdk.trace import _exit
from pyspan.sdk.trace._fork import notice_fork
from pyspan.sdk.trace.export._worker import make_worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspan._core import Recorder
    from pyspan.pipeline.background import BackgroundWorker
    from pyspan.pipeline.exporter import Exporter
    from pyspan.pipeline.stats import Stats
    from pyspan.sdk.trace._readable_span import ReadableSpan
    from pyspan.sdk.trace.export._settings import ProcessorSettings

__all__ = ["Shipment"]


class Shipment:
    """Takes spans to a native exporter: natively from a recorder, or one by one through `push`.

    Its worker ends with `owner`, which `make_exporter` and `on_operation` must not hold, or by `shutdown`.
    """

    def __init__(
        self,
        owner: object,
        make_exporter: Callable[[Stats], Exporter],
        settings: ProcessorSettings,
        *,
        name: str,
        max_queue_bytes: int | None = None,
        block_timeout: float | None = None,
        on_operation: Callable[[float, str | None], None] | None = None,
    ) -> None:
        self._queue = SpanQueue(
            max_spans=settings.queue_spans,
            max_bytes=max_queue_bytes or QueueSettings().max_bytes,
            batch_spans=settings.batch_spans,
            batch_bytes=BatchSettings().max_bytes,
            block_timeout=block_timeout,
        )
        self._worker = make_worker(self._queue, partial(_open, make_exporter, on_operation), settings.batching(), name)
        self._queue.on_first_span(partial(_start, self._worker))
        _exit.end_with(owner, self._worker)

    def attach(self, recorder: Recorder) -> None:
        """Have a recorder fill the queue."""
        recorder.add_queue(self._queue)

    def push(self, span: ReadableSpan | Span) -> bool:
        """Queue one ended span; False where it was dropped, which is counted."""
        if isinstance(span, Span):
            return self._queue.push(span)
        from pyspan.sdk.trace.export._rerecord import rerecord

        return self._queue.push(rerecord(span))

    def push_open(self, span: Span, *, bare: bool) -> bool:
        """Queue a span as it is before its end, `bare` without what may yet be rewritten."""
        return self._queue.push_open(span, bare)

    def force_flush(self, timeout: float) -> bool:
        """Ship what is queued; False where that took longer or some of it was lost."""
        return self._worker.force_flush(timeout)

    def shutdown(self, timeout: float) -> bool:
        """Ship the rest, take no more, and count what is lost when the time is up."""
        return self._worker.shutdown(timeout)

    def stats(self) -> dict[str, int]:
        """Return the counts of queue and worker."""
        return {**self._queue.counts(), **self._worker.stats.counts()}


def _open(
    make_exporter: Callable[[Stats], Exporter], on_operation: Callable[[float, str | None], None] | None, stats: Stats
) -> Exporter:
    stats.on_operation = on_operation
    return make_exporter(stats)


def _start(worker: BackgroundWorker) -> None:
    notice_fork()
    worker.start()
