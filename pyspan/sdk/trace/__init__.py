"""Tracing: providers, processors, and what a span shows; mirrors `opentelemetry.sdk.trace` name by name.

`Tracer` and `Span` are the native classes; both count as the API's, and a span as a `ReadableSpan`.
"""

from __future__ import annotations

import logging as _logging
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from opentelemetry import trace as trace_api
from opentelemetry.trace import SpanContext, Status, StatusCode

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
from pyspan.sdk.trace._limits import DEFAULT_COUNT, SpanLimits, limits_of_environment
from pyspan.sdk.trace._processor import SpanProcessor, SynchronousMultiSpanProcessor
from pyspan.sdk.trace._provider import TracerProvider
from pyspan.sdk.trace._readable_span import ReadableSpan
from pyspan.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from pyspan.sdk.util.instrumentation import InstrumentationInfo, InstrumentationScope

if _TYPE_CHECKING:
    from pyspan.sdk.trace._by_hand import _Span, _UnsetLimits

__all__ = [
    "_DEFAULT_OTEL_ATTRIBUTE_COUNT_LIMIT",
    "_DEFAULT_OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
    "_DEFAULT_OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
    "_DEFAULT_OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
    "_DEFAULT_OTEL_SPAN_EVENT_COUNT_LIMIT",
    "_DEFAULT_OTEL_SPAN_LINK_COUNT_LIMIT",
    "ConcurrentMultiSpanProcessor",
    "Event",
    "EventBase",
    "IdGenerator",
    "InstrumentationInfo",
    "InstrumentationScope",
    "RandomIdGenerator",
    "ReadableSpan",
    "Resource",
    "Span",
    "SpanContext",
    "SpanLimits",
    "SpanProcessor",
    "Status",
    "StatusCode",
    "SynchronousMultiSpanProcessor",
    "Tracer",
    "TracerProvider",
    "_RuleBasedTracerConfigurator",
    "_Span",
    "_TracerConfig",
    "_TracerConfiguratorT",
    "_UnsetLimits",
    "_default_tracer_configurator",
    "_disable_tracer_configurator",
    "logger",
    "trace_api",
]

logger = _logging.getLogger(__name__)

_DEFAULT_OTEL_ATTRIBUTE_COUNT_LIMIT = _DEFAULT_OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT = DEFAULT_COUNT
_DEFAULT_OTEL_LINK_ATTRIBUTE_COUNT_LIMIT = _DEFAULT_OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT = DEFAULT_COUNT
_DEFAULT_OTEL_SPAN_EVENT_COUNT_LIMIT = _DEFAULT_OTEL_SPAN_LINK_COUNT_LIMIT = DEFAULT_COUNT


def __getattr__(name: str) -> _Any:
    """Import what only tests of exporters and processors build spans with when somebody asks for it."""
    if name in ("_Span", "_UnsetLimits"):
        from pyspan.sdk.trace import _by_hand

        return getattr(_by_hand, name)
    if name == "SPAN_ATTRIBUTE_COUNT_LIMIT":  # which the SDK keeps for old code
        return limits_of_environment().max_span_attributes
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


trace_api.Tracer.register(Tracer)
trace_api.Span.register(Span)
ReadableSpan.register(Span)
