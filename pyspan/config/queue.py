"""Settings of the queue between the tracer and its worker, and of the batches taken from it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BatchSettings", "QueueSettings"]


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """Bounds of the queue, in spans and bytes; by default the bytes are reached first by all but empty spans.

    `block_timeout` is how long `end()` waits for room in seconds before it drops; None drops at once.
    """

    max_spans: int = 524_288
    max_bytes: int = 32 << 20
    block_timeout: float | None = None


@dataclass(frozen=True, slots=True)
class BatchSettings:
    """When a batch is full, how long one that is not full waits (`delay`), and the time for one export, in seconds."""

    max_spans: int = 2_048
    max_bytes: int = 2 << 20
    delay: float = 5.0
    export_timeout: float = 30.0
