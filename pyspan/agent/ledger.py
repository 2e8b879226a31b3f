"""The ledger of one exporter: where every accepted span went, exact at every instant and over restarts."""

from __future__ import annotations

import logging
import time
from collections import deque
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

import msgspec

from pyspan.agent.slots import SlotFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["Counts", "Entry", "Ledger", "ReaderPosition"]

logger = logging.getLogger("pyspan.agent")

SPOOL_DAMAGE = "spool_damage"
_SNAPSHOT_TRIES = 50


class Counts(msgspec.Struct):
    """Spans by what became of them."""

    exported: int = 0
    rejected: int = 0
    dead_lettered: int = 0
    dropped: dict[str, int] = {}

    @property
    def total(self) -> int:
        """Spans whose fate is known."""
        return self.exported + self.rejected + self.dead_lettered + sum(self.dropped.values())

    def copy(self) -> Counts:
        """Copy the account."""
        return Counts(self.exported, self.rejected, self.dead_lettered, dict(self.dropped))

    def add(self, other: Counts) -> None:
        """Add another account to this one."""
        self.exported += other.exported
        self.rejected += other.rejected
        self.dead_lettered += other.dead_lettered
        for reason, spans in other.dropped.items():
            self.dropped[reason] = self.dropped.get(reason, 0) + spans


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """The ledger at one instant, in spans: accepted = exported + rejected + dead-lettered + dropped + pending.

    `pending` is measured in the spool and not derived, so that `balance`, which is 0, proves the others.
    `possibly_resent` is the most that a crash or a cut-off shutdown can have made the receiver see twice.
    """

    accepted: int
    exported: int
    rejected: int
    dead_lettered: int
    dropped: dict[str, int]
    pending: int
    balance: int
    possibly_resent: int


class Durable(msgspec.Struct, kw_only=True):
    """What a slot of the ledger's file holds: the counts of everything before `offset`."""

    offset: int
    counts: Counts
    accepted: int = 0
    possibly_resent: int = 0
    under_way: int | None = None  # spans cut off by a clean end; None while running, and so after a crash


class ReaderPosition(Protocol):
    """What the ledger asks of a spool reader: where it has acknowledged, and how many spans lie behind that."""

    @property
    def acked_offset(self) -> int: ...

    @property
    def lag_spans(self) -> int: ...


class _Open:
    """A batch on its way: when it was read, its size, the position after it, what has become of its spans so far."""

    __slots__ = ("began", "counts", "position", "spans")

    def __init__(self, position: int, spans: int) -> None:
        self.position = position
        self.spans = spans
        self.counts = Counts()
        self.began = time.monotonic()


_current: ContextVar[_Open] = ContextVar("pyspan_agent_batch")


