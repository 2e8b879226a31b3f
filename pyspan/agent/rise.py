"""Whether a count rises, as seen by those who look at it now and then."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Rise"]

RECENT = 15.0


@dataclass
class Rise:
    """Whether a count has risen within the last seconds, as seen by those who asked."""

    count: int = 0
    until: float = 0.0

    def recent(self, count: int, now: float) -> bool:
        """Take note of the count now; true from a rise on until `RECENT` seconds after it was noticed."""
        if count > self.count:
            self.count, self.until = count, now + RECENT
        return now < self.until
