"""W3C Trace Context: the headers `traceparent` and `tracestate`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.propagators import textmap
from opentelemetry.trace import SpanContext, TraceFlags, TraceState

from pyspan._core import format_traceparent, parse_traceparent, parse_tracestate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["TraceContextTextMapPropagator"]

logger = logging.getLogger(__name__)

TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"


class TraceContextTextMapPropagator(textmap.TextMapPropagator):
    """Extracts a remote parent and injects the current span; headers that break the rules are ignored."""

    def extract(
        self,
        carrier: textmap.CarrierT,
        context: Context | None = None,
        getter: textmap.Getter[textmap.CarrierT] = textmap.default_getter,
    ) -> Context:
        """Return `context` (by default an empty one) with the parent that the headers name, if they name one."""
        context = Context() if context is None else context
        try:
            parent = _read(getter.get(carrier, TRACEPARENT), lambda: getter.get(carrier, TRACESTATE))
        except Exception:  # the carrier and its getter are anybody's code
            logger.debug("the trace context could not be read, a new trace begins", exc_info=True)
            return context
        return context if parent is None else trace.set_span_in_context(trace.NonRecordingSpan(parent), context)

    def inject(
        self,
        carrier: textmap.CarrierT,
        context: Context | None = None,
        setter: textmap.Setter[textmap.CarrierT] = textmap.default_setter,
    ) -> None:
        """Set the headers of the span in `context` (by default the current one), if there is one."""
        span_context = trace.get_current_span(context).get_span_context()
        header = format_traceparent(span_context)
        if header is None:
            return
        setter.set(carrier, TRACEPARENT, header)
        if span_context.trace_state:
            setter.set(carrier, TRACESTATE, span_context.trace_state.to_header())

    @property
    def fields(self) -> set[str]:
        """The headers that `inject` sets."""
        return {TRACEPARENT, TRACESTATE}


def _read(parents: list[str] | None, states: Callable[[], list[str] | None]) -> SpanContext | None:
    """Parse the one `traceparent` there may be; of two, none is the parent (section 3.2.1)."""
    parsed = parse_traceparent(parents[0]) if parents and len(parents) == 1 else None
    if parsed is None:
        return None
    trace_id, span_id, flags = parsed
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags), trace_state=_state(states()))


def _state(lines: Sequence[str] | None) -> TraceState | None:
    """Parse all lines as one list, past the constructor of `TraceState`, which refuses keys that level 2 allows."""
    members = parse_tracestate(lines) if lines else None
    if not members:
        return None
    state = TraceState()
    state._dict = dict(members)
    return state
