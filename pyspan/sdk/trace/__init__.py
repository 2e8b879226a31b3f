"""Tracing: providers, processors, and what a span shows; mirrors `opentelemetry.sdk.trace` name by name.

`Tracer` and `Span` are the native classes; both count as the API's, and a span as a `ReadableSpan`.
"""

from __future__ import annotations

from opentelemetry import trace as _trace_api

from pyspan._core import Span, Tracer
from pyspan.sdk.resources import Resource
from pyspan.sdk.trace._concurrent import ConcurrentMultiSpanProcessor
from pyspan.sdk.trace._config import (
    _default_tracer_configurator,
    _disable_tracer_configurator,
    _RuleBasedTracerConfigurator,
    _TracerConfig,
    _TracerConfiguratorT,
)
from pyspan.sdk.trace._event import Event, EventBase
from pyspan.sdk.trace._limits import SpanLimits
from pyspan.sdk.trace._processor import SpanProcessor, SynchronousMultiSpanProcessor
from pyspan.sdk.trace._provider import TracerProvider
from pyspan.sdk.trace._readable_span import ReadableSpan
from pyspan.sdk.trace.id_generator import IdGenerator, RandomIdGenerator

__all__ = [
    "ConcurrentMultiSpanProcessor",
    "Event",
    "EventBase",
    "IdGenerator",
    "RandomIdGenerator",
    "ReadableSpan",
    "Resource",
    "Span",
    "SpanLimits",
    "SpanProcessor",
    "SynchronousMultiSpanProcessor",
    "Tracer",
    "TracerProvider",
    "_RuleBasedTracerConfigurator",
    "_TracerConfig",
    "_TracerConfiguratorT",
    "_default_tracer_configurator",
    "_disable_tracer_configurator",
]

_trace_api.Tracer.register(Tracer)
_trace_api.Span.register(Span)
ReadableSpan.register(Span)
