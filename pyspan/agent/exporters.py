"""Makes the exporter that an `--export` asks for; each kind is imported only where it is configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspan.agent.exports import Export
    from pyspan.pipeline.exporter import Exporter
    from pyspan.pipeline.stats import Stats

__all__ = ["make_exporter"]


def make_exporter(export: Export, stats: Stats) -> Exporter:
    """Make the exporter; nothing is connected yet."""
    if export.kind == "file":
        return _file(export)
    if export.kind == "kafka":
        return _kafka(export)
    return _otlp(export, stats)


def _file(export: Export) -> Exporter:
    from pyspan.pipeline.file import FileExporter

    return FileExporter(export.target, fsync=export.fsync)


def _kafka(export: Export) -> Exporter:
    from pyspan.config import KafkaSettings
    from pyspan.config.destination import parse_kafka_target
    from pyspan.pipeline.kafka import KafkaExporter

    brokers, topic = parse_kafka_target(export.target)
    return KafkaExporter(KafkaSettings(brokers, topic, security=export.security, origin=export.place))


def _otlp(export: Export, stats: Stats) -> Exporter:
    from pyspan.config import Origins, OtlpSettings
    from pyspan.pipeline.otlp import OtlpExporter

    certificate, client_certificate, client_key = (
        str(path) if path else None for path in (export.certificate, export.client_certificate, export.client_key)
    )
    settings = OtlpSettings(
        endpoint=export.target,
        protocol=export.protocol,
        headers=export.headers,
        compression=export.compression or "gzip",
        timeout=export.timeout,
        certificate=certificate,
        client_certificate=client_certificate,
        client_key=client_key,
        origins=Origins(
            export.place,
            f"headers of {export.place}",
            f"compression and kind of {export.place}",
            f"certificate, client-certificate and client-key of {export.place}",
        ),
    )
    return OtlpExporter(settings, stats)
