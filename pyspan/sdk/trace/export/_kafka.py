"""The Kafka exporter: one record a trace, keyed by its id, as the Collector's Kafka receiver reads it."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pyspan.config import KafkaSecurity, KafkaSettings
from pyspan.config.destination import parse_kafka_target
from pyspan.config.environ import PLACE, problem
from pyspan.sdk.trace.export import _worker
from pyspan.sdk.trace.export._native import NativeSpanExporter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspan.pipeline.exporter import Exporter
    from pyspan.pipeline.stats import Stats

__all__ = ["KafkaSpanExporter"]

BROKERS = "PYSPAN_KAFKA_BROKERS"
TOPIC = "PYSPAN_KAFKA_TOPIC"
CLASS = "KafkaSpanExporter"


class KafkaSpanExporter(NativeSpanExporter):
    """Sends spans to a topic and waits for all in-sync replicas; needs the extra `kafka`.

    `bootstrap_servers` are `HOST:PORT`, joined by commas or in a sequence; they and `topic` default to
    PYSPAN_KAFKA_BROKERS and PYSPAN_KAFKA_TOPIC, then to localhost:9092 and otlp_spans. What is not given of security
    comes from PYSPAN_KAFKA_*, unless `security_protocol` is given; `ssl_*` are paths of PEM files.

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
        sasl_username: str | None = None,
        sasl_password: str | None = None,
        ssl_cafile: str | None = None,
        ssl_certfile: str | None = None,
        ssl_keyfile: str | None = None,
        _settings: KafkaSettings | None = None,
    ) -> None:
        super().__init__()
        if _settings is not None:  # of a file: the environment has no say
            self._settings = _settings
            return
        security = {
            "security_protocol": security_protocol,
            "sasl_mechanism": sasl_mechanism,
            "sasl_username": sasl_username,
            "sasl_password": sasl_password,
            "ssl_cafile": ssl_cafile,
            "ssl_certfile": ssl_certfile,
            "ssl_keyfile": ssl_keyfile,
        }
        given: dict[str, Any] = {"compression": compression, "delivery_timeout": delivery_timeout}
        settings = _read(bootstrap_servers, topic, _given(security))
        self._settings = replace(settings, **_given(given))

    def _pipeline_exporter(self, stats: Stats) -> Exporter:
        return _worker.open_kafka(self._settings)


def _given(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if value is not None}


def _read(bootstrap_servers: str | Sequence[str] | None, topic: str | None, security: dict[str, str]) -> KafkaSettings:
    default = KafkaSettings()
    servers = bootstrap_servers or os.environ.get(BROKERS) or default.brokers
    brokers = servers if isinstance(servers, str) else ",".join(servers)
    in_code = bootstrap_servers is not None
    target = f"{brokers}/{topic or os.environ.get(TOPIC) or default.topic}"
    try:
        names, checked_topic = parse_kafka_target(target)
    except ValueError as error:
        key, place = ("bootstrap_servers", CLASS) if in_code else (f"{BROKERS}/{TOPIC}", PLACE)
        raise problem(key, target, str(error), place) from None
    origin = f"{CLASS} and PYSPAN_KAFKA_*" if in_code or security else default.origin
    return KafkaSettings(names, checked_topic, security=KafkaSecurity.read(security, os.environ, CLASS), origin=origin)
