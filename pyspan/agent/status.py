"""The body of /status: every pipeline's ledger and health, the receivers and the spool, as plain data."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import msgspec

from pyspan._core import VERSION
from pyspan.agent.health import not_ready_reasons, pipeline_state
from pyspan.agent.receiver_counts import receiver_counts

if TYPE_CHECKING:
    from pyspan.agent.pipeline import Pipeline
    from pyspan.agent.state import Agent

__all__ = ["status"]


def status(agent: Agent) -> dict[str, Any]:
    """Describe the agent now; times are ISO 8601 in UTC, counts are spans unless their name says otherwise."""
    reasons = not_ready_reasons(agent)
    return {
        "version": VERSION,
        "started_at": _time(agent.started_at),
        "uptime_seconds": round(time.monotonic() - agent.started, 3),
        "ready": not reasons,
        "reasons": reasons,
        "receivers": _receivers(agent),
        "spool": {
            "directory": str(agent.config.spool),
            "max_bytes": agent.config.spool_max_bytes,
            **agent.spool.stats(),
        },
        "exporters": [_exporter(pipeline, agent) for pipeline in agent.pipelines],
    }


def _receivers(agent: Agent) -> dict[str, dict[str, Any]]:
    receivers: dict[str, dict[str, Any]] = {
        name: {"address": address} for name, address in agent.bound.items() if name != "admin"
    }
    for count in receiver_counts(agent.receivers.stats()):
        receiver, (kind, _, reason) = receivers.setdefault(count.receiver, {}), count.name.partition(".")
        if reason:
            receiver.setdefault(kind, {})[reason] = count.value
        else:
            receiver[kind] = count.value
    return receivers


def _exporter(pipeline: Pipeline, agent: Agent) -> dict[str, Any]:
    stats = pipeline.stats
    dead_letters = pipeline.dead_letters.path
    return {
        "name": pipeline.name,
        "to": str(pipeline.export),
        "state": pipeline_state(pipeline, agent),
        "ledger": msgspec.to_builtins(pipeline.ledger.entry()),
        "in_flight": stats.in_flight,
        "batches": stats.batches,
        "retried": stats.retried,
        "fruitless_batches": stats.fruitless,
        "oldest_batch_seconds": round(pipeline.ledger.oldest_age(time.monotonic()), 3),
        "failures": stats.failures,
        "last_error": pipeline.last_error,
        "crashes": pipeline.crashes,
        "lag_bytes": pipeline.reader.lag_bytes,
        "dead_letter_file": str(dead_letters) if dead_letters.exists() else None,
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds")
