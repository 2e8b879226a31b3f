"""The stage that narrows a refusal down to the spans that cause it, and gives up on what takes too long."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import anyio

from pyspan.errors import PermanentError, RefusedError, TooLargeError
from pyspan.pipeline.limits import ByteLimit

if TYPE_CHECKING:
    from pyspan._core import Batch
    from pyspan.pipeline.exporter import Stage
    from pyspan.pipeline.stats import Stats

__all__ = ["Bisecting", "DeadLetter"]

DeadLetter = Callable[["Batch", PermanentError], Awaitable[bool]]

# One bad span among 4,096 costs 13 refusals. A receiver that has refused far more and taken nothing refuses all: stop
# asking one by one.
MOST_REFUSALS = 128


class Bisecting:
    """Brings every span of a batch to an end: delivered, set aside, or dropped and counted.

    What is refused goes to `dead_letter`; without one, or where that has no room (False), it is dropped.
    `give_up_after` seconds bound one batch with all its retries; None waits for ever. An error in `dead_letter` is
    raised: the batch is then not acknowledged.
    """

    def __init__(
        self,
        exporter: Stage,
        stats: Stats,
        *,
        give_up_after: float | None,
        dead_letter: DeadLetter | None = None,
        limit: ByteLimit | None = None,
    ) -> None:
        self._exporter = exporter
        self._stats = stats
        self._give_up_after = give_up_after
        self._dead_letter = dead_letter
        self._limit = limit or ByteLimit()

    async def export(self, batch: Batch) -> None:
        """Deliver the batch, in pieces where needed."""
        pieces = self._limit.pieces(batch)
        pieces.reverse()  # the next piece is the last of the list
        with anyio.move_on_after(self._give_up_after):
            await self._export_all(pieces)
        for piece in pieces:
            self._stats.drop("gave_up", len(piece), self._stats.last_error or "no reply in time")

    async def _export_all(self, pieces: list[Batch]) -> None:
        refusals, taken = 0, False
        while pieces:
            error = await self._try(pieces[-1])
            if error is None:
                pieces.pop()
                taken = True
            else:
                refusals += 1
                await self._refused(pieces, error, may_split=taken or refusals <= MOST_REFUSALS)

    async def _try(self, piece: Batch) -> PermanentError | None:
        try:
            await self._exporter.export(piece)
        except PermanentError as error:
            return error
        return None

    async def _refused(self, pieces: list[Batch], error: PermanentError, *, may_split: bool) -> None:
        refused = error.batch or pieces[-1]
        if error.batch is not None:
            self._stats.deliver(len(pieces[-1]) - len(refused))
        halves = None if isinstance(error, RefusedError) or not may_split else refused.split()
        if isinstance(error, TooLargeError):
            self._limit.learn(refused)
        if halves is None:
            await self._set_aside(refused, error)
        pieces.pop()
        pieces.extend(reversed(halves or ()))

    async def _set_aside(self, refused: Batch, error: PermanentError) -> None:
        if isinstance(error, RefusedError):
            self._stats.drop("refused", len(refused), str(error))
        elif self._dead_letter is None:
            self._stats.drop("permanent", len(refused), str(error))
        elif await self._dead_letter(refused, error):
            self._stats.dead_letter(len(refused), str(error))
        else:
            self._stats.drop("dead_letters_full", len(refused), str(error))
