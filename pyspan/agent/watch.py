"""Says in the log what only native counters know: requests refused at the door, damage in the spool."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from pyspan.agent.receiver_counts import receiver_counts
from pyspan.pipeline.log import RareLog

if TYPE_CHECKING:
    from pyspan.agent.state import Agent

__all__ = ["Watch"]

PERIOD = 5.0
DAMAGE = ("torn_records", "skipped_records", "skipped_spans", "damaged_segments", "damaged_readers", "sync_errors")


class Watch:
    """Compares the counters with what they were; each kind has a line a minute at most."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._before: dict[str, int] = {}
        self._log = RareLog()

    async def run(self) -> None:
        """Look every few seconds, until cancelled."""
        while True:
            self.look()
            await anyio.sleep(PERIOD)

    def look(self) -> None:
        """Log what has risen since the last look."""
        for kind, count in self._counts().items():
            if (risen := count - self._before.get(kind, 0)) > 0:
                self._before[kind] = count
                self._log.warning(kind, f"{kind}: {risen}{self._where(kind)}")

    def _where(self, kind: str) -> str:
        """Name the files that were set aside."""
        damaged = sorted(path.name for path in self._agent.config.spool.glob("*.damaged"))
        return f" (set aside: {', '.join(damaged)})" if "damaged_segments" in kind and damaged else ""

    def _counts(self) -> dict[str, int]:
        refused = {
            f"requests refused by {count.receiver} ({count.name.removeprefix('refused.')})": count.value
            for count in receiver_counts(self._agent.receivers.stats())
            if count.name.startswith("refused.")
        }
        refused |= {
            f"connections refused by {count.receiver} (all max-connections are in use)": count.value
            for count in receiver_counts(self._agent.receivers.stats())
            if count.name == "refused_connections"
        }
        stats = self._agent.spool.stats()
        return refused | {f"damage in the spool ({name})": stats[name] for name in DAMAGE}
