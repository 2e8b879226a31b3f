"""Samplers that hold a rate, in each process by itself: a token bucket, and a share that adapts to the traffic."""

from __future__ import annotations

from pyspan import _core
from pyspan.config.environ import problem
from pyspan.sdk.trace._sampler import NativelyDecided
from pyspan.sdk.trace._sampler_arguments import CODE, number

__all__ = ["AdaptiveSampler", "RateLimitingSampler"]


class RateLimitingSampler(NativelyDecided):
    """Samples so many spans a second at the most, in bursts of `burst`, or of a second's worth.

    It is meant for roots: `ParentBased(RateLimitingSampler(100))` keeps up to 100 whole traces a second. Each span that
    it keeps says in `sampler.adjusted_count` for how many it stands: itself, and those since the last one.

    Raises:
        ValueError: a rate below 0, or a burst below 1.
    """

    def __init__(self, per_second: float, burst: float | None = None) -> None:
        per_second = number("per_second", per_second, 0.0)
        tokens = max(1.0, per_second) if burst is None else number("burst", burst, 1.0)
        description = f"RateLimitingSampler{{{per_second:g}, burst={tokens:g}}}"
        super().__init__(_core.rate_limit(per_second, tokens), description)


class AdaptiveSampler(NativelyDecided):
    """Samples a share of the traces, by the randomness of their id, such that about `per_second` spans are kept.

    The share follows the traffic of the last seconds. It is meant for roots, as `ParentBased(AdaptiveSampler(100))`.
    Each span that it keeps says in `sampler.adjusted_count` for how many it stands: one by the share of that moment.

    Raises:
        ValueError: a target that is not above 0.
    """

    def __init__(self, per_second: float) -> None:
        target = number("per_second", per_second, 0.0)
        if not target:
            raise problem("per_second", per_second, "give a number above 0, or sample nothing with ALWAYS_OFF", CODE)
        super().__init__(_core.adaptive(target), f"AdaptiveSampler{{{target:g}}}")
