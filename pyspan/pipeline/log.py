"""Log lines that come at most once a minute for one reason."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

__all__ = ["RareLog", "logger"]

logger = logging.getLogger("pyspan.pipeline")
PERIOD = 60.0


class RareLog:
    """Remembers per reason when it last spoke and what it has kept to itself since."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._spoken: dict[str, float] = {}
        self._silent: dict[str, int] = {}

    def warning(self, reason: str, message: str) -> None:
        """Log the message, or count it where the reason has had its line this minute."""
        now = self._clock()
        if now - self._spoken.get(reason, -PERIOD) < PERIOD:
            self._silent[reason] = self._silent.get(reason, 0) + 1
            return
        self._spoken[reason] = now
        silent = self._silent.pop(reason, 0)
        logger.warning("%s%s", message, f" ({silent} more of this kind since the last line)" if silent else "")
