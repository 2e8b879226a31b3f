"""A processor and its exporter as components whose counts become metrics (semconv otel/sdk-metrics)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pyspan.sdk._metrics import Point, record_nothing, report

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opentelemetry.metrics import MeterProvider

    from pyspan.sdk._metrics import Measured, Record
    from pyspan.sdk.trace.export._exporter import SpanExporter

__all__ = ["Component"]

# What never got as far as the exporter, by the names that the conventions have for it.
AT_THE_DOOR = {
    "dropped_queue_full": "queue_full",
    "dropped_too_large": "too_large",
    "dropped_after_shutdown": "already_shutdown",
}
FAILED = {"failed": "_OTHER", "rejected": "rejected", "dead_lettered": "dead_lettered"}
OTLP = {"grpc": "otlp_grpc_span_exporter", "http/protobuf": "otlp_http_span_exporter"}


class Component:
    """Names a processor and its exporter, and makes metrics of what the processor counts."""

    def __init__(self, processor_type: str, exporter: SpanExporter, capacity: int | None = None) -> None:
        self._processor = _identity(processor_type)
        self._exporter = _exporter_identity(exporter)
        self._capacity = capacity
        self._record: Record = record_nothing

    def report(self, processor: Measured, meter_provider: MeterProvider | None) -> None:
        """Have the points of `processor` read by a meter provider, by default the global one."""
        self._record = report(processor, meter_provider)

    def record(self, seconds: float, error: str | None) -> None:
        """Record how long the export of a batch took, and why not all of it was delivered."""
        self._record(seconds, _with_error(self._exporter, error))

    def points(self, counts: Mapping[str, Any]) -> Iterator[Point]:
        """Make points of a processor's counts."""
        unsent = 0
        if self._capacity is not None:
            unsent = counts["accepted"] - counts["taken"] - counts["queued_spans"]
            yield Point("otel.sdk.processor.span.queue.size", counts["queued_spans"], self._processor)
            yield Point("otel.sdk.processor.span.queue.capacity", self._capacity, self._processor)
        refused = {error: counts.get(name, 0) for name, error in AT_THE_DOOR.items()} | {"at_shutdown": unsent}
        yield from _outcomes("otel.sdk.processor.span.processed", counts["taken"], refused, self._processor)
        failed = _failed(counts, unsent)
        yield Point("otel.sdk.exporter.span.inflight", counts.get("in_flight", 0), self._exporter)
        yield from _outcomes("otel.sdk.exporter.span.exported", counts["exported"], failed, self._exporter)
        for error, spans in failed.items():
            yield Point("otel.exporter.failures", spans, _with_error(self._exporter, error))


_instances: Counter[str] = Counter()


def _identity(kind: str) -> dict[str, str | int]:
    number = _instances[kind]
    _instances[kind] += 1
    return {"otel.component.type": kind, "otel.component.name": f"{kind}/{number}"}


def _exporter_identity(exporter: Any) -> dict[str, str | int]:
    settings = getattr(exporter, "_settings", None) or getattr(getattr(exporter, "_spec", None), "otlp", None)
    protocol = getattr(settings, "protocol", None)
    if settings is None or protocol not in OTLP:
        return _identity(_type_name(type(exporter)))
    server = urlsplit(settings.endpoint)
    known = {"server.address": server.hostname, "server.port": server.port}
    return _identity(OTLP[protocol]) | {name: value for name, value in known.items() if value is not None}


def _type_name(kind: type) -> str:
    """Return a class's full name, without the private modules that it lives in."""
    public = [part for part in kind.__module__.split(".") if not part.startswith("_")]
    return ".".join((*public, kind.__qualname__))


def _failed(counts: Mapping[str, Any], unsent: int) -> dict[str, int]:
    """Return the spans that an exporter was given and has not brought to their place, by the reason."""
    failed = {error: counts.get(name, 0) for name, error in FAILED.items()}
    dropped = [name for name in counts if name.startswith("dropped_") and name not in AT_THE_DOOR]
    failed |= {name.removeprefix("dropped_"): counts[name] for name in dropped}
    if "at_shutdown" in failed:
        failed["at_shutdown"] -= unsent
    return {error: spans for error, spans in failed.items() if spans}


def _outcomes(metric: str, done: int, failed: Mapping[str, int], identity: Mapping[str, str | int]) -> Iterator[Point]:
    yield Point(metric, done, identity)
    for error, spans in failed.items():
        if spans:
            yield Point(metric, spans, _with_error(identity, error))


def _with_error(identity: Mapping[str, str | int], error: str | None) -> dict[str, str | int]:
    return {**identity} if error is None else {**identity, "error.type": error}
