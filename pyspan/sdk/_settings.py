"""The arguments of `configure()`, as they were given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyspan.sdk.resources import Resource
    from pyspan.sdk.trace import IdGenerator, SpanLimits, SpanProcessor
    from pyspan.sdk.trace._config import _TracerConfiguratorT
    from pyspan.sdk.trace.export import SpanExporter
    from pyspan.sdk.trace.sampling import Sampler

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What `configure` was given; None is left to the environment."""

    service_name: str | None = None
    exporter: SpanExporter | str | Sequence[SpanExporter | str] | None = None
    endpoint: str | None = None
    sampler: Sampler | float | str | None = None
    resource: Resource | Mapping[str, Any] | None = None
    processors: Sequence[SpanProcessor] = ()
    id_generator: IdGenerator | None = None
    span_limits: SpanLimits | None = None
    export_open_spans_after: float | None = None
    redact: bool | None = None
    tracer_configurator: _TracerConfiguratorT | None = None
    propagate_threads: bool | None = None
    baggage_attributes: Sequence[str] | None = None
