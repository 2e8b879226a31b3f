"""`_Span`: the class that builds a span without a provider, as tests of exporters and processors do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.trace import SpanKind

from pyspan import _core
from pyspan.sdk.resources import Resource
from pyspan.sdk.trace._limits import SpanLimits
from pyspan.sdk.trace._processor import SpanProcessor
from pyspan.sdk.trace.sampling import ALWAYS_ON
from pyspan.sdk.util.instrumentation import InstrumentationInfo, InstrumentationScope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.trace import Link, SpanContext
    from opentelemetry.util.types import Attributes

    from pyspan.sdk.trace._event import Event
    from pyspan.sdk.trace.sampling import Sampler

__all__ = ["_Span", "_UnsetLimits"]

_UnsetLimits = SpanLimits(*[SpanLimits.UNSET] * 8)


class _SpanType(type):
    """Lets every native span count as an instance, since the native class can have no subclass."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _core.Span)


class _Span(metaclass=_SpanType):
    """Builds a native span with the identity that is given; it records at once and is started by `start()`."""

    def __new__(  # type: ignore[misc]  # the class is but the name under which outsiders know the native one
        cls,
        name: str,
        context: SpanContext,
        parent: SpanContext | None = None,
        sampler: Sampler | None = None,
        trace_config: None = None,  # noqa: ARG004 - the SDK's signature; it has no use there either
        resource: Resource | None = None,
        attributes: Attributes = None,
        events: Sequence[Event] | None = None,
        links: Sequence[Link] = (),
        kind: SpanKind = SpanKind.INTERNAL,
        span_processor: SpanProcessor | None = None,
        instrumentation_info: InstrumentationInfo | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
        limits: SpanLimits = _UnsetLimits,
        instrumentation_scope: InstrumentationScope | None = None,
    ) -> _core.Span:
        recorder = _recorder(Resource.create({}) if resource is None else resource, limits, sampler)
        recorder.set_processor(span_processor)
        span = _core.span_by_hand(
            _tracer(recorder, instrumentation_scope or _scope_of(instrumentation_info)),
            name,
            context,
            parent,
            kind,
            links=links or None,
            record_exception=record_exception,
            set_status_on_exception=set_status_on_exception,
        )
        span.set_attributes(attributes or {})
        for event in events or ():
            span.add_event(event.name, event.attributes, event.timestamp)
        return span


def _recorder(resource: Resource, limits: SpanLimits, sampler: Sampler | None) -> _core.Recorder:
    encoded = _core.encode_resource(resource.attributes)
    native = limits._to_native()
    return _core.Recorder(resource, encoded, resource.schema_url, native, sampler or ALWAYS_ON, None, None)


def _tracer(recorder: _core.Recorder, scope: InstrumentationScope | None) -> _core.Tracer:
    if scope is None:
        return recorder.tracer(scope, _core.encode_scope("", "", {}), "")
    encoded = _core.encode_scope(scope.name, scope.version or "", scope.attributes or {})
    return recorder.tracer(scope, encoded, scope.schema_url or "")


def _scope_of(info: InstrumentationInfo | None) -> InstrumentationScope | None:
    return None if info is None else InstrumentationScope(info.name, info.version, info.schema_url)
