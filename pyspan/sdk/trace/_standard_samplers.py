"""The samplers of opentelemetry-sdk, deciding as there and writing nothing down.

Each known sampler carries a native twin (`_native`), which the tracer asks without calling Python. A subclass that
overrides `should_sample` has none and is called for every span.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.trace import get_current_span

from pyspan import _core
from pyspan.sdk.trace._sampler import AnsweringSampler, Decision, Sampler, SamplingResult, decides_like, result
from pyspan.sdk.trace._sampler_arguments import checked, share

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from pyspan._core import NativeSampler
    from pyspan.sdk.trace._sampler import Question

__all__ = [
    "ALWAYS_OFF",
    "ALWAYS_ON",
    "DEFAULT_OFF",
    "DEFAULT_ON",
    "AlwaysRecordSampler",
    "ParentBased",
    "ParentBasedTraceIdRatio",
    "StaticSampler",
    "TraceIdRatioBased",
]


class StaticSampler(AnsweringSampler):
    """Decides the same for every span."""

    def __init__(self, decision: Decision) -> None:
        self._decision = decision

    def _answer(self, question: Question) -> SamplingResult:
        return result(self._decision, question)

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


class TraceIdRatioBased(AnsweringSampler):
    """Samples a share of all traces, `rate` from 0 to 1, by the low 64 bits of their id.

    Raises:
        ValueError: the rate lies outside.
    """

    TRACE_ID_LIMIT = (1 << 64) - 1

    def __init__(self, rate: float) -> None:
        self._rate = share("rate", rate)
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

    def _answer(self, question: Question) -> SamplingResult:
        sampled = question.trace_id & self.TRACE_ID_LIMIT < self.bound
        return result(Decision.RECORD_AND_SAMPLE if sampled else Decision.DROP, question)

    def get_description(self) -> str:
        return f"TraceIdRatioBased{{{self._rate}}}"

    @property
    def _native(self) -> NativeSampler | None:
        return _core.trace_id_ratio(self._rate) if decides_like(self, TraceIdRatioBased) else None


class ParentBased(AnsweringSampler):
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
        for sampler in self._samplers():
            checked(sampler)

    def _answer(self, question: Question) -> SamplingResult:
        # As the SDK asks: by keyword, and without the trace state, which delegates of users may not take.
        asked = question._asdict()
        del asked["trace_state"]
        return self._delegate(question.parent_context).should_sample(**asked)

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


class AlwaysRecordSampler(AnsweringSampler):
    """Decides as `root`, but records what that would drop, for processors that want to see every span."""

    def __init__(self, root: Sampler) -> None:
        if root is None:
            raise ValueError("root must not be None")
        self._root = checked(root, "root")

    def _answer(self, question: Question) -> SamplingResult:
        asked = self._root.should_sample(*question)
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
