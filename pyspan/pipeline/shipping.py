"""The event loop of one background worker, from the first batch to the last: what runs in its thread."""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, Protocol

import anyio

from pyspan.config import RetrySettings
from pyspan.pipeline.queue_source import QueueSource
from pyspan.pipeline.request import unpatched
from pyspan.pipeline.worker import Worker

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable

    from pyspan._core import SpanQueue
    from pyspan.pipeline.exporter import Exporter
    from pyspan.pipeline.request import Request
    from pyspan.pipeline.settings import WorkerSettings
    from pyspan.pipeline.stats import Stats

__all__ = ["Shipping"]

CLOSE_GRACE = 1.0


class Mailboxes(Protocol):
    """What the loop shares with its callers: appending to a deque is atomic, the queue's descriptor wakes the loop."""

    @property
    def stats(self) -> Stats: ...
    @property
    def flushes(self) -> deque[Request]: ...
    @property
    def closes(self) -> deque[Request]: ...


class Shipping:
    """Ships the queue until a request to close; other threads append requests and wake the queue."""

    def __init__(
        self, queue: SpanQueue, make_exporter: Callable[[], Exporter], settings: WorkerSettings, run: Mailboxes
    ) -> None:
        self._queue = queue
        self._make_exporter = make_exporter
        self._settings = settings
        self._stats = run.stats
        self._mail = run
        self._closing: Request | None = None

    def run(self, on_running: Callable[[], None] = lambda: None) -> None:
        """Run an event loop of its own in the calling thread; return when closed.

        `on_running` is called once everything is imported and the exporter is made.
        """
        anyio.run(self._main, on_running, backend="asyncio", backend_options={"loop_factory": _new_loop})

    async def _main(self, on_running: Callable[[], None]) -> None:
        exporter = self._make_exporter()
        on_running()
        self._source = QueueSource(self._queue, self._settings.batch.delay, self._read_mail)
        retry = self._settings.retry or RetrySettings(give_up_after=self._settings.batch.export_timeout)
        worker = Worker(self._source, exporter, self._stats, lanes=self._settings.lanes, retry=retry)
        with anyio.CancelScope() as self._scope:
            self._read_mail()
            await worker.run()
        self._source.release()
        del self._source  # it holds this object: the queue's descriptor is not to wait for the collector
        await self._close(exporter)

    def _read_mail(self) -> None:
        self._stats.overflow(self._queue.counts())
        while self._mail.flushes:
            self._flush(self._mail.flushes.popleft())
        while self._mail.closes and self._closing is None:
            self._closing = self._mail.closes.popleft()
            self._scope.deadline = anyio.current_time() + self._closing.remaining
            self._source.close()

    def _flush(self, request: Request) -> None:
        lost = sum(self._stats.dropped.values())
        self._source.flush(lambda: request.answer(kept=sum(self._stats.dropped.values()) == lost))

    async def _close(self, exporter: Exporter) -> None:
        """Close within the deadline where all was shipped, else answer first: the deadline has passed."""
        request = self._closing
        if request is None or self._scope.cancelled_caught:
            _answer(request, kept=False)
        with anyio.move_on_after(max(request.remaining if request else 0.0, CLOSE_GRACE), shield=True):
            await exporter.aclose()
        _answer(request, kept=True)


def _answer(request: Request | None, *, kept: bool) -> None:
    if request is not None:
        request.answer(kept=kept)


def _new_loop() -> asyncio.AbstractEventLoop:
    """Make a plain loop: under gevent on the selector from before its patches, since this thread has no hub."""
    selector: type[selectors.BaseSelector] = unpatched(selectors, "DefaultSelector")
    return asyncio.SelectorEventLoop(selector())
