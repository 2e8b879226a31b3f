"""The role of a sampler, and what it answers."""

from __future__ import annotations

import abc
import enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry.trace import get_current_span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.trace import Link, SpanKind, TraceState
    from opentelemetry.util.types import Attributes

    from pyspan._core import NativeSampler

__all__ = [
    "AnsweringSampler",
    "Decision",
    "NativelyDecided",
    "Question",
    "Sampler",
    "SamplingResult",
    "decides_like",
    "parent_trace_state",
    "result",
]

# For how many spans one stands that a rate has kept.
ADJUSTED_COUNT = "sampler.adjusted_count"


class Decision(enum.Enum):
    """Whether a span records, and whether it is sampled, that is exported."""

    DROP = 0
    RECORD_ONLY = 1
    RECORD_AND_SAMPLE = 2

    def is_recording(self) -> bool:
        return self is not Decision.DROP

    def is_sampled(self) -> bool:
        return self is Decision.RECORD_AND_SAMPLE


class SamplingResult:
    """A decision, with the attributes and the trace state that the span gets."""

    def __init__(
        self,
        decision: Decision,
        attributes: Attributes = None,
        trace_state: TraceState | None = None,
    ) -> None:
        self.decision = decision
        self.attributes: Mapping[str, Any] = MappingProxyType({} if attributes is None else dict(attributes))
        self.trace_state = trace_state

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.decision!s}, attributes={self.attributes!s})"


class Sampler(abc.ABC):
    """Decides on each span as it starts."""

    @abc.abstractmethod
    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult: ...

    @abc.abstractmethod
    def get_description(self) -> str:
        """Return a name that tells the settings too."""

    @property
    def _native(self) -> NativeSampler | None:
        """The sampler that decides the same natively, if there is one."""
        return None


class Question(NamedTuple):
    """What a sampler is asked about a span that starts."""

    parent_context: Context | None
    trace_id: int
    name: str
    kind: SpanKind | None = None
    attributes: Attributes = None
    links: Sequence[Link] | None = None
    trace_state: TraceState | None = None


class AnsweringSampler(Sampler):
    """Has what it is asked in one piece."""

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        return self._answer(Question(parent_context, trace_id, name, kind, attributes, links, trace_state))

    @abc.abstractmethod
    def _answer(self, question: Question) -> SamplingResult: ...


class NativelyDecided(AnsweringSampler):
    """Has a native sampler decide, for the tracer without a detour, and for whoever asks in Python."""

    def __init__(self, native: NativeSampler, description: str) -> None:
        self._decider = native
        self._description = description

    def get_description(self) -> str:
        return self._description

    @property
    def _native(self) -> NativeSampler | None:
        return self._decider if decides_like(self, NativelyDecided) else None

    def _answer(self, question: Question) -> SamplingResult:
        context, trace_id, name, kind, attributes, _, trace_state = question
        parent = get_current_span(context)
        sampled, count, trace_state = self._decider.should_sample(parent, trace_id, name, kind, attributes, trace_state)
        if not sampled:
            return SamplingResult(Decision.DROP, None, trace_state)
        counted = {} if count is None else {ADJUSTED_COUNT: count}
        return SamplingResult(Decision.RECORD_AND_SAMPLE, {**(attributes or {}), **counted}, trace_state)


def result(decision: Decision, question: Question) -> SamplingResult:
    """Build a result that hands on the parent's trace state, and the attributes of what is not dropped."""
    kept = None if decision is Decision.DROP else question.attributes
    return SamplingResult(decision, kept, parent_trace_state(question.parent_context))


def decides_like(sampler: AnsweringSampler, known: type[AnsweringSampler]) -> bool:
    """Return whether `sampler` decides as `known` does, that is, overrides nothing."""
    kind = type(sampler)
    return kind.should_sample is AnsweringSampler.should_sample and kind._answer is known._answer


def parent_trace_state(parent_context: Context | None) -> TraceState | None:
    """Return the trace state of the parent, if there is one."""
    parent = get_current_span(parent_context).get_span_context()
    return parent.trace_state if parent.is_valid else None
