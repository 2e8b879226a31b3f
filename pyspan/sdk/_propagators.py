"""Our propagators in the place of the API's own, wherever those are in use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import propagate
from opentelemetry.baggage.propagation import W3CBaggagePropagator as StockBaggage
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator as StockTraceContext

from pyspan.propagation import TraceContextTextMapPropagator, W3CBaggagePropagator

if TYPE_CHECKING:
    from opentelemetry.propagators.textmap import TextMapPropagator

__all__ = ["use_native_propagators"]


def use_native_propagators() -> None:
    """Replace the two formats of the W3C; the order of OTEL_PROPAGATORS and all other propagators stay as they are."""
    current = propagate.get_global_textmap()
    if isinstance(current, CompositePropagator):
        propagate.set_global_textmap(CompositePropagator([_native(one) for one in current._propagators]))
    else:
        propagate.set_global_textmap(_native(current))


def _native(propagator: TextMapPropagator) -> TextMapPropagator:
    if type(propagator) is StockTraceContext:
        return TraceContextTextMapPropagator()
    return W3CBaggagePropagator() if type(propagator) is StockBaggage else propagator
