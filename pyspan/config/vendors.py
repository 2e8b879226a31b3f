"""What variables of Datadog, Sentry and home-grown tracers say, as far as OpenTelemetry's leave it open.

OTEL_* stand above them all. A note says where the two differ, and where a variable asks for what pyspan does not have.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from pyspan.config.environ import capped, first, unusable
from pyspan.config.identity import GENERAL, IDENTITY, identity, said_by_opentelemetry
from pyspan.config.redaction import redact
from pyspan.config.setting import Setting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["WITHOUT_EFFECT", "Adopted", "adopt"]

ON, OFF = ("true", "1", "yes", "on"), ("false", "0", "no", "off")
RATED = {"always_on": 1.0, "parentbased_always_on": 1.0, "always_off": 0.0, "parentbased_always_off": 0.0}
STYLES = {
    "datadog": "datadog",
    "b3": "b3",
    "b3 single header": "b3",
    "b3multi": "b3multi",
    "tracecontext": "tracecontext",
    "baggage": "baggage",
    "xray": "xray",
    "none": "none",
}
BACKENDS = ("jaeger", "tempo", "otlp", "otel", "kafka", "console", "none")
WITH_B3 = ("tracecontext", "baggage", "b3multi")
OTLP = "OTEL_EXPORTER_OTLP_"
THRIFT_PORT, THRIFT_PATH = 14268, "/api/traces"
OTLP_INSTEAD = "set OTEL_EXPORTER_OTLP_ENDPOINT to its OTLP port, such as http://HOST:4318"
AGENT = f"pyspan speaks OTLP to Datadog's agent: {OTLP_INSTEAD}"
ONE_LIST = "pyspan reads and writes the same formats: set DD_TRACE_PROPAGATION_STYLE or OTEL_PROPAGATORS"
RULES_INSTEAD = "set OTEL_TRACES_SAMPLER=operations, or give a sampler in code, pyspan.configure(sampler=...)"
METRICS = "pyspan makes traces alone"
WITHOUT_EFFECT = {
    "DD_AGENT_HOST": AGENT,
    "DD_API_KEY": "pyspan gives it to nobody: set OTEL_EXPORTER_OTLP_HEADERS=dd-api-key=... for Datadog's OTLP intake",
    "DD_LOGS_INJECTION": "for ids in logs call pyspan.instrument.logs.install(datadog=True) where logging is set up",
    "DD_PATCH_MODULES": "set OTEL_PYTHON_DISABLED_INSTRUMENTATIONS for what shall stay untraced",
    "DD_RUNTIME_METRICS_ENABLED": METRICS,
    "DD_SPAN_SAMPLING_RULES": RULES_INSTEAD,
    "DD_TRACE_AGENT_PORT": AGENT,
    "DD_TRACE_AGENT_URL": AGENT,
    "DD_TRACE_ANALYTICS_ENABLED": "App Analytics is no more; Datadog searches all traces that it keeps",
    "DD_TRACE_HEADER_TAGS": "set OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST to their names",
    "DD_TRACE_PROPAGATION_STYLE_EXTRACT": ONE_LIST,
    "DD_TRACE_PROPAGATION_STYLE_INJECT": ONE_LIST,
    "DD_TRACE_RATE_LIMIT": "set OTEL_TRACES_SAMPLER=parentbased_rate_limit, and the rate in OTEL_TRACES_SAMPLER_ARG",
    "DD_TRACE_RUNTIME_METRICS_ENABLED": METRICS,
    "DD_TRACE_SAMPLING_RULES": RULES_INSTEAD,
    "OTEL_EXPORTER_ZIPKIN_ENDPOINT": f"pyspan sends no Zipkin JSON; Zipkin's collector takes OTLP: {OTLP_INSTEAD}",
    "OTEL_ENTITIES": "pyspan has no entities yet: set OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_EXPORTER_ZIPKIN_PROTOCOL": "pyspan sends no Zipkin JSON: set OTEL_EXPORTER_OTLP_PROTOCOL",
    "OTEL_EXPORTER_ZIPKIN_TIMEOUT": "pyspan sends no Zipkin JSON: set OTEL_EXPORTER_OTLP_TIMEOUT",
    "SENTRY_DSN": "Sentry takes OTLP: set OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=https://HOST/api/PROJECT/integration/otlp"
    "/v1/traces and OTEL_EXPORTER_OTLP_TRACES_HEADERS='x-sentry-auth=sentry sentry_key=KEY'",
    "SENTRY_PROFILES_SAMPLE_RATE": METRICS,
    "SENTRY_SAMPLE_RATE": "it is for errors without a trace; SENTRY_TRACES_SAMPLE_RATE is for traces",
}


@dataclass(frozen=True, slots=True)
class Adopted:
    """What holds where neither code nor OTEL_* say otherwise; None, or nothing, where no variable says anything."""

    attributes: Mapping[str, Setting] = field(default_factory=dict)
    enabled: Setting | None = None
    sample_rate: Setting | None = None
    exporter: Setting | None = None
    propagators: Setting | None = None
    debug: Setting | None = None
    notes: tuple[str, ...] = ()


class _Said(NamedTuple):
    """A variable with its text, and what that means."""

    variable: str
    text: str
    value: object

    def __str__(self) -> str:
        return f"{self.variable} ({capped(Setting(self.variable, self.text).shown)})"


class _Rule(NamedTuple):
    """Variables with one meaning, the strongest first, how they are read, and what OTEL_* say of the same."""

    name: str
    variables: tuple[str, ...]
    parse: Callable[[str, str], object]
    above: Callable[[Mapping[str, str]], _Said | None]


def adopt(environ: Mapping[str, str]) -> Adopted:
    """Read the variables; one that cannot be used is warned about and counts as unset."""
    notes = [*_without_effect(environ), *_identity_notes(environ)]
    chosen = {rule.name: _choose(rule, environ, notes) for rule in RULES}
    chosen["exporter"] = _exporter(environ, notes)
    return Adopted(attributes=identity(environ), notes=tuple(notes), **chosen)


def _choose(rule: _Rule, environ: Mapping[str, str], notes: list[str]) -> Setting | None:
    """Return the strongest setting where OTEL_* are silent; those that say something else are noted."""
    found = [written for variable in rule.variables if (written := first(environ, variable))]
    said = [_Said(key, text, value) for key, text in found if (value := rule.parse(key, text)) is not None]
    above = rule.above(environ)
    if not said and above is None:
        return None
    strongest = above or said[0]
    notes += [_overruled(other, strongest) for other in said if other.value != strongest.value]
    return None if above else Setting(rule.name, strongest.value, strongest.variable)


def _overruled(said: _Said, by: _Said) -> str:
    return f"{said} has no effect: {by} stands above it; remove one"


def _without_effect(environ: Mapping[str, str]) -> Iterator[str]:
    for variable, reason in WITHOUT_EFFECT.items():
        written = first(environ, variable)
        if written and written[1].lower() not in OFF:
            yield f"{variable} has no effect: {reason}"


def _identity_notes(environ: Mapping[str, str]) -> Iterator[str]:
    above = said_by_opentelemetry(environ)
    for attribute, (_, others) in IDENTITY.items():
        found = (written for variable in others if (written := first(environ, variable)))
        said = [Setting(attribute, value, key) for key, value in found]
        strongest = above.get(attribute) or next(iter(said), None)
        for setting in said:
            if strongest and setting.value != strongest.value and setting.source not in GENERAL:
                yield _overruled(*(_Said(each.source, str(each.value), each.value) for each in (setting, strongest)))


def _exporter(environ: Mapping[str, str], notes: list[str]) -> Setting | None:
    """Read TRACE_BACKEND and TRACE_JAEGER_ENDPOINT; OTEL_TRACES_EXPORTER and an OTLP endpoint stand above them."""
    said = _backend(first(environ, "TRACE_BACKEND"), first(environ, "TRACE_JAEGER_ENDPOINT"), notes)
    above = first(environ, "OTEL_TRACES_EXPORTER", f"{OTLP}TRACES_ENDPOINT", f"{OTLP}ENDPOINT")
    if said is None or above is None:
        return said
    key, value = above
    agreed = value.lower() if key == "OTEL_TRACES_EXPORTER" else f"otlp={value}"
    if said.value not in (agreed, agreed.partition("=")[0]):
        notes.append(
            _overruled(_Said(said.source, environ[said.source].strip(), said.value), _Said(key, value, agreed))
        )
    return None


def _backend(backend: tuple[str, str] | None, endpoint: tuple[str, str] | None, notes: list[str]) -> Setting | None:
    """Return the exporter that is meant; an endpoint alone means Jaeger."""
    if backend is None and endpoint is None:
        return None
    key, text = backend or ("TRACE_JAEGER_ENDPOINT", "jaeger")
    word = text.lower()
    if word not in BACKENDS:
        return unusable(key, text, f"one of {', '.join(BACKENDS)}", None, shown="otlp")
    if word not in ("jaeger", "tempo", "otlp", "otel"):
        return Setting("exporter", word, key)
    if word != "jaeger" or endpoint is None:
        return Setting("exporter", "otlp", key)
    if _is_thrift(endpoint[1]):
        where = redact(endpoint[1])
        notes.append(f"{endpoint[0]} ({where}) has no effect: it is for Thrift; Jaeger takes OTLP: {OTLP_INSTEAD}")
        return None
    return Setting("exporter", f"otlp={endpoint[1]}", endpoint[0])


def _is_thrift(endpoint: str) -> bool:
    try:
        url = urlsplit(endpoint)
        return url.port == THRIFT_PORT or url.path.rstrip("/") == THRIFT_PATH
    except ValueError:  # no URL: the exporter says so, with the name of the variable
        return False


def _switch(key: str, text: str) -> bool | None:
    word = text.lower()
    if word in (*ON, *OFF):
        return word in ON
    return unusable(key, text, "true or false", None, shown="without it")


def _rate(key: str, text: str) -> float | None:
    rate = _share(text)
    return unusable(key, text, "a share of traces from 0 to 1", None, shown="without it") if rate is None else rate


def _share(text: str) -> float | None:
    try:
        rate = float(text)
    except ValueError:
        return None
    return rate if 0.0 <= rate <= 1.0 else None


def _formats(key: str, text: str) -> tuple[str, ...] | None:
    if key.endswith("_B3_ENABLED"):
        return WITH_B3 if _switch(key, text) else None
    styles = [style.strip().lower() for style in text.split(",") if style.strip()]
    if not set(styles) <= set(STYLES):
        return unusable(key, text, f"names out of {', '.join(STYLES)}", None, shown="without it")
    return tuple(dict.fromkeys(STYLES[style] for style in styles))


def _otel_enabled(environ: Mapping[str, str]) -> _Said | None:
    written = first(environ, "OTEL_SDK_DISABLED")
    return _Said(*written, written[1].lower() != "true") if written else None


def _otel_rate(environ: Mapping[str, str]) -> _Said | None:
    written = first(environ, "OTEL_TRACES_SAMPLER")
    if written is None:
        return None
    name = written[1].lower()
    if name.endswith(("traceidratio", "probability")):
        argument = first(environ, "OTEL_TRACES_SAMPLER_ARG")
        share = _share(argument[1]) if argument else None
        return _Said(*(argument or written), 1.0 if share is None else share)
    return _Said(*written, RATED.get(name, name))


def _otel_formats(environ: Mapping[str, str]) -> _Said | None:
    written = first(environ, "OTEL_PROPAGATORS")
    return _Said(*written, tuple(name.strip() for name in written[1].split(","))) if written else None


def _otel_debug(environ: Mapping[str, str]) -> _Said | None:
    written = first(environ, "OTEL_LOG_LEVEL")
    return _Said(*written, written[1].lower() == "debug") if written else None


RULES = (
    _Rule("enabled", ("OTEL_ENABLED", "DD_TRACE_ENABLED", "TRACE_ENABLED"), _switch, _otel_enabled),
    _Rule(
        "sample_rate",
        ("OTEL_SAMPLING_RATE", "DD_TRACE_SAMPLE_RATE", "SENTRY_TRACES_SAMPLE_RATE", "TRACE_SAMPLE_RATE"),
        _rate,
        _otel_rate,
    ),
    _Rule(
        "propagators",
        ("DD_TRACE_PROPAGATION_STYLE", "DD_TRACE_B3_ENABLED", "DD_TRACE_EXPERIMENTAL_B3_ENABLED"),
        _formats,
        _otel_formats,
    ),
    _Rule("debug", ("DD_TRACE_DEBUG", "SENTRY_DEBUG"), _switch, _otel_debug),
)
