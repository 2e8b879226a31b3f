"""The Kafka exporter: one record a trace, keyed by its id, as the Collector's Kafka receiver reads it."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pyspan.config import KafkaSettings
from pyspan.sdk.trace.export import _worker
from pyspan.sdk.trace.export._native import NativeSpanExporter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspan.pipeline.exporter import Exporter
    from pyspan.pipeline.stats import Stats

__all__ = ["KafkaSpanExporter"]

BROKERS = "PYSPAN_KAFKA_BROKERS"
TOPIC = "PYSPAN_KAFKA_TOPIC"


class KafkaSpanExporter(NativeSpanExporter):
    """Sends spans to a topic and waits for all in-sync replicas; needs the extra `kafka`.

    `bootstrap_servers` are `HOST:PORT`, joined by commas or in a sequence; they and `topic` default to
    PYSPAN_KAFKA_BROKERS and PYSPAN_KAFKA_TOPIC, then to localhost:9092 and otlp_spans. What is not given of security
    comes from PYSPAN_KAFKA_*; `certificate` is the path of a PEM file.

    Raises:
        ConfigurationError: a setting cannot be used.
    """

    def __init__(
        self,
        bootstrap_servers: str | Sequence[str] | None = None,
        topic: str | None = None,
        *,
        compression: str | None = None,
        delivery_timeout: float | None = None,
        security_protocol: str | None = None,
        sasl_mechanism: str | None = None,
        username: str | None = None,
        password: str | None = None,
        certificate: str | None = None,
    ) -> None:
        super().__init__()
        given: dict[str, Any] = {
            "compression": compression,
            "delivery_timeout": delivery_timeout,
            "security_protocol": security_protocol,
            "sasl_mechanism": sasl_mechanism,
            "username": username,
            "password": password,
            "certificate": certificate,
        }
        settings = _target(bootstrap_servers, topic)
        self._settings = replace(settings, **{name: value for name, value in given.items() if value is not None})

    def _pipeline_exporter(self, stats: Stats) -> Exporter:
        return _worker.open_kafka(self._settings)


def _target(bootstrap_servers: str | Sequence[str] | None, topic: str | None) -> KafkaSettings:
    default = KafkaSettings()
    servers = bootstrap_servers or os.environ.get(BROKERS) or default.brokers
    brokers = servers if isinstance(servers, str) else ",".join(servers)
    given = bootstrap_servers is not None
    key, place = ("bootstrap_servers", "KafkaSpanExporter") if given else (BROKERS, "the environment")
    return KafkaSettings.parse(f"{brokers}/{topic or os.environ.get(TOPIC) or default.topic}", key=key, place=place)
