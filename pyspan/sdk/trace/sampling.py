"""Which spans are recorded and exported, decided at their start; mirrors `opentelemetry.sdk.trace.sampling`.

Beyond that: samplers by threshold, by operation, by rate, and as Jaeger says (docs/reference/sampling.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyspan.sdk.trace._named_samplers import _get_from_env_or_default
from pyspan.sdk.trace._operations import CRITICAL_OPERATIONS, OperationSampler
from pyspan.sdk.trace._rates import AdaptiveSampler, RateLimitingSampler
from pyspan.sdk.trace._sampler import Decision, Sampler, SamplingResult
from pyspan.sdk.trace._sampler import parent_trace_state as _get_parent_trace_state
from pyspan.sdk.trace._sampling_experimental import (
    ComposableSampler,
    ProbabilitySampler,
    SamplingIntent,
    composable_always_off,
    composable_always_on,
    composable_annotating,
    composable_parent_threshold,
    composable_rule_based,
    composable_traceid_ratio_based,
    composite_sampler,
)
from pyspan.sdk.trace._standard_samplers import (
    ALWAYS_OFF,
    ALWAYS_ON,
    DEFAULT_OFF,
    DEFAULT_ON,
    AlwaysRecordSampler,
    ParentBased,
    ParentBasedTraceIdRatio,
    StaticSampler,
    TraceIdRatioBased,
)

if TYPE_CHECKING:
    from pyspan.sdk.trace._jaeger_remote import JaegerRemoteSampler

__all__ = [
    "ALWAYS_OFF",
    "ALWAYS_ON",
    "CRITICAL_OPERATIONS",
    "DEFAULT_OFF",
    "DEFAULT_ON",
    "_KNOWN_SAMPLERS",
    "AdaptiveSampler",
    "AlwaysRecordSampler",
    "ComposableSampler",
    "Decision",
    "JaegerRemoteSampler",
    "OperationSampler",
    "ParentBased",
    "ParentBasedTraceIdRatio",
    "ProbabilitySampler",
    "RateLimitingSampler",
    "Sampler",
    "SamplingIntent",
    "SamplingResult",
    "StaticSampler",
    "TraceIdRatioBased",
    "_get_from_env_or_default",
    "_get_parent_trace_state",
    "composable_always_off",
    "composable_always_on",
    "composable_annotating",
    "composable_parent_threshold",
    "composable_rule_based",
    "composable_traceid_ratio_based",
    "composite_sampler",
]

_KNOWN_SAMPLERS = {
    "always_on": ALWAYS_ON,
    "always_off": ALWAYS_OFF,
    "parentbased_always_on": DEFAULT_ON,
    "parentbased_always_off": DEFAULT_OFF,
    "traceidratio": TraceIdRatioBased,
    "parentbased_traceidratio": ParentBasedTraceIdRatio,
}


def __getattr__(name: str) -> Any:
    """Load what needs an HTTP client only for those who use it."""
    if name == "JaegerRemoteSampler":
        from pyspan.sdk.trace._jaeger_remote import JaegerRemoteSampler

        return JaegerRemoteSampler
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
