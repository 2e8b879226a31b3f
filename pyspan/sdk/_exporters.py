"""Exporters by name."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

from pyspan.config.environ import PLACE, problem
from pyspan.config.names import OTEL_TRACES_EXPORTER
from pyspan.sdk.trace.export import ConsoleSpanExporter, KafkaSpanExporter, OTLPSpanExporter
from pyspan.sdk.trace.export._named import NamedSpanExporter

if TYPE_CHECKING:
    from pyspan.config.setting import Setting
    from pyspan.sdk.trace.export import SpanExporter

__all__ = ["CONFIGURE", "find"]

CONFIGURE = "pyspan.configure()"
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
    exporter: SpanExporter | str | Sequence[SpanExporter | str] | None,
    endpoint: str | None,
    adopted: Setting | None = None,
) -> list[SpanExporter]:
    """Return the exporters that are given, or those of OTEL_TRACES_EXPORTER, or `adopted`, by default OTLP.

    Raises:
        ConfigurationError: an unknown name, or an endpoint without the exporter that it is for.
    """
    if endpoint is not None:
        if exporter not in (None, "otlp", ["otlp"]):
            fix = "it is for the exporter otlp; write it into the exporter instead, such as otlp=URL"
            raise problem("endpoint", endpoint, fix, CONFIGURE)
        return [OTLPSpanExporter(endpoint, _place=CONFIGURE)]
    if exporter is None:
        if adopted is not None:
            return _by_names(str(adopted.value), adopted.source, PLACE)
        return _by_names(os.environ.get(OTEL_TRACES_EXPORTER, "").strip() or "otlp", OTEL_TRACES_EXPORTER, PLACE)
    given = list(exporter) if isinstance(exporter, (list, tuple)) else [exporter]
    return [made for item in given for made in _make(item)]


def _make(item: object) -> list[SpanExporter]:
    if isinstance(item, str):
        return _by_names(item, "exporter", CONFIGURE)
    if isinstance(item, type) or not callable(getattr(item, "export", None)) or not hasattr(item, "shutdown"):
        fix = "give a SpanExporter, a name such as 'otlp' or 'kafka=HOST:PORT/TOPIC', or a list of these"
        raise problem("exporter", item, fix, CONFIGURE)
    return [cast("SpanExporter", item)]


def _by_names(text: str, key: str, place: str) -> list[SpanExporter]:
    names = [name.strip(", ") for name in BETWEEN.split(text)]  # empty names have no say
    return [_by_name(name, key, place) for name in names if name.lower() not in ("", "none")]


def _by_name(name: str, key: str, place: str) -> SpanExporter:
    if "=" in name:
        return NamedSpanExporter(name, key, place)
    make = OWN.get(name.lower()) or _registered(name, key, place)
    return make()


def _registered(name: str, key: str, place: str) -> Callable[[], SpanExporter]:
    from importlib.metadata import entry_points

    entry = next(iter(entry_points(group=GROUP, name=name)), None)
    if entry is None:
        known = ", ".join([*OWN, "otlp=URL", "otlp-grpc=HOST:PORT", "kafka=HOST:PORT/TOPIC", "file=PATH", "none"])
        raise problem(key, name, f"no exporter has this name; write {known}, or install the package that has it", place)
    make: Callable[[], SpanExporter] = entry.load()
    return make
