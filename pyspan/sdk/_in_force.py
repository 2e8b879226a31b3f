"""The settings that hold, each with its source: what `pyspan config` prints."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pyspan.config import names as env
from pyspan.config.environ import first, flag, seconds, warned
from pyspan.config.identity import ENVIRONMENT, SERVICE_NAME, identity, said_by_opentelemetry
from pyspan.config.instrument import instrument_settings
from pyspan.config.kafka_security import KAFKA_OPTIONS, VARIABLE_PREFIX
from pyspan.config.log_level import word_of_environment
from pyspan.config.setting import CODE, DEFAULT, Setting
from pyspan.config.variables import OPEN_SPANS, OTEL_PYTHON_DISTRO
from pyspan.config.vendors import adopt
from pyspan.sdk import _context, _planning, _propagators, _registered
from pyspan.sdk._environment import is_on, redacts
from pyspan.sdk.resources._aggregate import configured_names, listed_names
from pyspan.sdk.trace._limits import limits_of_environment
from pyspan.sdk.trace.export import KafkaSpanExporter, OTLPSpanExporter
from pyspan.sdk.trace.export._settings import ProcessorSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspan.config import KafkaSettings, OtlpSettings
    from pyspan.config.vendors import Adopted
    from pyspan.sdk._plan import Plan
    from pyspan.sdk._settings import Settings

__all__ = ["in_force"]

OTLP = "OTEL_EXPORTER_OTLP_"
LIMITS = {
    env.OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: "max_span_attributes",
    env.OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT: "max_span_attribute_length",
    env.OTEL_SPAN_EVENT_COUNT_LIMIT: "max_events",
    env.OTEL_SPAN_LINK_COUNT_LIMIT: "max_links",
    env.OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT: "max_event_attributes",
    env.OTEL_LINK_ATTRIBUTE_COUNT_LIMIT: "max_link_attributes",
    env.OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: "max_attribute_length",
}
COMMON_LIMITS = {
    env.OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: env.OTEL_ATTRIBUTE_COUNT_LIMIT,
    env.OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT: env.OTEL_ATTRIBUTE_COUNT_LIMIT,
    env.OTEL_LINK_ATTRIBUTE_COUNT_LIMIT: env.OTEL_ATTRIBUTE_COUNT_LIMIT,
    env.OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT: env.OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT,
}


def in_force(settings: Settings) -> tuple[Setting, ...]:
    """Return what `configure` would go by, read as it reads it; nothing is started.

    What cannot be used is warned about, and its default is what holds.

    Raises:
        ConfigurationError: `configure` would raise it.
    """
    plan = _planning.plan(settings)
    if plan.written:
        return (*plan.written, *_beside_a_file())
    adopted = adopt(os.environ)
    return (
        *_switches(adopted),
        *_resource(settings, plan),
        *_sampler(settings, plan, adopted),
        *_exporters(settings, plan, adopted),
        *_batches(),
        *_limits(settings),
        *_context_settings(settings),
        *_self(settings),
        _redaction(settings),
        *_registered_names(settings, plan),
        *instrument_settings(os.environ),
    )


def _switches(adopted: Adopted) -> Iterator[Setting]:
    if adopted.enabled is not None:
        yield Setting(env.OTEL_SDK_DISABLED, _word(not adopted.enabled.value), adopted.enabled.source)
    else:
        yield Setting(env.OTEL_SDK_DISABLED, _word(is_on(env.OTEL_SDK_DISABLED)), _source(env.OTEL_SDK_DISABLED))
    word = word_of_environment(os.environ)
    debug = adopted.debug if word is None and adopted.debug and adopted.debug.value else None
    yield Setting("OTEL_LOG_LEVEL", "debug" if debug else word, debug.source if debug else _source("OTEL_LOG_LEVEL"))
    yield _formats(adopted.propagators)


def _formats(adopted: Setting | None) -> Setting:
    if adopted is not None:
        names: Any = adopted.value
        return Setting("OTEL_PROPAGATORS", ",".join(names), adopted.source)
    used = _propagators.usable()  # a list is a source also where a part of it is refused
    return Setting("OTEL_PROPAGATORS", used or _propagators.DEFAULT, "OTEL_PROPAGATORS" if used else DEFAULT)


def _registered_names(settings: Settings, plan: Plan) -> Iterator[Setting]:
    """Return what names code of other packages."""
    yield _chosen(env.OTEL_PYTHON_ID_GENERATOR, settings.id_generator, plan.id_generator, "random")
    configurator = settings.tracer_configurator or _registered.tracer_configurator()
    yield _chosen(env.OTEL_PYTHON_TRACER_CONFIGURATOR, settings.tracer_configurator, configurator, "every tracer")
    listed = listed_names()
    source = env.OTEL_EXPERIMENTAL_RESOURCE_DETECTORS if listed else DEFAULT
    yield Setting(env.OTEL_EXPERIMENTAL_RESOURCE_DETECTORS, ",".join(configured_names(listed)), source)
    distro = first(os.environ, OTEL_PYTHON_DISTRO)
    yield Setting(OTEL_PYTHON_DISTRO, distro and distro[1], _source(OTEL_PYTHON_DISTRO))


def _chosen(variable: str, given: object, used: object, default: str) -> Setting:
    written = first(os.environ, variable)
    if given is not None:
        return Setting(variable, type(given).__name__, CODE)
    if written is None or (used is None and written[1] != default):
        return Setting(variable, default)
    return Setting(variable, written[1], variable)


def _beside_a_file() -> Iterator[Setting]:
    """Return what no file says and a variable does."""
    settings = (_metrics(), *instrument_settings(os.environ))
    return (setting for setting in settings if setting.source != DEFAULT)


def _metrics() -> Setting:
    metrics = flag(os.environ, env.OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED) is not False
    source = _source(env.OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED)
    return Setting(env.OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED, _word(metrics), source)


def _self(settings: Settings) -> Iterator[Setting]:
    yield _metrics()
    given = settings.export_open_spans_after
    after = given or seconds(os.environ, OPEN_SPANS)
    shown = "off" if after is None else f"{after:g} s"
    yield Setting(OPEN_SPANS, shown, CODE if given else _source(OPEN_SPANS))


def _resource(settings: Settings, plan: Plan) -> Iterator[Setting]:
    others = {**said_by_opentelemetry(os.environ), **identity(os.environ)}
    attributes: Any = settings.resource
    given = set(getattr(attributes, "attributes", attributes) or ())
    if settings.service_name is not None:
        given.add(SERVICE_NAME)
    for key, value in plan.resource.attributes.items():
        other = others.get(key)
        source = CODE if key in given else other.source if other is not None else DEFAULT
        yield Setting(key, value, source)
    if not {ENVIRONMENT, "deployment.environment"} & set(plan.resource.attributes):
        yield Setting(ENVIRONMENT, None)


def _sampler(settings: Settings, plan: Plan, adopted: Adopted) -> Iterator[Setting]:
    source = _source(env.OTEL_TRACES_SAMPLER)
    if settings.sampler is not None:
        source = CODE
    elif adopted.sample_rate is not None:
        source = adopted.sample_rate.source
    yield Setting(env.OTEL_TRACES_SAMPLER, plan.sampler.get_description(), source)
    argument = first(os.environ, env.OTEL_TRACES_SAMPLER_ARG) if source == env.OTEL_TRACES_SAMPLER else None
    counts = argument is not None and _source(env.OTEL_TRACES_SAMPLER_ARG) != DEFAULT
    yield Setting(env.OTEL_TRACES_SAMPLER_ARG, *((argument[1], argument[0]) if argument and counts else (None,)))


def _exporters(settings: Settings, plan: Plan, adopted: Adopted) -> Iterator[Setting]:
    in_code = settings.exporter is not None or settings.endpoint is not None
    source = CODE if in_code else adopted.exporter.source if adopted.exporter else _source(env.OTEL_TRACES_EXPORTER)
    names = [getattr(exporter, "_name", type(exporter).__name__) for exporter in plan.exporters]
    yield Setting(env.OTEL_TRACES_EXPORTER, ",".join(names) or "none", source)
    for exporter in plan.exporters:
        if isinstance(exporter, OTLPSpanExporter):
            yield from _otlp(exporter._settings, CODE if settings.endpoint else _signal_source("ENDPOINT"))
        elif isinstance(exporter, KafkaSpanExporter):
            yield from _kafka(exporter._settings)


def _otlp(settings: OtlpSettings, endpoint: str) -> Iterator[Setting]:
    yield Setting(f"{OTLP}ENDPOINT", settings.endpoint, endpoint)
    yield Setting(f"{OTLP}PROTOCOL", settings.protocol, _signal_source("PROTOCOL"))
    insecure = flag(os.environ, f"{OTLP}TRACES_INSECURE", f"{OTLP}INSECURE")
    yield Setting(f"{OTLP}INSECURE", _word(insecure), _signal_source("INSECURE"))
    headers = ",".join(f"{name}={value}" for name, value in settings.headers.items())
    yield Setting(f"{OTLP}HEADERS", headers, _signal_source("HEADERS"))
    yield Setting(f"{OTLP}COMPRESSION", settings.compression, _signal_source("COMPRESSION"))
    yield Setting(f"{OTLP}TIMEOUT", f"{settings.timeout:g} s", _signal_source("TIMEOUT"))
    for name in ("certificate", "client_certificate", "client_key"):
        yield Setting(OTLP + name.upper(), getattr(settings, name), _signal_source(name.upper()))


def _kafka(settings: KafkaSettings) -> Iterator[Setting]:
    written = {"BROKERS": ",".join(settings.brokers), "TOPIC": settings.topic}
    written |= {option.upper(): getattr(settings.security, option) for option in KAFKA_OPTIONS}
    for name, value in written.items():
        yield Setting(VARIABLE_PREFIX + name, value, _source(VARIABLE_PREFIX + name))


def _batches() -> Iterator[Setting]:
    read = ProcessorSettings.read(None, None, None, None)
    yield Setting(env.OTEL_BSP_MAX_QUEUE_SIZE, read.queue_spans, _source(env.OTEL_BSP_MAX_QUEUE_SIZE))
    yield Setting(env.OTEL_BSP_MAX_EXPORT_BATCH_SIZE, read.batch_spans, _source(env.OTEL_BSP_MAX_EXPORT_BATCH_SIZE))
    yield Setting(env.OTEL_BSP_SCHEDULE_DELAY, round(read.delay * 1000), _source(env.OTEL_BSP_SCHEDULE_DELAY))
    yield Setting(env.OTEL_BSP_EXPORT_TIMEOUT, round(read.export_timeout * 1000), _source(env.OTEL_BSP_EXPORT_TIMEOUT))


def _limits(settings: Settings) -> Iterator[Setting]:
    limits = settings.span_limits or limits_of_environment()
    for variable, name in LIMITS.items():
        common = COMMON_LIMITS.get(variable, variable)
        value = getattr(limits, name)
        source = CODE if settings.span_limits else _source(variable, common)
        yield Setting(variable, "no limit" if value is None else value, source)


def _context_settings(settings: Settings) -> Iterator[Setting]:
    carried, patterns = _context.propagates_threads(settings), _context.baggage_attributes(settings)
    source = CODE if settings.propagate_threads is not None else _source(_context.PROPAGATE_THREADS)
    yield Setting(_context.PROPAGATE_THREADS, _word(carried), source)
    source = CODE if settings.baggage_attributes is not None else _source(_context.BAGGAGE_ATTRIBUTES)
    yield Setting(_context.BAGGAGE_ATTRIBUTES, ",".join(patterns) or "none", source)


def _redaction(settings: Settings) -> Setting:
    if settings.redact is not None:
        return Setting(env.PYSPAN_REDACT, _word(settings.redact), CODE)
    return Setting(env.PYSPAN_REDACT, _word(redacts()), _source(env.PYSPAN_REDACT))


def _signal_source(name: str) -> str:
    return _source(f"{OTLP}TRACES_{name}", OTLP + name)


def _source(*variables: str) -> str:
    """Return the first variable that is set, unless its value was refused."""
    found = first(os.environ, *variables)
    return DEFAULT if found is None or warned.get(found[0]) == found[1] else found[0]


def _word(value: object) -> str:
    return "true" if value else "false"
