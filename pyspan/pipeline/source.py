"""The role of a source: batches in order, each with the position to acknowledge."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import anyio

if TYPE_CHECKING:
    from pyspan._core import Batch

__all__ = ["OneAtATime", "Received", "Source"]


class Received(NamedTuple):
    """A batch, and the position just after it."""

    batch: Batch
    position: int


class Source(Protocol):
    """Gives batches to one worker, of which several lanes may wait in `receive`."""

    async def receive(self) -> Received:
        """Wait for the next batch; positions grow.

        A batch is taken with no wait after it, so that a cancelled `receive` has taken nothing.

        Raises:
            anyio.EndOfStream: the source was closed and holds nothing more.
        """
        ...

    def ack(self, position: int) -> None:
        """Take note that everything before the position is delivered, set aside or dropped, and counted."""
        ...


class OneAtATime:
    """Lets one lane at a time into a source that is to be waited for by one."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._turn = anyio.Lock()

    async def receive(self) -> Received:
        """Wait for the next batch, as the source has it."""
        async with self._turn:
            return await self._source.receive()

    def ack(self, position: int) -> None:
        """Tell the source."""
        self._source.ack(position)
