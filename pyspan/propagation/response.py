"""The trace handed back to the caller: headers of responses.

Each class has the `inject` of `opentelemetry.instrumentation.propagators.ResponsePropagator`, so that
`set_global_response_propagator` takes it, too; extracting finds nothing.
"""

from __future__ import annotations

from opentelemetry.propagators.textmap import TextMapPropagator

from pyspan._core import Propagator

__all__ = ["DatadogResponsePropagator", "ServerTimingPropagator", "TraceResponsePropagator"]


class TraceResponsePropagator(Propagator, TextMapPropagator):
    """Injects `traceresponse: 00-{trace id}-{span id}-{flags}`."""

    def __new__(cls) -> TraceResponsePropagator:
        return super().__new__(cls, ["traceresponse"])


class ServerTimingPropagator(Propagator, TextMapPropagator):
    """Injects `Server-Timing: traceparent;desc="..."`, which a page's scripts can read of the page's own load.

    In a dict it is added to the header that is there.
    """

    def __new__(cls) -> ServerTimingPropagator:
        return super().__new__(cls, ["server-timing"])


class DatadogResponsePropagator(Propagator, TextMapPropagator):
    """Injects `x-datadog-trace-id` and `x-datadog-parent-id`, in decimal."""

    def __new__(cls) -> DatadogResponsePropagator:
        return super().__new__(cls, ["datadog-response"])
