"""What a provider is made of, once everything is checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyspan.sdk.resources import SERVICE_NAME, Resource
from pyspan.sdk.resources._aggregate import process_dependent_resource

if TYPE_CHECKING:
    from pyspan.config.setting import Setting
    from pyspan.sdk._settings import Settings
    from pyspan.sdk.trace import IdGenerator, SpanLimits, SpanProcessor
    from pyspan.sdk.trace._config import _TracerConfiguratorT
    from pyspan.sdk.trace.export import SpanExporter
    from pyspan.sdk.trace.sampling import Sampler

__all__ = ["Plan", "resource_with"]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything checked, nothing started: `processors` are made one by one, `propagate` sets the global propagator.

    `disabled` is None where the provider itself reads OTEL_SDK_DISABLED, `redact` where it reads PYSPAN_REDACT;
    `renew_resource` detects what differs in a forked child; `written` are the settings of a file.
    """

    resource: Resource
    sampler: Sampler
    processors: tuple[Callable[[], SpanProcessor], ...]
    propagate: Callable[[], None]
    id_generator: IdGenerator | None = None
    span_limits: SpanLimits | None = None
    export_open_spans_after: float | None = None
    redact: bool | None = None
    propagate_threads: bool = False
    baggage_attributes: tuple[str, ...] = ()
    renew_resource: Callable[[], Resource] = process_dependent_resource
    tracer_configurator: _TracerConfiguratorT | None = None
    disabled: bool | None = None
    log_level: str | None = None
    exporters: tuple[SpanExporter, ...] = ()
    written: tuple[Setting, ...] = ()


def resource_with(settings: Settings, create: Callable[[Mapping[str, Any]], Resource]) -> Resource:
    """Return the resource that is given, or what `create` makes of the attributes that are, with the service's name."""
    resource = _given_resource(settings.resource, create)
    if settings.service_name is None:
        return resource
    return resource.merge(Resource({SERVICE_NAME: settings.service_name}))


def _given_resource(given: Any, create: Callable[[Mapping[str, Any]], Resource]) -> Resource:
    """Take a resource, attributes, or the SDK's class of the same name."""
    if isinstance(given, Resource):
        return given
    if given is None or isinstance(given, Mapping):
        return create(given or {})
    return Resource(given.attributes, given.schema_url)
