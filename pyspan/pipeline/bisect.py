"""The stage that narrows a refusal down to the spans that cause it, and gives up on what takes too long."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import anyio

from pyspan.errors import FaultError, MalformedError, PermanentError, RefusedError, RetryableError, TooLargeError
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
# So many refusals in a row reach a single span; then the largest piece is next, in case the bad spans lie side by side.
REFUSALS_IN_A_PLACE = 16
FIRST_PAUSE, LONGEST_PAUSE = 0.005, 0.05  # seconds after a refusal
# Seconds for which a receiver that fails on a batch, as by HTTP 500, is asked again for all of it.
PATIENCE = 30.0
FIRST_FAULT_PAUSE, LONGEST_FAULT_PAUSE = 0.5, 8.0


class Bisecting:
    """Brings every span of a batch to an end: delivered, set aside, or dropped and counted.

    What is refused goes to `dead_letter`; without one, or where that has no room (False), it is dropped.
    `give_up_after` seconds bound one batch with all its retries; None waits for ever. An error in `dead_letter` is
    raised: the batch is then not acknowledged. `on_stuck` is told of each batch that fails while others pass.
    """

    def __init__(
        self,
        exporter: Stage,
        stats: Stats,
        *,
        give_up_after: float | None,
        dead_letter: DeadLetter | None = None,
        limit: ByteLimit | None = None,
        on_stuck: Callable[[], None] = lambda: None,
    ) -> None:
        self._exporter = exporter
        self._on_stuck = on_stuck
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
        search = _Search(PATIENCE if self._give_up_after is None else min(PATIENCE, self._give_up_after / 3))
        try:
            while pieces:
                await self._next(pieces, search)
        finally:
            self._stats.stuck -= search.stuck

    async def _next(self, pieces: list[Batch], search: _Search) -> None:
        try:
            await self._exporter.export(pieces[-1])
        except PermanentError as error:
            await self._failed(pieces, error, search)
        except RetryableError:
            await self._postpone(pieces, search)
        else:
            pieces.pop()
            search.succeed()

    async def _failed(self, pieces: list[Batch], error: PermanentError, search: _Search) -> None:
        if isinstance(error, FaultError) and (pause := search.fault_pause()) is not None:
            await anyio.sleep(pause)
            self._stats.retried += len(pieces[-1])
            return
        search.refuse()
        await self._refused(pieces, error, may_split=search.may_split)
        if search.looks_elsewhere and pieces:
            pieces.append(pieces.pop(max(range(len(pieces)), key=lambda at: len(pieces[at]))))
        if pieces and not isinstance(error, RefusedError):
            await anyio.sleep(search.pause)

    async def _postpone(self, pieces: list[Batch], search: _Search) -> None:
        """Halve what fails while others pass; a single span waits behind the rest of its batch."""
        if not search.stuck:
            search.stuck = True
            self._stats.stuck += 1
            self._on_stuck()
        piece = pieces.pop()
        halves = _halves(piece)
        if halves is None:
            pieces.insert(0, piece)
            await anyio.sleep(LONGEST_FAULT_PAUSE)
        else:
            pieces.extend(reversed(halves))

    async def _refused(self, pieces: list[Batch], error: PermanentError, *, may_split: bool) -> None:
        named = error.batch is not None  # just the offenders, so that there is nothing to search for
        refused = error.batch or pieces[-1]
        if named:
            self._stats.deliver(len(pieces[-1]) - len(refused))
        halves = None if named or isinstance(error, RefusedError) or not may_split else _halves(refused)
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


class _Search:
    """How the search for the offenders of one batch goes."""

    def __init__(self, patience: float) -> None:
        self.stuck = False
        self._taken = False
        self._refusals = self._in_a_row = self._faults = 0
        self._patience = patience
        self._first_fault: float | None = None

    def succeed(self) -> None:
        self._taken = True
        self._in_a_row = 0

    def refuse(self) -> None:
        self._refusals += 1
        self._in_a_row += 1

    @property
    def may_split(self) -> bool:
        """Whether it is worth asking for the parts."""
        return self._taken or self._refusals <= MOST_REFUSALS

    @property
    def looks_elsewhere(self) -> bool:
        return not self._taken and self._in_a_row % REFUSALS_IN_A_PLACE == 0

    @property
    def pause(self) -> float:
        """Seconds before the next request; they grow while nothing has been taken."""
        return FIRST_PAUSE if self._taken else min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._in_a_row - 1, 30))

    def fault_pause(self) -> float | None:
        """Return the seconds before the receiver is asked once more for the same, None once that was done enough."""
        now = anyio.current_time()
        self._first_fault = now if self._first_fault is None else self._first_fault
        pause = min(LONGEST_FAULT_PAUSE, FIRST_FAULT_PAUSE * 2.0 ** min(self._faults, 30))
        self._faults += 1
        return pause if now + pause - self._first_fault <= self._patience else None


def _halves(batch: Batch) -> tuple[Batch, Batch] | None:
    try:
        return batch.split()
    except MalformedError:  # nothing tells where one span of it ends and the next begins
        return None
