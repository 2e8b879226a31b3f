"""The samplers that `OTEL_TRACES_SAMPLER` and `configure(sampler=...)` know by name, with their arguments as text."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

from pyspan.config.environ import first, unusable
from pyspan.config.names import OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG
from pyspan.sdk.trace._operations import OperationSampler, environment_of
from pyspan.sdk.trace._rates import AdaptiveSampler, RateLimitingSampler
from pyspan.sdk.trace._sampling_experimental import (
    ProbabilitySampler,
    composable_parent_threshold,
    composable_traceid_ratio_based,
    composite_sampler,
)
from pyspan.sdk.trace._standard_samplers import (
    ALWAYS_OFF,
    ALWAYS_ON,
    DEFAULT_OFF,
    DEFAULT_ON,
    ParentBased,
    ParentBasedTraceIdRatio,
    TraceIdRatioBased,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspan.sdk.resources import Resource
    from pyspan.sdk.trace._sampler import Sampler

__all__ = ["DEFAULT_NAME", "NAMES", "Wanted", "named_sampler"]

T = TypeVar("T")

DEFAULT_NAME = "parentbased_always_on"
# Traces a second, where OTEL_TRACES_SAMPLER_ARG gives none.
DEFAULT_PER_SECOND = 100.0


class Wanted(NamedTuple):
    """What a sampler is made for: its name, the variable with its argument if that is set, and the traced service."""

    name: str
    argument: tuple[str, str] | None
    resource: Resource | None = None

    def read(self, parse: Callable[[str], T], accepted: str, default: T, shown: str | None = None) -> T:
        """Return the parsed argument, or with a warning the default."""
        if self.argument is None:
            return default
        try:
            return parse(self.argument[1])
        except ValueError:
            return unusable(*self.argument, accepted, default, shown=shown)

    def known_resource(self) -> Resource:
        """Return the resource, that of the environment where none is given."""
        from pyspan.sdk.resources import Resource

        return Resource.create() if self.resource is None else self.resource


def named_sampler(name: str, resource: Resource | None = None) -> Sampler:
    """Return the sampler of one of `NAMES`, with the argument of OTEL_TRACES_SAMPLER_ARG."""
    return NAMES[name](Wanted(name, first(os.environ, OTEL_TRACES_SAMPLER_ARG), resource))


def _get_from_env_or_default(resource: Resource | None = None) -> Sampler:
    found = first(os.environ, OTEL_TRACES_SAMPLER)
    name = found[1].lower() if found else DEFAULT_NAME
    if found and name not in NAMES:
        return unusable(*found, f"one of {', '.join(NAMES)}", DEFAULT_ON, shown=DEFAULT_NAME)
    return named_sampler(name, resource)


def _without_argument(sampler: Sampler) -> Callable[[Wanted], Sampler]:
    def make(wanted: Wanted) -> Sampler:
        if wanted.argument:
            accepted = f"it with {OTEL_TRACES_SAMPLER}=parentbased_traceidratio or traceidratio"
            unusable(*wanted.argument, accepted, wanted.name)
        return sampler

    return make


def _with_share(make: Callable[[float], Sampler]) -> Callable[[Wanted], Sampler]:
    return lambda wanted: make(wanted.read(_share, "a share of traces from 0 to 1", 1.0))


def _with_rate(make: Callable[[float], Sampler]) -> Callable[[Wanted], Sampler]:
    def with_rate(wanted: Wanted) -> Sampler:
        sampler = wanted.read(lambda text: make(float(text)), "traces a second", None, f"{DEFAULT_PER_SECOND:g}")
        return sampler or make(DEFAULT_PER_SECOND)

    return with_rate


def _of_parent(make: Callable[[Wanted], Sampler]) -> Callable[[Wanted], Sampler]:
    return lambda wanted: ParentBased(make(wanted))


def _probability_of_parent(rate: float) -> Sampler:
    return composite_sampler(composable_parent_threshold(composable_traceid_ratio_based(rate)))


def _operations(wanted: Wanted) -> Sampler:
    argument = wanted.read(_share_or_agent, "a share of traces from 0 to 1, or agent", None, "that of the environment")
    environment = environment_of(wanted.known_resource())
    if argument == "agent":
        return OperationSampler(environment, decided_by="agent")
    return OperationSampler(environment, base_rate=argument)


def _jaeger_remote(wanted: Wanted) -> Sampler:
    from pyspan.sdk.trace._jaeger_remote import EXAMPLE, from_text

    service = str(wanted.known_resource().attributes.get("service.name", "unknown_service"))
    sampler = wanted.read(lambda text: from_text(service, text), EXAMPLE, None, "its defaults")
    return sampler or from_text(service, "")


def _share(text: str) -> float:
    rate = float(text)
    if not 0.0 <= rate <= 1.0:
        raise ValueError
    return rate


def _share_or_agent(text: str) -> float | Literal["agent"]:
    return "agent" if text.lower() == "agent" else _share(text)


NAMES: dict[str, Callable[[Wanted], Sampler]] = {
    "always_on": _without_argument(ALWAYS_ON),
    "always_off": _without_argument(ALWAYS_OFF),
    "parentbased_always_on": _without_argument(DEFAULT_ON),
    "parentbased_always_off": _without_argument(DEFAULT_OFF),
    "traceidratio": _with_share(TraceIdRatioBased),
    "parentbased_traceidratio": _with_share(ParentBasedTraceIdRatio),
    "probability": _with_share(ProbabilitySampler),
    "parentbased_probability": _with_share(_probability_of_parent),
    "operations": _operations,
    "rate_limit": _with_rate(RateLimitingSampler),
    "parentbased_rate_limit": _of_parent(_with_rate(RateLimitingSampler)),
    "adaptive": _with_rate(AdaptiveSampler),
    "parentbased_adaptive": _of_parent(_with_rate(AdaptiveSampler)),
    "jaeger_remote": _jaeger_remote,
    "parentbased_jaeger_remote": _of_parent(_jaeger_remote),
}
