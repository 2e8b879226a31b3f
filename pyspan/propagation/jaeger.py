"""Jaeger: the header `uber-trace-id`, baggage in `uberctx-*`."""

from __future__ import annotations

from opentelemetry.propagators.textmap import TextMapPropagator

from pyspan._core import Propagator

__all__ = ["JaegerPropagator"]


class JaegerPropagator(Propagator, TextMapPropagator):
    """Extracts and injects the span and the baggage; the debug flag is kept."""

    def __new__(cls) -> JaegerPropagator:
        return super().__new__(cls, ["jaeger"])
