"""What the tests of propagation share: reading a caller out of headers, writing headers of a caller."""

from __future__ import annotations

from typing import Any, NamedTuple

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState

__all__ = ["TRACE_ID", "Caller", "caller_of", "context_of", "injected"]

TRACE_ID, SPAN_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Caller(NamedTuple):
    """A remote parent, as far as headers name it."""

    trace_id: str = TRACE_ID
    span_id: str = SPAN_ID
    sampled: bool = True
    state: str = ""


def caller_of(context: Context) -> Caller | None:
    """Return the remote parent in a context."""
    found = trace.get_current_span(context).get_span_context()
    if not found.is_valid:
        return None
    assert found.is_remote
    ids = f"{found.trace_id:032x}", f"{found.span_id:016x}"
    return Caller(*ids, found.trace_flags.sampled, found.trace_state.to_header())


def context_of(caller: Caller, base: Context | None = None) -> Context:
    """Return a context whose span is `caller`, by the API's own classes."""
    state = TraceState.from_header([caller.state])
    ids = int(caller.trace_id, 16), int(caller.span_id, 16)
    span = SpanContext(*ids, is_remote=False, trace_flags=TraceFlags(int(caller.sampled)), trace_state=state)
    return trace.set_span_in_context(NonRecordingSpan(span), Context() if base is None else base)


def injected(propagator: Any, context: Context) -> dict[str, str]:
    """Return what a propagator injects into an empty carrier."""
    carrier: dict[str, str] = {}
    propagator.inject(carrier, context)
    return carrier
