"""Spans as JSON text, as the console exporter prints them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.trace import format_span_id, format_trace_id

from pyspan.sdk.util import ns_to_iso_str

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.trace import Link, SpanContext, Status
    from opentelemetry.util.types import Attributes

    from pyspan.sdk.trace._event import Event
    from pyspan.sdk.trace._readable_span import ReadableSpan

__all__ = ["format_attributes", "format_context", "format_events", "format_links", "to_json"]


def to_json(span: ReadableSpan, indent: int | None = 4) -> str:
    """Return a span as a JSON object with hexadecimal ids and ISO times."""
    import json

    fields = {
        "name": span.name,
        "context": format_context(span.context) if span.context else None,
        "kind": str(span.kind),
        "parent_id": f"0x{format_span_id(span.parent.span_id)}" if span.parent is not None else None,
        "start_time": _time(span.start_time),
        "end_time": _time(span.end_time),
        "status": _status(span.status),
        "attributes": format_attributes(span._attributes),  # null where there are none, unlike the public name
        "events": format_events(span.events),
        "links": format_links(span.links),
        "resource": json.loads(span.resource.to_json()),
    }
    return json.dumps(fields, indent=indent, default=_as_text)


def format_context(context: SpanContext) -> dict[str, str]:
    """Return ids in hex and the trace state."""
    return {
        "trace_id": f"0x{format_trace_id(context.trace_id)}",
        "span_id": f"0x{format_span_id(context.span_id)}",
        "trace_state": repr(context.trace_state),
    }


def format_attributes(attributes: Attributes) -> dict[str, Any] | None:
    """Return attributes as a plain dict."""
    return None if attributes is None else dict(attributes)


def format_events(events: Sequence[Event]) -> list[dict[str, Any]]:
    """Return events with name, ISO time and attributes."""
    return [
        {
            "name": event.name,
            "timestamp": ns_to_iso_str(event.timestamp),
            "attributes": format_attributes(event.attributes),
        }
        for event in events
    ]


def format_links(links: Sequence[Link]) -> list[dict[str, Any]]:
    """Return links with context and attributes."""
    return [
        {"context": format_context(link.context), "attributes": format_attributes(link.attributes)} for link in links
    ]


def _time(nanoseconds: int | None) -> str | None:
    return ns_to_iso_str(nanoseconds) if nanoseconds else None


def _status(status: Status) -> dict[str, str]:
    described = {"description": status.description} if status.description else {}
    return {"status_code": status.status_code.name, **described}


def _as_text(value: object) -> str:
    return value.hex() if isinstance(value, (bytes, bytearray)) else str(value)
