"""What other packages register and the environment chooses by name: id generators, tracer configurators."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

from pyspan.config.environ import first, unusable
from pyspan.config.names import OTEL_PYTHON_ID_GENERATOR, OTEL_PYTHON_TRACER_CONFIGURATOR

if TYPE_CHECKING:
    from pyspan.sdk.trace import IdGenerator
    from pyspan.sdk.trace._config import _TracerConfiguratorT

__all__ = ["id_generator", "tracer_configurator"]

logger = logging.getLogger(__name__)


def id_generator() -> IdGenerator | None:
    """Return that of OTEL_PYTHON_ID_GENERATOR; None for random ids, also where the name cannot be used."""
    found = first(os.environ, OTEL_PYTHON_ID_GENERATOR)
    if found is None or found[1] == "random":
        return None
    make = _load(*found, "opentelemetry_id_generator", instead="random")
    return make() if make is not None else None


def tracer_configurator() -> _TracerConfiguratorT | None:
    """Return that of OTEL_PYTHON_TRACER_CONFIGURATOR; None for none, also where the name cannot be used."""
    found = first(os.environ, OTEL_PYTHON_TRACER_CONFIGURATOR)
    return _load(*found, "_opentelemetry_tracer_configurator", instead="every tracer enabled") if found else None


def _load(variable: str, name: str, group: str, *, instead: str) -> Any:
    from importlib.metadata import entry_points

    entries = {entry.name: entry for entry in entry_points(group=group)}
    if name not in entries:
        return unusable(variable, name, f"a name that a package registers under {group}", None, shown=instead)
    try:
        return entries[name].load()
    except Exception:  # anybody's code
        logger.exception("%s=%r cannot be loaded; now %s", variable, name, instead)
        return None
