"""What is traced, by the variables of several vendors: name, version and environment of the service."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pyspan.config.environ import first
from pyspan.config.setting import Setting

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ENVIRONMENT", "GENERAL", "IDENTITY", "identity", "said_by_opentelemetry"]

SERVICE_NAME = "service.name"
SERVICE_VERSION = "service.version"
ENVIRONMENT = "deployment.environment.name"
OLD_ENVIRONMENT = "deployment.environment"
OTEL_ATTRIBUTES = "OTEL_RESOURCE_ATTRIBUTES"
# By attribute: OpenTelemetry's own variable, then the others, each standing above those after it.
IDENTITY: dict[str, tuple[str | None, tuple[str, ...]]] = {
    SERVICE_NAME: (
        "OTEL_SERVICE_NAME",
        ("DD_SERVICE", "DD_TRACE_SERVICE_NAME", "DATADOG_SERVICE_NAME", "SERVICE_NAME"),
    ),
    SERVICE_VERSION: (
        "OTEL_SERVICE_VERSION",
        ("DD_VERSION", "DD_TRACE_VERSION", "SENTRY_RELEASE", "APP_VERSION"),
    ),
    ENVIRONMENT: (None, ("DD_ENV", "DD_TRACE_ENV", "SENTRY_ENVIRONMENT", "APP_ENV")),
}
# Applications use these for themselves too: that they say something else is no contradiction.
GENERAL = frozenset({"SERVICE_NAME", "APP_VERSION", "APP_ENV"})
TAGS = "DD_TAGS"
TAG_NAMES = {"service": SERVICE_NAME, "version": SERVICE_VERSION, "env": ENVIRONMENT}


def identity(environ: Mapping[str, str]) -> dict[str, Setting]:
    """Return the resource attributes that OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME leave to other variables."""
    found = dict(_tags(environ))
    for attribute, (_, others) in IDENTITY.items():
        written = first(environ, *others)
        if written:
            found[attribute] = Setting(attribute, written[1], written[0])
    for attribute in found.keys() & said_by_opentelemetry(environ).keys():
        del found[attribute]
    version = first(environ, "OTEL_SERVICE_VERSION")
    return {**found, SERVICE_VERSION: Setting(SERVICE_VERSION, version[1], version[0])} if version else found


def said_by_opentelemetry(environ: Mapping[str, str]) -> dict[str, Setting]:
    """Return what OTEL_RESOURCE_ATTRIBUTES and OpenTelemetry's own variables say of these attributes."""
    listed = (item.partition("=") for item in environ.get(OTEL_ATTRIBUTES, "").split(","))
    pairs = {key.strip(): value.strip() for key, equals, value in listed if equals}
    if OLD_ENVIRONMENT in pairs:
        pairs.setdefault(ENVIRONMENT, pairs[OLD_ENVIRONMENT])
    said = {key: Setting(key, value, OTEL_ATTRIBUTES) for key, value in pairs.items()}
    own = ((attribute, first(environ, variable)) for attribute, (variable, _) in IDENTITY.items() if variable)
    return said | {attribute: Setting(attribute, written[1], written[0]) for attribute, written in own if written}


def _tags(environ: Mapping[str, str]) -> dict[str, Setting]:
    """Read `key:value` joined by commas or blanks."""
    pairs = (item.partition(":") for item in re.split(r"[,\s]+", environ.get(TAGS, "")))
    named = {TAG_NAMES.get(key, key): value for key, colon, value in pairs if colon and key and value}
    return {key: Setting(key, value, TAGS) for key, value in named.items()}
