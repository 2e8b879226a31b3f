"""The whole file into a plan; arguments in code stand above it, variables count only where it names them."""

from __future__ import annotations

import os
from functools import partial
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, TypeVar

from pyspan.config.file import Document
from pyspan.sdk import _exporters, _samplers
from pyspan.sdk._context import stripped
from pyspan.sdk._file.instrumentation import report_captured_headers
from pyspan.sdk._file.own import read_own
from pyspan.sdk._file.patterns import matches
from pyspan.sdk._file.processors import read_limits, read_processors
from pyspan.sdk._file.resource import read_resource
from pyspan.sdk._file.samplers import read_sampler
from pyspan.sdk._plan import Plan, resource_with
from pyspan.sdk._propagators import registered_propagators, use_propagators
from pyspan.sdk.trace._config import _RuleBasedTracerConfigurator, _TracerConfig
from pyspan.sdk.trace.export import BatchSpanProcessor
from pyspan.sdk.trace.sampling import DEFAULT_ON

if TYPE_CHECKING:
    from pyspan.config.file import Table
    from pyspan.sdk._file.processors import MakeProcessor
    from pyspan.sdk._file.samplers import MakeSampler
    from pyspan.sdk._settings import Settings
    from pyspan.sdk.resources import Resource
    from pyspan.sdk.trace import IdGenerator
    from pyspan.sdk.trace.sampling import Sampler
    from pyspan.sdk.util.instrumentation import InstrumentationScope

__all__ = ["read_file"]

Value = TypeVar("Value")

LEVELS = ("trace", "debug", "info", "warn", "error", "fatal")
SEVERITIES = [f"{level}{rank}" for level in LEVELS for rank in ("", 2, 3, 4)]
ID_GENERATORS = "opentelemetry_id_generator"


def read_file(path: str, variable: str, settings: Settings) -> Plan:
    """Read all of it, then plan; without a section `tracer_provider` or an exporter in code nothing is traced.

    Raises:
        ConfigurationError: a line for each key or value that cannot be used.
    """
    document = Document(path, os.environ, variable)
    root = document.root
    disabled, level = root.flag("disabled"), root.choice("log_level", SEVERITIES)
    resource, limits = read_resource(root.table("resource")), root.table("attribute_limits")
    names = _propagators(root.table("propagator"))
    own = read_own(root.table("distribution"))
    tracing = root.table("tracer_provider")
    provider = _Provider(tracing, limits)
    document.check()
    report_captured_headers(root)
    whole = resource_with(settings, resource.create)
    in_code = settings.exporter is not None or settings.endpoint is not None
    return Plan(
        resource=whole,
        sampler=_sampler(settings, provider.sampler, whole),
        processors=_of_code(settings) if in_code else tuple(provider.processors),
        propagate=partial(use_propagators, names),
        id_generator=settings.id_generator or provider.id_generator,
        span_limits=settings.span_limits or provider.limits,
        export_open_spans_after=_first(settings.export_open_spans_after, own.export_open_spans_after),
        redact=_first(settings.redact, own.redact),
        propagate_threads=_first(settings.propagate_threads, own.propagate_threads),
        baggage_attributes=tuple(stripped(_first(settings.baggage_attributes, own.baggage_attributes))),
        renew_resource=partial(resource.renew, set(whole.attributes) - _given(settings)),
        tracer_configurator=settings.tracer_configurator or provider.tracer_configurator,
        disabled=bool(disabled) or not (tracing or in_code or settings.processors),
        log_level=level.rstrip("234") if level else None,
        written=document.settings(),
    )


def _first(in_code: Value | None, in_file: Value) -> Value:
    return in_file if in_code is None else in_code


def _given(settings: Settings) -> set[str]:
    """Name the attributes that code gives."""
    given: Any = settings.resource
    return set(getattr(given, "attributes", given) or ())


class _Provider:
    """The section `tracer_provider`."""

    id_generator: IdGenerator | None = None
    tracer_configurator: _RuleBasedTracerConfigurator | None = None

    def __init__(self, table: Table | None, general: Table | None) -> None:
        self.sampler: MakeSampler = lambda _: DEFAULT_ON
        self.processors: list[MakeProcessor] = read_processors(table) if table else []
        self.limits = read_limits(general, table.table("limits") if table else None)
        if table is None:
            return
        if sampler := table.table("sampler"):
            self.sampler = read_sampler(sampler)
        if generator := table.table("id_generator"):
            self.id_generator = _id_generator(generator)
        if configurator := table.table("tracer_configurator/development"):
            self.tracer_configurator = _configurator(configurator)


def _sampler(settings: Settings, written: MakeSampler, resource: Resource) -> Sampler:
    if settings.sampler is None:
        return written(resource)
    return _samplers.find(settings.sampler, _exporters.CONFIGURE, resource=resource)


def _of_code(settings: Settings) -> tuple[MakeProcessor, ...]:
    exporters = _exporters.find(settings.exporter, settings.endpoint)
    return tuple(partial(BatchSpanProcessor, exporter) for exporter in exporters)


def _propagators(table: Table | None) -> list[str]:
    """Read `composite`, then those of `composite_list` that are not in it."""
    if table is None:
        return []
    known = sorted(registered_propagators())
    found = [entry.one(known) for entry in table.tables("composite")]
    listed = [name.strip() for name in (table.text("composite_list") or "").split(",") if name.strip()]
    if not {*known, "none"}.issuperset(listed):
        table.fault("composite_list", f"give names out of {', '.join(known)}")
    return list(dict.fromkeys([*(each[0] for each in found if each), *listed]))


def _id_generator(table: Table) -> IdGenerator | None:
    others = {entry.name: entry for entry in entry_points(group=ID_GENERATORS)}
    found = table.one(["random"], list(others))
    if found is None or found[0] not in others:
        return None
    made: IdGenerator = others[found[0]].load()(**found[1].rest())
    return made


def _configurator(table: Table) -> _RuleBasedTracerConfigurator:
    rules: list[Any] = []
    for entry in table.tables("tracers"):
        pattern = entry.text("name")
        entry.need("name")
        rules.append((partial(_matches, pattern or ""), _config(entry.table("config"))))
    default = _config(table.table("default_config"))
    return _RuleBasedTracerConfigurator(rules=rules, default_config=default)


def _matches(pattern: str, scope: InstrumentationScope) -> bool:
    return matches(pattern, scope.name)


def _config(table: Table | None) -> _TracerConfig:
    enabled = table.flag("enabled") if table else None
    return _TracerConfig(is_enabled=enabled is not False)
