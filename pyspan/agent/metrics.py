"""The Prometheus metrics of the agent, collected from its counts at the moment they are asked for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from pyspan._core import VERSION
from pyspan.agent.health import not_ready_reasons, pipeline_state
from pyspan.agent.receiver_counts import receiver_counts
from pyspan.agent.watch import DAMAGE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.metrics_core import Metric

    from pyspan.agent.state import Agent

__all__ = ["make_registry"]

_RECEIVER_COUNTERS = {
    "requests": "Requests received.",
    "accepted_spans": "Spans written to the spool and acknowledged.",
    "accepted_bytes": "Bytes of request bodies that were accepted.",
}
_CONNECTION_OUTCOMES = {
    "connections": "served",
    "refused_connections": "refused",
    "dismissed_connections": "dismissed",
    "broken_connections": "broken",
}
_LEDGER_COUNTERS = {
    "accepted": "Spans that entered the ledger of this exporter.",
    "exported": "Spans that the receiver took and kept.",
    "rejected": "Spans of delivered batches that the receiver says it threw away.",
    "dead_lettered": "Spans set aside because the receiver refuses them for good.",
    "possibly_resent": "The most spans that crashes can have made the receiver see twice.",
}


def make_registry(agent: Agent) -> CollectorRegistry:
    """Make the registry of one agent, with the process's own memory, CPU and start time."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(_AgentCollector(agent))
    return registry


class _AgentCollector(Collector):
    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("pyspan_agent_ready", "1 when /readyz says 200.", not not_ready_reasons(self._agent))
        info = GaugeMetricFamily("pyspan_agent_info", "The version of the agent.", labels=["version"])
        info.add_metric([VERSION], 1)
        yield info
        yield from self._receivers()
        yield from self._spool()
        yield from self._ledgers()
        yield from self._exporters()

    def _receivers(self) -> Iterator[Metric]:
        counts = list(receiver_counts(self._agent.receivers.stats()))
        for name, text in _RECEIVER_COUNTERS.items():
            family = CounterMetricFamily(f"pyspan_agent_receiver_{name}", text, labels=["receiver"])
            for count in counts:
                if count.name == name:
                    family.add_metric([count.receiver], count.value)
            yield family
        refused = CounterMetricFamily(
            "pyspan_agent_receiver_refused_requests", "Requests refused.", labels=["receiver", "reason"]
        )
        for count in counts:
            if count.name.startswith("refused."):
                refused.add_metric([count.receiver, count.name.removeprefix("refused.")], count.value)
        yield refused
        connections = CounterMetricFamily(
            "pyspan_agent_receiver_connections", "Connections by what became of them.", labels=["receiver", "outcome"]
        )
        for count in counts:
            if count.name in _CONNECTION_OUTCOMES:
                connections.add_metric([count.receiver, _CONNECTION_OUTCOMES[count.name]], count.value)
        yield connections

    def _spool(self) -> Iterator[Metric]:
        stats = self._agent.spool.stats()
        yield GaugeMetricFamily("pyspan_agent_spool_bytes", "Bytes the spool takes on disk.", stats["bytes"])
        yield GaugeMetricFamily(
            "pyspan_agent_spool_max_bytes", "Bytes at which senders wait.", self._agent.config.spool_max_bytes
        )
        yield GaugeMetricFamily("pyspan_agent_spool_full", "1 while senders are told to wait for room.", stats["full"])
        yield GaugeMetricFamily("pyspan_agent_spool_gone", "1 once the folder was removed.", stats["gone"])
        yield GaugeMetricFamily("pyspan_agent_spool_segments", "Segment files of the spool.", stats["segments"])
        for name in DAMAGE:
            yield CounterMetricFamily(f"pyspan_agent_spool_{name}", f"Damage: {name.replace('_', ' ')}.", stats[name])

    def _ledgers(self) -> Iterator[Metric]:
        entries = [(pipeline.name, pipeline.ledger.entry()) for pipeline in self._agent.pipelines]
        for name, text in _LEDGER_COUNTERS.items():
            family = CounterMetricFamily(f"pyspan_agent_exporter_{name}_spans", text, labels=["exporter"])
            for exporter, entry in entries:
                family.add_metric([exporter], getattr(entry, name))
            yield family
        dropped = CounterMetricFamily(
            "pyspan_agent_exporter_dropped_spans", "Spans lost.", labels=["exporter", "reason"]
        )
        pending = GaugeMetricFamily(
            "pyspan_agent_exporter_pending_spans", "Spans accepted and not yet dealt with.", labels=["exporter"]
        )
        for exporter, entry in entries:
            pending.add_metric([exporter], entry.pending)
            for reason, spans in entry.dropped.items():
                dropped.add_metric([exporter, reason], spans)
        yield dropped
        yield pending

    def _exporters(self) -> Iterator[Metric]:
        states = GaugeMetricFamily(
            "pyspan_agent_exporter_up", "1 unless doubtful, refused, failing or crashed.", labels=["exporter"]
        )
        lag = GaugeMetricFamily("pyspan_agent_exporter_lag_bytes", "Spool bytes still to read.", labels=["exporter"])
        flying = GaugeMetricFamily("pyspan_agent_exporter_in_flight_spans", "Spans on their way.", labels=["exporter"])
        retried = CounterMetricFamily("pyspan_agent_exporter_retried_spans", "Spans sent again.", labels=["exporter"])
        batches = CounterMetricFamily("pyspan_agent_exporter_batches", "Requests taken.", labels=["exporter"])
        crashes = CounterMetricFamily("pyspan_agent_exporter_crashes", "Restarts after a fault.", labels=["exporter"])
        fruitless = GaugeMetricFamily(
            "pyspan_agent_exporter_fruitless_batches", "Last batches that nothing was taken of.", labels=["exporter"]
        )
        oldest = GaugeMetricFamily(
            "pyspan_agent_exporter_oldest_batch_seconds", "Age of the oldest batch on its way.", labels=["exporter"]
        )
        failures = CounterMetricFamily(
            "pyspan_agent_exporter_failures", "Requests that failed.", labels=["exporter", "status"]
        )
        for pipeline in self._agent.pipelines:
            labels, stats = [pipeline.name], pipeline.stats
            states.add_metric(labels, pipeline_state(pipeline, self._agent) in {"ok", "retrying"})
            lag.add_metric(labels, pipeline.reader.lag_bytes)
            flying.add_metric(labels, stats.in_flight)
            retried.add_metric(labels, stats.retried)
            batches.add_metric(labels, stats.batches)
            crashes.add_metric(labels, pipeline.crashes)
            fruitless.add_metric(labels, stats.fruitless)
            oldest.add_metric(labels, pipeline.ledger.oldest_age(time.monotonic()))
            for status, requests in stats.failures.items():
                failures.add_metric([*labels, status], requests)
        yield from (states, lag, flying, retried, batches, crashes, fruitless, oldest, failures)
