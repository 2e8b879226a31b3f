"""Settings of the queue between the tracer and its worker, and of the batches taken from it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspan.config.environ import first, integer, milliseconds, problem

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BatchSettings", "QueueSettings"]

QUEUE_SIZE = "OTEL_BSP_MAX_QUEUE_SIZE"
BATCH_SIZE = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE"


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """Bounds of the queue, in spans and bytes.

    `block_timeout` is how long `end()` waits for room in seconds before it drops; None drops at once.
    """

    max_spans: int = 65_536
    max_bytes: int = 32 << 20
    block_timeout: float | None = None

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> QueueSettings:
        """Read OTEL_BSP_MAX_QUEUE_SIZE.

        Raises:
            ConfigurationError: the value is no whole number above 0.
        """
        return cls(max_spans=integer(environ, QUEUE_SIZE, cls().max_spans))


@dataclass(frozen=True, slots=True)
class BatchSettings:
    """When a batch is full, how long one that is not full waits (`delay`), and the time for one export, in seconds."""

    max_spans: int = 2_048
    max_bytes: int = 2 << 20
    delay: float = 5.0
    export_timeout: float = 30.0

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> BatchSettings:
        """Read OTEL_BSP_MAX_EXPORT_BATCH_SIZE, OTEL_BSP_SCHEDULE_DELAY and OTEL_BSP_EXPORT_TIMEOUT (milliseconds).

        Raises:
            ConfigurationError: a value is no number, or the batch is larger than the queue.
        """
        return cls(
            max_spans=_batch_size(environ, QueueSettings.from_env(environ).max_spans),
            delay=milliseconds(environ, "OTEL_BSP_SCHEDULE_DELAY", cls().delay),
            export_timeout=milliseconds(environ, "OTEL_BSP_EXPORT_TIMEOUT", cls().export_timeout),
        )


def _batch_size(environ: Mapping[str, str], queue_size: int) -> int:
    size = integer(environ, BATCH_SIZE, min(BatchSettings().max_spans, queue_size))
    if size > queue_size and first(environ, BATCH_SIZE):
        raise problem(BATCH_SIZE, str(size), f"give at most the queue's size ({QUEUE_SIZE}, now {queue_size})")
    return size
