"""What a span must look like at a receiver, in the canonical form, from what it says when read."""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry.trace import Link, SpanContext

from pyspan.sdk.trace import Event, ReadableSpan
from tests.integration.canonical import Canonical, python_value

__all__ = ["from_readable"]

HAS_IS_REMOTE, IS_REMOTE = 0x100, 0x200


def from_readable(span: ReadableSpan) -> Canonical:
    """Say what a span must look like at a receiver that has everything of it."""
    assert span.context is not None
    assert span.instrumentation_scope is not None
    scope = span.instrumentation_scope
    return {
        "resource": _pairs(span.resource.attributes),
        "resource_dropped": 0,
        "resource_schema_url": span.resource.schema_url,
        "scope": (scope.name, scope.version or ""),
        "scope_attributes": _pairs(scope.attributes or {}),
        "scope_dropped": 0,
        "scope_schema_url": scope.schema_url or "",
        "trace_id": f"{span.context.trace_id:032x}",
        "span_id": f"{span.context.span_id:016x}",
        "parent_span_id": f"{span.parent.span_id:016x}" if span.parent else "",
        "trace_state": span.context.trace_state.to_header(),
        "flags": span.context.trace_flags | _remote(span.parent),
        "name": span.name,
        "kind": span.kind.value + 1,
        "start_ns": span.start_time,
        "end_ns": span.end_time,
        "attributes": _pairs(span.attributes or {}),
        "dropped": (span.dropped_attributes, span.dropped_events, span.dropped_links),
        "events": [_event(event) for event in span.events],
        "links": [_link(link) for link in span.links],
        "status": (span.status.status_code.value, span.status.description or ""),
    }


def _event(event: Event) -> Canonical:
    found = {"name": event.name, "time_ns": event.timestamp, "dropped": event.dropped_attributes}
    return found | {"attributes": _pairs(event.attributes or {})}


def _link(link: Link) -> Canonical:
    context = link.context
    ids = {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}
    state = {"trace_state": context.trace_state.to_header(), "flags": context.trace_flags | _remote(context)}
    return ids | state | {"dropped": link.dropped_attributes, "attributes": _pairs(link.attributes or {})}


def _remote(context: SpanContext | None) -> int:
    return HAS_IS_REMOTE | (IS_REMOTE if context and context.is_remote else 0)


def _pairs(attributes: Mapping[str, object]) -> Canonical:
    return {key: python_value(value) for key, value in attributes.items()}
