"""Settings of the Kafka exporter."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyspan.config.destination import parse_kafka_target
from pyspan.config.kafka_security import KafkaSecurity

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["KafkaSettings"]

VARIABLES = "PYSPAN_KAFKA_*"


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """Brokers, topic, and how records go there.

    `max_record_bytes` bounds a record and a record batch, uncompressed, below the broker's `message.max.bytes` (default
    1,048,588); `delivery_timeout` is how long one try waits for the acknowledgement, in seconds. `origin` says where to
    look when the brokers refuse us, in words for people.
    """

    brokers: tuple[str, ...] = ("localhost:9092",)
    topic: str = "otlp_spans"
    compression: str = "zstd"
    max_record_bytes: int = 1_000_000
    delivery_timeout: float = 10.0
    security: KafkaSecurity = field(default_factory=KafkaSecurity)
    origin: str = field(default=VARIABLES, compare=False)

    @classmethod
    def to(cls, target: str, environ: Mapping[str, str], origin: str) -> KafkaSettings:
        """Send to a target that is checked already; security comes from PYSPAN_KAFKA_*: secrets stay off command lines.

        Raises:
            ConfigurationError: a PYSPAN_KAFKA_* value cannot be used.
        """
        brokers, topic = parse_kafka_target(target)
        return cls(brokers, topic, security=KafkaSecurity.read({}, environ), origin=f"{origin} and {VARIABLES}")
