"""Settings of repeated delivery."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["RetrySettings"]


@dataclass(frozen=True, slots=True)
class RetrySettings:
    """Backoff that doubles from `first_pause` to `longest_pause`, with full jitter; all in seconds.

    `give_up_after` ends the delivery of one batch; None never gives up, for a source that keeps its data (the spool).
    """

    first_pause: float = 1.0
    longest_pause: float = 30.0
    give_up_after: float | None = 30.0
