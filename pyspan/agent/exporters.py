"""Makes the exporter that an `--export` asks for; each kind is imported only where it is configured."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspan.agent.exports import Export
    from pyspan.config import OtlpSettings
    from pyspan.pipeline.exporter import Exporter
    from pyspan.pipeline.stats import Stats

__all__ = ["make_exporter"]


def make_exporter(export: Export, stats: Stats) -> Exporter:
    """Make the exporter; nothing is connected yet."""
    if export.otlp is not None:
        return _otlp(export.otlp, export.place, stats)
    return _file(export) if export.kind == "file" else _kafka(export)


def _otlp(settings: OtlpSettings, place: str, stats: Stats) -> Exporter:
    from pyspan.config import Origins
    from pyspan.pipeline.otlp import OtlpExporter

    origins = Origins(
        place,
        f"headers of {place}",
        f"compression and kind of {place}",
        f"certificate, client-certificate and client-key of {place}",
    )
    return OtlpExporter(replace(settings, origins=origins), stats)


def _file(export: Export) -> Exporter:
    from pyspan.pipeline.file import FileExporter

    return FileExporter(export.target, fsync=export.fsync)


def _kafka(export: Export) -> Exporter:
    from pyspan.config import KafkaSettings
    from pyspan.config.destination import parse_kafka_target
    from pyspan.pipeline.kafka import KafkaExporter

    brokers, topic = parse_kafka_target(export.target)
    return KafkaExporter(KafkaSettings(brokers, topic, security=export.security, origin=export.place))
