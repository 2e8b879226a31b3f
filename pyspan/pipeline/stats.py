"""What became of the spans of one exporter: counted always, logged rarely."""

from __future__ import annotations

import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from pyspan.pipeline.log import RareLog, logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["Stats"]

NAMES = ("exported", "rejected", "retried", "dead_lettered", "in_flight", "batches")
# What a queue drops at its door, with what to do about it.
AT_THE_DOOR = {
    "queue_full": "more came than the exporter took; raise OTEL_BSP_MAX_QUEUE_SIZE, sample, or give a block_timeout",
    "too_large": "each is larger than the whole queue; put less into a span, or raise max_queue_bytes",
}


class Stats:
    """Counts of one exporter, in spans unless said otherwise.

    received = delivered + dead_lettered + dropped + in_flight, at every instant. Written by the worker's thread alone;
    another thread may read at any time. `on_operation` is told of each batch that has come to its end: how many seconds
    it took with all its retries, and why not all of it was delivered.
    """

    on_operation: Callable[[float, str | None], None] | None = None

    def __init__(self, name: str, log: RareLog | None = None) -> None:
        self.name = name
        self.delivered = 0
        self.rejected = 0
        self.retried = 0
        self.dead_lettered = 0
        self.in_flight = 0
        self.batches = 0
        self.dropped: dict[str, int] = {}
        self.failures: dict[str, int] = {}
        self.last_error: str | None = None
        self.failing = False
        self.odd = False  # whether what was last taken was answered by what is no OTLP
        self.stuck = 0  # batches that fail again and again while others pass
        self._log = log or RareLog()
        self._told: dict[str, int] = {}
        self._is_final = False

    @property
    def exported(self) -> int:
        """Spans that the receiver took and kept."""
        return self.delivered - self.rejected

    def receive(self, spans: int) -> None:
        """Count a batch that the source gave."""
        self.in_flight += spans

    @contextmanager
    def operation(self) -> Iterator[None]:
        """Tell `on_operation` of the batch that is delivered within, in one task."""
        if self.on_operation is None:
            yield
            return
        begun, losses = time.monotonic(), list[str]()
        outer = _losses.set(losses)
        try:
            yield
        except BaseException as error:
            losses.append(type(error).__qualname__)
            raise
        finally:
            _losses.reset(outer)
            self.on_operation(time.monotonic() - begun, losses[-1] if losses else None)

    def deliver(self, spans: int) -> None:
        """Count a batch that the receiver has taken."""
        if self._is_final:
            return
        self.delivered += spans
        self.in_flight -= spans
        self.batches += 1
        self.failing = False

    def fail(self, status: str, message: str) -> None:
        """Count a request that failed."""
        _add(self.failures, status, 1)
        self.last_error = message
        self.failing = True
        self._log.warning(f"fail {status}", f"{self.name}: {message}")

    def reject(self, spans: int, message: str) -> None:
        """Count spans of a delivered batch that the receiver says it threw away (OTLP partial success)."""
        self.rejected += spans
        _lose("rejected")
        self.last_error = f"the receiver rejected {spans} spans of a batch it took: {message}"
        self._log.warning("reject", f"{self.name}: {self.last_error}")

    def dead_letter(self, spans: int, message: str) -> None:
        """Count spans that were set aside because the receiver refuses them for good."""
        if self._is_final:
            return
        self.dead_lettered += spans
        _lose("dead_lettered")
        self.in_flight -= spans
        self._log.warning("dead letter", f"{self.name}: {spans} spans set aside as dead letters: {message}")

    def drop(self, reason: str, spans: int, message: str) -> None:
        """Count spans on their way that are lost."""
        if self._is_final:
            return
        _add(self.dropped, reason, spans)
        _lose(reason)
        self.in_flight -= spans
        self._log.warning(f"drop {reason}", f"{self.name}: {spans} spans dropped ({reason}): {message}")

    def overflow(self, queue_counts: Mapping[str, int]) -> None:
        """Log what the queue has dropped at its door since the last such line; it counts these spans itself."""
        for reason in AT_THE_DOOR:
            dropped = queue_counts[f"dropped_{reason}"]
            if dropped > self._told.get(reason, 0) and self._log.may_speak(f"overflow {reason}"):
                self._tell_overflow(reason, dropped)

    def end(self, queue_counts: Mapping[str, int]) -> None:
        """Log what `overflow` has kept to itself; what an exporter still reports later has been counted by now."""
        self._is_final = True
        for reason in AT_THE_DOOR:
            self._tell_overflow(reason, queue_counts[f"dropped_{reason}"])

    def _tell_overflow(self, reason: str, dropped: int) -> None:
        spans = dropped - self._told.get(reason, 0)
        if spans > 0:
            self._told[reason] = dropped
            self._log.spoke(f"overflow {reason}")
            logger.warning("%s: %d spans dropped (%s): %s", self.name, spans, reason, AT_THE_DOOR[reason])

    def counts(self) -> dict[str, int]:
        """Return all counts in one flat dict: `dropped_<reason>` in spans, `failures_<status>` in requests."""
        named = {name: getattr(self, name) for name in NAMES}
        dropped = {f"dropped_{reason}": spans for reason, spans in list(self.dropped.items())}
        failures = {f"failures_{status}": requests for status, requests in list(self.failures.items())}
        return {**named, **dropped, **failures}


# Why spans of the batch at hand were not delivered: each batch has a task, and so a context, of its own.
_losses: ContextVar[list[str] | None] = ContextVar("losses", default=None)


def _lose(reason: str) -> None:
    losses = _losses.get()
    if losses is not None:
        losses.append(reason)


def _add(counts: dict[str, int], key: str, number: int) -> None:
    counts[key] = counts.get(key, 0) + number
