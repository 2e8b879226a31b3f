"""Which spans are recorded and exported, decided at their start; mirrors `opentelemetry.sdk.trace.sampling`.

Each known sampler carries a native twin (`_native`), which the tracer asks without calling Python. A subclass that
overrides `should_sample` has none and is called for every span.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from opentelemetry.trace import get_current_span

from pyspan import _core
from pyspan.config.environ import first, unusable
from pyspan.sdk._environment import OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG
from pyspan.sdk.trace._sampler import Decision, Sampler, SamplingResult, decides_like, result

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.context import Context
    from opentelemetry.trace import Link, SpanKind, TraceState
    from opentelemetry.util.types import Attributes

    from pyspan._core import NativeSampler

__all__ = [
    "ALWAYS_OFF",
    "ALWAYS_ON",
    "DEFAULT_OFF",
    "DEFAULT_ON",
    "AlwaysRecordSampler",
    "Decision",
    "ParentBased",
    "ParentBasedTraceIdRatio",
    "Sampler",
    "SamplingResult",
    "StaticSampler",
    "TraceIdRatioBased",
]


class StaticSampler(Sampler):
    """Decides the same for every span."""

    def __init__(self, decision: Decision) -> None:
        self._decision = decision

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
        return result(self._decision, attributes, parent_context)

    def get_description(self) -> str:
        return "AlwaysOffSampler" if self._decision is Decision.DROP else "AlwaysOnSampler"

    @property
    def _native(self) -> NativeSampler | None:
        if self._decision is Decision.RECORD_ONLY or not decides_like(self, StaticSampler):
            return None
        return _core.always_on() if self._decision is Decision.RECORD_AND_SAMPLE else _core.always_off()


ALWAYS_OFF = StaticSampler(Decision.DROP)
"""Samples nothing, whatever the parent."""

ALWAYS_ON = StaticSampler(Decision.RECORD_AND_SAMPLE)
"""Samples everything, whatever the parent."""


class TraceIdRatioBased(Sampler):
    """Samples a share of all traces, `rate` from 0 to 1, by the low 64 bits of their id.

    Raises:
        ValueError: the rate lies outside.
    """

    TRACE_ID_LIMIT = (1 << 64) - 1

    def __init__(self, rate: float) -> None:
        if not 0.0 <= rate <= 1.0:
            raise ValueError("Probability must be in range [0.0, 1.0].")
        self._rate = rate
        self._bound = self.get_bound_for_rate(rate)

    @classmethod
    def get_bound_for_rate(cls, rate: float) -> int:
        """Return the number below which the low 64 bits of a sampled trace id lie."""
        return round(rate * (cls.TRACE_ID_LIMIT + 1))

    @property
    def rate(self) -> float:
        return self._rate

    @property
    def bound(self) -> int:
        return self._bound

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
        sampled = trace_id & self.TRACE_ID_LIMIT < self.bound
        return result(Decision.RECORD_AND_SAMPLE if sampled else Decision.DROP, attributes, parent_context)

    def get_description(self) -> str:
        return f"TraceIdRatioBased{{{self._rate}}}"

    @property
    def _native(self) -> NativeSampler | None:
        return _core.trace_id_ratio(self._rate) if decides_like(self, TraceIdRatioBased) else None


class ParentBased(Sampler):
    """Leaves the decision to `root` for spans without a parent, else to the delegate for that kind of parent."""

    def __init__(
        self,
        root: Sampler,
        remote_parent_sampled: Sampler = ALWAYS_ON,
        remote_parent_not_sampled: Sampler = ALWAYS_OFF,
        local_parent_sampled: Sampler = ALWAYS_ON,
        local_parent_not_sampled: Sampler = ALWAYS_OFF,
    ) -> None:
        self._root = root
        self._remote_parent_sampled = remote_parent_sampled
        self._remote_parent_not_sampled = remote_parent_not_sampled
        self._local_parent_sampled = local_parent_sampled
        self._local_parent_not_sampled = local_parent_not_sampled

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
        return self._delegate(parent_context).should_sample(
            parent_context=parent_context,
            trace_id=trace_id,
            name=name,
            kind=kind,
            attributes=attributes,
            links=links,
        )

    def get_description(self) -> str:
        names = ("root", "remoteParentSampled", "remoteParentNotSampled", "localParentSampled", "localParentNotSampled")
        parts = (f"{name}:{sampler.get_description()}" for name, sampler in zip(names, self._samplers(), strict=True))
        return f"ParentBased{{{','.join(parts)}}}"

    @property
    def _native(self) -> NativeSampler | None:
        known = [getattr(sampler, "_native", None) for sampler in self._samplers()]
        natives: list[NativeSampler] = [native for native in known if native is not None]
        if len(natives) < len(known) or not decides_like(self, ParentBased):
            return None
        return _core.parent_based(*natives)

    def _samplers(self) -> tuple[Sampler, ...]:
        return (
            self._root,
            self._remote_parent_sampled,
            self._remote_parent_not_sampled,
            self._local_parent_sampled,
            self._local_parent_not_sampled,
        )

    def _delegate(self, parent_context: Context | None) -> Sampler:
        parent = get_current_span(parent_context).get_span_context()
        if not parent.is_valid:
            return self._root
        if parent.is_remote:
            return self._remote_parent_sampled if parent.trace_flags.sampled else self._remote_parent_not_sampled
        return self._local_parent_sampled if parent.trace_flags.sampled else self._local_parent_not_sampled


class AlwaysRecordSampler(Sampler):
    """Decides as `root`, but records what that would drop, for processors that want to see every span."""

    def __init__(self, root: Sampler) -> None:
        if root is None:
            raise ValueError("root must not be None")
        self._root = root

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
        asked = self._root.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)
        if asked.decision is not Decision.DROP:
            return asked
        return SamplingResult(Decision.RECORD_ONLY, asked.attributes, asked.trace_state)

    def get_description(self) -> str:
        return f"AlwaysRecordSampler{{{self._root.get_description()}}}"


DEFAULT_OFF = ParentBased(ALWAYS_OFF)
"""Follows the parent; without one, samples nothing."""

DEFAULT_ON = ParentBased(ALWAYS_ON)
"""Follows the parent; without one, samples everything."""


class ParentBasedTraceIdRatio(ParentBased):
    """Follows the parent; without one, samples a share of all traces."""

    def __init__(self, rate: float) -> None:
        super().__init__(root=TraceIdRatioBased(rate=rate))


DEFAULT_NAME = "parentbased_always_on"
_KNOWN_SAMPLERS: dict[str, Sampler | Callable[[float], Sampler]] = {
    "always_on": ALWAYS_ON,
    "always_off": ALWAYS_OFF,
    "parentbased_always_on": DEFAULT_ON,
    "parentbased_always_off": DEFAULT_OFF,
    "traceidratio": TraceIdRatioBased,
    "parentbased_traceidratio": ParentBasedTraceIdRatio,
}


def _get_from_env_or_default() -> Sampler:
    found = first(os.environ, OTEL_TRACES_SAMPLER)
    name = found[1].lower() if found else DEFAULT_NAME
    if found and name not in _KNOWN_SAMPLERS:
        return unusable(*found, f"one of {', '.join(_KNOWN_SAMPLERS)}", DEFAULT_ON, shown=DEFAULT_NAME)
    return _by_known_name(name)


def _by_known_name(name: str) -> Sampler:
    known = _KNOWN_SAMPLERS[name]
    argument = first(os.environ, OTEL_TRACES_SAMPLER_ARG)
    if not isinstance(known, Sampler):
        return known(_rate(*argument) if argument else 1.0)
    if argument:
        unusable(*argument, f"it with {OTEL_TRACES_SAMPLER}=parentbased_traceidratio or traceidratio", name)
    return known


def _rate(variable: str, text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = -1.0
    return rate if 0.0 <= rate <= 1.0 else unusable(variable, text, "a share of traces from 0 to 1", 1.0)
