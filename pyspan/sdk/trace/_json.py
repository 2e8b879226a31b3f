"""The parts of a span as the console exporter prints them in JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.trace import format_span_id, format_trace_id

from pyspan.sdk.util import ns_to_iso_str

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.trace import Link, SpanContext, Status
    from opentelemetry.util.types import Attributes

    from pyspan.sdk.trace._event import Event

__all__ = [
    "as_text",
    "format_attributes",
    "format_context",
    "format_events",
    "format_links",
    "format_status",
    "format_time",
]


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


def format_time(nanoseconds: int | None) -> str | None:
    """Return ISO time."""
    return ns_to_iso_str(nanoseconds) if nanoseconds else None


def format_status(status: Status) -> dict[str, str]:
    """Return the code, and the description where there is one."""
    described = {"description": status.description} if status.description else {}
    return {"status_code": status.status_code.name, **described}


def as_text(value: object) -> str:
    """Return bytes in hex, and the text of what else JSON does not know."""
    return value.hex() if isinstance(value, (bytes, bytearray)) else str(value)
