"""What `opentelemetry-instrument` loads with OTEL_PYTHON_DISTRO=pyspan: no change of the application's code."""

from __future__ import annotations

import logging
import os
from typing import Any

from opentelemetry.instrumentation.distro import BaseDistro  # type: ignore[attr-defined]  # published without types

from pyspan.sdk import _configure, _registered
from pyspan.sdk._settings import Settings

__all__ = ["PyspanConfigurator", "PyspanDistro"]

logger = logging.getLogger(__name__)

CONFIGURATOR = "OTEL_PYTHON_CONFIGURATOR"
AUTO_VERSION = "telemetry.auto.version"


class PyspanDistro(BaseDistro):  # type: ignore[misc]  # likewise
    """Chooses our configurator where none is chosen."""

    def _configure(self, **kwargs: Any) -> None:
        os.environ.setdefault(CONFIGURATOR, "pyspan")


class PyspanConfigurator:
    """Sets up tracing by pyspan, and logs and metrics by opentelemetry-sdk where that is installed."""

    def configure(self, **kwargs: Any) -> None:
        """Configure from the environment; the arguments are those of OpenTelemetry's configurator."""
        attributes = dict(kwargs.get("resource_attributes") or {})
        if version := kwargs.get("auto_instrumentation_version"):
            attributes[AUTO_VERSION] = version
        settings = Settings(
            resource=attributes,
            sampler=kwargs.get("sampler"),
            processors=kwargs.get("span_processors") or (),
            id_generator=kwargs.get("id_generator"),
            tracer_configurator=kwargs.get("tracer_configurator") or _registered.tracer_configurator(),
        )
        provider = _configure.configure(settings)
        _configure_the_rest(provider.resource, kwargs)


def _configure_the_rest(resource: Any, kwargs: dict[str, Any]) -> None:
    """Leave logs and metrics to the SDK's own functions; a fault there does not take tracing down."""
    try:
        from opentelemetry.sdk import _configuration as sdk
        from opentelemetry.sdk.resources import Resource
    except ImportError:
        return
    try:
        metrics = [*kwargs.get("metric_exporter_names", ()), *sdk._get_exporter_names("metrics")]
        logs = [*kwargs.get("log_exporter_names", ()), *sdk._get_exporter_names("logs")]
        _, metric_exporters, log_exporters = sdk._import_exporters([], metrics, logs)
        same = Resource(resource.attributes, resource.schema_url)
        sdk._init_metrics(metric_exporters, same)
        sdk._init_logging(log_exporters, same, setup_logging_handler=_wants_handler())
    except Exception:  # another package's private functions
        logger.exception("Logs and metrics are not set up")


def _wants_handler() -> bool:
    name = "OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED"
    return os.environ.get(name, "").strip().lower() == "true"
