"""The source of an agent's worker: a named reader of the spool."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import anyio

from pyspan.pipeline.source import Received
from pyspan.pipeline.wakeup import Wakeup

if TYPE_CHECKING:
    from pyspan._core import SpoolReader

__all__ = ["SpoolSource"]

# The eventfd fires for each append. While a batch fills up, a look at the lag this many times per wait costs less than
# waking for each small request, and a batch that has filled up waits no longer than one step.
LOOKS_PER_WAIT = 8


class SpoolSource:
    """Gives full batches (`max_spans` or `max_bytes`) at once, and what else there is after `wait` seconds.

    One `receive` at a time: while a batch fills up, appends wake nobody.
    """

    def __init__(self, reader: SpoolReader, *, max_spans: int, max_bytes: int, wait: float) -> None:
        self._reader = reader
        self._max_spans = max_spans
        self._max_bytes = max_bytes
        self._wait = wait
        self._wakeup = Wakeup(reader)
        self._closing = anyio.Event()
        self._out: deque[tuple[int, int]] = deque()  # positions and spans of what is on its way
        self._out_spans = 0
        reader.rewind()

    async def receive(self) -> Received:
        """Wait for a batch.

        Raises:
            anyio.EndOfStream: closed, and everything was read.
        """
        while True:
            await self._gather()
            read = self._reader.read(self._max_spans, self._max_bytes)
            if read is not None:
                return self._give(Received(*read))
            if self._closing.is_set():
                raise anyio.EndOfStream
            await self._wakeup.wait()

    def ack(self, position: int) -> None:
        """Make durable that everything before the position is done."""
        self._reader.ack(position)
        while self._out and self._out[0][0] <= position:
            self._out_spans -= self._out.popleft()[1]

    def close(self) -> None:
        """Read what is left, then end."""
        self._closing.set()
        self._wakeup.set()

    def release(self) -> None:
        """Let go of the reader's eventfd."""
        self._wakeup.close()

    async def _gather(self) -> None:
        """Let a batch fill up."""
        for _ in range(LOOKS_PER_WAIT):
            if not self._fills():
                return
            with anyio.move_on_after(self._wait / LOOKS_PER_WAIT):
                await self._closing.wait()

    def _fills(self) -> bool:
        """Tell whether there is something, but no full batch; the reader's lag includes what is on its way."""
        reader = self._reader
        spans = reader.lag_spans - self._out_spans
        unread_bytes = reader.lag_bytes - (reader.offset - reader.acked_offset)
        return not self._closing.is_set() and 0 < spans < self._max_spans and unread_bytes < self._max_bytes

    def _give(self, received: Received) -> Received:
        spans = len(received.batch)
        self._out.append((received.position, spans))
        self._out_spans += spans
        return received
