"""The global propagator: OTEL_PROPAGATORS as the API has read it, in one native composite."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from typing import TYPE_CHECKING, Any

from opentelemetry.environment_variables import OTEL_PROPAGATORS

from pyspan.config.environ import capped, first, unusable
from pyspan.errors import ConfigurationError
from pyspan.propagation import CompositePropagator, TraceContextTextMapPropagator, W3CBaggagePropagator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.metadata import EntryPoint

    from opentelemetry.propagators.textmap import TextMapPropagator

__all__ = ["registered_propagators", "usable", "use_native_propagators", "use_propagators"]

logger = logging.getLogger("pyspan.config")

API = "opentelemetry.propagate"
GROUP = "opentelemetry_propagator"
DEFAULT, NONE = "tracecontext,baggage", "none"


def use_native_propagators() -> None:
    """Replace the API's propagators by ours; the order of OTEL_PROPAGATORS and all others stay as they are."""
    propagate = importlib.import_module(API) if API in sys.modules else _import_api(usable())
    current = propagate.get_global_textmap()
    parts = getattr(current, "_propagators", None) if _is_stock_composite(current) else [current]
    propagate.set_global_textmap(CompositePropagator([_native(part) for part in parts or ()]))


def use_propagators(names: Sequence[str]) -> None:
    """Set the formats of these names, in their order, whatever OTEL_PROPAGATORS says.

    Raises:
        ConfigurationError: nobody registers a name.
    """
    propagate = importlib.import_module(API) if API in sys.modules else _import_api("")
    known = registered_propagators()
    propagate.set_global_textmap(CompositePropagator([_by_name(name, known) for name in names if name != NONE]))


def registered_propagators() -> dict[str, EntryPoint]:
    """Return what is registered by name, ours before anybody's else."""
    from importlib.metadata import entry_points

    entries = sorted(entry_points(group=GROUP), key=lambda entry: entry.value.startswith("pyspan."))
    return {entry.name: entry for entry in entries}


def _by_name(name: str, known: dict[str, EntryPoint]) -> TextMapPropagator:
    entry = known.get(name)
    if entry is None:
        raise ConfigurationError(f"no propagator has the name {name!r}; install the package that has it")
    make: type[TextMapPropagator] = entry.load()
    return _native(make())


def usable() -> str:
    """Return the names of the environment that a package registers, "" for none; the others are warned about."""
    found = first(os.environ, OTEL_PROPAGATORS)
    if found is None:
        return ""
    names = [name.strip() for name in found[1].split(",")]
    if any(name.lower() == NONE for name in names):
        return NONE
    known = set(registered_propagators())
    used = ",".join(dict.fromkeys(name for name in names if name in known))
    if not known.issuperset(names):
        unusable(*found, f"names out of {', '.join(sorted(known))}, {NONE}", used, shown=used or DEFAULT)
    elif len(set(names)) < len(names):
        logger.warning(
            "%s=%s in the environment names a format more than once; once counts", found[0], capped(found[1])
        )
    return used


def _import_api(names: str) -> Any:
    """Import the API's module with `names` in the variable that it reads then: it fails over what is unknown."""
    given = os.environ.pop(OTEL_PROPAGATORS, None)
    if names not in ("", NONE):
        os.environ[OTEL_PROPAGATORS] = names
    try:
        propagate: Any = importlib.import_module(API)
    finally:
        if given is not None:
            os.environ[OTEL_PROPAGATORS] = given
    if names == NONE:
        propagate.set_global_textmap(CompositePropagator([]))
    return propagate


def _is_stock_composite(propagator: TextMapPropagator) -> bool:
    from opentelemetry.propagators.composite import CompositePropagator as Stock

    return type(propagator) in (Stock, CompositePropagator)


def _native(propagator: TextMapPropagator) -> TextMapPropagator:
    from opentelemetry.baggage.propagation import W3CBaggagePropagator as StockBaggage
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator as StockTraceContext

    if type(propagator) is StockTraceContext:
        return TraceContextTextMapPropagator()
    return W3CBaggagePropagator() if type(propagator) is StockBaggage else propagator
