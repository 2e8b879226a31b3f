"""Frozen settings of the base install, read from the environment with errors that name key, value, place and fix."""

from __future__ import annotations

from pyspan.config.kafka import KafkaSettings
from pyspan.config.otlp import OtlpSettings
from pyspan.config.queue import BatchSettings, QueueSettings
from pyspan.config.retry import RetrySettings
from pyspan.config.tls import read_pem

__all__ = ["BatchSettings", "KafkaSettings", "OtlpSettings", "QueueSettings", "RetrySettings", "read_pem"]
