"""What became of the spans of one exporter: counted always, logged rarely."""

from __future__ import annotations

from pyspan.pipeline.log import RareLog

__all__ = ["Stats"]

NAMES = ("exported", "rejected", "retried", "dead_lettered", "in_flight", "batches")


class Stats:
    """Counts of one exporter, in spans unless said otherwise.

    received = delivered + dead_lettered + dropped + in_flight, at every instant. Written by the worker's thread alone;
    another thread may read at any time.
    """

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
        self._log = log or RareLog()

    @property
    def exported(self) -> int:
        """Spans that the receiver took and kept."""
        return self.delivered - self.rejected

    def receive(self, spans: int) -> None:
        """Count a batch that the source gave."""
        self.in_flight += spans

    def deliver(self, spans: int) -> None:
        """Count a batch that the receiver has taken."""
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
        self._log.warning("reject", f"{self.name}: the receiver rejected {spans} spans of a batch it took: {message}")

    def dead_letter(self, spans: int, message: str) -> None:
        """Count spans that were set aside because the receiver refuses them for good."""
        self.dead_lettered += spans
        self.in_flight -= spans
        self._log.warning("dead letter", f"{self.name}: {spans} spans set aside as dead letters: {message}")

    def drop(self, reason: str, spans: int, message: str) -> None:
        """Count spans on their way that are lost."""
        _add(self.dropped, reason, spans)
        self.in_flight -= spans
        self._log.warning(f"drop {reason}", f"{self.name}: {spans} spans dropped ({reason}): {message}")

    def counts(self) -> dict[str, int]:
        """Return all counts in one flat dict: `dropped_<reason>` in spans, `failures_<status>` in requests."""
        named = {name: getattr(self, name) for name in NAMES}
        dropped = {f"dropped_{reason}": spans for reason, spans in list(self.dropped.items())}
        failures = {f"failures_{status}": requests for status, requests in list(self.failures.items())}
        return {**named, **dropped, **failures}


def _add(counts: dict[str, int], key: str, number: int) -> None:
    counts[key] = counts.get(key, 0) + number
