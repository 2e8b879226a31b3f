"""Spans that were built by hand, recorded natively once more, so that there is one encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN_CONTEXT, NonRecordingSpan, set_span_in_context

from pyspan import _core
from pyspan.sdk.trace._limits import SpanLimits
from pyspan.sdk.trace._sampler import AnsweringSampler, Decision, SamplingResult
from pyspan.sdk.trace.id_generator import IdGenerator
from pyspan.sdk.util.instrumentation import InstrumentationScope

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext

    from pyspan.sdk.trace._readable_span import ReadableSpan
    from pyspan.sdk.trace._sampler import Question

__all__ = ["rerecord"]

UNLIMITED = SpanLimits(*[SpanLimits.UNSET] * 8)


def rerecord(span: ReadableSpan) -> _core.Span:
    """Return an ended native span with the ids, times and contents of `span`; it goes to no processor."""
    copy = _tracer(span).start_span(
        span.name,
        context=_parent(span),
        kind=span.kind,
        attributes=span.attributes,
        links=span.links,
        start_time=span.start_time or 0,
    )
    for event in span.events:
        copy.add_event(event.name, event.attributes, event.timestamp)
    copy.set_status(span.status)
    copy.end(span.end_time or 0)
    return copy


class _Identity(IdGenerator, AnsweringSampler):
    """Gives a span the ids and the trace state of another one, and lets it record."""

    def __init__(self, context: SpanContext) -> None:
        self._context = context

    def generate_span_id(self) -> int:
        return self._context.span_id

    def generate_trace_id(self) -> int:
        return self._context.trace_id

    def is_trace_id_random(self) -> bool:
        return bool(self._context.trace_flags & 0x02)

    def _answer(self, question: Question) -> SamplingResult:
        return SamplingResult(Decision.RECORD_AND_SAMPLE, question.attributes, self._context.trace_state)

    def get_description(self) -> str:
        return "Identity"


def _tracer(span: ReadableSpan) -> _core.Tracer:
    identity = _Identity(span.context or INVALID_SPAN_CONTEXT)
    resource = span.resource
    encoded = _core.encode_resource(resource.attributes)
    limits = UNLIMITED._to_native()
    recorder = _core.Recorder(resource, encoded, resource.schema_url, limits, identity, None, identity)
    scope = span.instrumentation_scope or InstrumentationScope("", "")
    encoded_scope = _core.encode_scope(scope.name, scope.version or "", scope.attributes or {})
    return recorder.tracer(scope, encoded_scope, scope.schema_url or "")


def _parent(span: ReadableSpan) -> Context:
    context = Context()
    return context if span.parent is None else set_span_in_context(NonRecordingSpan(span.parent), context)
