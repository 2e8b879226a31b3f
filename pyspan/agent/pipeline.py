"""One pipeline: a reader of the spool, the worker of one exporter, its ledger, restarted whenever it crashes."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from pyspan.agent.exporters import make_exporter
from pyspan.agent.ledger import Counts
from pyspan.agent.rise import Rise
from pyspan.config import RetrySettings
from pyspan.pipeline.source import OneAtATime
from pyspan.pipeline.spool_source import SpoolSource
from pyspan.pipeline.stats import Stats
from pyspan.pipeline.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspan._core import Batch, SpoolReader
    from pyspan.agent.config import AgentConfig
    from pyspan.agent.dead_letters import DeadLetters
    from pyspan.agent.exports import Export
    from pyspan.agent.ledger import Ledger
    from pyspan.errors import PermanentError
    from pyspan.pipeline.exporter import Exporter
    from pyspan.pipeline.source import Received

__all__ = ["LedgerStats", "Pipeline", "window"]

logger = logging.getLogger("pyspan.agent")

FIRST_RESTART_PAUSE, LONGEST_RESTART_PAUSE = 0.5, 30.0
LONGEST_RETRY_PAUSE = 10.0  # an agent's backend is often one of many behind a balancer: it is back before half a minute


# While one batch is being repeated the others go on, so far that a crash does not make them all come again.
BATCHES_PER_LANE = 8
# So many times as far where the oldest batch can't be delivered at all.
STUCK_FACTOR = 32
LOOK_PERIOD = 1.0


def window(config: AgentConfig) -> int:
    """Return how many batches may be read and not acknowledged at a time, while each of them makes its way."""
    return BATCHES_PER_LANE * config.in_flight


class LedgerStats(Stats):
    """The worker's counts, which also go to the ledger batch by batch, and the time of the last progress.

    `fruitless` is how many batches in a row have come to an end without a span of theirs being taken, `fruitless_spans`
    how many spans these were.
    """

    def __init__(self, name: str, ledger: Ledger) -> None:
        super().__init__(name)
        self.last_progress = self.last_fruitless = time.monotonic()
        self.fruitless = self.fruitless_spans = 0
        self._ledger = ledger

    def deliver(self, spans: int) -> None:
        super().deliver(spans)
        self._account(Counts(exported=spans))

    def reject(self, spans: int, message: str) -> None:
        super().reject(spans, message)
        self._account(Counts(exported=-spans, rejected=spans))

    def dead_letter(self, spans: int, message: str) -> None:
        super().dead_letter(spans, message)
        self._account(Counts(dead_lettered=spans))

    def drop(self, reason: str, spans: int, message: str) -> None:
        super().drop(reason, spans, message)
        self._account(Counts(dropped={reason: spans}))

    def settle(self, counts: Counts) -> None:
        """Take note of a batch that has come to its end."""
        if counts.exported:
            self.fruitless = self.fruitless_spans = 0
        else:
            self.fruitless += 1
            self.fruitless_spans += counts.total
            self.last_fruitless = time.monotonic()

    def _account(self, counts: Counts) -> None:
        self.last_progress = time.monotonic()
        self._ledger.count(counts)


class Pipeline:
    """Ships the spool to one destination, until it is closed and has shipped everything, or is cancelled."""

    def __init__(
        self, export: Export, reader: SpoolReader, *, ledger: Ledger, dead_letters: DeadLetters, config: AgentConfig
    ) -> None:
        self.export = export
        self.name = export.name
        self.reader = reader
        self.ledger = ledger
        self.dead_letters = dead_letters
        self.stats = LedgerStats(export.name, ledger)
        self.dead_letters_full = Rise()
        self.crashes = 0
        self._crash: _Crash | None = None
        self._config = config
        self._source: _LedgerSource | None = None
        self._closing = False

    async def run(self, make: Callable[[Export, Stats], Exporter] = make_exporter) -> None:
        """Ship; a crash is logged, counted and followed by a new start after a pause."""
        pause = FIRST_RESTART_PAUSE
        while True:
            started = time.monotonic()
            try:
                await self._run_once(make)
                return
            except Exception as error:  # noqa: BLE001 - whatever it is, the other exporters go on
                if time.monotonic() - started > LONGEST_RESTART_PAUSE:
                    pause = FIRST_RESTART_PAUSE
                self._note_crash(error, pause)
            await anyio.sleep(pause)
            pause = min(2 * pause, LONGEST_RESTART_PAUSE)

    def close(self) -> None:
        """Let `run` ship what the spool holds and return."""
        self._closing = True
        if self._source is not None:
            self._source.close()

    @property
    def crashed(self) -> bool:
        """Whether it waits for a new start, or has got no further since the last one though there is something."""
        crash = self._crash
        if crash is None:
            return False
        return crash.pausing or (crash.acked == self.reader.acked_offset and self.reader.lag_spans > 0)

    @property
    def last_error(self) -> str | None:
        """The error that the pipeline suffers from: what it crashed of, or what the receiver said last."""
        return self._crash.error if self._crash and self.crashed else self.stats.last_error

    def stalled_for(self, now: float) -> float:
        """Seconds since the receiver last took anything, 0 while there is nothing on its way."""
        return now - self.stats.last_progress if self.ledger.under_way else 0.0

    async def _run_once(self, make: Callable[[Export, Stats], Exporter]) -> None:
        config = self._config
        exporter = make(self.export, self.stats)
        source = SpoolSource(
            self.reader, max_spans=config.batch_spans, max_bytes=config.batch_bytes, wait=config.batch_wait
        )
        self._source = _LedgerSource(source, self.ledger, self.stats, window=window(config))
        if self._closing:
            self._source.close()
        retry = RetrySettings(longest_pause=LONGEST_RETRY_PAUSE, give_up_after=None)
        worker = Worker(
            OneAtATime(self._source),
            exporter,
            self.stats,
            lanes=config.in_flight,
            retry=retry,
            dead_letter=self._set_aside,
        )
        if self._crash is not None:
            self._crash.pausing = False
        try:
            await worker.run()
        finally:
            source.release()
            with anyio.CancelScope(shield=True), anyio.move_on_after(1.0):
                await exporter.aclose()

    async def _set_aside(self, batch: Batch, error: PermanentError) -> bool:
        """Write a dead letter; while the disk refuses it the batch waits unacknowledged, and nothing is sent twice."""
        pause = FIRST_RESTART_PAUSE
        while True:
            try:
                return self.dead_letters.write(batch, error)
            except OSError as failure:
                self.stats.fail("dead_letters", str(failure))
            await anyio.sleep(pause)
            pause = min(2 * pause, LONGEST_RETRY_PAUSE)

    def _note_crash(self, error: Exception, pause: float) -> None:
        self.crashes += 1
        self._crash = _Crash(_first(error), self.reader.acked_offset)
        self.stats.in_flight = 0
        self.ledger.abandon()
        self.reader.rewind()
        logger.error("%s: the exporter crashed and starts again in %.1f s", self.name, pause, exc_info=error)


@dataclass
class _Crash:
    """What an exporter crashed of, and what had been acknowledged by then."""

    error: str
    acked: int
    pausing: bool = True


def _first(error: BaseException) -> str:
    """Describe the error that a task group wraps."""
    while inner := getattr(error, "exceptions", None):
        error = inner[0]
    return str(error) or repr(error)


class _LedgerSource:
    """A spool source that keeps the ledger: a batch is accounted for from its receipt to its acknowledgement."""

    def __init__(self, source: SpoolSource, ledger: Ledger, stats: LedgerStats, *, window: int) -> None:
        self._source = source
        self._ledger = ledger
        self._stats = stats
        self._window = window
        self._room = anyio.Event()

    async def receive(self) -> Received:
        while self._ledger.open_batches >= self._window * (STUCK_FACTOR if self._stats.stuck else 1):
            self._room = anyio.Event()
            with anyio.move_on_after(LOOK_PERIOD):
                await self._room.wait()
        received = await self._source.receive()
        if not self._ledger.under_way:
            self._stats.last_progress = time.monotonic()
        self._ledger.begin(received.position, len(received.batch))
        return received

    def ack(self, position: int) -> None:
        for counts in self._ledger.commit(position):
            self._stats.settle(counts)
        try:
            self._source.ack(position)
        except OSError as error:  # the spool knows it until the process ends, so that delivery goes on
            self._stats.fail("spool", f"the acknowledgement can't be written: {error}")
        self._ledger.committed()
        self._room.set()

    def close(self) -> None:
        self._source.close()
