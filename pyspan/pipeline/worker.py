"""The loop between a source and an exporter: receive, deliver, acknowledge, several batches at a time."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

import anyio

from pyspan.config import RetrySettings
from pyspan.pipeline.ack import AckTracker
from pyspan.pipeline.bisect import Bisecting
from pyspan.pipeline.retry import Retrying

if TYPE_CHECKING:
    from pyspan.pipeline.ack import Ticket
    from pyspan.pipeline.bisect import DeadLetter
    from pyspan.pipeline.exporter import Exporter
    from pyspan.pipeline.limits import ByteLimit
    from pyspan.pipeline.source import Received, Source
    from pyspan.pipeline.stats import Stats

__all__ = ["Worker"]

MOST_STUCK = 12


class Worker:
    """Ships what a source gives until the source ends or the worker is cancelled.

    `lanes` batches are on their way at a time, beside up to `MOST_STUCK` that fail while others pass. A batch that a
    cancellation cuts off is not acknowledged and stays counted in `stats.in_flight`.
    """

    def __init__(
        self,
        source: Source,
        exporter: Exporter,
        stats: Stats,
        *,
        lanes: int = 4,
        retry: RetrySettings | None = None,
        dead_letter: DeadLetter | None = None,
        limit: ByteLimit | None = None,
    ) -> None:
        retry = retry or RetrySettings(give_up_after=None)
        repeated = Retrying(exporter, retry, stats)
        replace_lane = weakref.WeakMethod(self._replace_lane)  # no cycle: a queue's descriptor waits for no collector
        self._source = source
        self._stats = stats
        self._lanes = lanes
        self._delivery = Bisecting(
            repeated,
            stats,
            give_up_after=retry.give_up_after,
            dead_letter=dead_letter,
            limit=limit,
            on_stuck=lambda: (replace := replace_lane()) and replace(),
        )
        self._running = 0
        self._acks = AckTracker()

    async def run(self) -> None:
        """Ship batches; return once the source has ended and everything of it is delivered."""
        async with anyio.create_task_group() as self._tasks:
            for _ in range(self._lanes):
                self._tasks.start_soon(self._lane)

    @property
    def _wanted(self) -> int:
        return self._lanes + min(self._stats.stuck, MOST_STUCK)

    def _replace_lane(self) -> None:
        """Let another lane go on in the place of one whose batch is stuck; the surplus ends with a batch."""
        if self._running < self._wanted:
            self._tasks.start_soon(self._lane)

    async def _lane(self) -> None:
        self._running += 1
        try:
            while self._running <= self._wanted:
                received, ticket = await self._receive()
                with self._stats.operation():
                    await self._delivery.export(received.batch)
                self._finish(ticket)
        except anyio.EndOfStream:
            return
        finally:
            self._running -= 1

    async def _receive(self) -> tuple[Received, Ticket]:
        received = await self._source.receive()
        self._stats.receive(len(received.batch))
        return received, self._acks.start(received.position)

    def _finish(self, ticket: Ticket) -> None:
        position = self._acks.finish(ticket)
        if position is not None:
            self._source.ack(position)