class Ledger:
    """Counts outcomes per batch and writes them down when the batch is acknowledged, just before the spool does.

    A batch is attributed through a context variable: `begin` and the outcomes of one batch happen in one task. The file
    keeps the state before the last one too: a crash between the two writes leaves the reader there.

    Raises:
        OSError: the file can't be opened or made.
    """

    def __init__(self, path: Path, reader: ReaderPosition, accepted_spans: Callable[[], int]) -> None:
        self._name = path.stem
        self._file = SlotFile(path)
        self._reader = reader
        self._accepted_spans = accepted_spans
        self._durable = Durable(offset=reader.acked_offset, counts=Counts())
        self._open: deque[_Open] = deque()
        self._base = 0
        self._shown = Counts()
        self._may_complain = True

    def start(self, *, crash_bound: int) -> None:
        """Reconcile file and spool, before anything is received.

        `crash_bound` is the most spans that can be on their way at a time.
        """
        pending = self._reader.lag_spans
        if found := self._read():
            self._durable = self._match(found, pending)
            under_way = crash_bound if found[0].under_way is None else found[0].under_way
            again = pending if self._went_back(found, pending) else under_way
            self._durable.possibly_resent += min(pending, again)
            self._durable.under_way = None
        self._durable.accepted = self._durable.counts.total + pending
        self._base = self._durable.accepted - self._accepted_spans()
        self._write()

    def begin(self, position: int, spans: int) -> None:
        """Open the account of a batch that the calling task has read."""
        batch = _Open(position, spans)
        self._open.append(batch)
        _current.set(batch)

    def count(self, counts: Counts) -> None:
        """Count an outcome of the calling task's batch."""
        _current.get().counts.add(counts)

    def commit(self, position: int) -> list[Counts]:
        """Write down and return the outcomes of every batch before the position; the reader acknowledges it next."""
        ended = []
        while self._open and self._open[0].position <= position:
            ended.append(self._open.popleft().counts)
            self._durable.counts.add(ended[-1])
        self._durable.offset = position
        self._durable.accepted = self._accepted()
        self._write()
        return ended

    def committed(self) -> None:
        """Count what the reader had to step over on the way to what it has just acknowledged."""
        accepted, pending = self._consistent()
        if (skipped := accepted - self._durable.counts.total - pending) > 0:
            self._lose(self._durable, skipped)
            self._write()

    def abandon(self) -> None:
        """Forget the batches on their way: they are read again, and what of them was delivered is delivered twice."""
        self.entry()  # what has been delivered goes on counting
        self._durable.possibly_resent += self.under_way
        self._open.clear()

    def close(self) -> None:
        """Note how many spans were cut off on their way, in place of the bound that a crash would stand for."""
        self._durable.under_way = self.under_way
        self._write()
        self._file.close()

    @property
    def open_batches(self) -> int:
        """Batches that were received and are not acknowledged."""
        return len(self._open)

    @property
    def under_way(self) -> int:
        """Spans of the batches that were received and are not acknowledged."""
        return sum(batch.spans for batch in self._open)

    def oldest_age(self, now: float) -> float:
        """Seconds since the oldest batch was read that is not acknowledged, 0 where there is none."""
        return now - self._open[0].began if self._open else 0.0

    def entry(self) -> Entry:
        """Take the ledger's state; spans that arrive meanwhile make it look again."""
        counts = self._durable.counts.copy()
        for batch in self._open:
            counts.add(batch.counts)
        accepted, unacknowledged = self._consistent()
        pending = self._not_below_before(counts, unacknowledged - sum(batch.counts.total for batch in self._open))
        return Entry(
            accepted=accepted,
            exported=counts.exported,
            rejected=counts.rejected,
            dead_lettered=counts.dead_lettered,
            dropped=counts.dropped,
            pending=pending,
            balance=accepted - counts.total - pending,
            possibly_resent=self._durable.possibly_resent,
        )

    def _not_below_before(self, counts: Counts, pending: int) -> int:
        """Raise counts to what they were before a crash of the exporter: spans that it had delivered are sent again.

        Return how many are pending beside those.
        """
        for name in ("exported", "rejected", "dead_lettered"):
            again = _again(getattr(self._shown, name), getattr(counts, name), pending)
            setattr(counts, name, getattr(counts, name) + again)
            pending -= again
        for reason, shown in self._shown.dropped.items():
            again = _again(shown, counts.dropped.get(reason, 0), pending)
            counts.add(Counts(dropped={reason: again} if again else {}))
            pending -= again
        self._shown = counts.copy()
        return pending

    def _consistent(self) -> tuple[int, int]:
        """Read what was accepted and what is not acknowledged at one instant, though the receivers never pause."""
        for _ in range(_SNAPSHOT_TRIES):
            accepted, unacknowledged = self._accepted(), self._reader.lag_spans
            if accepted == self._accepted():
                break
        return accepted, unacknowledged

    def _accepted(self) -> int:
        return self._base + self._accepted_spans()

    def _match(self, found: list[Durable], pending: int) -> Durable:
        """Choose the state where the reader stands, and account for what neither of them knows."""
        reader_at = self._reader.acked_offset
        chosen = next((state for state in found if state.offset == reader_at), found[0])
        missing = max(state.accepted for state in found) - chosen.counts.total - pending
        if missing > 0 and chosen.offset < reader_at:
            logger.warning("%s: %d spans were exported and not written down before a crash", self._name, missing)
            chosen.counts.exported += missing
        elif missing > 0:
            self._lose(chosen, missing)
        return chosen

    def _went_back(self, found: list[Durable], pending: int) -> bool:
        """Tell whether the reader starts before all that is written down: its own file was damaged."""
        if self._reader.acked_offset >= min(state.offset for state in found):
            return False
        logger.warning("%s: its place in the spool was damaged, up to %d spans are sent again", self._name, pending)
        return True

    def _lose(self, state: Durable, spans: int) -> None:
        logger.error("%s: %d accepted spans are missing from the spool (damaged or not synced)", self._name, spans)
        state.counts.add(Counts(dropped={SPOOL_DAMAGE: spans}))

    def _read(self) -> list[Durable]:
        """Return the states in the file, the newest first."""
        payloads = self._file.read()
        try:
            states = [msgspec.json.decode(payload, type=Durable) for payload in payloads]
        except msgspec.MsgspecError:
            states = []
        if not states and not self._file.was_empty:
            logger.error("%s: the ledger %s is damaged and starts from zero", self._name, self._file.path)
        return states

    def _write(self) -> None:
        """Write the state down; what the disk refuses is in the next write, and delivery goes on meanwhile."""
        try:
            self._file.write(msgspec.json.encode(self._durable))
        except OSError as error:
            if self._may_complain:
                logger.error("%s: the ledger can't be written: %s", self._name, error)  # noqa: TRY400
            self._may_complain = False
        else:
            self._may_complain = True


def _again(shown: int, count: int, pending: int) -> int:
    return max(min(shown - count, pending), 0)
