"""Counts of all providers of the process in one dict."""

from __future__ import annotations

from collections import Counter
from typing import Any

from pyspan.sdk.trace._wiring import living_wirings, reports_of

__all__ = ["stats"]

SPANS = ("started", "sampled", "record_only", "ended", "live", "unended", "left_to_parent", "unsampled", "snapshots")
QUEUE = ("accepted", "taken", "queued_spans", "queued_bytes", "in_flight")
EXPORT = ("exported", "rejected", "failed", "dead_lettered", "batches", "retried")
AT_THE_DOOR = ("queue_full", "too_large", "after_shutdown")
ON_THE_WAY = ("at_shutdown", "gave_up", "refused", "permanent", "worker_failed")
DROPPED = ("dropped", *(f"dropped_{reason}" for reason in (*AT_THE_DOOR, *ON_THE_WAY)))
ALWAYS = (*SPANS, *QUEUE, *EXPORT, *DROPPED)


def stats() -> dict[str, Any]:
    """Add up the counts of providers and exporters; `dropped` is the sum of `failed` and all `dropped_<reason>`.

    Spans that were dropped without an end are listed by provider, scope and name.
    """
    totals: Counter[str] = Counter(dict.fromkeys(ALWAYS, 0))
    wirings = living_wirings()
    for wiring in wirings:
        totals.update(wiring.counts())
    unended = [each for wiring in wirings for each in wiring.unended()]
    exporters = reports_of([processor for wiring in wirings for processor in wiring.reporting()])
    for report in exporters:
        totals.update({name: count for name, count in report.items() if isinstance(count, int)})
    totals["dropped"] = totals["failed"] + sum(count for name, count in totals.items() if name.startswith("dropped_"))
    return {**totals, "exporters": exporters, "unended_by_name": unended}
