"""Exporters named by one word or `kind=target`, as on the agent's command line and in OTEL_TRACES_EXPORTER."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspan.config import KafkaSettings, OtlpSettings
from pyspan.config.endpoint import Endpoint
from pyspan.config.environ import PLACE, problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspan.pipeline.exporter import Exporter
    from pyspan.pipeline.stats import Stats

__all__ = ["ExporterSpec", "parse_spec", "parse_specs"]

WITH_TARGET = ("otlp", "otlp-grpc", "kafka", "file")
WITHOUT_TARGET = ("otlp", "console")
FORMS = "otlp=URL, otlp-grpc=HOST:PORT, kafka=HOST:PORT[,HOST:PORT]/TOPIC, file=PATH or console"
# A comma also stands between the brokers of one Kafka target: only one before another kind ends a spec.
BETWEEN = re.compile(r",\s*(?=(?:otlp-grpc|otlp|kafka|file)=|(?:otlp|console)\s*(?:,|$))")
PROTOCOL = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"
ABOUT_THE_ADDRESS = ("PROTOCOL", "ENDPOINT", "INSECURE")


@dataclass(frozen=True, slots=True)
class ExporterSpec:
    """A checked exporter that is still to be opened; `name` is legal in file names and the same for the same target."""

    kind: str
    target: str
    otlp: OtlpSettings | None = None
    kafka: KafkaSettings | None = None

    @property
    def name(self) -> str:
        """Such as `kafka-localhost-9092-otlp_spans`."""
        words = re.sub(r"[^A-Za-z0-9_.]+", "-", f"{self.kind}-{self.target.partition('://')[2] or self.target}")
        return words.strip("-.")

    def open(self, stats: Stats) -> Exporter:
        """Make the exporter; its client library is imported now.

        Raises:
            ConfigurationError: a file it needs cannot be read, or its extra is not installed.
        """
        if self.otlp is not None:
            from pyspan.pipeline.otlp import OtlpExporter

            return OtlpExporter(self.otlp, stats)
        if self.kafka is not None:
            from pyspan.pipeline.kafka import KafkaExporter

            return KafkaExporter(self.kafka)
        return self._open_local()

    def _open_local(self) -> Exporter:
        if self.kind == "file":
            from pyspan.pipeline.file import FileExporter

            return FileExporter(self.target)
        from pyspan.pipeline.console import ConsoleExporter

        return ConsoleExporter()


def parse_spec(
    text: str, environ: Mapping[str, str] = os.environ, key: str = "exporter", place: str = PLACE
) -> ExporterSpec:
    """Check one spec; OTLP takes headers, compression, timeout and certificates from OTEL_EXPORTER_OTLP_*.

    Raises:
        ConfigurationError: an unknown kind, or a target that is none; `key` and `place` say where it was written.
    """
    kind, equals, target = text.strip().partition("=")
    if kind not in (WITH_TARGET if equals and target else WITHOUT_TARGET):
        raise problem(key, text, f"write {FORMS}", place)
    if kind in ("otlp", "otlp-grpc"):
        settings = _otlp(kind, target, environ, key, place)
        return ExporterSpec(kind, target or settings.endpoint, otlp=settings)
    if kind == "kafka":
        return ExporterSpec(kind, target, kafka=KafkaSettings.parse(target, environ, key, place))
    return ExporterSpec(kind, target)


def parse_specs(
    text: str, environ: Mapping[str, str] = os.environ, key: str = "OTEL_TRACES_EXPORTER", place: str = PLACE
) -> list[ExporterSpec]:
    """Check a comma-separated list; `none` and an empty text are no exporter."""
    if text.strip() in ("", "none"):
        return []
    return [parse_spec(part, environ, key, place) for part in BETWEEN.split(text)]


def _otlp(kind: str, target: str, environ: Mapping[str, str], key: str, place: str) -> OtlpSettings:
    if not target:
        return OtlpSettings.from_env(environ)
    if kind == "otlp-grpc":  # a bare HOST:PORT means plaintext, as for a Collector next door
        url = target if "://" in target else f"http://{target}"
        return OtlpSettings.from_env({**_shared(environ), PROTOCOL: "grpc"}, Endpoint(key, url, place=place))
    return OtlpSettings.from_env(_shared(environ), Endpoint(key, target, place=place))


def _shared(environ: Mapping[str, str]) -> dict[str, str]:
    """Leave out what speaks of another endpoint than the one that the spec names."""
    return {name: value for name, value in environ.items() if not name.endswith(ABOUT_THE_ADDRESS)}
