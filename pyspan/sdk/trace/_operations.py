"""Sampling by what a span is for: critical operations always, others by environment and type."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from pyspan import _core
from pyspan.config.environ import problem
from pyspan.sdk.trace._sampler import NativelyDecided
from pyspan.sdk.trace._sampler_arguments import CODE, names, number, share

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyspan._core import NativeComposable
    from pyspan.sdk.resources import Resource

__all__ = ["CRITICAL_OPERATIONS", "OperationSampler", "environment_of"]

logger = logging.getLogger(__name__)

CRITICAL_OPERATIONS = (
    "auth.login",
    "auth.signup",
    "auth.reset-password",
    "payment.process",
    "payment.refund",
    "payment.subscribe",
    "booking.create",
    "booking.reschedule",
    "booking.cancel",
    "api.auth.login",
    "api.auth.signup",
    "api.payment.process",
    "api.booking.create",
)
"""What `OperationSampler` keeps always, unless it is told otherwise."""

BASE_RATES: Mapping[str, float] = MappingProxyType({"development": 1.0, "test": 0.0, "staging": 0.5, "production": 0.1})
OTHER_RATE = 0.1
FACTORS: Mapping[str, float] = MappingProxyType({"api.request": 2.0, "db.query": 0.5, "external.api": 1.5})


class OperationSampler(NativelyDecided):
    """Samples critical operations always, and traces by a base rate times a factor for the type of their first span.

    A name is critical where it stands in `critical`, in which `*` is any characters and `?` any one; the name is that
    of the span or its attribute `operation.name`. `rates` are shares by name, patterns too, that hold before the types.
    The type is the attribute `operation.type`, else `api.request` for server spans, `db.query` for client spans with
    `db.system.name` or `db.system`, and `external.api` for other client spans. Shares above 1 are 1.

    What has a parent follows it, so that a trace is consistent, but for critical operations: these are kept with what
    they call also in a trace that is not. Their callers are not, nor are errors and slow spans of such a trace; with
    `decided_by="agent"` all is recorded and sent, for the agent to choose from whole traces.

    Raises:
        ValueError: a rate or factor that is none, a name that is no text, another `decided_by`.
    """

    def __init__(
        self,
        environment: str | None = None,
        *,
        base_rate: float | None = None,
        critical: Iterable[str] = CRITICAL_OPERATIONS,
        rates: Mapping[str, float] = MappingProxyType({}),
        factors: Mapping[str, float] = FACTORS,
        decided_by: Literal["head", "agent"] = "head",
    ) -> None:
        if decided_by not in {"head", "agent"}:
            raise problem("decided_by", decided_by, 'give "head" or "agent"', CODE)
        base = _base_rate(environment) if base_rate is None else share("base_rate", base_rate)
        rules = _rules(base, critical, rates, factors)
        if decided_by == "agent":
            super().__init__(_core.composite(_core.fixed_threshold(1.0)), "OperationSampler{decided by the agent}")
            return
        logger.info(
            "sampling of operations, base rate %g: of traces that are not sampled, critical operations alone are kept, "
            'not their callers, errors or slow spans (decided_by="agent" keeps these)',
            base,
        )
        super().__init__(_core.composite(rules), f"OperationSampler{{base={base:g}, decided by the head}}")


def environment_of(resource: Resource) -> str:
    """Return the deployment environment that a resource names, or nothing."""
    known = resource.attributes
    return str(known.get("deployment.environment.name") or known.get("deployment.environment") or "")


def _base_rate(environment: str | None) -> float:
    if environment is None:
        from pyspan.sdk.resources import Resource

        environment = environment_of(Resource.create())
    elif not isinstance(environment, str):
        raise problem("environment", environment, "give its name, such as 'production'", CODE)
    return BASE_RATES.get(environment.strip().lower(), OTHER_RATE)


def _rules(
    base: float, critical: Iterable[str], rates: Mapping[str, float], factors: Mapping[str, float]
) -> NativeComposable:
    by_name = [(name, share(f"rates[{name!r}]", rate)) for name, rate in _items("rates", rates)]
    by_type = {
        name: min(1.0, base * number(f"factors[{name!r}]", factor, 0.0)) for name, factor in _items("factors", factors)
    }
    return _core.operations(names("critical", critical), by_name, by_type, base)


def _items(argument: str, values: Mapping[str, float]) -> list[tuple[str, float]]:
    if not isinstance(values, Mapping):
        raise problem(argument, values, "give numbers by name", CODE)
    return list(zip(names(argument, values), values.values(), strict=True))
