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
MOST_FRUITLESS, MOST_FRUITLESS_SPANS = 3, 100
# Seconds after the last such batch: an agent that gets no traffic for not being ready could never prove itself.
REFUSED_FOR = 30.0
# Times `failing-after`: a batch that can't be delivered, while others can, is no reason yet to send traffic elsewhere.
STUCK_AFTER = 10


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
    if agent.config.ready_when_failing:
        return reasons
    return reasons + [reason for pipeline in agent.pipelines if (reason := _why_failing(pipeline, agent))]


def _disk_refusals(agent: Agent) -> int:
    return sum(count.value for count in receiver_counts(agent.receivers.stats()) if count.name == "refused.disk")


def pipeline_state(pipeline: Pipeline, agent: Agent) -> str:
    """Name the state of a pipeline: ok, retrying, doubtful, refused, failing or crashed."""
    if pipeline.crashed:
        return "crashed"
    if _is_fruitless(pipeline):
        return "refused"
    if _why_failing(pipeline, agent):
        return "failing"
    if pipeline.stats.odd:
        return "doubtful"
    return "retrying" if pipeline.stats.failing else "ok"


def _why_failing(pipeline: Pipeline, agent: Agent) -> str | None:
    now, why = time.monotonic(), pipeline.last_error or "no reply"
    if pipeline.crashed:
        return f"exporter {pipeline.name} crashed and starts again: {why}"
    stats = pipeline.stats
    if pipeline.dead_letters_full.recent(stats.dropped.get("dead_letters_full", 0), now):
        full = f"{pipeline.dead_letters.path} is full (move it away)"
        return f"exporter {pipeline.name} drops what is refused: {full}: {why}"
    if _is_fruitless(pipeline) and now < stats.last_fruitless + REFUSED_FOR:
        return f"exporter {pipeline.name} has had nothing taken of its last {stats.fruitless} batches: {why}"
    stalled, oldest = pipeline.stalled_for(now), pipeline.ledger.oldest_age(now)
    if stalled > agent.config.failing_after:
        return f"exporter {pipeline.name} has delivered nothing for {stalled:.0f} s: {why}"
    if oldest > STUCK_AFTER * agent.config.failing_after:
        return f"exporter {pipeline.name} has a batch that was not taken for {oldest:.0f} s, while others were: {why}"
    return None


def _is_fruitless(pipeline: Pipeline) -> bool:
    stats = pipeline.stats
    return stats.fruitless >= MOST_FRUITLESS and stats.fruitless_spans >= MOST_FRUITLESS_SPANS
