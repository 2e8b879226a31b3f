"""The variables that pyspan reads, and those it knows to be others'; what is neither is a slip of the keyboard."""

from __future__ import annotations

from pyspan.config import instrument, names
from pyspan.config.identity import IDENTITY, TAGS
from pyspan.config.kafka_security import KAFKA_OPTIONS, VARIABLE_PREFIX
from pyspan.config.vendors import RULES

__all__ = ["CONFIG_FILES", "OPEN_SPANS", "OTEL_PYTHON_DISTRO", "OTHERS", "READ"]

OTLP = tuple(
    f"OTEL_EXPORTER_OTLP_{signal}{name}"
    for signal in ("", "TRACES_")
    for name in (
        "CERTIFICATE",
        "CLIENT_CERTIFICATE",
        "CLIENT_KEY",
        "COMPRESSION",
        "ENDPOINT",
        "HEADERS",
        "INSECURE",
        "PROTOCOL",
        "TIMEOUT",
    )
)
OPEN_SPANS = "PYSPAN_EXPORT_OPEN_SPANS_AFTER"
CONFIG_FILES = ("OTEL_CONFIG_FILE", "OTEL_EXPERIMENTAL_CONFIG_FILE")
OTEL_PYTHON_DISTRO = "OTEL_PYTHON_DISTRO"
FURTHER = ("OTEL_LOG_LEVEL", "OTEL_PROPAGATORS", OTEL_PYTHON_DISTRO)
OWN = (
    "PYSPAN_BAGGAGE_ATTRIBUTES",
    OPEN_SPANS,
    "PYSPAN_KAFKA_BROKERS",
    "PYSPAN_KAFKA_TOPIC",
    "PYSPAN_PROPAGATE_THREADS",
    *(VARIABLE_PREFIX + option.upper() for option in KAFKA_OPTIONS),
)
VENDORS = (
    *(variable for own, others in IDENTITY.values() for variable in (own, *others) if variable),
    *(variable for rule in RULES for variable in rule.variables),
    TAGS,
    "TRACE_BACKEND",
    "TRACE_JAEGER_ENDPOINT",
)
READ = frozenset({*CONFIG_FILES, *OTLP, *names.__all__, *FURTHER, *OWN, *instrument.VARIABLES, *VENDORS})
"""Every variable that changes what pyspan does."""

OTHERS = (
    "OTEL_BLRP_",
    "OTEL_COLLECTOR_",
    "OTEL_DOTNET_",
    "OTEL_EXPORTER_JAEGER_",
    "OTEL_EXPORTER_OTLP_LOGS_",
    "OTEL_EXPORTER_OTLP_METRICS_",
    "OTEL_EXPORTER_PROMETHEUS_",
    "OTEL_GO_",
    "OTEL_INSTRUMENTATION_",
    "OTEL_JAVA",
    "OTEL_K8S_",
    "OTEL_LOG",
    "OTEL_METRIC",
    "OTEL_NODE_",
    "OTEL_OPERATOR_",
    "OTEL_PHP_",
    "OTEL_POD_",
    "OTEL_PYTHON_",
    "OTEL_RESOURCE_ATTRIBUTES_",  # the parts that Kubernetes' operator puts the whole together from
    "OTEL_RUBY_",
    "OTEL_SEMCONV_",
    "PYSPAN_AGENT_",
    "PYSPAN_RUN_",
)
"""Beginnings of names that belong to other signals, languages, tools, instrumentations, or to the agent."""
