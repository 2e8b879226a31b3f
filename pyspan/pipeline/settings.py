"""Settings of the application's worker."""

from __future__ import annotations

from dataclasses import dataclass, field

from pyspan.config import BatchSettings, RetrySettings

__all__ = ["WorkerSettings"]


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """How a background worker batches and repeats; `lanes` batches are on their way at a time."""

    batch: BatchSettings = field(default_factory=BatchSettings)
    retry: RetrySettings = field(default_factory=RetrySettings)
    lanes: int = 2
