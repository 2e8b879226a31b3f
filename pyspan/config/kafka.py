"""Settings of the Kafka exporter."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyspan.config.environ import PLACE, choice, problem

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["KafkaSettings"]

SECURITY_PROTOCOLS = ("plaintext", "ssl", "sasl_plaintext", "sasl_ssl")


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """Brokers, topic, and how records go there.

    `max_record_bytes` bounds a record and a record batch, uncompressed, below the broker's `message.max.bytes` (default
    1,048,588); `delivery_timeout` is how long one try waits for the acknowledgement, in seconds.
    """

    brokers: tuple[str, ...] = ("localhost:9092",)
    topic: str = "otlp_spans"
    compression: str = "zstd"
    max_record_bytes: int = 1_000_000
    delivery_timeout: float = 10.0
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = "PLAIN"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    certificate: str | None = None

    @classmethod
    def parse(
        cls, target: str, environ: Mapping[str, str] = os.environ, key: str = "kafka", place: str = PLACE
    ) -> KafkaSettings:
        """Read `HOST:PORT[,HOST:PORT]/TOPIC`; security comes from PYSPAN_KAFKA_*: secrets stay off command lines.

        Raises:
            ConfigurationError: a broker has no port, the topic is no legal name, or a PYSPAN_KAFKA_* value is unknown.
        """
        brokers, _, topic = target.partition("/")
        topic = topic or cls().topic
        names = tuple(broker.strip() for broker in brokers.split(","))
        if not all(_is_broker(name) for name in names) or not _is_topic(topic):
            raise problem(key, target, "write HOST:PORT[,HOST:PORT]/TOPIC", place)
        return cls(
            brokers=names,
            topic=topic,
            security_protocol=_security(environ).upper(),
            sasl_mechanism=environ.get("PYSPAN_KAFKA_SASL_MECHANISM", cls().sasl_mechanism),
            username=environ.get("PYSPAN_KAFKA_USERNAME"),
            password=environ.get("PYSPAN_KAFKA_PASSWORD"),
            certificate=environ.get("PYSPAN_KAFKA_CERTIFICATE"),
        )


def _security(environ: Mapping[str, str]) -> str:
    return choice(environ, ("PYSPAN_KAFKA_SECURITY_PROTOCOL",), SECURITY_PROTOCOLS) or "plaintext"


def _is_broker(name: str) -> bool:
    host, _, port = name.rpartition(":")
    return bool(host) and port.isdecimal() and 0 < int(port) < 65_536


def _is_topic(name: str) -> bool:
    return len(name) <= 249 and name not in (".", "..") and all(c.isalnum() or c in "._-" for c in name)
