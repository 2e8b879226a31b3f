"""The source of the application's worker: the tracer's queue of encoded spans."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

import anyio

from pyspan.pipeline.source import Received
from pyspan.pipeline.wakeup import Wakeup

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspan._core import Batch, SpanQueue

__all__ = ["QueueSource"]

# A delay of nothing would keep an idle worker busy; 100 looks a second cost it less than 1 % of a core.
SHORTEST_DELAY = 0.01


class QueueSource:
    """Gives full batches at once, and what else there is each `delay` seconds or when a flush asks for it.

    Any number of lanes may receive; a batch wakes one of them. `on_signal` is called at each signal of the queue's
    descriptor, also while nobody receives. Positions count spans.
    """

    def __init__(self, queue: SpanQueue, delay: float, on_signal: Callable[[], None] = lambda: None) -> None:
        self._queue = queue
        self._delay = max(delay, SHORTEST_DELAY)
        self._wakeup = Wakeup(queue, on_signal)
        self._taken = 0
        self._acked = 0
        self._asked = False
        self._closing = False
        self._flushes: list[_Flush] = []
        self._timer = self._start_timer()

    async def receive(self) -> Received:
        """Wait for a batch.

        Raises:
            anyio.EndOfStream: closed, and the queue is empty.
        """
        if self._queue.ready():
            await anyio.lowlevel.checkpoint()  # a lane that never waits would keep the loop from hearing of the end
        while (batch := self._take()) is None:
            if self._closing:
                self._wakeup.set()  # for the lane that waits beside this one
                raise anyio.EndOfStream
            await self._wakeup.wait()
        if self._asked or self._closing or self._queue.ready():
            self._wakeup.set()
        return Received(batch, self._taken)

    def ack(self, position: int) -> None:
        """Answer the flushes that waited for this position."""
        self._acked = position
        self._answer()

    def flush(self, done: Callable[[], None]) -> None:
        """Call `done` once all that is in the queue now has come to its end."""
        self._flushes.append(_Flush(self._taken + self._queue.counts()["queued_spans"], done))
        self._ask_for_all()

    def close(self) -> None:
        """Take what is left, then end."""
        self._closing = True
        self._wakeup.set()

    def release(self) -> None:
        """Let go of the queue's descriptor."""
        self._timer.cancel()
        self._wakeup.close()

    def _start_timer(self) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(self._delay, self._ask_for_all)

    def _ask_for_all(self) -> None:
        self._asked = True
        self._wakeup.set()

    def _take(self) -> Batch | None:
        batch = self._queue.take()
        if batch is None and (self._closing or self._asked):
            batch = self._queue.take(partial=True)
            self._taken += len(batch) if batch else 0
            self._took_all()
        elif batch is not None:
            self._taken += len(batch)
        return batch

    def _took_all(self) -> None:
        """Whatever the flushes asked for has left the queue, also where the count they were given was too high."""
        self._asked = False
        self._timer.cancel()
        self._timer = self._start_timer()
        self._flushes = [_Flush(min(flush.target, self._taken), flush.done) for flush in self._flushes]
        self._answer()

    def _answer(self) -> None:
        answered = [flush for flush in self._flushes if flush.target <= self._acked]
        self._flushes = [flush for flush in self._flushes if flush.target > self._acked]
        for flush in answered:
            flush.done()


class _Flush(NamedTuple):
    target: int
    done: Callable[[], None]
