"""What Jaeger's remote sampling answers: one share, one rate, or shares by the name of the span."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pyspan import _core
from pyspan.errors import MalformedError
from pyspan.sdk.trace._sampler_arguments import number, share

if TYPE_CHECKING:
    from pyspan._core import NativeSampler

__all__ = ["Strategy", "parse"]

# `RATE_LIMITING` is 1 where a server writes the enumeration as a number.
RATE_LIMITING = ("RATE_LIMITING", 1)


@dataclass(frozen=True, slots=True)
class Probabilistic:
    """A share of all traces."""

    rate: float

    def native(self) -> NativeSampler:
        return _core.composite(_core.fixed_threshold(self.rate))


@dataclass(frozen=True, slots=True)
class RateLimiting:
    """So many traces a second."""

    per_second: float

    def native(self) -> NativeSampler:
        return _core.rate_limit(self.per_second, max(1.0, self.per_second))


@dataclass(frozen=True, slots=True)
class PerOperation:
    """Shares by the name of the span, one for all others, and how many a second of each are kept at the least."""

    rates: dict[str, float]
    others: float
    least: float

    def native(self) -> NativeSampler:
        return _core.per_operation(self.rates, self.others, self.least)


class Strategy(Protocol):
    """What was answered; equal to another that says the same."""

    def native(self) -> NativeSampler:
        """Return a sampler that does so."""


def parse(body: bytes) -> Strategy:
    """Read an answer; fields that are missing are zero, as in protobuf's JSON.

    Raises:
        MalformedError: it is no such answer.
    """
    try:
        return _strategy(_object(json.loads(body), "the answer"))
    except (TypeError, ValueError, RecursionError) as error:
        raise MalformedError(f"no sampling strategy: {error}") from error


def _strategy(answer: Mapping[str, Any]) -> Strategy:
    if answer.get("operationSampling"):
        return _per_operation(_object(answer["operationSampling"], "operationSampling"))
    if answer.get("strategyType") in RATE_LIMITING or answer.get("probabilisticSampling") is None:
        rate = _object(answer.get("rateLimitingSampling"), "rateLimitingSampling")
        return RateLimiting(number("maxTracesPerSecond", rate.get("maxTracesPerSecond", 0), 0.0))
    return Probabilistic(_rate(answer))


def _per_operation(operations: Mapping[str, Any]) -> PerOperation:
    strategies = operations.get("perOperationStrategies") or []
    return PerOperation(
        rates=dict(map(_of_operation, strategies)),
        others=share("defaultSamplingProbability", operations.get("defaultSamplingProbability", 0)),
        least=number("defaultLowerBoundTracesPerSecond", operations.get("defaultLowerBoundTracesPerSecond", 0), 0.0),
    )


def _of_operation(strategy: Any) -> tuple[str, float]:
    strategy = _object(strategy, "a strategy of perOperationStrategies")
    return str(strategy.get("operation", "")), _rate(strategy)


def _rate(strategy: Mapping[str, Any]) -> float:
    probabilistic = _object(strategy.get("probabilisticSampling"), "probabilisticSampling")
    return share("samplingRate", probabilistic.get("samplingRate", 0))


def _object(value: Any, field: str) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    raise TypeError(f"{field} is no object: {str(value)[:100]}")
