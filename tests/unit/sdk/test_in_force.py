"""The settings in force, each with where it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pyspan.config.environ import warned
from pyspan.config.setting import CODE, DEFAULT, Setting
from pyspan.config.variables import CONFIG_FILES, READ
from pyspan.sdk._in_force import in_force
from pyspan.sdk._settings import Settings
from pyspan.sdk.resources import Resource
from pyspan.sdk.trace import SpanLimits

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("unconfigured")


def by_name(settings: Settings | None = None) -> dict[str, Setting]:
    return {setting.name: setting for setting in in_force(settings or Settings())}


def test_without_anything_set_all_are_defaults() -> None:
    settings = by_name()
    assert {setting.source for setting in settings.values()} == {DEFAULT}
    shown = {name: setting.shown for name, setting in settings.items()}
    assert shown["OTEL_SDK_DISABLED"] == "false"
    assert shown["OTEL_PROPAGATORS"] == "tracecontext,baggage"
    assert shown["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://localhost:4318/v1/traces"
    assert shown["OTEL_BSP_MAX_QUEUE_SIZE"] == "524288"
    assert shown["OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT"] == "no limit"


@pytest.mark.parametrize(
    ("environ", "name", "shown", "source"),
    [
        ({"OTEL_SERVICE_NAME": "shop"}, "service.name", "shop", "OTEL_SERVICE_NAME"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "team=a"}, "team", "a", "OTEL_RESOURCE_ATTRIBUTES"),
        ({"DD_SERVICE": "shop"}, "service.name", "shop", "DD_SERVICE"),
        ({"SENTRY_ENVIRONMENT": "live"}, "deployment.environment.name", "live", "SENTRY_ENVIRONMENT"),
        ({"DD_TRACE_ENABLED": "false"}, "OTEL_SDK_DISABLED", "true", "DD_TRACE_ENABLED"),
        ({"SENTRY_DEBUG": "1"}, "OTEL_LOG_LEVEL", "debug", "SENTRY_DEBUG"),
        ({"OTEL_PROPAGATORS": "b3"}, "OTEL_PROPAGATORS", "b3", "OTEL_PROPAGATORS"),
        (
            {"DD_TRACE_PROPAGATION_STYLE": "datadog"},
            "OTEL_PROPAGATORS",
            "datadog",
            "DD_TRACE_PROPAGATION_STYLE",
        ),
        ({"OTEL_TRACES_SAMPLER": "always_off"}, "OTEL_TRACES_SAMPLER", "AlwaysOffSampler", "OTEL_TRACES_SAMPLER"),
        ({"OTEL_TRACES_EXPORTER": "console"}, "OTEL_TRACES_EXPORTER", "ConsoleSpanExporter", "OTEL_TRACES_EXPORTER"),
        (
            {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://u:hunter2@c/x"},
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "http://REDACTED:REDACTED@c/x",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        ),
        (
            {"OTEL_EXPORTER_OTLP_HEADERS": "api-key=hunter2"},
            "OTEL_EXPORTER_OTLP_HEADERS",
            "api-key=REDACTED",
            "OTEL_EXPORTER_OTLP_HEADERS",
        ),
        ({"OTEL_EXPORTER_OTLP_TIMEOUT": "3"}, "OTEL_EXPORTER_OTLP_TIMEOUT", "3 s", "OTEL_EXPORTER_OTLP_TIMEOUT"),
        ({"OTEL_BSP_SCHEDULE_DELAY": "500"}, "OTEL_BSP_SCHEDULE_DELAY", "500", "OTEL_BSP_SCHEDULE_DELAY"),
        (
            {"OTEL_ATTRIBUTE_COUNT_LIMIT": "7"},
            "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
            "7",
            "OTEL_ATTRIBUTE_COUNT_LIMIT",
        ),
        ({"PYSPAN_SEMCONV": "dup"}, "PYSPAN_SEMCONV", "dup", "PYSPAN_SEMCONV"),
        ({"OTEL_SEMCONV_STABILITY_OPT_IN": "http/dup"}, "PYSPAN_SEMCONV", "dup", "OTEL_SEMCONV_STABILITY_OPT_IN"),
        ({"OTEL_PROPAGATORS": "b3,smoke"}, "OTEL_PROPAGATORS", "b3", "OTEL_PROPAGATORS"),
        (
            {"OTEL_PYTHON_EXCLUDED_URLS": "health, metrics", "OTEL_PYTHON_ASGI_EXCLUDED_URLS": "own"},
            "OTEL_PYTHON_HTTPX_EXCLUDED_URLS",
            "health,metrics",
            "OTEL_PYTHON_EXCLUDED_URLS",
        ),
        (
            {"OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "os,nobody"},
            "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS",
            "service_instance,os,otel",
            "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS",
        ),
        (
            {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25"},
            "OTEL_TRACES_SAMPLER_ARG",
            "0.25",
            "OTEL_TRACES_SAMPLER_ARG",
        ),
    ],
)
def test_a_variable_is_the_source_of_what_it_sets(
    environ: dict[str, str], name: str, shown: str, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in environ.items():
        monkeypatch.setenv(variable, value)
    setting = by_name()[name]
    assert (setting.shown, setting.source) == (shown, source)
    assert "hunter2" not in "".join(map(str, in_force(Settings())))


def test_kafkas_variables_are_shown_without_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    written = {"SECURITY_PROTOCOL": "SASL_PLAINTEXT", "SASL_USERNAME": "shop", "SASL_PASSWORD": "hunter2"}
    for name, value in {"BROKERS": "a:9092", **written}.items():
        monkeypatch.setenv(f"PYSPAN_KAFKA_{name}", value)
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "kafka")
    settings = by_name()
    assert str(settings["PYSPAN_KAFKA_BROKERS"]) == "PYSPAN_KAFKA_BROKERS=a:9092 (PYSPAN_KAFKA_BROKERS)"
    assert str(settings["PYSPAN_KAFKA_TOPIC"]) == "PYSPAN_KAFKA_TOPIC=otlp_spans (default)"
    assert settings["PYSPAN_KAFKA_SASL_PASSWORD"].shown == "REDACTED"


@pytest.mark.parametrize(
    ("settings", "name", "shown"),
    [
        (Settings(service_name="shop"), "service.name", "shop"),
        (Settings(resource={"team": "a"}), "team", "a"),
        (Settings(resource=Resource({"team": "a"})), "team", "a"),
        (Settings(sampler="always_off"), "OTEL_TRACES_SAMPLER", "AlwaysOffSampler"),
        (Settings(exporter="console"), "OTEL_TRACES_EXPORTER", "ConsoleSpanExporter"),
        (Settings(endpoint="http://c:4318"), "OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318/v1/traces"),
        (Settings(span_limits=SpanLimits(max_events=5)), "OTEL_SPAN_EVENT_COUNT_LIMIT", "5"),
    ],
)
def test_code_is_the_source_of_what_it_gives(settings: Settings, name: str, shown: str) -> None:
    setting = by_name(settings)[name]
    assert (setting.shown, setting.source) == (shown, CODE)


@pytest.mark.parametrize(
    ("variable", "value", "shown"),
    [
        ("OTEL_BSP_MAX_QUEUE_SIZE", "-1", "524288"),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "x", "128"),
        ("OTEL_PROPAGATORS", "smoke", "tracecontext,baggage"),
        ("OTEL_LOG_LEVEL", "loud", ""),
        ("OTEL_PYTHON_ID_GENERATOR", "dice", "random"),
        ("OTEL_PYTHON_TRACER_CONFIGURATOR", "nobody", "every tracer"),
        ("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", "cloud", "service_instance,otel"),
        ("PYSPAN_SEMCONV", "older", "current"),
        ("OTEL_PYTHON_ASGI_EXCLUDED_URLS", "a(", ""),
        ("OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_REQUEST", "*", ""),
        ("OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SANITIZE_FIELDS", "*", ".*"),
    ],
)
def test_a_variable_that_cannot_be_used_is_the_source_of_nothing(
    variable: str, value: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    setting = by_name()[variable]
    assert (setting.shown, setting.source) == (shown, DEFAULT)
    assert warned[variable] == value


# A value of each that can be used.
USABLE = {
    **dict.fromkeys(READ, "1"),
    **{name: "true" for name in READ if name.endswith(("_ENABLED", "_DISABLED", "_INSECURE", "_DEBUG"))},
    **{name: "http://c:4318" for name in READ if name.endswith("_ENDPOINT")},
    **{name: "http/protobuf" for name in READ if name.endswith("_PROTOCOL")},
    **{name: "gzip" for name in READ if name.endswith("_COMPRESSION")},
    **{name: "a=b" for name in READ if name.endswith(("_HEADERS", "_ATTRIBUTES"))},
    "DD_TAGS": "a:b",
    "DD_TRACE_PROPAGATION_STYLE": "b3",
    "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "os",
    "OTEL_LOG_LEVEL": "info",
    "OTEL_PROPAGATORS": "b3",
    "OTEL_PYTHON_ID_GENERATOR": "random",
    "OTEL_SEMCONV_STABILITY_OPT_IN": "http",
    "OTEL_TRACES_EXPORTER": "console",
    "OTEL_TRACES_SAMPLER": "always_on",
    "PYSPAN_KAFKA_BROKERS": "a:9092",
    "PYSPAN_PROPAGATE_THREADS": "true",
    "PYSPAN_REDACT": "false",
    "PYSPAN_SEMCONV": "old",
    "TRACE_BACKEND": "console",
}
# Files, certificates and what secures Kafka need more than one variable; a configurator is registered by nobody.
ELSEWHERE = {name for name in READ if "CERTIFICATE" in name or name.endswith("_CLIENT_KEY")} | {
    *CONFIG_FILES,
    "OTEL_PYTHON_TRACER_CONFIGURATOR",
    *(name for name in READ if name.startswith("PYSPAN_KAFKA_S")),
}


@pytest.mark.parametrize("variable", sorted(READ - ELSEWHERE))
def test_every_variable_that_is_read_is_shown_as_the_source_of_something(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable.startswith("PYSPAN_KAFKA_"):
        monkeypatch.setenv("OTEL_TRACES_EXPORTER", "kafka")
    if variable == "OTEL_TRACES_SAMPLER_ARG":
        monkeypatch.setenv("OTEL_TRACES_SAMPLER", "traceidratio")
    monkeypatch.setenv(variable, USABLE[variable])
    assert variable in {setting.source for setting in in_force(Settings())}


def test_what_holds_beside_a_file_is_shown_with_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "otel.json"
    file.write_text('{"file_format": "1.1"}')
    monkeypatch.setenv("OTEL_CONFIG_FILE", str(file))
    monkeypatch.setenv("PYSPAN_SEMCONV", "old")
    monkeypatch.setenv("OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED", "false")
    assert {setting.name: setting.shown for setting in in_force(Settings())} == {
        "file_format": "1.1",
        "PYSPAN_SEMCONV": "old",
        "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED": "false",
    }
