"""How a trace travels between processes: one file a format, each a `TextMapPropagator`; parsing is native."""

from __future__ import annotations

from pyspan.propagation.baggage import W3CBaggagePropagator
from pyspan.propagation.tracecontext import TraceContextTextMapPropagator

__all__ = ["TraceContextTextMapPropagator", "W3CBaggagePropagator"]
