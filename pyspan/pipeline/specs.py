"""Exporters that an application names by one word or `KIND=TARGET`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspan.config import KafkaSettings, OtlpSettings
from pyspan.config.destination import Destination, parse_destination
from pyspan.config.environ import PLACE, problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspan.pipeline.exporter import Exporter
    from pyspan.pipeline.stats import Stats

__all__ = ["ExporterSpec", "parse_spec"]

CONSOLE, STDOUT = "console", "stdout"


@dataclass(frozen=True, slots=True)
class ExporterSpec:
    """A checked exporter that is still to be opened; `name` is legal in file names and the same for the same target."""

    name: str
    file: str | None = None
    otlp: OtlpSettings | None = None
    kafka: KafkaSettings | None = None

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
        if self.file is not None:
            from pyspan.pipeline.file import FileExporter

            return FileExporter(self.file)
        if self.name == STDOUT:
            from pyspan.pipeline.stdout import StdoutExporter

            return StdoutExporter()
        from pyspan.pipeline.console import ConsoleExporter

        return ConsoleExporter()


def parse_spec(
    text: str, environ: Mapping[str, str] = os.environ, key: str = "exporter", place: str = PLACE
) -> ExporterSpec:
    """Check one spec; OTLP takes headers, compression, timeout and certificates from OTEL_EXPORTER_OTLP_*.

    Raises:
        ConfigurationError: an unknown kind, or a target that is none; `key` and `place` say where it was written.
    """
    name = text.strip()
    if name in (CONSOLE, STDOUT):
        return ExporterSpec(name)
    if name == "otlp":
        return ExporterSpec(name, otlp=OtlpSettings.from_env(environ))
    try:
        destination = parse_destination(name, (CONSOLE,))
    except ValueError as error:
        raise problem(key, text, str(error), place) from None
    return _spec(destination, environ, key, place)


def _spec(destination: Destination, environ: Mapping[str, str], key: str, place: str) -> ExporterSpec:
    origin = key if place == PLACE else f"{key} of {place}"
    if destination.kind == "file":
        return ExporterSpec(destination.name, file=destination.target)
    if destination.kind == "kafka":
        return ExporterSpec(destination.name, kafka=KafkaSettings.to(destination.target, environ, origin))
    return ExporterSpec(destination.name, otlp=OtlpSettings.to(destination, environ, origin))
