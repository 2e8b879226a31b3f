"""DD_*, SENTRY_* and TRACE_*: what they mean, what stands above them, what is said of those without effect."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from pyspan.config.identity import identity
from pyspan.config.setting import Setting
from pyspan.config.vendors import WITHOUT_EFFECT, adopt

SERVICE, VERSION, ENVIRONMENT = "service.name", "service.version", "deployment.environment.name"


@pytest.mark.parametrize(
    ("attribute", "variables"),
    [
        (SERVICE, ("DD_SERVICE", "DD_TRACE_SERVICE_NAME", "DATADOG_SERVICE_NAME", "SERVICE_NAME", "DD_TAGS")),
        (VERSION, ("OTEL_SERVICE_VERSION", "DD_VERSION", "DD_TRACE_VERSION", "SENTRY_RELEASE", "APP_VERSION")),
        (ENVIRONMENT, ("DD_ENV", "DD_TRACE_ENV", "SENTRY_ENVIRONMENT", "APP_ENV", "DD_TAGS")),
    ],
)
def test_the_first_variable_that_is_set_names_the_service(attribute: str, variables: tuple[str, ...]) -> None:
    tags = {"service.name": "service:from_tags", "deployment.environment.name": "env:from_tags"}
    environ = {name: tags[attribute] if name == "DD_TAGS" else f"by {name}" for name in variables}
    for name in variables:
        found = identity(environ)[attribute]
        assert (found.value, found.source) == ("from_tags" if name == "DD_TAGS" else f"by {name}", name)
        del environ[name]
    assert attribute not in identity(environ)


@pytest.mark.parametrize(
    ("environ", "attribute"),
    [
        ({"OTEL_SERVICE_NAME": "shop", "DD_SERVICE": "other"}, SERVICE),
        ({"OTEL_RESOURCE_ATTRIBUTES": "a=b, service.name = shop", "DD_SERVICE": "other"}, SERVICE),
        ({"OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=live", "DD_ENV": "other"}, ENVIRONMENT),
        ({"OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=live", "APP_ENV": "other"}, ENVIRONMENT),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.version=1", "SENTRY_RELEASE": "2"}, VERSION),
    ],
)
def test_opentelemetrys_variables_stand_above_the_others(environ: dict[str, str], attribute: str) -> None:
    assert attribute not in identity(environ)


def test_tags_of_datadog_become_attributes() -> None:
    found = identity({"DD_TAGS": "team:shop,region:eu-1 url:http://x:80, broken"})
    assert {key: setting.value for key, setting in found.items()} == {
        "team": "shop",
        "region": "eu-1",
        "url": "http://x:80",
    }


@pytest.mark.parametrize(
    ("environ", "field", "value", "source"),
    [
        ({"OTEL_SAMPLING_RATE": "0.1"}, "sample_rate", 0.1, "OTEL_SAMPLING_RATE"),
        ({"DD_TRACE_SAMPLE_RATE": "0.5"}, "sample_rate", 0.5, "DD_TRACE_SAMPLE_RATE"),
        ({"SENTRY_TRACES_SAMPLE_RATE": "1.0"}, "sample_rate", 1.0, "SENTRY_TRACES_SAMPLE_RATE"),
        ({"TRACE_SAMPLE_RATE": "0"}, "sample_rate", 0.0, "TRACE_SAMPLE_RATE"),
        ({"OTEL_ENABLED": "false"}, "enabled", False, "OTEL_ENABLED"),
        ({"DD_TRACE_ENABLED": "0"}, "enabled", False, "DD_TRACE_ENABLED"),
        ({"TRACE_ENABLED": "True"}, "enabled", True, "TRACE_ENABLED"),
        ({"SENTRY_DEBUG": "true"}, "debug", True, "SENTRY_DEBUG"),
        ({"TRACE_BACKEND": "console"}, "exporter", "console", "TRACE_BACKEND"),
        ({"TRACE_BACKEND": "jaeger"}, "exporter", "otlp", "TRACE_BACKEND"),
        (
            {"TRACE_BACKEND": "jaeger", "TRACE_JAEGER_ENDPOINT": "http://j:4318"},
            "exporter",
            "otlp=http://j:4318",
            "TRACE_JAEGER_ENDPOINT",
        ),
        (
            {"DD_TRACE_PROPAGATION_STYLE": "Datadog, b3 single header,tracecontext"},
            "propagators",
            ("datadog", "b3", "tracecontext"),
            "DD_TRACE_PROPAGATION_STYLE",
        ),
        (
            {"DD_TRACE_B3_ENABLED": "true"},
            "propagators",
            ("tracecontext", "baggage", "b3multi"),
            "DD_TRACE_B3_ENABLED",
        ),
    ],
)
def test_a_variable_of_another_tracer_is_taken_with_its_name(
    environ: dict[str, str], field: str, value: object, source: str
) -> None:
    adopted = adopt(environ)
    setting = getattr(adopted, field)
    assert (setting.value, setting.source) == (value, source)
    assert adopted.notes == ()


class Said(NamedTuple):
    """A variable, its value, and what is shown of it."""

    name: str
    value: str
    shown: str | None = None

    def __str__(self) -> str:
        return f"{self.name} ({self.shown or self.value})"


@pytest.mark.parametrize(
    ("above", "below", "field"),
    [
        (Said("OTEL_SERVICE_NAME", "a"), Said("DD_SERVICE", "b"), None),
        (Said("DD_SERVICE", "a"), Said("DD_TRACE_SERVICE_NAME", "b"), None),
        (Said("OTEL_TRACES_SAMPLER", "always_on"), Said("TRACE_SAMPLE_RATE", "0.1"), "sample_rate"),
        (Said("OTEL_TRACES_SAMPLER", "jaeger_remote"), Said("DD_TRACE_SAMPLE_RATE", "1"), "sample_rate"),
        (Said("OTEL_SDK_DISABLED", "False"), Said("DD_TRACE_ENABLED", "off"), "enabled"),
        (Said("OTEL_TRACES_SAMPLER", "traceidratio"), Said("OTEL_SAMPLING_RATE", ".1"), "sample_rate"),
        (Said("OTEL_PROPAGATORS", "b3, jaeger"), Said("DD_TRACE_PROPAGATION_STYLE", "Datadog"), "propagators"),
        (Said("OTEL_LOG_LEVEL", "INFO"), Said("SENTRY_DEBUG", "1"), "debug"),
        (Said("OTEL_TRACES_EXPORTER", "otlp"), Said("TRACE_BACKEND", "console"), "exporter"),
        (
            Said("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a:4318"),
            Said("TRACE_JAEGER_ENDPOINT", "http://u:p@b:4318", "http://REDACTED:REDACTED@b:4318"),
            "exporter",
        ),
    ],
)
def test_a_contradiction_is_named_with_both_variables_as_they_are_written(
    above: Said, below: Said, field: str | None
) -> None:
    adopted = adopt({above.name: above.value, below.name: below.value})
    assert adopted.notes == (f"{below} has no effect: {above} stands above it; remove one",)
    assert field is None or getattr(adopted, field) is None


def test_an_endpoint_for_thrift_is_named_without_its_secrets() -> None:
    adopted = adopt({"TRACE_BACKEND": "jaeger", "TRACE_JAEGER_ENDPOINT": "http://u:p@j:14268/api/traces"})
    (said,) = adopted.notes
    shown = "http://REDACTED:REDACTED@j:14268/api/traces"
    assert said.startswith(f"TRACE_JAEGER_ENDPOINT ({shown}) has no effect: it is for Thrift")
    assert adopted.exporter is None


@pytest.mark.parametrize(
    "environ",
    [
        {"OTEL_SERVICE_NAME": "servio", "DD_TRACE_SERVICE_NAME": "servio", "SERVICE_NAME": "mine"},
        {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.10", "TRACE_SAMPLE_RATE": "0.1"},
        {"OTEL_TRACES_EXPORTER": "otlp", "TRACE_BACKEND": "jaeger"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:4317", "TRACE_BACKEND": "jaeger"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:4318", "TRACE_JAEGER_ENDPOINT": "http://a:4318"},
        {"OTEL_TRACES_SAMPLER": "parentbased_probability", "OTEL_TRACES_SAMPLER_ARG": "0.1", "TRACE_SAMPLE_RATE": ".1"},
        {"DD_TRACE_ANALYTICS_ENABLED": "false", "DD_LOGS_INJECTION": "0"},
    ],
)
def test_variables_that_agree_are_passed_over_in_silence(environ: dict[str, str]) -> None:
    assert adopt(environ).notes == ()


@pytest.mark.parametrize("variable", WITHOUT_EFFECT)
def test_what_cannot_be_mapped_is_named_once_and_without_its_value(variable: str) -> None:
    (note,) = adopt({variable: "https://hunter2@example"}).notes
    assert note.startswith(f"{variable} has no effect: ")
    assert "hunter2" not in note


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TRACE_SAMPLE_RATE", "often"),
        ("DD_TRACE_SAMPLE_RATE", "2"),
        ("OTEL_SAMPLING_RATE", "nan"),
        ("TRACE_ENABLED", "perhaps"),
        ("DD_TRACE_PROPAGATION_STYLE", "smoke"),
        ("TRACE_BACKEND", "abacus"),
    ],
)
def test_a_value_that_cannot_be_used_is_warned_about_by_its_own_name(
    variable: str, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    adopted = adopt({variable: value})
    assert (adopted.sample_rate, adopted.enabled, adopted.propagators, adopted.exporter) == (None, None, None, None)
    (message,) = caplog.messages
    assert message.startswith(f"{variable}='{value}' in the environment cannot be used: give ")


@pytest.mark.parametrize(
    ("setting", "shown"),
    [
        (Setting("SENTRY_DSN", "https://hunter2@o1.ingest.sentry.io/1"), "REDACTED"),
        (Setting("OTEL_EXPORTER_OTLP_HEADERS", "api-key=hunter2, x=hunter2"), "api-key=REDACTED,x=REDACTED"),
        (Setting("OTEL_EXPORTER_OTLP_HEADERS", '{"a": "hunter2"}'), "REDACTED"),
        (Setting("PYSPAN_KAFKA_SASL_PASSWORD", "hunter2"), "REDACTED"),
        (Setting("OTEL_EXPORTER_OTLP_ENDPOINT", "http://u:hunter2@h:1"), "http://REDACTED:REDACTED@h:1"),
        (Setting("tracer_provider.processors[0].batch.exporter.otlp_http.headers_list", "a=hunter2"), "a=REDACTED"),
        (Setting("resource.attributes.api_key", "hunter2"), "REDACTED"),
        (Setting("OTEL_TRACES_SAMPLER_ARG", 0.1), "0.1"),
        (Setting("OTEL_TRACES_EXPORTER", None), ""),
        (Setting("disabled", value=False), "false"),
    ],
)
def test_a_setting_shows_no_secret(setting: Any, shown: str) -> None:
    assert setting.shown == shown
    assert str(setting) == f"{setting.name}={shown} (default)"
    assert "hunter2" not in repr(setting)
