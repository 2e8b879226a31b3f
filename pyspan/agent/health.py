"""Why the agent is not ready, in words."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pyspan.agent.receiver_counts import receiver_counts

if TYPE_CHECKING:
    from pyspan.agent.pipeline import Pipeline
    from pyspan.agent.state import Agent

__all__ = ["not_ready_reasons", "pipeline_state"]

# A bad batch or two are their sender's fault; a receiver that has taken nothing of so many in a row is at fault itself.
MOST_FRUITLESS = 3
# Seconds after the last such batch: an agent that gets no traffic for not being ready could never prove itself.
REFUSED_FOR = 300.0


def not_ready_reasons(agent: Agent) -> list[str]:
    """List what keeps the agent from being ready; empty means ready."""
    reasons = []
    if agent.draining:
        reasons.append("the agent is draining")
    spool = agent.spool.stats()
    if spool["gone"]:
        reasons.append(f"the spool folder {agent.config.spool} was removed while in use: senders are told to wait")
    if spool["full"]:
        reasons.append("the spool is full: senders are told to wait")
    if not spool["gone"] and agent.disk_refusals.recent(_disk_refusals(agent), time.monotonic()):
        reasons.append("the disk refuses writes to the spool: senders are told to wait")
    return reasons + [reason for pipeline in agent.pipelines if (reason := _why_failing(pipeline, agent))]


def _disk_refusals(agent: Agent) -> int:
    return sum(count.value for count in receiver_counts(agent.receivers.stats()) if count.name == "refused.disk")


def pipeline_state(pipeline: Pipeline, agent: Agent) -> str:
    """Name the state of a pipeline: ok, retrying, refused, failing or crashed."""
    if pipeline.crashed:
        return "crashed"
    if pipeline.stats.fruitless >= MOST_FRUITLESS:
        return "refused"
    if _why_failing(pipeline, agent):
        return "failing"
    return "retrying" if pipeline.stats.failing else "ok"


def _why_failing(pipeline: Pipeline, agent: Agent) -> str | None:
    now, why = time.monotonic(), pipeline.last_error or "no reply"
    if pipeline.crashed:
        return f"exporter {pipeline.name} crashed and starts again: {why}"
    stats = pipeline.stats
    if stats.fruitless >= MOST_FRUITLESS and now < stats.last_fruitless + REFUSED_FOR:
        return f"exporter {pipeline.name} has had nothing taken of its last {stats.fruitless} batches: {why}"
    stalled = pipeline.stalled_for(now)
    if stalled <= agent.config.failing_after:
        return None
    return f"exporter {pipeline.name} has delivered nothing for {stalled:.0f} s: {why}"
