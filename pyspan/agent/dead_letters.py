"""The file of spans that an exporter's receiver refuses for good: one JSON line a refusal, with the reason."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

    from pyspan._core import Batch
    from pyspan.errors import PermanentError

__all__ = ["DeadLetters"]


class DeadLetters:
    """Appends refused batches to `<folder>/<exporter>.jsonl`, readable by the owner alone.

    The file ends at `max_bytes`: the first refusals tell most about the cause. Moving it away makes room at once.
    """

    def __init__(self, folder: Path, exporter: str, max_bytes: int) -> None:
        self._folder = folder
        self._exporter = exporter
        self._max_bytes = max_bytes

    @property
    def path(self) -> Path:
        """The file, which exists from the first refusal on."""
        return self._folder / f"{self._exporter}.jsonl"

    def write(self, batch: Batch, error: PermanentError) -> bool:
        """Append one line: time, exporter, status, reason, number of spans, and the request as OTLP/JSON.

        Return False where the file has no room for it.

        Raises:
            OSError: it can't be written; nothing of it was.
        """
        head = {
            "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            "exporter": self._exporter,
            "status": error.status,
            "reason": str(error),
            "spans": len(batch),
            "request": msgspec.Raw(batch.to_json().strip()),
        }
        try:
            return self._append(msgspec.json.encode(head) + b"\n")
        except OSError as failure:
            reason = failure.strerror or failure
            raise OSError(
                f"dead letters can't be written to {self.path}: {reason} (make room, or mend it)"
            ) from failure

    def _append(self, line: bytes) -> bool:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            size = os.fstat(file).st_size
            if size + len(line) > self._max_bytes:
                return False
            if os.write(file, line) != len(line):
                os.ftruncate(file, size)  # a full disk takes half a line, which would spoil the next one
                raise OSError("only part of a line was written")
            return True
        finally:
            os.close(file)
