"""W3C Trace Context: the headers `traceparent` and `tracestate`."""

from __future__ import annotations

from opentelemetry.propagators.textmap import TextMapPropagator

from pyspan._core import Propagator

__all__ = ["TraceContextTextMapPropagator"]


class TraceContextTextMapPropagator(Propagator, TextMapPropagator):
    """Extracts a remote parent and injects the current span; headers that break the rules are ignored."""

    def __new__(cls) -> TraceContextTextMapPropagator:
        return super().__new__(cls, ["tracecontext"])
