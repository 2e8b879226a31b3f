"""The sampler that an application asks for, by value, by name or by the environment."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, cast

from pyspan.config.environ import problem
from pyspan.config.names import OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG
from pyspan.sdk.trace._named_samplers import NAMES, _get_from_env_or_default, named_sampler
from pyspan.sdk.trace._sampler_arguments import checked
from pyspan.sdk.trace.sampling import ParentBasedTraceIdRatio

if TYPE_CHECKING:
    from pyspan.config.setting import Setting
    from pyspan.sdk.resources import Resource
    from pyspan.sdk.trace.sampling import Sampler

__all__ = ["find"]

logger = logging.getLogger(__name__)

GROUP = "opentelemetry_traces_sampler"


def find(
    sampler: Sampler | float | str | None,
    place: str,
    adopted: Setting | None = None,
    resource: Resource | None = None,
) -> Sampler:
    """Return the sampler itself, that of a name, one that keeps a share of traces, or that of OTEL_TRACES_SAMPLER.

    `adopted` is a share that another variable names where OTEL_TRACES_SAMPLER does not; samplers that ask for the
    service or its environment find them in `resource`.

    Raises:
        ConfigurationError: a share below 0 or above 1, or a name that nobody knows; `place` says who gave it.
    """
    if sampler is None:
        return _from_env(resource) if adopted is None else ParentBasedTraceIdRatio(cast("float", adopted.value))
    if isinstance(sampler, str):
        return _named(sampler, place, resource)
    if not isinstance(sampler, (int, float)):
        return sampler
    if isinstance(sampler, bool) or not 0 <= sampler <= 1:
        raise problem("sampler", sampler, "give a share of traces from 0 to 1", place)
    return ParentBasedTraceIdRatio(float(sampler))


def _named(name: str, place: str, resource: Resource | None) -> Sampler:
    if name.strip().lower() in NAMES:
        return named_sampler(name.strip().lower(), resource)
    sampler = _registered(name.strip())
    if sampler is None:
        raise problem("sampler", name, f"write one of {', '.join(NAMES)}, or give a Sampler", place)
    return sampler


def _from_env(resource: Resource | None) -> Sampler:
    name = os.environ.get(OTEL_TRACES_SAMPLER, "").strip()
    if not name or name.lower() in NAMES:
        return _get_from_env_or_default(resource)
    return _registered(name) or _get_from_env_or_default(resource)


def _registered(name: str) -> Sampler | None:
    """Ask the factory that a package registers; one that fails is logged, and the default is used, as in the SDK."""
    from importlib.metadata import entry_points

    try:
        entry = next(iter(entry_points(group=GROUP, name=name)))
        return checked(entry.load()(os.environ.get(OTEL_TRACES_SAMPLER_ARG, "")), name)
    except StopIteration:
        return None
    except Exception:  # anybody's code
        logger.exception("Using default sampler. Failed to initialize sampler, %s", name)
        return None
