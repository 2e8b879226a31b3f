"""Settings of the batch span processor: arguments, OTEL_BSP_*, defaults."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspan.config import BatchSettings, QueueSettings
from pyspan.config import names as env
from pyspan.config.environ import MOST, integer, milliseconds, unusable

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BATCH", "LONGEST_BLOCK", "NO_DELAY", "NO_LIMIT", "PYTHON_QUEUE", "QUEUE", "ProcessorSettings"]

QUEUE = QueueSettings()
BATCH = BatchSettings()
# Spans that wait as Python objects take about 1 KB each and no count of bytes bounds them.
PYTHON_QUEUE = 65_536
LONGEST_BLOCK = 3_600
# What a 0 stands for, in seconds: the shortest pause, and no limit (24 days) in OpenTelemetry's specification.
NO_DELAY, NO_LIMIT = 0.001, MOST / 1000


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
        default_queue: int = QUEUE.max_spans,
    ) -> ProcessorSettings:
        """Fill in what is None from OTEL_BSP_*, then from the defaults; a batch is by default no larger than the queue.

        A variable that cannot be used is warned about, and the default holds.

        Raises:
            TypeError: an argument is no number.
            ValueError: a number is not positive, not finite or too large, or a batch would be larger than the queue.
        """
        _check_numbers(
            max_queue_size=max_queue_size,
            schedule_delay_millis=schedule_delay_millis,
            max_export_batch_size=max_export_batch_size,
            export_timeout_millis=export_timeout_millis,
        )
        environ = os.environ
        queue = _given(max_queue_size, lambda: integer(environ, env.OTEL_BSP_MAX_QUEUE_SIZE, default_queue))
        batch = _given(max_export_batch_size, lambda: _batch_from_env(int(queue)))
        delay = _given(
            schedule_delay_millis,
            lambda: milliseconds(environ, env.OTEL_BSP_SCHEDULE_DELAY, BATCH.delay, NO_DELAY) * 1000,
        )
        timeout = _given(
            export_timeout_millis,
            lambda: milliseconds(environ, env.OTEL_BSP_EXPORT_TIMEOUT, BATCH.export_timeout, NO_LIMIT) * 1000,
        )
        _check(queue, delay, batch, timeout)
        return cls(int(queue), int(batch), delay / 1000, timeout / 1000)

    def batching(self) -> BatchSettings:
        """Return them as the pipeline takes them."""
        return BatchSettings(max_spans=self.batch_spans, delay=self.delay, export_timeout=self.export_timeout)


def _given(argument: float | None, read: Callable[[], float]) -> float:
    return read() if argument is None else argument


def _batch_from_env(queue: int) -> int:
    default = min(BATCH.max_spans, queue)
    size = integer(os.environ, env.OTEL_BSP_MAX_EXPORT_BATCH_SIZE, default)
    if size <= queue:
        return size
    return unusable(env.OTEL_BSP_MAX_EXPORT_BATCH_SIZE, str(size), f"at most the queue's size, {queue}", default)


def _check_numbers(**arguments: object) -> None:
    for name, value in arguments.items():
        if value is not None and not isinstance(value, (int, float)):
            raise TypeError(f"{name}={value!r} is no number; give one, or None for the default.")
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{name}={value!r} is not finite; give a finite number, or None for the default.")
        if isinstance(value, (int, float)) and value > MOST:
            raise ValueError(f"{name}={value!r} is too large; give {MOST} at most, or None for the default.")


def _check(queue: float, delay: float, batch: float, timeout: float) -> None:
    if queue <= 0:
        raise ValueError("max_queue_size must be a positive integer.")
    if delay <= 0:
        raise ValueError("schedule_delay_millis must be positive.")
    if batch <= 0:
        raise ValueError("max_export_batch_size must be a positive integer.")
    if timeout <= 0:
        raise ValueError("export_timeout_millis must be positive.")
    if batch > queue:
        raise ValueError("max_export_batch_size must be less than or equal to max_queue_size.")


def check_block_timeout(timeout: object) -> None:
    """Look at how long `end()` is to wait for room in a full queue.

    Raises:
        TypeError: it is no number.
        ValueError: it is not within 0 and 3,600 s.
    """
    _check_numbers(block_timeout=timeout)
    if isinstance(timeout, (int, float)) and not 0 <= timeout <= LONGEST_BLOCK:
        raise ValueError(f"block_timeout={timeout!r} is no time to wait; give 0 to {LONGEST_BLOCK} s, or None.")
