"""How a trace travels between processes: one file a format, each a `TextMapPropagator`; parsing is native."""

from __future__ import annotations

from opentelemetry.trace import NonRecordingSpan

from pyspan._core import RemoteSpan
from pyspan.propagation.b3 import B3SingleFormat
from pyspan.propagation.b3multi import B3MultiFormat
from pyspan.propagation.baggage import BaggageValue, W3CBaggagePropagator
from pyspan.propagation.composite import CompositePropagator
from pyspan.propagation.datadog import DatadogPropagator
from pyspan.propagation.jaeger import JaegerPropagator
from pyspan.propagation.ot_trace import OTTracePropagator
from pyspan.propagation.request_id import RequestIdPropagator
from pyspan.propagation.response import DatadogResponsePropagator, ServerTimingPropagator, TraceResponsePropagator
from pyspan.propagation.sentry import SentryPropagator
from pyspan.propagation.tracecontext import TraceContextTextMapPropagator
from pyspan.propagation.xray import AwsXRayPropagator

__all__ = [
    "AwsXRayPropagator",
    "B3MultiFormat",
    "B3SingleFormat",
    "BaggageValue",
    "CompositePropagator",
    "DatadogPropagator",
    "DatadogResponsePropagator",
    "JaegerPropagator",
    "OTTracePropagator",
    "RemoteSpan",
    "RequestIdPropagator",
    "SentryPropagator",
    "ServerTimingPropagator",
    "TraceContextTextMapPropagator",
    "TraceResponsePropagator",
    "W3CBaggagePropagator",
]

NonRecordingSpan.register(RemoteSpan)
