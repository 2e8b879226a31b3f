"""Counts of all providers of the process in one dict."""

from __future__ import annotations

from collections import Counter
from typing import Any

from pyspan.sdk.trace._wiring import living_wirings, reports_of

__all__ = ["stats"]

SPANS = ("started", "sampled", "record_only", "ended", "live", "unended", "left_to_parent", "unsampled", "snapshots")
ALWAYS = (*SPANS, "accepted", "queued_spans", "in_flight", "exported", "dropped")


def stats() -> dict[str, Any]:
    """Add up the counts of providers and exporters; `dropped` is the sum of all `dropped_<reason>`.

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
    totals["dropped"] = sum(count for name, count in totals.items() if name.startswith("dropped_"))
    return {**totals, "exporters": exporters, "unended_by_name": unended}
