"""The role of a source: batches in order, each with the position to acknowledge."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from pyspan._core import Batch

__all__ = ["Received", "Source"]


class Received(NamedTuple):
    """A batch, and the position just after it."""

    batch: Batch
    position: int


class Source(Protocol):
    """Gives batches to one worker, one `receive` at a time."""

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
