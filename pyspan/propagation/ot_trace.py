"""OpenTracing: the headers `ot-tracer-*`, baggage in `ot-baggage-*`."""

from __future__ import annotations

from opentelemetry.propagators.textmap import TextMapPropagator

from pyspan._core import Propagator

__all__ = ["OTTracePropagator"]


class OTTracePropagator(Propagator, TextMapPropagator):
    """Extracts and injects the span and the baggage; of a trace id the format carries the lower 64 bits alone."""

    def __new__(cls) -> OTTracePropagator:
        return super().__new__(cls, ["ottrace"])
