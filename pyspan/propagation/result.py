"""The trace handed back to the caller in the result of a call: an object that serialises to JSON."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from opentelemetry import trace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import Span

__all__ = ["service_of", "trace_context", "with_trace_context"]

ATTRIBUTE = "__traceContext"

Result = TypeVar("Result")


def trace_context() -> dict[str, str] | None:
    """Return the current span as `{traceId, spanId, service, version, env}`, ids in hex; None outside a span."""
    span = trace.get_current_span()
    ids = span.get_span_context()
    if not ids.is_valid:
        return None
    return {"traceId": f"{ids.trace_id:032x}", "spanId": f"{ids.span_id:016x}", **service_of(span)}


def with_trace_context(result: Result) -> Result:
    """Return `result` with `trace_context()` as its attribute `__traceContext`, where it takes attributes."""
    found = trace_context()
    if found is not None:
        with suppress(Exception):  # a list, a frozen class, a model that knows its fields
            setattr(result, ATTRIBUTE, found)
    return result


def service_of(span: Span) -> dict[str, str]:
    """Return `service`, `version` and `env` of the span's resource, or else the global provider's; empty if unknown."""
    resource = getattr(span, "resource", None) or getattr(trace.get_tracer_provider(), "resource", None)
    attributes: Mapping[str, Any] = getattr(resource, "attributes", {})
    env = attributes.get("deployment.environment.name") or attributes.get("deployment.environment")
    return {
        "service": str(attributes.get("service.name") or ""),
        "version": str(attributes.get("service.version") or ""),
        "env": str(env or ""),
    }
