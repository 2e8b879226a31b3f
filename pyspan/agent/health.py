"""Why the agent is not ready, in words."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pyspan.agent.receiver_counts import receiver_counts

if TYPE_CHECKING:
    from pyspan.agent.pipeline import Pipeline
    from pyspan.agent.state import Agent

__all__ = ["not_ready_reasons", "pipeline_state"]


def not_ready_reasons(agent: Agent) -> list[str]:
    """List what keeps the agent from being ready; empty means ready."""
    reasons = []
    if agent.draining:
        reasons.append("the agent is draining")
    if _spool_full(agent):
        reasons.append("the spool is in its last segment or full: senders are told to wait")
    if agent.disk_refusals.recent(_disk_refusals(agent), time.monotonic()):
        reasons.append("the disk refuses writes to the spool: senders are told to wait")
    return reasons + [reason for pipeline in agent.pipelines if (reason := _why_failing(pipeline, agent))]


def _disk_refusals(agent: Agent) -> int:
    return sum(count.value for count in receiver_counts(agent.receivers.stats()) if count.name == "refused.disk")


def _spool_full(agent: Agent) -> bool:
    """Whether the spool has no room for another segment."""
    config = agent.config
    segment_bytes = min(config.spool_segment_bytes, config.spool_max_bytes // 4)
    return agent.spool.stats()["bytes"] + segment_bytes > config.spool_max_bytes


def pipeline_state(pipeline: Pipeline, agent: Agent) -> str:
    """Name the state of a pipeline: ok, retrying, failing or crashed."""
    if pipeline.crashed:
        return "crashed"
    if _why_failing(pipeline, agent):
        return "failing"
    return "retrying" if pipeline.stats.failing else "ok"


def _why_failing(pipeline: Pipeline, agent: Agent) -> str | None:
    if pipeline.crashed:
        return f"exporter {pipeline.name} crashed and is about to start again"
    stalled = pipeline.stalled_for(time.monotonic())
    if stalled <= agent.config.failing_after:
        return None
    return (
        f"exporter {pipeline.name} has delivered nothing for {stalled:.0f} s: {pipeline.stats.last_error or 'no reply'}"
    )
