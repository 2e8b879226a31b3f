"""Frozen settings of the base install, read from the environment with errors that name key, value, place and fix."""

from __future__ import annotations

from pyspan.config.kafka import KafkaSettings
from pyspan.config.kafka_security import KafkaSecurity
from pyspan.config.otlp import Origins, OtlpSettings
from pyspan.config.queue import BatchSettings, QueueSettings
from pyspan.config.retry import RetrySettings
from pyspan.config.tls import read_pem

__all__ = [
    "BatchSettings",
    "KafkaSecurity",
    "KafkaSettings",
    "Origins",
    "OtlpSettings",
    "QueueSettings",
    "RetrySettings",
    "read_pem",
]
