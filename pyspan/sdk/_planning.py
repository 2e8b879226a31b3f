"""How a provider is planned: by the arguments of `configure()`, then a file or the environment, then the defaults."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

from pyspan.config.environ import first, seconds
from pyspan.config.log_level import word_of_environment
from pyspan.config.variables import CONFIG_FILES, OPEN_SPANS
from pyspan.config.vendors import adopt
from pyspan.sdk import _arguments, _context, _exporters, _registered, _samplers
from pyspan.sdk._plan import Plan, resource_with
from pyspan.sdk._propagators import use_native_propagators, use_propagators
from pyspan.sdk.resources import Resource
from pyspan.sdk.trace.export import BatchSpanProcessor

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspan.config.vendors import Adopted
    from pyspan.sdk._settings import Settings

__all__ = ["plan"]


def plan(settings: Settings) -> Plan:
    """Plan by the arguments, then by the file of OTEL_CONFIG_FILE or else the variables.

    Raises:
        ConfigurationError: an argument, an exporter, or anything in the file that cannot be used.
    """
    _arguments.check(settings)
    file = first(os.environ, *CONFIG_FILES)
    if file is None:
        return _of_environment(settings)
    from pyspan.sdk._file import read_file

    return read_file(file[1], file[0], settings)


def _of_environment(settings: Settings) -> Plan:
    adopted = adopt(os.environ)
    exporters = _exporters.find(settings.exporter, settings.endpoint, adopted.exporter)
    resource = _resource(settings, adopted)
    return Plan(
        resource=resource,
        sampler=_samplers.find(settings.sampler, _exporters.CONFIGURE, adopted.sample_rate, resource),
        processors=tuple(partial(BatchSpanProcessor, exporter) for exporter in exporters),
        propagate=_propagate(adopted),
        id_generator=settings.id_generator or _registered.id_generator(),
        span_limits=settings.span_limits,
        export_open_spans_after=settings.export_open_spans_after or seconds(os.environ, OPEN_SPANS),
        redact=settings.redact,
        propagate_threads=_context.propagates_threads(settings),
        baggage_attributes=tuple(_context.baggage_attributes(settings)),
        tracer_configurator=settings.tracer_configurator,
        disabled=None if adopted.enabled is None else not adopted.enabled.value,
        exporters=tuple(exporters),
        log_level=word_of_environment(os.environ) or ("debug" if adopted.debug and adopted.debug.value else None),
    )


def _resource(settings: Settings, adopted: Adopted) -> Resource:
    others = {key: setting.value for key, setting in adopted.attributes.items()}
    return resource_with(settings, lambda attributes: Resource.create({**others, **attributes}))


def _propagate(adopted: Adopted) -> Callable[[], None]:
    if adopted.propagators is None:
        return use_native_propagators
    names: Any = adopted.propagators.value
    return partial(use_propagators, names)
