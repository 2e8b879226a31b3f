"""Spans printed as trees, so that a failed comparison reads as a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyspan.sdk.trace import ReadableSpan

__all__ = ["Node", "nodes_of", "otlp_nodes", "tree"]


@dataclass(frozen=True, slots=True)
class Node:
    """What a tree shows of a span."""

    span_id: str
    parent_id: str
    start: int
    service: str
    name: str
    kind: str
    status: str = "UNSET"
    events: tuple[str, ...] = ()

    def line(self) -> str:
        """Such as `orders: GET /orders [SERVER] ERROR (exception)`."""
        service = f"{self.service}: " if self.service else ""
        status = "" if self.status == "UNSET" else f" {self.status}"
        events = f" ({', '.join(self.events)})" if self.events else ""
        return f"{service}{self.name} [{self.kind}]{status}{events}"


def tree(nodes: Iterable[Node]) -> str:
    """Print spans below their parents, each level in the order of their starts; parents that are missing make roots."""
    known = sorted(nodes, key=lambda node: node.start)
    ids = {node.span_id for node in known}
    lines: list[str] = []

    def draw(node: Node, depth: int) -> None:
        lines.append("  " * depth + node.line())
        for child in known:
            if child.parent_id == node.span_id:
                draw(child, depth + 1)

    for node in known:
        if node.parent_id not in ids:
            draw(node, 0)
    return "\n".join(lines)


def nodes_of(spans: Iterable[ReadableSpan]) -> list[Node]:
    """Read spans that a processor was given."""
    return [_node_of(span) for span in spans]


def otlp_nodes(bodies: Iterable[bytes], *, services: bool = False) -> list[Node]:
    """Read the spans of OTLP requests, with their services on demand."""
    nodes: list[Node] = []
    for body in bodies:
        for resource_spans in ExportTraceServiceRequest.FromString(body).resource_spans:
            named = {pair.key: pair.value.string_value for pair in resource_spans.resource.attributes}
            service = named.get("service.name", "") if services else ""
            nodes += [_otlp_node(span, service) for scope in resource_spans.scope_spans for span in scope.spans]
    return nodes


def _node_of(span: ReadableSpan) -> Node:
    context = span.context
    assert context is not None
    return Node(
        span_id=f"{context.span_id:016x}",
        parent_id=f"{span.parent.span_id:016x}" if span.parent else "",
        start=span.start_time or 0,
        service="",
        name=span.name,
        kind=span.kind.name,
        status=span.status.status_code.name,
        events=tuple(event.name for event in span.events),
    )


def _otlp_node(span: OtlpSpan, service: str) -> Node:
    return Node(
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        start=span.start_time_unix_nano,
        service=service,
        name=span.name,
        kind=OtlpSpan.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        status=("UNSET", "OK", "ERROR")[span.status.code],
        events=tuple(event.name for event in span.events),
    )
