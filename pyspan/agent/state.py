"""The running agent as its admin port sees it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyspan.agent.rise import Rise

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyspan._core import Receivers, Spool
    from pyspan.agent.config import AgentConfig
    from pyspan.agent.pipeline import Pipeline

__all__ = ["Agent"]


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
