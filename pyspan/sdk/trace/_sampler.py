"""The role of a sampler, and what it answers."""

from __future__ import annotations

import abc
import enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import get_current_span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.trace import Link, SpanKind, TraceState
    from opentelemetry.util.types import Attributes

    from pyspan._core import NativeSampler

__all__ = ["Decision", "Sampler", "SamplingResult", "decides_like", "result"]


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


def result(decision: Decision, attributes: Attributes, parent_context: Context | None) -> SamplingResult:
    """Build a result that hands on the parent's trace state, and the attributes of what is not dropped."""
    kept = None if decision is Decision.DROP else attributes
    return SamplingResult(decision, kept, _get_parent_trace_state(parent_context))


def decides_like(sampler: Sampler, known: type[Sampler]) -> bool:
    """Return whether `sampler` decides as `known` does, that is, overrides nothing."""
    return type(sampler).should_sample is known.should_sample


def _get_parent_trace_state(parent_context: Context | None) -> TraceState | None:
    parent = get_current_span(parent_context).get_span_context()
    return parent.trace_state if parent.is_valid else None
