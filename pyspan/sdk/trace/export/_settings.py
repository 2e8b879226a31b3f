"""Settings of the batch span processor: arguments, OTEL_BSP_*, defaults."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass

from pyspan.config import BatchSettings, QueueSettings
from pyspan.sdk import _environment as env

__all__ = ["ProcessorSettings"]

logger = logging.getLogger(__name__)

QUEUE = QueueSettings()
BATCH = BatchSettings()


@dataclass(frozen=True, slots=True)
class ProcessorSettings:
    """Bounds of queue and batch in spans; delay and time for one export in seconds."""

    queue_spans: int
    batch_spans: int
    delay: float
    export_timeout: float

    @classmethod
    def read(
        cls,
        max_queue_size: int | None,
        schedule_delay_millis: float | None,
        max_export_batch_size: int | None,
        export_timeout_millis: float | None,
    ) -> ProcessorSettings:
        """Fill in what is None from OTEL_BSP_*, then from the defaults; a batch is by default no larger than the queue.

        Raises:
            ValueError: a number is not positive, or a batch would be larger than the queue.
        """
        queue = _given(max_queue_size, env.OTEL_BSP_MAX_QUEUE_SIZE, QUEUE.max_spans)
        batch = _given(max_export_batch_size, env.OTEL_BSP_MAX_EXPORT_BATCH_SIZE, min(BATCH.max_spans, queue))
        delay = _given(schedule_delay_millis, env.OTEL_BSP_SCHEDULE_DELAY, BATCH.delay * 1000)
        timeout = _given(export_timeout_millis, env.OTEL_BSP_EXPORT_TIMEOUT, BATCH.export_timeout * 1000)
        _check(queue, delay, batch)
        return cls(int(queue), int(batch), delay / 1000, timeout / 1000)

    def batching(self) -> BatchSettings:
        """Return them as the pipeline takes them."""
        return BatchSettings(max_spans=self.batch_spans, delay=self.delay, export_timeout=self.export_timeout)


def _given(argument: float | None, variable: str, default: float) -> float:
    if argument is not None:
        return argument
    text = os.environ.get(variable, "").strip()
    try:
        return int(text) if text else default
    except ValueError:
        logger.warning("Unable to parse value for %s as integer. Defaulting to %s.", variable, default)
        return default


def _check(queue: float, delay: float, batch: float) -> None:
    if queue <= 0:
        raise ValueError("max_queue_size must be a positive integer.")
    if delay <= 0:
        raise ValueError("schedule_delay_millis must be positive.")
    if batch <= 0:
        raise ValueError("max_export_batch_size must be a positive integer.")
    if batch > queue:
        raise ValueError("max_export_batch_size must be less than or equal to max_queue_size.")
