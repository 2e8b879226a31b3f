"""The loop between a source and an exporter: receive, deliver, acknowledge, several batches at a time."""

from __future__ import annotations

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


class Worker:
    """Ships what a source gives until the source ends or the worker is cancelled.

    `lanes` batches are on their way at a time. A batch that a cancellation cuts off is not acknowledged and stays
    counted in `stats.in_flight`.
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
        self._source = source
        self._stats = stats
        self._lanes = lanes
        self._delivery = Bisecting(
            repeated, stats, give_up_after=retry.give_up_after, dead_letter=dead_letter, limit=limit
        )
        self._acks = AckTracker()
        self._receiving = anyio.Lock()

    async def run(self) -> None:
        """Ship batches; return once the source has ended and everything of it is delivered."""
        async with anyio.create_task_group() as tasks:
            for _ in range(self._lanes):
                tasks.start_soon(self._lane)

    async def _lane(self) -> None:
        try:
            while True:
                received, ticket = await self._receive()
                await self._delivery.export(received.batch)
                self._finish(ticket)
        except anyio.EndOfStream:
            return

    async def _receive(self) -> tuple[Received, Ticket]:
        async with self._receiving:
            received = await self._source.receive()
            self._stats.receive(len(received.batch))
            return received, self._acks.start(received.position)

    def _finish(self, ticket: Ticket) -> None:
        position = self._acks.finish(ticket)
        if position is not None:
            self._source.ack(position)
