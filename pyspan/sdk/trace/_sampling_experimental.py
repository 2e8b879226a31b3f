"""Samplers by threshold, which agree on one first and decide by it last; mirrors the SDK's module of that name.

They write `ot=th:` into the trace state, so that counts can be weighted (OpenTelemetry specification: probability
sampling, `CompositeSampler`). Those without rules of the user's decide natively.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from opentelemetry.trace import TraceState, get_current_span

from pyspan import _core
from pyspan.sdk.trace._sampler import (
    AnsweringSampler,
    Decision,
    NativelyDecided,
    Sampler,
    SamplingResult,
    parent_trace_state,
)
from pyspan.sdk.trace._sampler_arguments import having, share

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.context import Context
    from opentelemetry.trace import Link, SpanKind
    from opentelemetry.util.types import Attributes

    from pyspan._core import NativeComposable
    from pyspan.sdk.trace._sampler import Question

    Rules = Sequence[tuple[Callable[..., bool], "ComposableSampler"]]

__all__ = [
    "ComposableSampler",
    "ProbabilitySampler",
    "SamplingIntent",
    "composable_always_off",
    "composable_always_on",
    "composable_annotating",
    "composable_parent_threshold",
    "composable_rule_based",
    "composable_traceid_ratio_based",
    "composite_sampler",
]

NEVER = -1
RANGE = 1 << 56


def _unchanged(trace_state: TraceState) -> TraceState:
    return trace_state


@dataclass(frozen=True, slots=True)
class SamplingIntent:
    """By which threshold a span is to be decided, 0 to 2**56 - 1 or -1 for never, and what it gets if it is sampled."""

    threshold: int
    threshold_reliable: bool = True
    attributes: Attributes = None
    update_trace_state: Callable[[TraceState], TraceState] = _unchanged


class ComposableSampler(Protocol):
    """Says by which threshold a span is to be decided."""

    def sampling_intent(
        self,
        parent_ctx: Context | None,
        name: str,
        span_kind: SpanKind | None,
        attributes: Attributes,
        links: Sequence[Link] | None,
        trace_state: TraceState | None,
    ) -> SamplingIntent: ...

    def get_description(self) -> str: ...


INTENT_OF_NEVER = SamplingIntent(NEVER, threshold_reliable=False)


def composable_always_on() -> ComposableSampler:
    """Return what samples every span."""
    return _Fixed(1.0, "ComposableAlwaysOn")


def composable_always_off() -> ComposableSampler:
    """Return what samples no span."""
    return _Fixed(0.0, "ComposableAlwaysOff")


def composable_traceid_ratio_based(ratio: float) -> ComposableSampler:
    """Return what samples a share of all traces, the same ones as every sampler by threshold with a higher share.

    Raises:
        ValueError: the ratio is no number from 0 to 1.
    """
    threshold = _threshold(share("ratio", ratio))
    shown = "max" if threshold == RANGE else f"{threshold:014x}".rstrip("0") or "0"
    return _Fixed(ratio, f"ComposableTraceIDRatioBased{{threshold={shown}, ratio={ratio}}}")


def composable_parent_threshold(root_sampler: ComposableSampler) -> ComposableSampler:
    """Return what follows the parent's threshold, or its decision where it has none; roots are `root_sampler`'s."""
    return _ParentThreshold(root_sampler)


def composable_rule_based(rules: Rules) -> ComposableSampler:
    """Return what asks the sampler of the first predicate that holds; where none does, nothing is sampled.

    Predicates are called with the arguments of `ComposableSampler.sampling_intent` by keyword.
    """
    return _RuleBased(rules)


def composable_annotating(attributes: Attributes, delegate: ComposableSampler) -> ComposableSampler:
    """Return what decides as `delegate` and adds attributes to the spans it samples."""
    return _Annotating(attributes, delegate)


def composite_sampler(delegate: ComposableSampler) -> Sampler:
    """Return the sampler that decides by the threshold of `delegate` and writes it into the trace state."""
    native = getattr(_composable("delegate", delegate), "_native", None)
    if native is None:
        return _Composite(delegate)
    return NativelyDecided(_core.composite(native), delegate.get_description())


class ProbabilitySampler(NativelyDecided):
    """Samples a share of all traces, `rate` from 0 to 1, by the 56 random bits of their id, or `ot=rv`; writes `ot=th`.

    The parent's decision does not count: see `composable_parent_threshold`.

    Raises:
        ValueError: the rate is no number from 0 to 1.
    """

    def __init__(self, rate: float) -> None:
        native = _core.composite(_core.fixed_threshold(share("rate", rate)))
        super().__init__(native, f"ProbabilitySampler{{{rate}}}")


class _Asked(NamedTuple):
    """What a composable sampler is asked."""

    parent_ctx: Context | None
    name: str
    span_kind: SpanKind | None
    attributes: Attributes
    links: Sequence[Link] | None
    trace_state: TraceState | None = None


class _Fixed:
    def __init__(self, rate: float, description: str) -> None:
        self._native = _core.fixed_threshold(rate)
        self._description = description
        threshold = _threshold(rate)
        self._intent = SamplingIntent(threshold) if threshold < RANGE else INTENT_OF_NEVER

    def sampling_intent(self, *_: Any, **__: Any) -> SamplingIntent:
        return self._intent

    def get_description(self) -> str:
        return self._description


class _ParentThreshold:
    def __init__(self, root: ComposableSampler) -> None:
        self._root = _composable("root_sampler", root)

    @property
    def _native(self) -> NativeComposable | None:
        root = getattr(self._root, "_native", None)
        return None if root is None else _core.parent_threshold(root)

    def sampling_intent(self, *args: Any, **kwargs: Any) -> SamplingIntent:
        asked = _Asked(*args, **kwargs)
        parent = get_current_span(asked.parent_ctx).get_span_context()
        if not parent.is_valid:
            return self._root.sampling_intent(*asked)
        threshold, randomness = _core.read_ot(_header(asked.trace_state))
        if threshold is None or (parent.trace_flags.sampled and threshold > _randomness(parent.trace_id, randomness)):
            return SamplingIntent(0, threshold_reliable=False) if parent.trace_flags.sampled else INTENT_OF_NEVER
        return SamplingIntent(threshold)

    def get_description(self) -> str:
        return f"ComposableParentThreshold{{root={self._root.get_description()}}}"


class _RuleBased:
    def __init__(self, rules: Rules) -> None:
        self._rules = tuple((predicate, _composable("rules", sampler)) for predicate, sampler in rules)

    def sampling_intent(self, *args: Any, **kwargs: Any) -> SamplingIntent:
        asked = _Asked(*args, **kwargs)._asdict()
        for predicate, sampler in self._rules:
            if predicate(**asked):
                return sampler.sampling_intent(**asked)
        return INTENT_OF_NEVER

    def get_description(self) -> str:
        rules = ",".join(f"({predicate}:{sampler.get_description()})" for predicate, sampler in self._rules)
        return f"ComposableRuleBased{{[{rules}]}}"


class _Annotating:
    def __init__(self, attributes: Attributes, delegate: ComposableSampler) -> None:
        self._attributes = dict(attributes or {})
        self._delegate = _composable("delegate", delegate)

    def sampling_intent(self, *args: Any, **kwargs: Any) -> SamplingIntent:
        intent = self._delegate.sampling_intent(*args, **kwargs)
        return replace(intent, attributes={**(intent.attributes or {}), **self._attributes})

    def get_description(self) -> str:
        return f"ComposableAnnotating{{{self._attributes}, {self._delegate.get_description()}}}"


class _Composite(AnsweringSampler):
    """Decides by a threshold that is found in Python."""

    def __init__(self, delegate: ComposableSampler) -> None:
        self._delegate = delegate

    def get_description(self) -> str:
        return self._delegate.get_description()

    def _answer(self, question: Question) -> SamplingResult:
        context, trace_id, name, kind, attributes, links, given = question
        trace_state = given or parent_trace_state(context) or TraceState()
        intent = self._delegate.sampling_intent(context, name, kind, attributes, links, trace_state)
        trace_state = intent.update_trace_state(trace_state)
        threshold = intent.threshold if 0 <= intent.threshold < RANGE else None
        header = _header(trace_state)
        sampled, changed = _core.decide_by_threshold(trace_id, threshold, intent.threshold_reliable, header)
        if changed is not None:
            trace_state = TraceState.from_header([changed])
        if not sampled:
            return SamplingResult(Decision.DROP, None, trace_state or None)
        merged = {**(attributes or {}), **(intent.attributes or {})}
        return SamplingResult(Decision.RECORD_AND_SAMPLE, merged, trace_state)


def _composable(argument: str, given: ComposableSampler) -> ComposableSampler:
    return having(argument, given, "sampling_intent", "a composable sampler")


def _threshold(rate: float) -> int:
    """Return that of a share of traces; 2**56 for less than one in 2**57."""
    return RANGE - round(rate * RANGE)


def _randomness(trace_id: int, explicit: int | None) -> int:
    return trace_id % RANGE if explicit is None else explicit


def _header(trace_state: TraceState | None) -> str:
    return trace_state.to_header() if trace_state else ""
