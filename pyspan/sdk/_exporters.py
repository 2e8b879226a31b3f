"""Exporters by name."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pyspan.errors import ConfigurationError
from pyspan.sdk._environment import OTEL_TRACES_EXPORTER
from pyspan.sdk.trace.export import ConsoleSpanExporter, KafkaSpanExporter, OTLPSpanExporter
from pyspan.sdk.trace.export._named import NamedSpanExporter

if TYPE_CHECKING:
    from pyspan.sdk.trace.export import SpanExporter

__all__ = ["find"]

GROUP = "opentelemetry_traces_exporter"
OWN: dict[str, Callable[[], SpanExporter]] = {
    "otlp": OTLPSpanExporter,
    "otlp_proto_http": lambda: OTLPSpanExporter(protocol="http/protobuf"),
    "otlp_proto_grpc": lambda: OTLPSpanExporter(protocol="grpc"),
    "kafka": KafkaSpanExporter,
    "console": ConsoleSpanExporter,
}
# A comma also stands between the brokers of one Kafka target: only one before another name ends a name.
BETWEEN = re.compile(r",\s*(?=[\w-]+\s*(?:=|,|$))")


def find(
    exporter: SpanExporter | str | Sequence[SpanExporter | str] | None, endpoint: str | None
) -> list[SpanExporter]:
    """Return the exporters that are given, or those of OTEL_TRACES_EXPORTER, by default OTLP.

    Raises:
        ConfigurationError: an unknown name, or an endpoint without the exporter that it is for.
    """
    if exporter is None:
        exporter = "otlp" if endpoint else os.environ.get(OTEL_TRACES_EXPORTER, "").strip() or "otlp"
    given = list(exporter) if isinstance(exporter, Sequence) and not isinstance(exporter, str) else [exporter]
    if endpoint is None:
        return [made for item in given for made in _make(item)]
    if given != ["otlp"]:
        raise ConfigurationError(f"endpoint={endpoint!r} is for the exporter otlp; write it into the exporter instead")
    return [OTLPSpanExporter(endpoint)]


def _make(item: SpanExporter | str) -> list[SpanExporter]:
    if not isinstance(item, str):
        return [item]
    names = [name.strip() for name in BETWEEN.split(item)]
    return [_by_name(name) for name in names if name.lower() not in ("", "none")]


def _by_name(name: str) -> SpanExporter:
    if "=" in name:
        return NamedSpanExporter(name)
    make = OWN.get(name.lower()) or _registered(name)
    return make()


def _registered(name: str) -> Callable[[], SpanExporter]:
    from importlib.metadata import entry_points

    entry = next(iter(entry_points(group=GROUP, name=name)), None)
    if entry is None:
        known = ", ".join([*OWN, "otlp=URL", "otlp-grpc=HOST:PORT", "kafka=HOST:PORT/TOPIC", "file=PATH", "none"])
        raise ConfigurationError(f"no exporter is called {name!r} ({OTEL_TRACES_EXPORTER} or exporter=): write {known}")
    make: Callable[[], SpanExporter] = entry.load()
    return make
