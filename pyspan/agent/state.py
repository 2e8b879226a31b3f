"""The running agent as its admin port sees it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyspan._core import Receivers, Spool
    from pyspan.agent.config import AgentConfig
    from pyspan.agent.pipeline import Pipeline

__all__ = ["Agent", "Rise"]

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


@dataclass
class Agent:
    """What runs: one spool, the receivers in front of it, the pipelines behind it, and what was bound.

    `started_at` is the wall clock's time, `started` the monotonic clock's, which nobody sets back.
    """

    config: AgentConfig
    spool: Spool
    receivers: Receivers
    pipelines: Sequence[Pipeline]
    bound: Mapping[str, str] = field(default_factory=dict)
    draining: bool = False
    disk_refusals: Rise = field(default_factory=Rise)
    started_at: float = field(default_factory=time.time)
    started: float = field(default_factory=time.monotonic)
