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

    def may_speak(self, reason: str) -> bool:
        """Tell whether the reason has not had its line this minute."""
        return self._clock() - self._spoken.get(reason, -PERIOD) >= PERIOD

    def spoke(self, reason: str) -> None:
        """Take note that the reason has its line now."""
        self._spoken[reason] = self._clock()

    def warning(self, reason: str, message: str) -> None:
        """Log the message, or count it where the reason has had its line this minute."""
        if not self.may_speak(reason):
            self._silent[reason] = self._silent.get(reason, 0) + 1
            return
        self.spoke(reason)
        silent = self._silent.pop(reason, 0)
        logger.warning("%s%s", message, f" ({silent} more of this kind since the last line)" if silent else "")
