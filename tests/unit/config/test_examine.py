"""What is wrong with an environment as a whole."""

from __future__ import annotations

import pytest

from pyspan.config.examine import examine
from pyspan.config.variables import READ
from pyspan.config.vendors import WITHOUT_EFFECT


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("OTEL_TRACE_EXPORTER", "OTEL_TRACES_EXPORTER"),
        ("OTEL_SERVICENAME", "OTEL_SERVICE_NAME"),
        ("OTEL_BSP_MAX_QUEUESIZE", "OTEL_BSP_MAX_QUEUE_SIZE"),
        ("OTEL_EXPORTER_OTLP_TRACE_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"),
        ("PYSPAN_KAFKA_BROKER", "PYSPAN_KAFKA_BROKERS"),
        ("DD_TRACE_SAMPLERATE", "DD_TRACE_SAMPLE_RATE"),
        ("SENTRY_TRACE_SAMPLE_RATE", "SENTRY_TRACES_SAMPLE_RATE"),
    ],
)
def test_a_slip_of_the_keyboard_is_found_with_what_was_meant(name: str, meant: str) -> None:
    (finding,) = examine({name: "x"})
    assert finding == f"{name} is unknown: did you mean {meant}?"


def test_an_unknown_variable_that_resembles_none_is_found_where_it_can_only_be_ours() -> None:
    (finding,) = examine({"PYSPAN_XYZZY": "x", "OTEL_XYZZY": "x"})
    assert finding == "PYSPAN_XYZZY is unknown: see docs/reference/configuration.md"


@pytest.mark.parametrize(
    "name",
    [
        "OTEL_METRICS_EXPORTER",
        "OTEL_PYTHON_LOG_CORRELATION",
        "OTEL_BLRP_SCHEDULE_DELAY",
        "PYSPAN_AGENT_SPOOL",
        "PATH",
        "DD_AGENT_PORT",
        "DD_APPSEC_ENABLED",
        "DD_PROFILING_ENABLED",
        "DD_SITE",
        "DD_TRACE_PROPAGATION_EXTRACT_FIRST",
        "DD_TRACE_REDIS_ENABLED",
        "DD_TRACE_SQLITE3_ENABLED",
        "SENTRY_SPOTLIGHT",
        "TRACE_LEVEL",
        "OTEL_RESOURCE_ATTRIBUTES_POD_NAME",
    ],
)
def test_variables_of_others_are_left_in_peace(name: str) -> None:
    assert examine({name: "x"}) == ()


@pytest.mark.parametrize("name", sorted(READ - set(WITHOUT_EFFECT)))
def test_no_variable_that_is_read_is_taken_for_unknown(name: str) -> None:
    assert not [finding for finding in examine({name: "1"}) if "unknown" in finding]


@pytest.mark.parametrize(
    ("environ", "finding"),
    [
        (
            {"OTEL_SERVICE_NAME": "a", "OTEL_RESOURCE_ATTRIBUTES": "service.name=b"},
            "OTEL_SERVICE_NAME (a) stands above service.name=b in OTEL_RESOURCE_ATTRIBUTES; remove one",
        ),
        ({"OTEL_TRACES_EXPORTER": "otlp,none"}, "OTEL_TRACES_EXPORTER lists none beside otlp"),
        (
            {"OTEL_TRACES_EXPORTER": "console", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318"},
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT has no effect: OTEL_TRACES_EXPORTER (console) has no otlp; add it",
        ),
        ({"PYSPAN_KAFKA_BROKERS": "a:9092"}, "PYSPAN_KAFKA_BROKERS has no effect: set OTEL_TRACES_EXPORTER=kafka"),
        (
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"},
            "OTEL_EXPORTER_OTLP_PROTOCOL (grpc) and OTEL_EXPORTER_OTLP_ENDPOINT differ: port 4318 is the usual",
        ),
        (
            {"OTEL_EXPORTER_OTLP_INSECURE": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "https://c:4318"},
            "OTEL_EXPORTER_OTLP_INSECURE has no effect: OTEL_EXPORTER_OTLP_ENDPOINT says https",
        ),
        (
            {"OTEL_EXPORTER_OTLP_CERTIFICATE": "/ca.pem", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"},
            "OTEL_EXPORTER_OTLP_CERTIFICATE has no effect: OTEL_EXPORTER_OTLP_ENDPOINT says http;",
        ),
        (
            {"OTEL_PROPAGATORS": "tracecontext, None,b3"},
            "OTEL_PROPAGATORS lists none beside tracecontext, b3: nothing is propagated; remove none, or the others",
        ),
        (
            {"OTEL_SEMCONV_STABILITY_OPT_IN": "database/dup,htpp/dup"},
            "OTEL_SEMCONV_STABILITY_OPT_IN lists htpp/dup, which is unknown: did you mean http/dup?",
        ),
        ({"SENTRY_DSN": "https://hunter2@x/1"}, "SENTRY_DSN has no effect"),
    ],
)
def test_a_contradiction_is_found(environ: dict[str, str], finding: str) -> None:
    (found,) = examine(environ)
    assert found.startswith(finding)


def test_what_is_stable_for_other_instrumentations_is_none_of_our_business() -> None:
    words = "http,http/dup,database,database/dup,rpc,rpc/dup,messaging,k8s/dup,code/dup,gen_ai_latest_experimental,,"
    assert examine({"OTEL_SEMCONV_STABILITY_OPT_IN": words, "OTEL_PROPAGATORS": "none,none"}) == ()


def test_beside_a_file_nothing_else_counts() -> None:
    assert (
        examine({"OTEL_CONFIG_FILE": "otel.yaml", "OTEL_TRACES_EXPORTER": "otlp,none", "DD_TRACE_RATE_LIMIT": "1"})
        == ()
    )


def test_a_good_environment_has_no_findings() -> None:
    assert examine({"OTEL_SERVICE_NAME": "a", "OTEL_EXPORTER_OTLP_ENDPOINT": "https://c:4318"}) == ()
