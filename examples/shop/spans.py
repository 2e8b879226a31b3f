"""Spans as read back from a far end, and the picture of one trace."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["Row", "draw", "parse", "services"]

FAILED = 2
KINDS = ["", "", "server", "client", "producer", "consumer"]


@dataclass(frozen=True, slots=True)
class Row:
    """What the picture of a trace needs of one span."""

    trace_id: str
    span_id: str
    parent_id: str
    service: str
    name: str
    kind: str
    start_ns: int
    end_ns: int
    failed: bool


def parse(line: bytes | str) -> Iterator[Row]:
    """Read one line of OTLP/JSON, as the Collector's file exporter and `Batch.to_json` write it."""
    for resource_spans in json.loads(line)["resourceSpans"]:
        service = _service(resource_spans.get("resource", {}))
        for scope_spans in resource_spans["scopeSpans"]:
            for span in scope_spans["spans"]:
                yield _row(service, span)


def _service(resource: dict[str, Any]) -> str:
    values = {item["key"]: item["value"] for item in resource.get("attributes", ())}
    return str(values.get("service.name", {}).get("stringValue", "?"))


def _row(service: str, span: dict[str, Any]) -> Row:
    return Row(
        trace_id=span["traceId"],
        span_id=span["spanId"],
        parent_id=span.get("parentSpanId", ""),
        service=service,
        name=span["name"],
        kind=KINDS[span.get("kind", 0)],
        start_ns=int(span["startTimeUnixNano"]),
        end_ns=int(span["endTimeUnixNano"]),
        failed=span.get("status", {}).get("code") == FAILED,
    )


def services(rows: Iterable[Row]) -> set[str]:
    """Name the services that took part."""
    return {row.service for row in rows}


def draw(rows: list[Row]) -> str:
    """Draw one trace as a tree, children by their start."""
    children: dict[str, list[Row]] = {}
    known = {row.span_id for row in rows}
    for row in sorted(rows, key=lambda row: row.start_ns):
        children.setdefault(row.parent_id if row.parent_id in known else "", []).append(row)
    return "\n".join(_branch(children, "", ""))


def _branch(children: dict[str, list[Row]], parent: str, indent: str) -> Iterator[str]:
    siblings = children.get(parent, [])
    for row in siblings:
        last = row is siblings[-1]
        fork, below = ("", "") if not parent else (("└─ ", "   ") if last else ("├─ ", "│  "))
        yield _label(indent + fork, row)
        yield from _branch(children, row.span_id, indent + below)


def _label(indent: str, row: Row) -> str:
    state = "  FAILED" if row.failed else ""
    milliseconds = (row.end_ns - row.start_ns) / 1e6
    return f"{indent + row.name:<58} {row.service:<14} {row.kind:<9} {milliseconds:8.1f} ms{state}"
