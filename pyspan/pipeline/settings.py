"""Settings of the application's worker."""

from __future__ import annotations

from dataclasses import dataclass, field

from pyspan.config import BatchSettings, RetrySettings

__all__ = ["WorkerSettings"]


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """How a background worker batches and repeats; `lanes` batches are on their way at a time.

    Without `retry` a batch is given up after `batch.export_timeout` seconds.
    """

    batch: BatchSettings = field(default_factory=BatchSettings)
    retry: RetrySettings | None = None
    lanes: int = 2
